"""What does a receiver's answer mean? Telemetry floor: the retry tables of the OTLP specification."""

import json
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime

from agentops.clock import now_ns
from agentops.telemetry.exporters.base import DELIVERED, ExportResult, Outcome
from agentops.telemetry.protobuf import fields

__all__ = [
    "RETRY_AFTER_MAX_S",
    "from_grpc_status",
    "from_http_status",
    "from_http_success",
    "partial_success",
    "retry_after_s",
    "retry_info_s",
]

RETRY_AFTER_MAX_S = 300.0
"""Seconds of ``Retry-After`` that are honoured at most."""

_RETRYABLE_HTTP = frozenset({429, 502, 503, 504})
_RETRYABLE_GRPC = frozenset({1, 4, 10, 11, 14, 15})
"""CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS."""
_RESOURCE_EXHAUSTED = 8


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a ``Retry-After`` header asks to wait, as number or HTTP date; capped."""
    text = (headers.get("Retry-After") or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
            date = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
            seconds = date.timestamp() - now_ns() / 1e9
        except (ValueError, OverflowError):
            return None
    if seconds != seconds:
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_S)


def from_http_status(status: int, headers: Mapping[str, str], message: str) -> ExportResult:
    """Return what an HTTP status that is not 2xx means (OTLP specification, OTLP/HTTP Response)."""
    reason = f"http {status}"
    if status in _RETRYABLE_HTTP:
        wait = retry_after_s(headers)
        return ExportResult(
            outcome=Outcome.RETRY, reason=reason, message=message, retry_after_s=wait
        )
    if status == 413:
        return ExportResult(outcome=Outcome.TOO_LARGE, reason=reason, message=message)
    return ExportResult(outcome=Outcome.REFUSED, reason=reason, message=message)


def from_grpc_status(
    code: int, asked_s: float | None, message: str, *, is_unreachable: bool = False
) -> ExportResult:
    """Return what a gRPC status that is not OK means (OTLP specification, OTLP/gRPC Response).

    Args:
        code: Number of the status.
        asked_s: Seconds of the ``RetryInfo`` in the trailers; ``None`` when there was none.
        message: The receiver's own words.
        is_unreachable: Nobody listens there.
    """
    reason = f"grpc {code}"
    wait = None if asked_s is None else min(max(asked_s, 0.0), RETRY_AFTER_MAX_S)
    if code in _RETRYABLE_GRPC or (code == _RESOURCE_EXHAUSTED and wait is not None):
        return ExportResult(
            outcome=Outcome.RETRY,
            reason=reason,
            message=message,
            retry_after_s=wait,
            is_unreachable=is_unreachable,
        )
    if code == _RESOURCE_EXHAUSTED and "larger than max" in message:
        return ExportResult(outcome=Outcome.TOO_LARGE, reason=reason, message=message)
    return ExportResult(outcome=Outcome.REFUSED, reason=reason, message=message)


def from_http_success(body: bytes, *, is_json: bool) -> ExportResult:
    """Return what the body of a 2xx answer says: delivered, with how many records rejected.

    A body that cannot be read changes nothing: the receiver has said it has the batch.
    """
    if not body:
        return DELIVERED
    try:
        rejected, message = _partial_json(body) if is_json else partial_success(body)
    except (ValueError, TypeError, OverflowError):
        return ExportResult(outcome=Outcome.DELIVERED, message="(an answer that cannot be read)")
    message = " ".join(message.split())[:300]
    return ExportResult(outcome=Outcome.DELIVERED, rejected=rejected, message=message)


def _partial_json(body: bytes) -> tuple[int, str]:
    answer = json.loads(body)
    partial = answer.get("partialSuccess") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(partial, (dict, type(None))):
        raise ValueError("not an OTLP answer")
    found = partial or {}
    counts = (found.get(name) for name in ("rejectedSpans", "rejectedLogRecords"))
    rejected = next((int(count) for count in counts if count), 0)
    return max(rejected, 0), str(found.get("errorMessage") or "")


def retry_info_s(trailers: Mapping[str, object]) -> float | None:
    """Return the seconds of a ``google.rpc.RetryInfo`` in gRPC trailers; ``None`` without one."""
    try:
        alone = trailers.get("google.rpc.retryinfo-bin")
        if isinstance(alone, bytes):
            return _duration_s(alone)
        status = trailers.get("grpc-status-details-bin")
        for number, detail, _ in fields(status) if isinstance(status, bytes) else ():
            if number != 3 or not isinstance(detail, bytes):  # google.rpc.Status.details
                continue
            found = _by_number(detail)  # google.protobuf.Any: 1 type, 2 value
            kind, value = found.get(1), found.get(2)
            if isinstance(kind, bytes) and kind.endswith(b"google.rpc.RetryInfo"):
                return _duration_s(value if isinstance(value, bytes) else b"")
    except ValueError:
        return None
    return None


def _duration_s(retry_info: bytes) -> float:
    # RetryInfo: 1 retry_delay; Duration: 1 seconds, 2 nanoseconds
    delay = _by_number(retry_info).get(1, b"")
    parts = _by_number(delay) if isinstance(delay, bytes) else {}
    seconds, nanos = parts.get(1, 0), parts.get(2, 0)
    if not isinstance(seconds, int) or not isinstance(nanos, int) or seconds >= 1 << 63:
        return 0.0
    return seconds + nanos / 1e9


def partial_success(body: bytes) -> tuple[int, str]:
    """Read ``Export…ServiceResponse``: rejected records and message.

    Raises:
        ValueError: the bytes are not such a message.
    """
    rejected, message = 0, ""
    for number, partial, _ in fields(body):
        if number != 1 or not isinstance(partial, bytes):
            continue
        for inner, value, _ in fields(partial):
            if inner == 1 and isinstance(value, int):
                rejected = value if value < 1 << 63 else 0
            elif inner == 2 and isinstance(value, bytes):
                message = value.decode("utf-8", "replace")
    return rejected, message


def _by_number(data: bytes) -> dict[int, int | bytes]:
    return {number: value for number, value, _ in fields(data)}

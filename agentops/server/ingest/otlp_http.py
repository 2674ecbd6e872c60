"""OTLP over HTTP: a raw ASGI application for each signal, protobuf and JSON by ``Content-Type``.

OpenTelemetry Protocol specification 1.11, "OTLP/HTTP": the answer has the encoding of the request,
success is an empty or partial-success response, failure a ``google.rpc.Status``.
"""

import json
import logging
import random
from collections.abc import Callable, Mapping
from typing import Final

import anyio.to_thread
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.types import Receive, Scope, Send

from agentops.errors import StorageBusyError, StorageError
from agentops.server.ingest.acceptor import Acceptor
from agentops.server.ingest.access import Access
from agentops.server.ingest.bodies import read_body
from agentops.server.ingest.decode import Decoded, decode_logs, decode_metrics, decode_traces
from agentops.server.ingest.limits import IngestLimits
from agentops.server.ingest.refusal import Refusal
from agentops.server.ingest.values import Wire

__all__ = ["SIGNALS", "OtlpHttp", "Signal", "busy"]

logger = logging.getLogger("agentops.server")

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_GRPC_CODES: Final = {
    400: 3,
    401: 16,
    403: 7,
    404: 12,
    405: 12,
    408: 4,
    413: 8,
    415: 3,
    429: 8,
    503: 14,
}
_RETRY_AFTER_MAX_S: Final = 5


class Signal:
    """One kind of OTLP request.

    Attributes:
        name: ``traces``, ``logs`` or ``metrics``.
        decode: Takes body, ``is_json``, limits and project id.
        response: Class of the answer.
        rejected: Name of the count in its partial success.
    """

    __slots__ = ("decode", "name", "rejected", "response")

    def __init__(
        self, name: str, decode: Callable[..., Decoded], response: Wire, rejected: str
    ) -> None:
        self.name = name
        self.decode = decode
        self.response = response
        self.rejected = rejected

    def answer(self, decoded: Decoded) -> Wire:
        """Return the answer to a request that was taken, as a protobuf message."""
        if not decoded.message:
            return self.response()
        partial = {self.rejected: decoded.rejected, "error_message": decoded.message}
        return self.response(partial_success=partial)


SIGNALS: Final = {
    signal.name: signal
    for signal in (
        Signal("traces", decode_traces, ExportTraceServiceResponse, "rejected_spans"),
        Signal("logs", decode_logs, ExportLogsServiceResponse, "rejected_log_records"),
        Signal("metrics", decode_metrics, ExportMetricsServiceResponse, "rejected_data_points"),
    )
}


def busy(error: Exception) -> Refusal:
    """Return the refusal for a storage that cannot keep the rows now."""
    retry_after_s = random.randint(1, _RETRY_AFTER_MAX_S)
    reason = str(error) if isinstance(error, StorageBusyError) else "storage failed"
    return Refusal(503, f"{reason}; nothing was stored, send again", retry_after_s=retry_after_s)


class OtlpHttp:
    """ASGI application that takes one signal."""

    def __init__(
        self, signal: Signal, acceptor: Acceptor, limits: IngestLimits, access: Access
    ) -> None:
        self._signal = signal
        self._acceptor = acceptor
        self._limits = limits
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        content_type = headers.get("content-type", "").split(";", 1)[0].strip().lower()
        is_json = content_type == JSON
        extra: tuple[tuple[bytes, bytes], ...] = ()
        try:
            answer = await self._take(scope, receive, headers, content_type)
            body, status = _encode(answer, is_json), 200
        except Refusal as refusal:
            status = refusal.status
            body = _failure(refusal, is_json)
            extra = _extra(refusal)
        await _respond(send, status, JSON if is_json else PROTOBUF, body, extra)

    async def _take(
        self, scope: Scope, receive: Receive, headers: Mapping[str, str], content_type: str
    ) -> Wire:
        if scope["method"] != "POST":
            raise Refusal(405, f"method {scope['method']}: expected POST")
        if content_type not in (PROTOBUF, JSON):
            raise Refusal(415, f"Content-Type {content_type[:80]!r}: expected {PROTOBUF} or {JSON}")
        project_id = self._access(headers)
        body = await read_body(receive, headers, self._limits)
        decoded = await self._decode(body, content_type == JSON, project_id)
        if decoded.rows:
            try:
                await self._acceptor.accept(decoded.rows)
            except StorageError as error:
                raise busy(error) from error
        return self._signal.answer(decoded)

    async def _decode(self, body: bytes, is_json: bool, project_id: str) -> Decoded:
        def decode() -> Decoded:
            return self._signal.decode(
                body, is_json=is_json, limits=self._limits, project_id=project_id
            )

        if len(body) < self._limits.thread_bytes_min:
            return decode()
        return await anyio.to_thread.run_sync(decode)


def _encode(answer: Wire, is_json: bool) -> bytes:
    if not is_json:
        return bytes(answer.SerializeToString())
    if not answer.HasField("partial_success"):
        return b"{}"
    partial = {}
    for field, value in answer.partial_success.ListFields():
        partial[field.json_name] = str(value) if isinstance(value, int) else value
    return json.dumps({"partialSuccess": partial}).encode()


def _failure(refusal: Refusal, is_json: bool) -> bytes:
    code = _GRPC_CODES.get(refusal.status, 2)
    if is_json:
        return json.dumps({"code": code, "message": refusal.message}).encode()
    return bytes(Status(code=code, message=refusal.message).SerializeToString())


def _extra(refusal: Refusal) -> tuple[tuple[bytes, bytes], ...]:
    if refusal.status == 405:
        return ((b"allow", b"POST"),)
    if refusal.retry_after_s is not None:
        return ((b"retry-after", str(refusal.retry_after_s).encode()),)
    return ()


async def _respond(
    send: Send, status: int, content_type: str, body: bytes, extra: tuple[tuple[bytes, bytes], ...]
) -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

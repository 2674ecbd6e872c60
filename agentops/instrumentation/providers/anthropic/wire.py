"""How do Anthropic's platforms stream over the wire? Instrumentation floor: bytes to JSON events.

Anthropic itself, Vertex, Foundry and the gateways send server-sent events; Bedrock sends frames of
Amazon's event stream encoding (``vnd.amazon.eventstream``), each with one event in base64.
"""

import base64
import struct
from collections.abc import Iterator

from agentops.instrumentation.providers.fields import json_value
from agentops.instrumentation.providers.http import HttpExchange

__all__ = ["AWS_EVENT_STREAM", "json_lines", "stream_events"]

AWS_EVENT_STREAM = "application/vnd.amazon.eventstream"

_PRELUDE_BYTES = 12
_CHECKSUM_BYTES = 4
_STRING_HEADER = 7
_FIXED_HEADER_BYTES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


def stream_events(
    exchange: HttpExchange, *, joins_pieces: bool
) -> tuple[Iterator[tuple[str, object]], int]:
    """Return ``(event name, JSON value)`` of each event of a streamed answer, whichever way it came.

    Args:
        exchange: The answer.
        joins_pieces: Whether neighbours that differ in a piece of one text only may be joined.

    Returns:
        The events, and how many were joined to the one before them.
    """
    if exchange.content_type() == AWS_EVENT_STREAM:
        return _aws_events(exchange.body()), 0
    if joins_pieces:
        return exchange.merged_events()
    return exchange.events(), 0


def json_lines(body: bytes) -> Iterator[object]:
    """Yield the value of each line of JSON; a line that is none, or was cut, is passed over."""
    values = map(_decode, body.splitlines())
    return (value for value in values if value is not None)


def _decode(text: str | bytes) -> object:
    """Return the value of a JSON text, ``None`` when it is none."""
    try:
        return json_value(text)
    except (ValueError, RecursionError):
        return None


def _aws_events(body: bytes) -> Iterator[tuple[str, object]]:
    """Yield the events in the frames of ``body``; a frame that was cut off is left out."""
    start = 0
    while len(body) - start >= _PRELUDE_BYTES:
        total, header_bytes = struct.unpack_from(">II", body, start)
        end = start + total
        payload_start = start + _PRELUDE_BYTES + header_bytes
        if end > len(body) or payload_start + _CHECKSUM_BYTES > end:
            return
        headers = _aws_headers(body[start + _PRELUDE_BYTES : payload_start])
        event = _aws_event(headers, body[payload_start : end - _CHECKSUM_BYTES])
        if event is not None:
            yield event
        start = end


def _aws_event(headers: dict[str, str], payload: bytes) -> tuple[str, object] | None:
    try:
        value = json_value(payload)
        body = value if isinstance(value, dict) else {}
        kind = headers.get(":exception-type") or headers.get(":error-code")
        if kind is not None:
            error = {"type": kind, "message": body.get("message")}
            return "error", {"type": "error", "error": error}
        event = json_value(base64.b64decode(body["bytes"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (str(event.get("type", "")), event) if isinstance(event, dict) else None


def _aws_headers(block: bytes) -> dict[str, str]:
    """Return the headers of a frame that are texts."""
    headers: dict[str, str] = {}
    at = 0
    while at < len(block):
        name_end = at + 1 + block[at]
        name, kind = block[at + 1 : name_end].decode("utf-8", "replace"), block[name_end]
        at = name_end + 1
        if kind in _FIXED_HEADER_BYTES:
            at += _FIXED_HEADER_BYTES[kind]
            continue
        (size,) = struct.unpack_from(">H", block, at)
        if kind == _STRING_HEADER:
            headers[name] = block[at + 2 : at + 2 + size].decode("utf-8", "replace")
        at += 2 + size
    return headers

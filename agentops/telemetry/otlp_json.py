"""How does a record become OTLP JSON? Telemetry floor; for ``http/json`` and files.

The OTLP JSON mapping: ids in hexadecimal, 64-bit integers as text, enums as numbers, other bytes in
base64. Each function returns one JSON text as UTF-8 bytes.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence, Set

from agentops.telemetry.protobuf import DEPTH_MAX, NODES_MAX, clean_text, integer_text
from agentops.telemetry.records import (
    AnyValue,
    EventRecord,
    LinkRecord,
    Scope,
    SpanEventRecord,
    SpanRecord,
)

__all__ = ["attributes", "event", "resource", "scope", "span"]

_INT64_MIN, _INT64_END = -(1 << 63), 1 << 63


def _dumps(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _text(value: str) -> str:
    return clean_text(value).decode()


def _number(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _scalar(value: AnyValue) -> dict[str, object] | None:
    """Return the AnyValue of a value that holds no others, or ``None``."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, str):
        return {"stringValue": _text(value)}
    if isinstance(value, int):
        if _INT64_MIN <= value < _INT64_END:
            return {"intValue": str(int(value))}
        return {"stringValue": integer_text(value)}
    if isinstance(value, float):
        return {"doubleValue": _number(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytesValue": base64.b64encode(bytes(value)).decode()}
    return None


def _any_value(value: AnyValue, depth: int, budget: list[int]) -> dict[str, object]:
    scalar = _scalar(value)
    if scalar is not None:
        return scalar
    if depth == 0:
        return {"stringValue": "..."}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _pairs(value, depth - 1, budget)}}
    if isinstance(value, (Sequence, Set)):
        elements = []
        for element in value:
            if budget[0] <= 0:
                break
            budget[0] -= 1
            elements.append(_any_value(element, depth - 1, budget))
        return {"arrayValue": {"values": elements}}
    return {"stringValue": f"<{type(value).__name__}>"}


def _pairs(
    values: Mapping[object, AnyValue], depth: int, budget: list[int]
) -> list[dict[str, object]]:
    pairs: list[dict[str, object]] = []
    for key, value in values.items():
        if budget[0] <= 0:
            break
        budget[0] -= 1
        pairs.append({"key": _key(key), "value": _any_value(value, depth, budget)})
    return pairs


def _key(key: object) -> str:
    if isinstance(key, str):
        return _text(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return integer_text(key)
    return str(key) if isinstance(key, (bool, float, type(None))) else f"<{type(key).__name__}>"


def attributes(values: Mapping[str, AnyValue]) -> list[dict[str, object]]:
    """Return attributes as the mapping has them: a list of ``KeyValue``."""
    return [
        {"key": _text(key), "value": _any_value(value, DEPTH_MAX, [NODES_MAX])}
        for key, value in values.items()
    ]


def resource(values: Mapping[str, AnyValue]) -> bytes:
    """Return a ``Resource``."""
    return _dumps({"attributes": attributes(values)})


def scope(value: Scope) -> bytes:
    """Return the members ``scope`` and ``schemaUrl`` of ``ScopeSpans`` or ``ScopeLogs``, without braces."""
    head = {"name": _text(value.name)}
    if value.version:
        head["version"] = _text(value.version)
    out = b'"scope":' + _dumps(head)
    return out + b',"schemaUrl":' + _dumps(_text(value.schema_url)) if value.schema_url else out


def _span_event(value: SpanEventRecord) -> dict[str, object]:
    return {
        "timeUnixNano": str(value.time_ns),
        "name": _text(value.name),
        "attributes": attributes(value.attributes),
        "droppedAttributesCount": value.dropped_attributes,
    }


def _link(value: LinkRecord) -> dict[str, object]:
    return {
        "traceId": f"{value.trace_id:032x}",
        "spanId": f"{value.span_id:016x}",
        "traceState": _text(value.trace_state),
        "attributes": attributes(value.attributes),
        "droppedAttributesCount": value.dropped_attributes,
        "flags": value.flags,
    }


def span(value: SpanRecord) -> bytes:
    """Return a ``Span``."""
    out: dict[str, object] = {
        "traceId": f"{value.trace_id:032x}",
        "spanId": f"{value.span_id:016x}",
        "traceState": _text(value.trace_state),
        "name": _text(value.name),
        "kind": value.kind,
        "startTimeUnixNano": str(value.start_ns),
        "endTimeUnixNano": str(value.end_ns),
        "attributes": attributes(value.attributes),
        "droppedAttributesCount": value.dropped_attributes,
        "events": [_span_event(happened) for happened in value.events],
        "droppedEventsCount": value.dropped_events,
        "links": [_link(link) for link in value.links],
        "droppedLinksCount": value.dropped_links,
        "status": {"code": value.status_code, "message": _text(value.status_message)},
        "flags": value.flags,
    }
    if value.parent_span_id:
        out["parentSpanId"] = f"{value.parent_span_id:016x}"
    return _dumps({name: content for name, content in out.items() if content not in (0, "", [])})


def event(value: EventRecord) -> bytes:
    """Return a ``LogRecord``."""
    out: dict[str, object] = {
        "timeUnixNano": str(value.time_ns),
        "observedTimeUnixNano": str(value.time_ns),
        "severityNumber": value.severity,
        "attributes": attributes(value.attributes),
        "droppedAttributesCount": value.dropped_attributes,
        "flags": value.flags & 0xFF,
        "traceId": f"{value.trace_id:032x}" if value.trace_id else "",
        "spanId": f"{value.span_id:016x}" if value.span_id else "",
        "eventName": _text(value.name),
    }
    if value.body is not None:
        out["body"] = _any_value(value.body, DEPTH_MAX, [NODES_MAX])
    return _dumps({name: content for name, content in out.items() if content not in (0, "", [])})

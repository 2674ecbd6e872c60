"""How does a record become OTLP protobuf bytes? Telemetry floor; written by hand because it is the hot path.

Each function returns one encoded message of ``opentelemetry-proto`` 1.x. Field numbers stand in the
comments. The tests hold it equal in meaning to the encoder of the OpenTelemetry exporters; where that
one fails (lone surrogates, integers beyond 64 bits, cycles) this one replaces or cuts the value.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from functools import lru_cache

from agentops.telemetry.records import (
    AnyValue,
    EventRecord,
    LinkRecord,
    Scope,
    SpanEventRecord,
    SpanRecord,
)

__all__ = [
    "DEPTH_MAX",
    "NODES_MAX",
    "any_value",
    "attribute",
    "clean_text",
    "double_value",
    "event",
    "fields",
    "integer_text",
    "key_field",
    "resource",
    "scope",
    "span",
    "varint",
]

DEPTH_MAX = 16
"""Nested lists and maps below this depth are replaced by ``"..."``."""
NODES_MAX = 10_000
"""Elements of one attribute's value beyond this number are left out."""

_CUT = "..."
_SURROGATES = re.compile("[\ud800-\udfff]")
_CACHE_ITEMS_MAX = 4096
_CACHED_TEXT_MAX = 48
_INT64_MIN, _INT64_END = -(1 << 63), 1 << 63

_pack_double = struct.Struct("<d").pack
_pack_span_times = struct.Struct("<BQBQ").pack
_pack_fixed64 = struct.Struct("<BQ").pack
_pack_fixed32 = struct.Struct("<BI").pack


def _slow_varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_VARINTS = tuple(_slow_varint(number) for number in range(2048))


def varint(number: int) -> bytes:
    """Return ``number``, from 0 to 2**64 - 1, as a protobuf varint."""
    if number < 2048:
        return _VARINTS[number]
    if number < 2097152:
        low, rest = number & 0x7F | 0x80, number >> 7
        return bytes((low, rest)) if rest < 128 else bytes((low, rest & 0x7F | 0x80, rest >> 7))
    return _slow_varint(number)


def clean_text(text: str) -> bytes:
    """Return ``text`` as UTF-8; each lone surrogate becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode()


def integer_text(number: int) -> str:
    """Return an integer beyond 64 bits as text: decimal, hexadecimal where that would cost too much."""
    return str(int(number)) if number.bit_length() <= 4096 else hex(number)


def _text_field(tag: bytes, text: str) -> bytes:
    raw = clean_text(text)
    return tag + varint(len(raw)) + raw


# AnyValue: 1 string, 2 bool, 3 int, 4 double, 5 array {1 values}, 6 kvlist {1 key-values}, 7 bytes


def _text_value(value: str) -> bytes:
    raw = clean_text(value)
    return b"\x0a" + varint(len(raw)) + raw


def _int_value(value: int) -> bytes:
    if 0 <= value < 2048:
        return b"\x18" + _VARINTS[value]
    if _INT64_MIN <= value < _INT64_END:
        return b"\x18" + varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    return _text_value(integer_text(value))


def double_value(value: float) -> bytes:
    """Return an ``AnyValue`` that is a float, without tag and length."""
    return b"\x21" + _pack_double(value)


def _bool_value(value: bool) -> bytes:
    return b"\x10\x01" if value else b"\x10\x00"


def _bytes_value(value: bytes) -> bytes:
    raw = bytes(value)
    return b"\x3a" + varint(len(raw)) + raw


def _none_value(_: None) -> bytes:
    return b""


_SIMPLE: dict[type, Callable[..., bytes]] = {
    str: _text_value,
    int: _int_value,
    float: double_value,
    bool: _bool_value,
    bytes: _bytes_value,
    bytearray: _bytes_value,
    memoryview: _bytes_value,
    type(None): _none_value,
}
_BASES: tuple[type, ...] = (bool, str, int, float, bytes)


def any_value(value: AnyValue) -> bytes:
    """Return an ``AnyValue`` without tag and length."""
    encode = _SIMPLE.get(type(value))
    if encode is not None:
        return encode(value)
    return _nested_value(value, DEPTH_MAX, [NODES_MAX])


def _nested_value(value: AnyValue, depth: int, budget: list[int]) -> bytes:
    """Encode a value that may hold others. ``budget``: elements left, shared by the whole value."""
    encode = _SIMPLE.get(type(value))
    if encode is not None:
        return encode(value)
    for base in _BASES:  # subclasses, such as an Enum of strings
        if isinstance(value, base):
            return _SIMPLE[base](base(value) if base is not str else str.__str__(value))
    if depth == 0:
        return _text_value(_CUT)
    if isinstance(value, Mapping):
        body = _pairs(value, depth - 1, budget)
        return b"\x32" + varint(len(body)) + body
    if isinstance(value, (Sequence, Set)):
        body = _elements(value, depth - 1, budget)
        return b"\x2a" + varint(len(body)) + body
    return _text_value(f"<{type(value).__name__}>")


def _elements(values: Sequence[AnyValue] | Set[AnyValue], depth: int, budget: list[int]) -> bytes:
    out: list[bytes] = []
    for value in values:
        if budget[0] <= 0:
            break
        budget[0] -= 1
        raw = _nested_value(value, depth, budget)
        out += (b"\x0a", varint(len(raw)), raw)
    return b"".join(out)


def _pairs(values: Mapping[object, AnyValue], depth: int, budget: list[int]) -> bytes:
    out: list[bytes] = []
    for key, value in values.items():
        if budget[0] <= 0:
            break
        budget[0] -= 1
        raw = _nested_value(value, depth, budget)
        name = key_field(key if isinstance(key, str) else _key_text(key))
        pair = len(name) + 1 + len(varint(len(raw))) + len(raw)
        out += (b"\x0a", varint(pair), name, b"\x12", varint(len(raw)), raw)
    return b"".join(out)


def _key_text(key: object) -> str:
    if isinstance(key, int) and not isinstance(key, bool):
        return integer_text(key)
    return str(key) if isinstance(key, (bool, float, type(None))) else f"<{type(key).__name__}>"


# KeyValue: 1 key, 2 value


@lru_cache(maxsize=_CACHE_ITEMS_MAX)
def _short_key(key: str) -> bytes:
    return _text_field(b"\x0a", key)


def key_field(key: str) -> bytes:
    """Return field 1 (``key``) of a ``KeyValue``."""
    return _short_key(key) if len(key) <= _CACHED_TEXT_MAX else _text_field(b"\x0a", key)


@lru_cache(maxsize=_CACHE_ITEMS_MAX)
def _short_pair(key: str, value: str) -> bytes:
    """Return a ``KeyValue`` with its length in front; most short texts come again and again."""
    name, raw = key_field(key), _text_value(value)
    size = varint(len(raw))
    return b"".join((varint(len(name) + 1 + len(size) + len(raw)), name, b"\x12", size, raw))


def _attributes(tag: bytes, attributes: Mapping[str, AnyValue], out: list[bytes]) -> None:
    """Append one ``KeyValue`` field with the given tag for each attribute.

    The innermost loop of all: written out instead of made of the functions above.
    """
    for key, value in attributes.items():
        kind = type(value)
        if kind is str and len(value) <= _CACHED_TEXT_MAX:  # type: ignore[arg-type]  # a str, see left
            out += (tag, _short_pair(key, value))
            continue
        encode = _SIMPLE.get(kind)
        raw = encode(value) if encode is not None else _nested_value(value, DEPTH_MAX, [NODES_MAX])
        name = _short_key(key) if len(key) <= _CACHED_TEXT_MAX else key_field(key)
        size = len(raw)
        if size < 128:
            pair = len(name) + 2 + size
            out += (tag, _VARINTS[pair] if pair < 2048 else varint(pair), name, b"\x12")
            out += (_VARINTS[size], raw)
        else:
            prefix = varint(size)
            out += (tag, varint(len(name) + 1 + len(prefix) + size), name, b"\x12", prefix, raw)


def _message(tag: bytes, parts: list[bytes]) -> bytes:
    body = b"".join(parts)
    return tag + varint(len(body)) + body


def _joined(tag: bytes, attributes: Mapping[str, AnyValue]) -> bytes:
    out: list[bytes] = []
    _attributes(tag, attributes, out)
    return b"".join(out)


def _item(parts: list[bytes], attributes: bytes) -> bytes:
    """Return a span or log record. Its attributes may be long: they come last, and so are copied once only."""
    body = b"".join(parts)
    return b"".join((b"\x12", varint(len(body) + len(attributes)), body, attributes))


def resource(attributes: Mapping[str, AnyValue]) -> bytes:
    """Return field 1 (``resource``) of ``ResourceSpans`` or ``ResourceLogs``."""
    out: list[bytes] = []
    _attributes(b"\x0a", attributes, out)
    return _message(b"\x0a", out)


def scope(value: Scope) -> bytes:
    """Return fields 1 (``scope``) and 3 (``schema_url``) of ``ScopeSpans`` or ``ScopeLogs``."""
    out: list[bytes] = []
    if value.name:
        out.append(_text_field(b"\x0a", value.name))
    if value.version:
        out.append(_text_field(b"\x12", value.version))
    head = _message(b"\x0a", out)
    return head + _text_field(b"\x1a", value.schema_url) if value.schema_url else head


def _span_event(value: SpanEventRecord) -> bytes:
    # Span.Event: 1 time, 2 name, 3 attributes, 4 dropped attributes
    out = [_pack_fixed64(0x09, value.time_ns & 0xFFFF_FFFF_FFFF_FFFF)]
    if value.name:
        out.append(_text_field(b"\x12", value.name))
    _attributes(b"\x1a", value.attributes, out)
    if value.dropped_attributes:
        out += (b"\x20", varint(value.dropped_attributes))
    return _message(b"\x5a", out)


def _link(value: LinkRecord) -> bytes:
    # Span.Link: 1 trace id, 2 span id, 3 trace state, 4 attributes, 5 dropped attributes, 6 flags
    out = [
        b"\x0a\x10",
        value.trace_id.to_bytes(16, "big"),
        b"\x12\x08",
        value.span_id.to_bytes(8, "big"),
    ]
    if value.trace_state:
        out.append(_text_field(b"\x1a", value.trace_state))
    _attributes(b"\x22", value.attributes, out)
    if value.dropped_attributes:
        out += (b"\x28", varint(value.dropped_attributes))
    if value.flags:
        out.append(_pack_fixed32(0x35, value.flags))
    return _message(b"\x6a", out)


@lru_cache(maxsize=_CACHE_ITEMS_MAX)
def _name_and_kind(name: str, kind: int) -> bytes:
    return (_text_field(b"\x2a", name) if name else b"") + b"\x30" + _VARINTS[kind]


@lru_cache(maxsize=256)
def _plain_end(status_code: int, flags: int) -> bytes:
    """Return status and flags of a span whose status has no message."""
    status = _message(b"\x7a", [b"\x18" + varint(status_code)]) if status_code else b"\x7a\x00"
    return status + (b"\x85\x01" + flags.to_bytes(4, "little") if flags else b"")


def span(value: SpanRecord, attributes: bytes | None = None) -> bytes:
    """Return field 2 (``spans``) of ``ScopeSpans``: the span with its tag and length in front.

    Args:
        value: The span.
        attributes: Its attributes as fields 9; ``None``: those of ``value`` are encoded.
    """
    # Span: 1 trace id, 2 span id, 3 trace state, 4 parent, 5 name, 6 kind, 7 start, 8 end, 9 attributes,
    # 10 dropped attributes, 11 events, 12 dropped events, 13 links, 14 dropped links, 15 status, 16 flags
    out = [
        b"\x0a\x10",
        value.trace_id.to_bytes(16, "big"),
        b"\x12\x08",
        value.span_id.to_bytes(8, "big"),
    ]
    if value.trace_state:
        out.append(_text_field(b"\x1a", value.trace_state))
    if value.parent_span_id:
        out += (b"\x22\x08", value.parent_span_id.to_bytes(8, "big"))
    name = value.name
    if len(name) <= _CACHED_TEXT_MAX:
        out.append(_name_and_kind(name, value.kind))
    else:
        out += (_text_field(b"\x2a", name), b"\x30", _VARINTS[value.kind])
    out.append(_pack_span_times(0x39, value.start_ns, 0x41, value.end_ns))
    for happened in value.events:
        out.append(_span_event(happened))
    for link in value.links:
        out.append(_link(link))
    _span_counts(value, out)
    if attributes is None:
        attributes = _joined(b"\x4a", value.attributes)
    return _item(out, attributes)


def _span_counts(value: SpanRecord, out: list[bytes]) -> None:
    if value.dropped_attributes:
        out += (b"\x50", varint(value.dropped_attributes))
    if value.dropped_events:
        out += (b"\x60", varint(value.dropped_events))
    if value.dropped_links:
        out += (b"\x70", varint(value.dropped_links))
    # Status: 2 message, 3 code; an unset status is an empty message
    if not value.status_message:
        out.append(_plain_end(value.status_code, value.flags))
        return
    status = [_text_field(b"\x12", value.status_message)]
    if value.status_code:
        status.append(b"\x18" + varint(value.status_code))
    out.append(_message(b"\x7a", status))
    if value.flags:
        out.append(b"\x85\x01" + value.flags.to_bytes(4, "little"))


def event(value: EventRecord, attributes: bytes | None = None) -> bytes:
    """Return field 2 (``log_records``) of ``ScopeLogs``: the record with its tag and length in front.

    Args:
        value: The event.
        attributes: Its attributes as fields 6; ``None``: those of ``value`` are encoded.
    """
    # LogRecord: 1 time, 2 severity, 5 body, 6 attributes, 7 dropped attributes, 8 flags, 9 trace id,
    # 10 span id, 11 observed time, 12 event name
    time_ns = value.time_ns & 0xFFFF_FFFF_FFFF_FFFF
    out = [_pack_fixed64(0x09, time_ns), b"\x10", _VARINTS[value.severity]]
    if value.body is not None:
        raw = any_value(value.body)
        out += (b"\x2a", varint(len(raw)), raw)
    if value.dropped_attributes:
        out += (b"\x38", varint(value.dropped_attributes))
    if value.flags:
        out.append(_pack_fixed32(0x45, value.flags & 0xFF))
    if value.trace_id:
        out += (b"\x4a\x10", value.trace_id.to_bytes(16, "big"))
    if value.span_id:
        out += (b"\x52\x08", value.span_id.to_bytes(8, "big"))
    out.append(_pack_fixed64(0x59, time_ns))
    if value.name:
        out.append(_event_name(value.name))
    if attributes is None:
        attributes = _joined(b"\x32", value.attributes)
    return _item(out, attributes)


@lru_cache(maxsize=256)
def _event_name(name: str) -> bytes:
    return _text_field(b"\x62", name)


def attribute(number: int, key: str, value: AnyValue) -> bytes:
    """Return one attribute as the field with this number, below 16, of the message it belongs to."""
    return _joined(bytes((number << 3 | 2,)), {key: value})


def fields(data: bytes) -> Iterator[tuple[int, int | bytes, bytes]]:
    """Yield number, value and the encoded whole of each field of a message.

    Raises:
        ValueError: the bytes are no protobuf message.
    """
    at = 0
    while at < len(data):
        start = at
        tag, at = _read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0 or kind not in (0, 1, 2, 5):
            raise ValueError("not a protobuf message")
        if kind == 0:
            whole, at = _read_varint(data, at)
            yield number, whole, data[start:at]
            continue
        size = 8 if kind == 1 else 4
        if kind == 2:
            size, at = _read_varint(data, at)
        if at + size > len(data):
            raise ValueError("a protobuf message that ends too early")
        yield number, data[at : at + size], data[start : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number that does not end")

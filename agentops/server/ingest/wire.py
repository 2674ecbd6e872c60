"""What can be said of protobuf bytes before they are parsed? Counts, depth, and text that is not UTF-8.

The parser of the protobuf runtime is fast but makes an object of every two-byte field, so a small
request can ask for gigabytes. These walks look at the framing only.
"""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor

__all__ = ["WireError", "count_records", "repair_text", "scan"]

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_TYPE_STRING, _TYPE_MESSAGE = 9, 11


class WireError(ValueError):
    """The bytes are not framed as protobuf, or exceed a bound."""


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield ``(number, wire type, start of value, end of value)`` of each field in ``data[at:end]``."""
    while at < end:
        tag, at = _varint(data, at, end)
        kind = tag & 7
        if kind == _LENGTH:
            size, start = _varint(data, at, end)
            at = start + size
        elif kind == _VARINT:
            start = at
            _, at = _varint(data, at, end)
        elif kind in (_FIXED64, _FIXED32):
            start = at
            at += 8 if kind == _FIXED64 else 4
        else:
            raise WireError(f"wire type {kind} is not used by OTLP")
        if at > end:
            raise WireError("a field ends behind its message")
        yield tag >> 3, kind, start, at


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            break
    raise WireError("a number ends too early or is too long")


def count_records(data: bytes) -> int:
    """Return how many spans or log records an OTLP export request holds; both are framed alike."""
    count = 0
    for number, kind, start, end in _fields(data, 0, len(data)):
        if number != 1 or kind != _LENGTH:
            continue
        for number2, kind2, start2, end2 in _fields(data, start, end):
            if number2 != 2 or kind2 != _LENGTH:
                continue
            for number3, kind3, _, _ in _fields(data, start2, end2):
                count += number3 == 2 and kind3 == _LENGTH
    return count


def scan(data: bytes, descriptor: Descriptor, elements_max: int, depth_max: int) -> None:
    """Walk every field that ``descriptor`` (a protobuf message descriptor) knows.

    Raises:
        WireError: There are more fields or deeper messages than allowed, or the framing is broken.
    """
    left = elements_max
    stack = [(descriptor, 0, len(data), 0)]
    while stack:
        message, at, end, depth = stack.pop()
        if depth > depth_max:
            raise WireError(f"messages are nested deeper than {depth_max}")
        known = message.fields_by_number
        for number, kind, start, stop in _fields(data, at, end):
            left -= 1
            if left < 0:
                raise WireError(f"there are more than {elements_max} fields")
            field = known.get(number)
            if kind == _LENGTH and field is not None and field.type == _TYPE_MESSAGE:
                stack.append((field.message_type, start, stop, depth + 1))


def repair_text(data: bytes, descriptor: Descriptor, depth_max: int = 100) -> bytes:
    """Return the message with every text that is not UTF-8 made so: bad bytes become U+FFFD.

    Raises:
        WireError: The framing is broken as well.
    """
    if depth_max == 0:
        raise WireError("messages are nested too deep")
    out = bytearray()
    known = descriptor.fields_by_number
    at = 0
    for number, kind, start, stop in _fields(data, 0, len(data)):
        field = known.get(number)
        if kind != _LENGTH or field is None or field.type not in (_TYPE_STRING, _TYPE_MESSAGE):
            out += data[at:stop]
        else:
            value = data[start:stop]
            if field.type == _TYPE_STRING:
                value = value.decode("utf-8", "replace").encode()
            else:
                value = repair_text(value, field.message_type, depth_max - 1)
            out += _encode_varint(number << 3 | _LENGTH) + _encode_varint(len(value)) + value
        at = stop
    return bytes(out)


def _encode_varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)

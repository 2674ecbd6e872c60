"""What can be said of protobuf bytes before they are parsed? Counts, depth, and text that is not UTF-8.

The parser of the protobuf runtime is fast but makes an object of every two-byte field, so a small
request can ask for gigabytes. These walks look at the framing only.
"""

from collections.abc import Iterator
from functools import cache
from typing import TypeAlias

from google.protobuf.descriptor import Descriptor

__all__ = ["WireError", "count_records", "repair_text", "scan"]

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_TYPE_STRING, _TYPE_MESSAGE = 9, 11

_Shape: TypeAlias = "dict[int, _Shape]"


class WireError(ValueError):
    """The bytes are not framed as protobuf, or exceed a bound."""


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield ``(number, wire type, start of value, end of value)`` of each field in ``data[at:end]``."""
    while at < end:
        tag, at = _varint(data, at, end)
        start, at = _value(data, tag & 7, at, end)
        if at > end:
            raise WireError("a field ends behind its message")
        yield tag >> 3, tag & 7, start, at


def _value(data: bytes, kind: int, at: int, end: int) -> tuple[int, int]:
    """Return where the value of a field starts and ends, given its wire type."""
    if kind == _LENGTH:
        size, start = _varint(data, at, end)
        return start, start + size
    if kind == _VARINT:
        return at, _varint(data, at, end)[1]
    if kind == _FIXED64:
        return at, at + 8
    if kind == _FIXED32:
        return at, at + 4
    raise WireError(f"wire type {kind} is not used by OTLP")


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
    stack = [(0, len(data), _shape(descriptor), depth_max)]
    while stack:
        at, end, inner, depth_left = stack.pop()
        if depth_left < 0:
            raise WireError(f"messages are nested deeper than {depth_max}")
        while at < end:
            left -= 1
            tag = data[at]
            # nearly every field of OTLP is a short text or message: one byte of tag, one of length
            if tag < 128 and tag & 7 == _LENGTH and at + 1 < end and data[at + 1] < 128:
                start = at + 2
                at = start + data[at + 1]
            else:
                tag, at = _varint(data, at, end)
                start, at = _value(data, tag & 7, at, end)
            if at > end:
                raise WireError("a field ends behind its message")
            if tag in inner and start < at:
                stack.append((start, at, inner[tag], depth_left - 1))
        if left < 0:
            raise WireError(f"there are more than {elements_max} fields")


@cache  # one entry for each kind of request
def _shape(descriptor: Descriptor) -> _Shape:
    """Return which tags hold messages, and the same of each of them; shapes that recur are shared."""
    shapes: dict[str, _Shape] = {}

    def shape_of(message: Descriptor) -> _Shape:
        if message.full_name not in shapes:
            shape = shapes[message.full_name] = {}
            for number, field in message.fields_by_number.items():
                if field.type == _TYPE_MESSAGE:
                    shape[number << 3 | _LENGTH] = shape_of(field.message_type)
        return shapes[message.full_name]

    return shape_of(descriptor)


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

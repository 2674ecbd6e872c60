"""How does an OTLP attribute become a Python value and a stored text?

Works alike on protobuf messages and on the JSON structs of ``otlp_json.py``: both have ``key``,
``value`` and ``WhichOneof``.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Final, TypeAlias

import msgspec

from agentops.server.ingest.limits import IngestLimits

__all__ = [
    "TIME_MAX_NS",
    "TIME_MIN_NS",
    "Attributes",
    "BadRecord",
    "Value",
    "Wire",
    "attributes_of",
    "json_text",
    "read_attributes",
    "read_value",
    "text_of",
    "time_ns_of",
]

Value: TypeAlias = Any
"""Value of an attribute: str, int, float, bool, bytes, list or dict of such, or None."""

Wire: TypeAlias = Any
"""A message of OTLP: protobuf's own, or the struct that stands for it when it came as JSON."""

TIME_MIN_NS: Final = 946_684_800_000_000_000
"""2000-01-01; what claims to be older has a broken clock."""

TIME_MAX_NS: Final = 4_102_444_800_000_000_000
"""2100-01-01."""

_ITEMS_MAX: Final = 65_536

_encode = msgspec.json.Encoder().encode


class BadRecord(ValueError):
    """One span or log record cannot be kept; its neighbours can."""


class Attributes:
    """Attributes of one span, event, link, log record, scope or resource.

    Attributes:
        values: Python values by key: str, int, float, bool, bytes, list, dict or None.
        texts: What is stored: strings as they are, every other value as JSON text.
        types: OTLP type of each value that is not a string.
        dropped: How many were left out by our limits.
    """

    __slots__ = ("dropped", "texts", "types", "values")

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.texts: dict[str, str] = {}
        self.types: dict[str, str] = {}
        self.dropped = 0


def read_attributes(pairs: Iterable[Wire], limits: IngestLimits) -> Attributes:
    """Read OTLP key-value pairs; the last one of a key wins.

    Raises:
        BadRecord: A value is nested deeper than ``limits.depth_max``.
    """
    read = Attributes()
    values, texts = read.values, read.texts
    key_chars_max, value_chars_max = limits.key_chars_max, limits.value_chars_max
    attributes_max = limits.attributes_max
    for pair in pairs:
        key = pair.key
        if len(key) > key_chars_max or len(texts) >= attributes_max:
            read.dropped += 1
            continue
        value = pair.value
        text = value.string_value
        # most values are text, and asking which field is set costs as much as reading it
        kind = "string_value" if text else value.WhichOneof("value")
        if kind == "string_value":
            values[key] = text
            texts[key] = text if len(text) <= value_chars_max else _cut(text, limits)
            continue
        native = read_value(value, limits.depth_max) if kind else None
        values[key] = native
        text = text_of(native)
        texts[key] = text if len(text) <= limits.value_chars_max else json_text(_cut(text, limits))
        read.types[key] = kind[:-6] if kind else "empty"
    return read


def attributes_of(values: Mapping[str, Value], limits: IngestLimits) -> Attributes:
    """Return Python values, as JSON brings them, as attributes under the same limits."""
    read = Attributes()
    for key, value in values.items():
        if len(key) > limits.key_chars_max or len(read.texts) >= limits.attributes_max:
            read.dropped += 1
            continue
        read.values[key] = value
        text = value if isinstance(value, str) else text_of(value)
        if len(text) > limits.value_chars_max:
            text = _cut(text, limits)
        read.texts[key] = text
        if not isinstance(value, str):
            read.types[key] = _TYPE_NAMES.get(type(value), "empty")
    return read


def read_value(value: Wire, depth_left: int) -> Value:
    """Return an OTLP AnyValue as a Python value; numbers that JSON cannot hold become text.

    Raises:
        BadRecord: It is nested deeper than ``depth_left``.
    """
    if depth_left <= 0:
        raise BadRecord("an attribute value is nested too deep")
    kind = value.WhichOneof("value")
    reader = _READERS.get(kind)
    return reader(value, depth_left) if reader else None


def _read_double(value: Wire, _: int) -> float | str:
    try:
        number = float(value.double_value)
    except ValueError:  # JSON may bring any text here
        raise BadRecord(f"{value.double_value[:32]!r} is not a number") from None
    if math.isfinite(number):
        return number
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"


def _read_array(value: Wire, depth_left: int) -> list[Value]:
    items = value.array_value.values or ()
    read = [read_value(item, depth_left - 1) for item in items[:_ITEMS_MAX]]
    if len(items) > _ITEMS_MAX:
        read.append(f"...truncated, {len(items)} items")
    return read


def _read_map(value: Wire, depth_left: int) -> dict[str, Value]:
    return {
        pair.key: read_value(pair.value, depth_left - 1) for pair in value.kvlist_value.values or ()
    }


_READERS: Final[dict[str | None, Callable[[Wire, int], Value]]] = {
    "string_value": lambda value, _: value.string_value,
    "int_value": lambda value, _: value.int_value,
    "bool_value": lambda value, _: value.bool_value,
    "bytes_value": lambda value, _: value.bytes_value,
    "double_value": _read_double,
    "array_value": _read_array,
    "kvlist_value": _read_map,
}


_TYPE_NAMES: Final = {
    bool: "bool",
    int: "int",
    float: "double",
    list: "array",
    dict: "kvlist",
    bytes: "bytes",
}


def json_text(value: Value) -> str:
    """Return ``value`` as JSON text; bytes become base64."""
    return _encode(value).decode()


def text_of(value: Value) -> str:
    """Return what is stored for a value that is not a string: its JSON text."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if type(value) is int:
        return str(value)
    return json_text(value)


def _cut(text: str, limits: IngestLimits) -> str:
    """Cut a value to its limit and say how long it was and what its hash is."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    kept = text[: limits.value_chars_max]
    return f"{kept}...truncated, {len(text)} characters, sha256 {digest}"


def time_ns_of(value: Value) -> int:
    """Return an ISO 8601 time as nanoseconds; one without a zone is UTC. ``0`` when there is none."""
    if not isinstance(value, str) or not value:
        return 0
    try:
        read = datetime.fromisoformat(value.replace("Z", "+00:00"))
        read = read if read.tzinfo else read.replace(tzinfo=timezone.utc)
        whole = int(read.replace(microsecond=0).timestamp())
    except (ValueError, OverflowError):
        return 0
    ns = whole * 1_000_000_000 + read.microsecond * 1_000
    return ns if TIME_MIN_NS <= ns < TIME_MAX_NS else 0

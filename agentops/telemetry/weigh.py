"""How much memory does a value hold, about? Telemetry floor; runs on the caller's thread, so it only samples.

What waits in the queue is bounded in bytes, and it waits as the program left it: not serialised. Looking at
a hundred values tells a megabyte of prompt from a hundred bytes in some ten microseconds.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from types import MethodType
from typing import cast

from opentelemetry.sdk.trace import ReadableSpan

from agentops.telemetry.pending import CompletedSpan, PendingEvent
from agentops.telemetry.recording import copied_attributes
from agentops.telemetry.spans import DeferredSpan

__all__ = ["weigh", "weigh_attributes", "weigh_call", "weigh_item"]

_LOOKS_MAX = 96
_SAMPLE = 12
_DEPTH_MAX = 8
_SMALL = 64
_SCALARS = frozenset({int, float, bool})
_HELD = ("call", "response", "chunks", "_run", "_inputs", "_output")  # of model calls, tools, steps
_PRIVATE_CONTENT = ("_content", "_args", "_kwargs")  # a body of httpx, arguments of a step


def weigh(value: object) -> int:
    """Return about how many bytes of text and data ``value`` refers to.

    Follows lists, mappings and the public fields of objects, to a bounded depth and number; calls no code
    of the values.
    """
    return _weigh(value, _DEPTH_MAX, [_LOOKS_MAX])


def weigh_attributes(attributes: Mapping[str, object]) -> int:
    """Return the same for attributes, nearly all of which are short texts and numbers, in less time."""
    total = _SMALL * len(attributes)
    for value in attributes.values():
        kind = type(value)
        if kind is str:
            total += len(value)  # type: ignore[arg-type]  # a str
        elif kind not in _SCALARS:
            is_list = kind is list or kind is tuple
            words = _weigh_words(value) if is_list else None  # type: ignore[arg-type]  # see above
            total += weigh(value) if words is None else words
    return total


def _weigh_words(value: Sequence[object]) -> int | None:
    """Return what a short list of texts weighs, such as tags; ``None`` for any other list."""
    if len(value) > _SAMPLE or set(map(type, value)) != {str}:
        return None
    return _SMALL * (len(value) + 1) + sum(map(len, value))  # type: ignore[arg-type]  # texts


def weigh_call(complete: object, attributes: Mapping[str, object]) -> int:
    """Return about how much a span holds: its attributes, and request and answer of the call that it is.

    Args:
        complete: Its completion: a method of the call. A call that knows what it holds tells it by
            ``weight_bytes()``, and has given the span nothing besides; others are walked through.
        attributes: Of the span.
    """
    if type(complete) is not MethodType:  # a function; what it closes over is not looked at
        return _SMALL + weigh_attributes(attributes)
    owner = complete.__self__
    told = getattr(owner, "weight_bytes", None)
    if told is not None and (weight := told()) is not None:
        return int(weight) + _SMALL * len(attributes)
    held = sum(weigh(getattr(owner, name, None)) for name in _HELD)
    return held + weigh_attributes(attributes)


def weigh_item(item: ReadableSpan | PendingEvent | CompletedSpan) -> int:
    """Return about how many bytes an item keeps in memory while it waits for the worker."""
    if isinstance(item, DeferredSpan):
        complete = item.completion
        return weigh_attributes(item.raw) if complete is None else weigh_call(complete, item.raw)
    if isinstance(item, PendingEvent):
        return weigh(item.attributes) + weigh(item.body) + weigh(item.event)
    if isinstance(item, CompletedSpan):
        return weigh(item.completion.attributes)
    return weigh_attributes(copied_attributes(item.attributes))


def _weigh(value: object, depth: int, looks: list[int]) -> int:
    kind = type(value)
    if kind is str or kind is bytes or kind is bytearray:
        return _SMALL + len(value)  # type: ignore[arg-type]  # one of the three
    if value is None or kind in (int, float, bool) or depth == 0:
        return _SMALL
    looks[0] -= 1
    if looks[0] < 0:
        return _SMALL
    if kind in (list, tuple):
        return _sampled(list(value[:_SAMPLE]), len(value), depth, looks)  # type: ignore[index, arg-type]  # see above
    if issubclass(kind, dict):  # isinstance would ask the value's own __class__
        items = cast("dict[object, object]", value)
        return _sampled(_first(items), dict.__len__(items), depth, looks)
    return _weigh_fields(value, depth, looks)


def _first(values: dict[object, object]) -> list[object]:
    return list(islice(dict.values(values), _SAMPLE * 2))


def _sampled(some: list[object], count: int, depth: int, looks: list[int]) -> int:
    if not some:
        return _SMALL
    return sum(_weigh(each, depth - 1, looks) for each in some) * count // len(some) + _SMALL


def _weigh_fields(value: object, depth: int, looks: list[int]) -> int:
    try:
        fields = object.__getattribute__(value, "__dict__")
    except AttributeError:
        fields = None
    total = _SMALL
    if type(fields) is dict:
        shown = {name: each for name, each in fields.items() if _is_shown(name)}
        total += sum(_weigh(each, depth - 1, looks) for each in _first(shown))
    slots = getattr(type(value), "__slots__", ())
    for name in filter(_is_shown, slots if type(slots) is tuple else ()):
        try:
            total += _weigh(object.__getattribute__(value, name), depth - 1, looks)
        except AttributeError:
            continue
    return total


def _is_shown(name: object) -> bool:
    return type(name) is str and (name[:1] != "_" or name in _PRIVATE_CONTENT)

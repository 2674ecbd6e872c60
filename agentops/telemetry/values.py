"""How does any Python value become one that can be sent? Telemetry floor; runs on the worker.

The walk is bounded in depth, in values and in bytes, runs as little of the program's own code as it
can, and never raises. What is cut is marked in its place and reported by :class:`Cleaner`.
"""

import base64
import dataclasses
import hashlib
import json
import math
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, cast
from uuid import UUID

from agentops.guard import tolerated
from agentops.telemetry.config import LimitsConfig
from agentops.telemetry.exceptions import StackText
from agentops.telemetry.records import (
    INT_MAX,
    KEY_MAX,
    MESSAGE_VALUES_MAX,
    AnyValue,
    PlainMessages,
)

__all__ = ["Cleaner", "PlainJson", "clean_text", "json_text"]

_HASH_PIECE: Final = 1 << 20
_MARK: Final = "...truncated"
_AS_TEXT: Final = (UUID, PurePath, Decimal)
_PLAIN_DEPTH: Final = 5
_SEQUENCES: Final = (list, tuple, set, frozenset, deque)


def _json_default(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else repr(value)


_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_json_default
)


def clean_text(text: str) -> str:
    """Return ``text`` as valid Unicode: lone surrogates become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def json_text(value: AnyValue) -> str:
    """Return a cleaned value as compact JSON text; bytes become base64, NaN and infinities text."""
    try:
        return _ENCODER.encode(value)
    except ValueError:
        return _ENCODER.encode(_finite(value))


class PlainJson:
    """Writes nested values as JSON where cleaning would change nothing but their encoding. For one thread.

    That is so for nearly all messages: lists and dicts of JSON's own types within the limits. A walk finds that out,
    then one call writes the whole: of ``pydantic_core`` where the program has loaded it, as the vendors' packages do.

    Args:
        limits: Bounds of depth, values and bytes.
    """

    __slots__ = ("_has_floats", "_limits", "_messages_max", "_write")

    def __init__(self, limits: LimitsConfig) -> None:
        self._limits = limits
        self._has_floats = False
        # How many messages are within the limits for sure, but for their bytes.
        is_deep = limits.depth_max >= _PLAIN_DEPTH
        self._messages_max = limits.nodes_max // MESSAGE_VALUES_MAX if is_deep else 0
        self._write: Callable[[object], bytes] | None = None

    def utf8(self, value: AnyValue) -> bytes | None:
        """Return a list or dict as JSON in UTF-8; ``None`` where it has to be cleaned."""
        self._has_floats = False
        try:
            if type(value) is PlainMessages and len(value) <= self._messages_max:
                value = list(value)  # the writer takes three times as long for another type
            else:
                self._look(value)  # type: ignore[arg-type] # a list or dict
            # Floats it would spell in its own way.
            raw = None if self._has_floats else self._quick(value)
            if raw is None:
                raw = clean_text(_ENCODER.encode(value)).encode()
        except (TypeError, ValueError, RuntimeError):
            # Another type, or the program changed it meanwhile.
            return None
        return raw if len(raw) <= self._limits.attribute_bytes_max else None

    def _quick(self, value: AnyValue) -> bytes | None:
        """Return plain values as the encoder above writes them; ``None`` where there is no quicker writer, or it fails."""
        write = self._write
        if write is None:
            write = self._write = getattr(sys.modules.get("pydantic_core"), "to_json", None)
            if write is None:
                return None
        try:
            return write(value)
        except ValueError:  # lone surrogates
            return None

    def _look(self, value: list[object] | dict[object, object]) -> None:  # noqa: C901, PLR0912 - written out: calls would double its time
        """Look, one level after the other, whether a list or dict holds nothing but what may be written as it is.

        Raises:
            TypeError: it holds something that JSON has not.
            ValueError: it goes beyond a limit.
        """
        limits = self._limits
        nodes, size = limits.nodes_max, limits.attribute_bytes_max
        level: list[Any] = [value]
        for _ in range(limits.depth_max):
            below: list[Any] = []
            for each in level:
                nodes -= len(each)
                if nodes < 0:
                    raise ValueError("too many")
                if type(each) is dict:
                    for key in each:
                        if type(key) is not str or len(key) > KEY_MAX:
                            raise TypeError("not a key of JSON")
                    each = each.values()
                for member in each:
                    kind = type(member)
                    if kind is str:
                        size -= len(member)
                    elif kind is dict or kind is list:
                        below.append(member)
                    elif member is not None and kind is not bool:
                        self._number(member)
                if size < 0:  # found out before anything is copied
                    raise ValueError("too many bytes")
            if not below:
                return
            level = below
        raise ValueError("too deep")

    def _number(self, value: object) -> None:
        kind = type(value)
        if kind is float and math.isfinite(cast("float", value)):
            self._has_floats = True
        elif kind is not int or not -INT_MAX <= cast("int", value) <= INT_MAX:
            raise TypeError(f"not plain: {kind.__name__}")


class Cleaner:
    """Cleans one value at a time within the limits.

    Not safe for several threads. After :meth:`clean`, ``was_cut`` tells whether anything was left out.

    Args:
        limits: Bounds of depth, values and bytes.
        mask: Applied to every text before it is cut; ``None`` for none.
        mask_key: Applied to every key inside a value; ``None`` for none.
    """

    __slots__ = ("_bytes_left", "_limits", "_mask", "_mask_key", "_nodes_left", "_path", "was_cut")

    def __init__(
        self,
        limits: LimitsConfig,
        mask: Callable[[str], str] | None = None,
        mask_key: Callable[[str], str] | None = None,
    ) -> None:
        self._limits = limits
        self._mask = mask
        self._mask_key = mask_key
        self._path: set[int] = set()
        self._nodes_left = 0
        self._bytes_left = 0
        self.was_cut = False

    def clean(self, value: object) -> AnyValue:
        """Return ``value`` as None, bool, int, finite or non-finite float, str, bytes, list or dict."""
        self._nodes_left = self._limits.nodes_max
        self._bytes_left = self._limits.attribute_bytes_max
        self.was_cut = False
        self._path.clear()
        return self._any(value, 0)

    def _any(self, value: object, depth: int) -> AnyValue:
        kind = type(value)
        if kind is str:
            return self._text(cast("str", value))
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            number = cast("int", value)
            return number if -INT_MAX <= number <= INT_MAX else _digits(number)
        if issubclass(kind, (dict, *_SEQUENCES)):
            return self._container(value, kind, depth)
        return self._other(value, kind, depth)

    def _container(self, value: object, kind: type, depth: int) -> AnyValue:
        key = id(value)
        if key in self._path:
            return "<cycle>"
        if depth >= self._limits.depth_max:
            self.was_cut = True
            return f"{_MARK} (nested deeper than {self._limits.depth_max})"
        self._path.add(key)
        try:
            if issubclass(kind, dict):
                return self._dict(cast("dict[object, object]", value), depth)
            return self._list(cast("Iterable[object]", value), kind, depth)
        finally:
            self._path.discard(key)

    def _dict(self, value: dict[object, object], depth: int) -> dict[str, AnyValue]:
        result: dict[str, AnyValue] = {}
        items: list[tuple[object, object]] = tolerated(
            "copying a value", list, dict.items(value), otherwise=[]
        )
        for key, each in items:
            if self._is_spent():
                result[_MARK] = f"{len(items) - len(result)} of {len(items)} entries left out"
                break
            name = key if type(key) is str else str(self._any(key, depth + 1))
            result[self._key(name)] = self._any(each, depth + 1)
        return result

    def _list(self, value: Iterable[object], kind: type, depth: int) -> list[AnyValue]:
        result: list[AnyValue] = []
        base = next(each for each in _SEQUENCES if issubclass(kind, each))
        # The base class's own iterator: an overridden one is the program's code.
        length = tolerated("counting a value", base.__len__, value, otherwise=0)
        iterator: Iterator[object] = base.__iter__(value)  # type: ignore[arg-type] # value is a base
        for _ in range(length):
            if self._is_spent():
                result.append(f"{_MARK} ({length - len(result)} of {length} items left out)")
                break
            try:
                each = next(iterator)
            except (StopIteration, RuntimeError):  # changed by the program meanwhile
                break
            result.append(self._any(each, depth + 1))
        return result

    def _is_spent(self) -> bool:
        self._nodes_left -= 1
        if self._nodes_left >= 0 and self._bytes_left > 0:
            return False
        self.was_cut = True
        return True

    def _key(self, name: str) -> str:
        if self._mask_key is not None:
            name = self._mask_key(name)
        self._bytes_left -= len(name)
        return clean_text(name[:KEY_MAX])

    def _text(self, text: str) -> str:
        if self._mask is not None:
            text = self._mask(text)
        if len(text) * 4 > self._bytes_left and _size(text) > self._bytes_left:
            text = self._cut(text)
        self._bytes_left -= _size(text)
        return text if text.isascii() else clean_text(text)

    def _cut(self, text: str) -> str:
        self.was_cut = True
        size, digest = _measure(text)
        room = max(0, self._bytes_left)
        kept = clean_text(text[:room]).encode()[:room].decode(errors="ignore")
        return f"{kept}{_MARK} (was {size} bytes, sha256 {digest})"

    def _other(self, value: object, kind: type, depth: int) -> AnyValue:
        if issubclass(kind, bytes | bytearray | memoryview):
            return self._bytes(bytes(cast("bytes", value)))
        if issubclass(kind, Enum):
            return self._any(cast("Enum", value).value, depth + 1)
        if issubclass(kind, (str, int, float)):
            return self._any(_plain(value), depth)
        if issubclass(kind, (datetime, date, time)):
            return str(cast("datetime", value).isoformat())
        if issubclass(kind, _AS_TEXT):
            return self._text(str(value))
        fields = tolerated("reading a value", _fields_of, value, kind, otherwise=None)
        if fields is not None:
            return self._container(fields, dict, depth)
        if kind is StackText:
            return self._text(cast("StackText", value).format())
        return self._text(tolerated("a __repr__", repr, value, otherwise=f"<{kind.__name__}>"))

    def _bytes(self, value: bytes) -> bytes:
        if len(value) > self._bytes_left:
            self.was_cut = True
            value = value[: max(0, self._bytes_left)]
        self._bytes_left -= len(value)
        return value


def _plain(value: object) -> object:
    """Return an instance of a subclass of str, int or float as the plain type, without its methods."""
    if isinstance(value, str):
        return str.__str__(value)
    return int.__int__(value) if isinstance(value, int) else float.__float__(cast("float", value))


def _fields_of(value: object, kind: type) -> dict[str, object] | None:
    """Return the fields of a dataclass, a model with ``model_dump`` or a named mapping, or None."""
    if dataclasses.is_dataclass(kind):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(kind)}
    dump = getattr(kind, "model_dump", None)
    if callable(dump):
        dumped = dump(value, exclude_unset=True)
        return dumped if isinstance(dumped, dict) else None
    if callable(getattr(kind, "keys", None)) and callable(getattr(kind, "__getitem__", None)):
        return dict(cast("dict[str, object]", value))
    return None


def _digits(number: int) -> str:
    bits = number.bit_length()
    return str(number) if bits < 4096 else f"<int of {bits} bits>"


def _size(text: str) -> int:
    """Return the UTF-8 length of ``text`` without one large copy."""
    if text.isascii():
        return len(text)
    pieces = range(0, len(text), _HASH_PIECE)
    return sum(len(text[at : at + _HASH_PIECE].encode(errors="surrogatepass")) for at in pieces)


def _measure(text: str) -> tuple[int, str]:
    """Return the UTF-8 length and the first 16 hex digits of the SHA-256, piece by piece."""
    digest = hashlib.sha256(usedforsecurity=False)
    size = 0
    for at in range(0, len(text), _HASH_PIECE):
        piece = text[at : at + _HASH_PIECE].encode(errors="surrogatepass")
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()[:16]


def _finite(value: AnyValue) -> AnyValue:
    """Return a cleaned value with NaN and infinities as text, for JSON."""
    if type(value) is float and not math.isfinite(value):
        return str(value)
    if type(value) is dict:
        return {key: _finite(each) for key, each in value.items()}
    if type(value) is list:
        return [_finite(each) for each in value]
    return value

"""How does a mapping out of YAML become a frozen configuration object? Telemetry floor.

The dataclass is the schema: its field names are the keys, its annotations say what a value may be.
Whatever does not fit is refused with its key path, what was seen and what was expected. Paths in the
errors are relative to the object being read; each level puts its own key in front.
"""

import difflib
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Final, Literal, TypeVar, Union

from agentops.errors import ConfigurationError

__all__ = ["at", "read", "refuse_unknown", "settle"]

T = TypeVar("T")

_NOWHERE: Final[Mapping[str, str]] = {}

_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})


def read(kind: type[T], value: object) -> T:
    """Return ``value`` as a ``kind``, which is a frozen dataclass whose constructor calls :func:`settle`.

    Args:
        kind: The dataclass.
        value: A ``kind``, returned as it is, or a mapping of its field names.

    Raises:
        ConfigurationError: With a key path relative to ``value``.
    """
    if isinstance(value, kind):
        return value
    names = list(inspect.signature(kind).parameters)
    if not isinstance(value, Mapping):
        raise ConfigurationError("", value, f"a mapping with some of the keys {', '.join(names)}")
    refuse_unknown(value, names)
    for f in fields(kind):  # type: ignore[arg-type] # T is a dataclass
        if f.default is MISSING and f.default_factory is MISSING and f.name not in value:
            raise ConfigurationError(f.name, None, "a value; this key is required")
    return kind(**value)


def settle(config: object) -> None:
    """Turn every field of a frozen dataclass that is being made into what its annotation says.

    A field with ``raw`` in its metadata is left to the class itself.

    Raises:
        ConfigurationError: With the key path of the first value that does not fit.
    """
    hints = typing.get_type_hints(type(config))
    for f in fields(config):  # type: ignore[arg-type] # a dataclass
        if not f.metadata.get("raw"):
            value = at(f.name, _convert, hints[f.name], getattr(config, f.name))
            object.__setattr__(config, f.name, value)


def at(key: str, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
    """Return ``function(*arguments)``; a configuration error out of it gets ``key`` in front of its path."""
    try:
        return function(*arguments)
    except ConfigurationError as error:
        glue = "." if key and error.path and not error.path.startswith("[") else ""
        raise ConfigurationError(f"{key}{glue}{error.path}", error.seen, error.expected) from None


def refuse_unknown(
    value: Mapping[Any, object], names: Iterable[str], elsewhere: Mapping[str, str] = _NOWHERE
) -> None:
    """Refuse a mapping with a key that is not among ``names``, naming the one that may be meant.

    Args:
        value: The mapping.
        names: Its keys.
        elsewhere: Keys that stand in another place, ``{key: key path}``.

    Raises:
        ConfigurationError: For the first such key.
    """
    known = list(names)
    for key in value:
        if key not in known:
            moved = elsewhere.get(str(key))
            near = [moved] if moved else difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)}"
            raise ConfigurationError(str(key), value[key], f"no such key; {hint}")


def _convert(hint: Any, value: object) -> object:  # noqa: ANN401 - an annotation may be anything
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _union(arguments, value)
    if origin is Literal:
        return _literal(arguments, value)
    if origin is tuple:
        return _sequence(arguments[0], value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(arguments[1], value)
    if isinstance(hint, type) and is_dataclass(hint):
        return read(hint, value)
    return _scalar(hint, value)


def _union(choices: tuple[Any, ...], value: object) -> object:
    """Convert an optional value; no setting may be of two kinds."""
    if value is None:
        return None
    (choice,) = (choice for choice in choices if choice is not type(None))
    return _convert(choice, value)


def _literal(choices: tuple[Any, ...], value: object) -> object:
    if value in choices:
        return value
    if value is False and "none" in choices:  # YAML 1.1 reads a bare `no` or `off` as false
        return "none"
    raise ConfigurationError("", value, f"one of {', '.join(map(str, choices))}")


def _sequence(item: Any, value: object) -> tuple[object, ...]:  # noqa: ANN401
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise ConfigurationError("", value, "a list")
    return tuple(at(f"[{index}]", _convert, item, each) for index, each in enumerate(value))


def _mapping(item: Any, value: object) -> dict[str, object]:  # noqa: ANN401
    if not isinstance(value, Mapping):
        raise ConfigurationError("", value, "a mapping")
    return {str(key): at(str(key), _convert, item, each) for key, each in value.items()}


def _scalar(hint: Any, value: object) -> object:  # noqa: ANN401
    if hint is bool:
        return _boolean(value)
    if hint is int:
        return _integer(value)
    if hint is float:
        return _number(value)
    if hint is str:
        if not isinstance(value, str):
            raise ConfigurationError("", value, "text (put it in quotes)")
        return value
    return value


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else ""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ConfigurationError("", value, "true or false")


def _integer(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(value.strip())
        except ValueError:
            pass
    raise ConfigurationError("", value, "a whole number")


def _number(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if isinstance(value, str):
        try:
            number = float(value.strip())
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise ConfigurationError("", value, "a finite number")

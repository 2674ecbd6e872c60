"""In what shape do headers come? One reader and one writer for every shape that programs use.

Instrumentation floor. Names are compared without regard to case and written in lower case. What is read is
bounded: a header that is longer or more often repeated than any honest one is treated as absent.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence
from typing import Any, Final, cast

from opentelemetry.propagators import textmap

__all__ = ["ENVIRONMENT", "HEADERS", "HEADER_CHARACTERS_MAX", "VALUES_MAX", "Headers"]

HEADER_CHARACTERS_MAX: Final = 8_192
VALUES_MAX: Final = 64
_ITEMS_MAX: Final = 1_000


class Headers(textmap.Getter[Any], textmap.Setter[Any]):
    """Reads and writes headers in a mapping, a multi-dict, a WSGI environ, an ASGI scope or a list of pairs.

    * Mappings: a value is text, bytes or a list of them; multi-dicts that have ``getlist``, ``getall``,
      ``get_all`` or ``get_list`` give every value of a name.
    * A WSGI environ is known by ``wsgi.version``; an ASGI scope by ``type`` and ``headers``.
    * Lists of pairs (ASGI headers, gRPC metadata, Kafka headers): bytes are written where bytes stand.
    """

    def get(self, carrier: Any, key: str) -> list[str] | None:  # noqa: ANN401 - any shape is the point
        """Return every value of a header, in order; ``None`` when there is none or it is out of bounds."""
        raw = carrier.get(key.lower()) if type(carrier) is _Indexed else self._values(carrier, key)
        if not raw or len(raw) > VALUES_MAX:
            return None
        values = [value if type(value) is str else _text(value) for value in raw]
        if sum(map(len, values)) > HEADER_CHARACTERS_MAX:
            return None
        return values

    def keys(self, carrier: Any) -> list[str]:  # noqa: ANN401
        """Return the names of all headers, in lower case."""
        return [name for name, _ in _pairs(carrier)]

    def prepare(self, carrier: Any) -> Any:  # noqa: ANN401
        """Return what to read from when several headers are wanted: the carrier is then gone through once."""
        return carrier if _reader(carrier) is not None else _index(carrier)

    def set(self, carrier: Any, key: str, value: str) -> None:  # noqa: ANN401
        """Write a header, over an earlier one of that name."""
        name = key.lower()
        if isinstance(carrier, MutableMapping):
            if _is_asgi_scope(carrier):
                carrier["headers"] = [
                    *_without(carrier["headers"], name),
                    (name.encode(), value.encode()),
                ]
                return
            for existing in [
                k for k in carrier if isinstance(k, str) and k != name and k.lower() == name
            ]:
                del carrier[existing]
            carrier[name] = value
        elif isinstance(carrier, MutableSequence):
            carrier[:] = _without(carrier, name)
            carrier.append(_pair_like(carrier, name, value))
        else:
            carrier[name] = value

    def _values(self, carrier: Any, key: str) -> list[object]:  # noqa: ANN401
        name = key.lower()
        read = _reader(carrier)
        return _multi(read, name) if read is not None else _index(carrier).get(name, [])


class _Indexed(dict[str, list[object]]):
    """Headers by name in lower case, each with all its values."""


HEADERS: Final = Headers()
"""The one reader and writer; it has no state."""


class _Environment(textmap.Getter[Any], textmap.Setter[Any]):
    """Reads and writes environment variables: ``traceparent`` is ``TRACEPARENT``, ``x-b3-flags`` ``X_B3_FLAGS``.

    OpenTelemetry specification, environment variables as context propagation carriers (release candidate).
    """

    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        """Return the one value of a variable."""
        value = carrier.get(self.name(key))
        return [value] if value and len(value) <= HEADER_CHARACTERS_MAX else None

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        """Return the names of all variables."""
        return list(carrier)

    def set(self, carrier: MutableMapping[str, str], key: str, value: str) -> None:
        """Write a variable."""
        carrier[self.name(key)] = value

    @staticmethod
    def name(key: str) -> str:
        """Return the variable that stands for a header."""
        return key.upper().replace("-", "_")


ENVIRONMENT: Final = _Environment()
"""The one reader and writer of environments; it has no state."""


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes | bytearray) else str(value)


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _reader(carrier: object) -> Callable[[str], Iterable[object] | None] | None:
    """Return the method of a multi-dict that gives every value of a name; ``None``: it is no multi-dict."""
    if type(carrier) in (dict, list, tuple, _Indexed):
        return None
    for method in ("getlist", "getall", "get_all", "get_list"):
        read = getattr(carrier, method, None)
        if callable(read):
            return cast("Callable[[str], Iterable[object] | None]", read)
    return None


def _index(carrier: object) -> _Indexed:
    """Return the headers of a carrier by name."""
    if isinstance(carrier, _Indexed):
        return carrier
    found = _Indexed()
    for name, value in _pairs(carrier):
        values = found.get(name)
        if values is None:
            found[name] = _as_list(value)
        elif len(values) <= VALUES_MAX:
            values.extend(_as_list(value))
    return found


def _multi(read: Any, name: str) -> list[object]:  # noqa: ANN401 - a method of somebody's multi-dict
    try:
        found = read(name)
    except KeyError:
        return []
    return list(found or ())


def _is_asgi_scope(carrier: Mapping[Any, Any]) -> bool:
    return "type" in carrier and isinstance(carrier.get("headers"), list | tuple)


def _pairs(carrier: Any) -> Iterable[tuple[str, object]]:  # noqa: ANN401 - any shape is the point
    """Yield the headers of a carrier with their names in lower case, at most ``_ITEMS_MAX``."""
    if isinstance(carrier, Mapping):
        if "wsgi.version" in carrier:
            return [
                (_wsgi_name(name), value)
                for name, value in carrier.items()
                if name.startswith("HTTP_")
            ]
        if _is_asgi_scope(carrier):
            return _from_list(carrier["headers"])
        return _from_list(carrier.items())
    return _from_list(carrier)


def _from_list(items: Iterable[Any]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for number, item in enumerate(items):
        if number >= _ITEMS_MAX:
            break
        name, value = item[0], item[1]
        if type(name) is str:
            found.append((name.lower(), value))
        elif isinstance(name, str | bytes):
            found.append((_text(name).lower(), value))
    return found


def _wsgi_name(name: str) -> str:
    return name[5:].replace("_", "-").lower()


def _without(items: Iterable[Any], name: str) -> list[Any]:
    return [item for item in items if _text(item[0]).lower() != name]


def _pair_like(items: Iterable[Any], name: str, value: str) -> tuple[Any, Any]:
    """Return a pair of text or bytes, as the pairs that stand there already; ``-bin`` is gRPC's bytes."""
    for item in items:
        if _text(item[0]).endswith("-bin"):
            continue
        return (
            name.encode() if isinstance(item[0], bytes) else name,
            value.encode() if isinstance(item[1], bytes) else value,
        )
    return name, value

"""W3C Baggage: ``baggage``.

Values stand in OpenTelemetry's own baggage, so that every library sees them; properties (``;name=value``),
which its API has no place for, are carried along unchanged.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, cast
from urllib.parse import quote, unquote_to_bytes

from opentelemetry import baggage
from opentelemetry.context import Context, create_key, get_value, set_value
from opentelemetry.propagators import textmap

from agentops.instrumentation.carriers import HEADERS

__all__ = ["BYTES_MAX", "MEMBERS_MAX", "BaggagePropagator"]

MEMBERS_MAX: Final = 180
"""List members that are read; the standard asks for at least 64 (3.3.2). What is written is bounded in bytes."""

BYTES_MAX: Final = 8_192
"""Bytes of all members together; the standard asks for at least as many (3.3.2)."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_SAFE: Final = "!#$&'()*+-./:<=>?@[]^_`{|}~"
_WHITE = " \t"
_PROPERTIES: Final = create_key("agentops-baggage-properties")
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class BaggagePropagator(textmap.TextMapPropagator):
    """Reads and writes ``baggage``; several headers count as one."""

    def extract(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        getter: textmap.Getter[textmap.CarrierT] = HEADERS,
    ) -> Context:
        """Return ``context`` with the members added to its baggage; malformed members are left out."""
        found = Context() if context is None else context
        text = ",".join(getter.get(carrier, "baggage") or ())
        if not text or len(text) > BYTES_MAX or text.count(",") >= MEMBERS_MAX:
            return found
        properties = dict(_properties(found))
        for member in text.split(","):
            parsed = _parse_member(member)
            if parsed is None:
                continue
            name, value, rest = parsed
            found = baggage.set_baggage(name, value, found)
            properties.pop(name, None)
            if rest:
                properties[name] = rest
        return set_value(_PROPERTIES, MappingProxyType(properties), found) if properties else found

    def inject(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        setter: textmap.Setter[textmap.CarrierT] = HEADERS,
    ) -> None:
        """Write all members that fit; a member is written whole or not at all."""
        properties = _properties(context)
        members: list[str] = []
        room = BYTES_MAX + 1  # the first member has no comma
        for name, value in baggage.get_all(context).items():
            if not _TOKEN.fullmatch(name):
                continue
            rest = f";{properties[name]}" if name in properties else ""
            member = f"{name}={quote(str(value), safe=_SAFE, errors='replace')}{rest}"
            if len(member) + 1 <= room:
                members.append(member)
                room -= len(member) + 1
        if members:
            setter.set(carrier, "baggage", ",".join(members))

    @property
    def fields(self) -> set[str]:
        """Names of the headers that may be written."""
        return {"baggage"}


def _properties(context: Context | None) -> Mapping[str, str]:
    return cast("Mapping[str, str] | None", get_value(_PROPERTIES, context)) or _NONE


def _parse_member(member: str) -> tuple[str, str, str] | None:
    """Return name, decoded value and the properties as they stand; ``None`` for a malformed member."""
    pair, _, rest = member.partition(";")
    name, separator, value = pair.partition("=")
    name, value = name.strip(_WHITE), value.strip(_WHITE)
    if not separator or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        return None
    return name, unquote_to_bytes(value).decode("utf-8", "replace"), rest.strip(_WHITE)

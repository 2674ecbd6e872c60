"""Which attributes ride in the context? Telemetry floor.

Sessions and agents set them once; every span started and every event recorded inside carries them.
They travel in the OpenTelemetry context, so they follow tasks and copied contexts, and they never
leave the process by themselves.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, cast

from opentelemetry.context import Context, create_key, get_value, set_value

from agentops.telemetry.records import AnyValue

__all__ = ["get_ambient", "set_ambient"]

_KEY: Final = create_key("agentops-ambient")
_NOTHING: Final[Mapping[str, AnyValue]] = MappingProxyType({})


def set_ambient(context: Context | None, mapping: Mapping[str, AnyValue]) -> Context:
    """Return a context in which the attributes of ``mapping`` ride, over those that rode already.

    Args:
        context: Context to start from; ``None`` means the current one.
        mapping: Attribute name to value. A value of ``None`` takes the attribute off again.

    Returns:
        A new context; nothing is attached.
    """
    merged = {**get_ambient(context), **mapping}
    kept = {name: value for name, value in merged.items() if value is not None}
    return set_value(_KEY, MappingProxyType(kept), context)


def get_ambient(context: Context | None = None) -> Mapping[str, AnyValue]:
    """Return the attributes that ride in ``context`` (``None``: the current one), read-only.

    An empty mapping means that none do.
    """
    return cast("Mapping[str, AnyValue] | None", get_value(_KEY, context)) or _NOTHING

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

__all__ = [
    "defer_sampling",
    "deny_sampling",
    "get_ambient",
    "sampling_is_deferred",
    "sampling_is_denied",
    "set_ambient",
]

_KEY: Final = create_key("agentops-ambient")
_SAMPLING_KEY: Final = create_key("agentops-sampling")
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


def defer_sampling(context: Context | None) -> Context:
    """Return a context whose remote parent has left the sampling decision to us."""
    return set_value(_SAMPLING_KEY, "deferred", context)


def deny_sampling(context: Context | None) -> Context:
    """Return a context whose sender wants nothing recorded, though it named no span."""
    return set_value(_SAMPLING_KEY, "denied", context)


def sampling_is_deferred(context: Context | None = None) -> bool:
    """Whether the parent of ``context`` has left the decision to us; its sampled flag then means nothing."""
    return get_value(_SAMPLING_KEY, context) == "deferred"


def sampling_is_denied(context: Context | None = None) -> bool:
    """Whether the sender of ``context`` wants nothing recorded."""
    return get_value(_SAMPLING_KEY, context) == "denied"

"""Which attributes ride in the context? Telemetry floor.

Sessions and agents set them once; every span started and every event recorded inside carries them.
They travel in the OpenTelemetry context, so they follow tasks and copied contexts, and they never
leave the process by themselves.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from opentelemetry.context import Context, create_key, get_current, set_value
from opentelemetry.trace import Span, SpanContext, get_current_span, set_span_in_context

from agentops.telemetry.records import AnyValue

__all__ = [
    "Shared",
    "defer_sampling",
    "deny_sampling",
    "get_ambient",
    "leave_ended",
    "ride",
    "sampling_is_deferred",
    "sampling_is_denied",
    "session_alone",
    "set_ambient",
    "span_above",
]

_KEY: Final = create_key("agentops-ambient")
_SAMPLING_KEY: Final = create_key("agentops-sampling")
_NOTHING: Final[Mapping[str, AnyValue]] = MappingProxyType({})


class Shared:
    """What changes for everything in a session at once, in whatever contexts it rides.

    Attributes:
        changes: Attributes that override those set before; replaced, never changed in place.
        span: The root span of the session; ``None`` until it is over.
        outer: What was current around the session; ``None`` until it is over.
    """

    __slots__ = ("changes", "outer", "span")

    def __init__(self) -> None:
        self.changes: Mapping[str, AnyValue] = _NOTHING
        self.span: Span | None = None
        self.outer: Context | None = None


class _Riding:
    """The attributes of one context, as they were set there."""

    __slots__ = ("_changed", "_changes", "_set", "shared")

    def __init__(self, attributes: Mapping[str, AnyValue], shared: Shared | None) -> None:
        self.shared = shared
        self._set = self._changed = attributes
        self._changes = _NOTHING

    def attributes(self) -> Mapping[str, AnyValue]:
        shared = self.shared
        if shared is None or shared.changes is self._changes:
            return self._changed
        changes = shared.changes
        changed = _over(self._set, changes)
        self._changed, self._changes = changed, changes
        return changed


def _over(under: Mapping[str, AnyValue], mapping: Mapping[str, AnyValue]) -> Mapping[str, AnyValue]:
    merged = {**under, **mapping}
    return MappingProxyType({name: value for name, value in merged.items() if value is not None})


def _riding(context: Context | None) -> _Riding | None:
    if context is None:
        context = get_current()
    return context.get(_KEY)  # type: ignore[return-value] # nobody else has the key


def set_ambient(
    context: Context | None, mapping: Mapping[str, AnyValue], shared: Shared | None = None
) -> Context:
    """Return a context in which the attributes of ``mapping`` ride, over those that rode already.

    Args:
        context: Context to start from; ``None`` means the current one.
        mapping: Attribute name to value. A value of ``None`` takes the attribute off again.
        shared: What may override them later; ``None``: the one that rode already.

    Returns:
        A new context; nothing is attached.
    """
    if shared is None and (riding := _riding(context)) is not None:
        shared = riding.shared
    return set_value(_KEY, _Riding(_over(get_ambient(context), mapping), shared), context)


def get_ambient(context: Context | None = None) -> Mapping[str, AnyValue]:
    """Return the attributes that ride in ``context`` (``None``: the current one), read-only.

    An empty mapping means that none do.
    """
    riding: _Riding | None = (get_current() if context is None else context).get(_KEY)  # type: ignore[assignment] # ours
    return _NOTHING if riding is None else riding.attributes()


def session_alone(context: Context) -> Context:
    """Return a context with nothing of ``context`` but its span and the attributes that ride in it."""
    riding = _riding(context)
    return set_span_in_context(
        get_current_span(context), Context({} if riding is None else {_KEY: riding})
    )


def span_above(context: Context | None) -> SpanContext | None:
    """Return what a span that starts in ``context`` stands below; ``None``: it begins a trace."""
    above: SpanContext | None = get_current_span(context).get_span_context()
    return above if above is not None and above.is_valid else None


def leave_ended(context: Context) -> Context:
    """Return what is around a session that has ended, where ``context`` still is directly in one.

    A session that another task ends stays in the context of the task that began it.
    """
    riding: _Riding | None = context.get(_KEY)  # type: ignore[assignment] # ours
    while riding is not None and riding.shared is not None and riding.shared.outer is not None:
        if get_current_span(context) is not riding.shared.span:
            return context
        context = riding.shared.outer
        riding = _riding(context)
    return context


def ride(context: Context) -> tuple[Context, Mapping[str, AnyValue]]:
    """Return what :func:`leave_ended` and then :func:`get_ambient` do: this is asked for each span."""
    riding: _Riding | None = context.get(_KEY)  # type: ignore[assignment] # ours
    if riding is None:
        return context, _NOTHING
    shared = riding.shared
    if shared is not None and shared.outer is not None:
        context = leave_ended(context)
        return context, get_ambient(context)
    return context, riding.attributes()


def defer_sampling(context: Context | None) -> Context:
    """Return a context whose remote parent has left the sampling decision to us."""
    return set_value(_SAMPLING_KEY, "deferred", context)


def deny_sampling(context: Context | None) -> Context:
    """Return a context whose sender wants nothing recorded, though it named no span."""
    return set_value(_SAMPLING_KEY, "denied", context)


def sampling_is_deferred(context: Context | None = None) -> bool:
    """Whether the parent of ``context`` has left the decision to us; its sampled flag then means nothing."""
    return (get_current() if context is None else context).get(_SAMPLING_KEY) == "deferred"


def sampling_is_denied(context: Context | None = None) -> bool:
    """Whether the sender of ``context`` wants nothing recorded."""
    return (get_current() if context is None else context).get(_SAMPLING_KEY) == "denied"

"""What does a span cost the caller? Telemetry floor: an OpenTelemetry SDK span that puts work off.

The stock span cleans every attribute, takes locks and builds bounded containers while the program
waits. :class:`DeferredSpan` is the same type to everyone who looks, but keeps what it is given by
reference; the pipeline's worker cleans, serialises and limits it later.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, cast

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.trace import Span
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from agentops.clock import monotonic_ns, now_ns
from agentops.semconv import EXCEPTION_MESSAGE
from agentops.telemetry.completion import Completion
from agentops.telemetry.exceptions import exception_attributes
from agentops.telemetry.pending import Place
from agentops.telemetry.records import AnyValue, LinkRecord, Scope, SpanEventRecord, SpanRecord
from agentops.telemetry.sampling import Decision

__all__ = [
    "IS_REMOTE",
    "IS_REMOTE_KNOWN",
    "DeferredSpan",
    "OwnIds",
    "RawAttributes",
    "SpanHome",
    "link_record",
    "wire_flags",
]

IS_REMOTE_KNOWN: Final = 0x100
"""Bit of OTLP's flags: it is told whether the parent is remote."""

IS_REMOTE: Final = 0x200
"""Bit of OTLP's flags: the parent is remote."""

_UNSET = Status(StatusCode.UNSET)
_EVENTS_MAX = 1024
_LINKS_MAX = 1024


class OwnIds(IdGenerator):
    """Random ids from a generator of its own, so that the program's ``random`` state is left alone.

    The owner calls :meth:`reseed` in a forked child.
    """

    def __init__(self) -> None:
        self._bits = random.Random().getrandbits

    def reseed(self) -> None:
        """Start a new sequence from the operating system's entropy."""
        self._bits = random.Random().getrandbits

    def generate_span_id(self) -> int:
        """Return a random 64-bit id, never 0."""
        return self._bits(64) or 1

    def generate_trace_id(self) -> int:
        """Return a random 128-bit id, never 0."""
        return self._bits(128) or 1

    def is_trace_id_random(self) -> bool:
        """Return true: all bits are random, as W3C Trace Context level 2 wants to know."""
        return True


class RawAttributes(dict[str, AnyValue]):
    """Attributes as they were given, values by reference, in number bounded.

    Args:
        given: First attributes; copied shallowly.
        count_max: How many are kept; more are counted in ``dropped``.
    """

    __slots__ = ("_count_max", "dropped")
    _immutable = False  # as those of the stock span have it

    def __init__(self, given: Mapping[str, AnyValue] | None, count_max: int) -> None:
        if given:
            self.update(given)
        self._count_max = count_max
        self.dropped = 0

    def __setitem__(self, key: str, value: AnyValue) -> None:
        if len(self) >= self._count_max and key not in self:
            self.dropped += 1
            return
        super().__setitem__(key, value)

    def set_all(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set each attribute of a mapping, within the bound."""
        if len(self) + len(attributes) <= self._count_max:
            self.update(attributes)
            return
        for key, value in attributes.items():
            self[key] = value

    _set_items = set_all


class SpanHome:
    """What all spans of one provider share: resource, limits, and where a span goes when it ends.

    Attributes:
        scopes: The scopes of its spans as they go into records, by name.
    """

    __slots__ = ("attributes_max", "finish", "resource", "scopes")

    def __init__(
        self, resource: Resource, finish: Callable[["DeferredSpan"], None], attributes_max: int
    ) -> None:
        self.resource = resource
        self.finish = finish
        self.attributes_max = attributes_max
        self.scopes: dict[str, Scope] = {}


class DeferredSpan(Span):
    """A started SDK span that keeps what it is given by reference until the worker reads it.

    Made by :class:`agentops.telemetry.manager.TelemetryManager` only. Its fields are those the stock
    span sets (opentelemetry-sdk 1.39 to 1.45); the stock constructor is not run, that is the point.

    Attributes:
        completion: Called once by the worker; ``None`` when there is nothing to add.
        ambient: What rode in the context when it started.
        raw: The attributes, to be read and set by this package.
        decision: About its session; ``None``: it is kept.
    """

    completion: Callable[[], Completion] | None = None
    ambient: Mapping[str, AnyValue]
    raw: RawAttributes
    decision: Decision | None = None
    _instrumentation_info = None
    _status = _UNSET
    _events: Sequence[SpanEvent] = ()
    _links: Sequence[Link] = ()
    _end_time: int | None = None
    _dropped_events = 0
    _dropped_links = 0

    def __init__(  # noqa: PLR0913 - all of it belongs to a span
        self,
        name: str,
        kind: SpanKind,
        context: SpanContext,
        scope: InstrumentationScope,
        home: SpanHome,
        place: Place,
        attributes: Mapping[str, AnyValue] | None,
    ) -> None:
        self._name = name
        self._kind = kind
        self._context = context
        _, self._parent, self.ambient, _, self._start_time, self._began_ns = place
        self._started_ns = place.start_ns
        self._instrumentation_scope = scope
        self._home = home
        self._resource = home.resource
        self.raw = self._attributes = RawAttributes(attributes, home.attributes_max)  # type: ignore[assignment] # wider than OpenTelemetry's

    def refer_to(self, links: Sequence[Link]) -> None:
        """Set the spans it refers to from its start."""
        self._links = tuple(links)

    @property
    def dropped_attributes(self) -> int:
        """How many attributes went beyond the bound."""
        return self.raw.dropped

    @property
    def dropped_events(self) -> int:
        """How many events went beyond the bound."""
        return self._dropped_events

    @property
    def dropped_links(self) -> int:
        """How many links went beyond the bound; the worker may leave out more."""
        return self._dropped_links

    def set_attribute(self, key: str, value: AnyValue) -> None:
        """Set an attribute by reference; after the end it is ignored."""
        if self._end_time is None:
            self.raw[key] = value

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set attributes by reference; after the end they are ignored."""
        if self._end_time is None:
            self.raw.set_all(attributes)

    def add_event(
        self,
        name: str,
        attributes: Mapping[str, AnyValue] | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Add an event with a shallow copy of its attributes; after the end it is ignored."""
        given: dict[str, Any] = dict(attributes or {})
        self._note(SpanEvent(name, given, timestamp or now_ns()))

    def add_link(
        self, context: SpanContext, attributes: Mapping[str, AnyValue] | None = None
    ) -> None:
        """Add a link; after the end it is ignored."""
        if self._end_time is not None:
            return
        if len(self._links) >= _LINKS_MAX:
            self._dropped_links += 1
            return
        self._links = (*self._links, Link(context, cast("dict[str, Any]", attributes)))

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, AnyValue] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: ARG002 - the stock signature; the attribute is superseded
    ) -> None:
        """Add an ``exception`` event; its traceback is taken now and formatted by the worker."""
        self.add_event(
            "exception", {**exception_attributes(exception), **(attributes or {})}, timestamp
        )

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status; unset never overrides and ok is final, as OpenTelemetry has it."""
        new = status if isinstance(status, Status) else Status(status, description)
        if self._end_time is not None or new.status_code is StatusCode.UNSET:
            return
        if self._status.status_code is not StatusCode.OK:
            self._status = new

    def update_name(self, name: str) -> None:
        """Rename the span; after the end it is ignored."""
        if self._end_time is None:
            self._name = name

    def end(self, end_time: int | None = None) -> None:
        """End the span and hand it to the pipeline; a second end is ignored."""
        try:
            began = self._began_ns
            del self._began_ns  # only one thread can
        except AttributeError:
            return
        if end_time is None:
            end_time = now_ns() if began is None else self._started_ns + monotonic_ns() - began
        self._end_time = end_time
        self._home.finish(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the span; an exception on its way is recorded and sets the status."""
        if error is not None and self._end_time is None:
            self.fail(error)
        self.end()

    def fail(self, error: BaseException) -> None:
        """Record an exception and set the status from it."""
        described = exception_attributes(error)
        self.add_event("exception", described)
        text = f"{type(error).__name__}: {described[EXCEPTION_MESSAGE]}"
        self.set_status(Status(StatusCode.ERROR, text))

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as its context alone: the end of a span belongs to the process that started it."""
        return NonRecordingSpan, (self._context,)

    def to_record(self) -> SpanRecord:
        """Return what the span tells, without its completion; for the worker, after the end."""
        context, parent, scope = self._context, self._parent, self._instrumentation_scope
        assert context is not None
        assert scope is not None
        trace_id, span_id, _, trace_flags, trace_state, _ = context  # its properties are calls
        flags = wire_flags(trace_flags, parent)
        started = self._started_ns
        record = SpanRecord(
            self._name,
            trace_id,
            span_id,
            0 if parent is None else parent.span_id,
            started,
            max(self._end_time or started, started),
            self._kind.value + 1,
            flags,
            attributes={**self.ambient, **self.raw},
            scope=self._home.scopes[scope.name],
            resource=self._resource.attributes,
            dropped_attributes=self.raw.dropped,
            dropped_events=self._dropped_events,
        )
        if trace_state:
            record.trace_state = trace_state.to_header()
        if self._status is not _UNSET:
            record.status_code = self._status.status_code.value
            record.status_message = self._status.description or ""
        if self._events:
            record.events = [
                SpanEventRecord(each.name, each.timestamp, dict(each.attributes or {}))
                for each in self._events
            ]
        if self._links:
            record.links = [link_record(link) for link in self._links]
            record.dropped_links = self._dropped_links
        return record

    def _note(self, event: SpanEvent) -> None:
        if self._end_time is not None:
            return
        if len(self._events) >= _EVENTS_MAX:
            self._dropped_events += 1
            return
        if not isinstance(self._events, list):
            self._events = []
        self._events.append(event)


def wire_flags(flags: TraceFlags, above: SpanContext | None) -> int:
    """Return the flags of a span as OTLP has them, which tell of its parent too."""
    is_remote = above is not None and above.is_remote
    return int(flags) & 0xFF | IS_REMOTE_KNOWN | (IS_REMOTE if is_remote else 0)


def link_record(link: Link) -> LinkRecord:
    """Return the record of a link."""
    context = link.context
    return LinkRecord(
        trace_id=context.trace_id,
        span_id=context.span_id,
        trace_state=context.trace_state.to_header() if context.trace_state else "",
        flags=int(context.trace_flags) & 0xFF
        | IS_REMOTE_KNOWN
        | (IS_REMOTE if context.is_remote else 0),
        attributes=dict(link.attributes or {}),
    )

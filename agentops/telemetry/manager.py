"""Who makes spans and events and sees them off? Telemetry floor: :class:`TelemetryManager`."""

import os
from collections.abc import Callable, Mapping, Sequence

from opentelemetry.context import Context, get_current
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from agentops import __version__, semconv
from agentops.clock import iso_from_ns, now_ns
from agentops.events import Event
from agentops.guard import guarded
from agentops.telemetry.ambient import get_ambient, set_ambient
from agentops.telemetry.completion import Completion
from agentops.telemetry.config import ContentMode, TelemetryConfig
from agentops.telemetry.destination import connect
from agentops.telemetry.pending import Item, PendingEvent
from agentops.telemetry.pipeline import Pipeline
from agentops.telemetry.processors import Finisher
from agentops.telemetry.recording import (
    event_record,
    pending_of_completion,
    span_record,
    take_completion,
)
from agentops.telemetry.records import AnyValue, Record
from agentops.telemetry.spans import DeferredSpan, OwnIds, SpanHome
from agentops.telemetry.stats import LossReport, Stats
from agentops.telemetry.totals import Totals

__all__ = ["TelemetryManager"]

_SAMPLED = TraceFlags(TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID)


class TelemetryManager:
    """Makes spans and events, correlates them, and sends both down one street.

    Safe for many threads. Nothing but the constructor raises.

    Args:
        config: What to record and where to send it; ``None``: the defaults, which send nowhere.
        service_name: ``service.name`` of the resource; ``None``: ``OTEL_SERVICE_NAME`` or the SDK's own.

    Attributes:
        content_mode: How much of prompts and answers is recorded.
        tracer_provider: The OpenTelemetry TracerProvider in use.
        span_processor: Add it to a TracerProvider of your own to send its spans down the same street.
        default_context: Context of the session that everything outside of any session belongs to, in
            every thread; ``None``: there is none.
        totals: Sums over what the worker has seen so far.
    """

    def __init__(
        self, config: TelemetryConfig | None = None, *, service_name: str | None = None
    ) -> None:
        self.config = config or TelemetryConfig()
        self.content_mode: ContentMode = self.config.content
        named = {} if service_name is None else {semconv.SERVICE_NAME: service_name}
        resource = Resource.create(named)
        self._ids = OwnIds()
        os.register_at_fork(after_in_child=self._ids.reseed)
        self._finish_record = Finisher(self.config.limits)
        destinations = connect(
            self.config.exporters, batch=self.config.batch, spool=self.config.spool
        )
        self.exporters = [destination.exporter for destination in destinations]
        self._pipeline = Pipeline(destinations, self._prepare, batch=self.config.batch)
        self.tracer_provider = TracerProvider(
            resource=resource, shutdown_on_exit=False, id_generator=self._ids
        )
        self.span_processor: SpanProcessor = _Doorway(self._submit)
        self.tracer_provider.add_span_processor(self.span_processor)
        self._home = SpanHome(resource, self._submit, self.config.limits.attributes_max)
        self._scopes: dict[str, InstrumentationScope] = {}
        self.default_context: Context | None = None
        self.totals = Totals()

    def create_span(  # noqa: PLR0913 - all of it belongs to a span
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, AnyValue] | None = None,
        parent: Context | None = None,
        links: Sequence[Link] = (),
        start_ns: int | None = None,
        scope: str = "agentops",
    ) -> Span:
        """Start a span; it is not made the current one.

        Args:
            name: Low-cardinality name.
            kind: OpenTelemetry kind.
            attributes: Values by reference, nested ones too; the worker serialises them. What sampling
                rules look at must be here.
            parent: Context to start in; ``None``: the current one.
            links: Spans it refers to.
            start_ns: Start since the Unix epoch in ns; ``None``: now.
            scope: Name of the instrumentation that asks.

        Returns:
            An OpenTelemetry span. End it with :meth:`end_span` or its own ``end``.
        """
        context = self._in_session(get_current() if parent is None else parent)
        above: SpanContext | None = get_current_span(context).get_span_context()
        if above is None or not above.is_valid:
            above = None
            trace_id = self._ids.generate_trace_id()
        else:
            trace_id = above.trace_id
        own = SpanContext(
            trace_id,
            self._ids.generate_span_id(),
            False,
            _SAMPLED,
            above.trace_state if above is not None else None,
        )
        span = DeferredSpan(name, kind, own, above, self._scope(scope), self._home)
        span.begin(attributes, get_ambient(context), links, start_ns)
        return span

    def end_span(
        self,
        span: Span,
        *,
        complete: Callable[[], Completion] | None = None,
        error: BaseException | None = None,
        end_ns: int | None = None,
    ) -> None:
        """End a span.

        Args:
            span: What :meth:`create_span` returned. Ending it twice does nothing.
            complete: Called once, off the caller's thread, for what the answer adds.
            error: Sets status ERROR, ``error.type`` and an ``exception`` event.
            end_ns: End since the Unix epoch in ns; ``None``: now.
        """
        with guarded("ending a span"):
            if isinstance(span, DeferredSpan):
                if error is not None and span.is_recording():
                    span.fail(error)
                    span.raw.setdefault(semconv.ERROR_TYPE, type(error).__qualname__)
                span.completion = complete
            span.end(end_ns)

    def record(
        self, event: Event, *, span: Span | None = None, context: Context | None = None
    ) -> Event:
        """Send an event, correlated with a span and a session.

        Args:
            event: Gets ``trace_id``, ``span_id``, ``session_id`` and, where absent, ``end_timestamp``.
            span: Span it belongs to; ``None``: the current one of ``context``.
            context: ``None``: the current one.

        Returns:
            The same event.
        """
        with guarded("recording an event"):
            pending = self._pending(context, span)
            if pending.trace_id:
                event.trace_id = f"{pending.trace_id:032x}"
                event.span_id = f"{pending.span_id:016x}"
            if event.session_id is None:
                event.session_id = pending.ambient.get(semconv.SESSION_ID)  # type: ignore[assignment]
            if event.end_timestamp is None:
                event.end_timestamp = iso_from_ns(pending.time_ns)
            pending.event = event
            self._submit(pending)
        return event

    def emit(
        self,
        name: str,
        *,
        attributes: Mapping[str, AnyValue] | None = None,
        body: AnyValue = None,
        severity: int = 9,
        context: Context | None = None,
    ) -> None:
        """Send a plain OpenTelemetry log event, correlated with the current span and session.

        Args:
            name: ``event_name``.
            attributes: Values by reference.
            body: Free value.
            severity: OpenTelemetry severity number; 9 is INFO.
            context: ``None``: the current one.
        """
        with guarded("emitting an event"):
            pending = self._pending(context, None)
            pending.name, pending.body, pending.severity = name, body, severity
            pending.attributes = dict(attributes or {})
            self._submit(pending)

    def flush(self, timeout_ms: int = 5000) -> bool:
        """Push out everything accepted so far; true only if it was delivered or spooled in time."""
        return self._pipeline.flush(timeout_ms)

    def shutdown(self, timeout_ms: int = 2000) -> LossReport:
        """Deliver what is there and stop, within the time given. Idempotent; returns what was lost."""
        return self._pipeline.shutdown(timeout_ms)

    def stats(self) -> Stats:
        """Return what was accepted, sent, kept and dropped so far, for each destination."""
        return self._pipeline.stats()

    def _scope(self, name: str) -> InstrumentationScope:
        found = self._scopes.get(name)
        if found is None:
            found = InstrumentationScope(name, __version__, semconv.SCHEMA_URL)
            self._scopes[name] = found
        return found

    def _in_session(self, context: Context) -> Context:
        """Return ``context``, within the default session where it is in none."""
        default = self.default_context
        if default is None or semconv.SESSION_ID in get_ambient(context):
            return context
        if not get_current_span(context).get_span_context().is_valid:
            context = set_span_in_context(get_current_span(default), context)
        return set_ambient(context, {**get_ambient(default), **get_ambient(context)})

    def _pending(self, context: Context | None, span: Span | None) -> PendingEvent:
        current = self._in_session(get_current() if context is None else context)
        owner = get_current_span(current) if span is None else span
        ids = owner.get_span_context()
        ambient = owner.ambient if isinstance(owner, DeferredSpan) else get_ambient(current)
        return PendingEvent(
            name="",
            time_ns=now_ns(),
            trace_id=ids.trace_id,
            span_id=ids.span_id,
            flags=int(ids.trace_flags),
            ambient=ambient,
        )

    def _submit(self, item: Item) -> None:
        self._pipeline.submit(item)

    def _prepare(self, item: object) -> list[Record]:
        """Make the records of one item; runs on the worker."""
        records: list[Record] = []
        if isinstance(item, PendingEvent):
            records.append(event_record(item, self._home.resource.attributes))
        elif isinstance(item, ReadableSpan):
            completion = take_completion(item)
            made = span_record(item, completion)
            records.append(made)
            if completion is not None:
                records.extend(
                    event_record(pending_of_completion(event, made), made.resource)
                    for event in completion.events
                )
        for record in records:
            self._finish_record(record)
            self.totals.add(record)
        return records


class _Doorway(SpanProcessor):
    """Lets spans of any TracerProvider into the pipeline."""

    def __init__(self, submit: Callable[[ReadableSpan], None]) -> None:
        self._submit = submit

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Stamp what rides in the context."""
        for key, value in get_ambient(parent_context).items():
            span.set_attribute(key, value)  # type: ignore[arg-type] # ambient values are AnyValues

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span over."""
        self._submit(span)

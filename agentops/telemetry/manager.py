"""Who makes spans and events and sees them off? Telemetry floor: :class:`TelemetryManager`."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from opentelemetry.context import Context, get_current
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from agentops import __version__, semconv
from agentops.clock import iso_from_ns, monotonic_ns, now_ns
from agentops.events import Event
from agentops.forking import in_children
from agentops.guard import failed, guarded
from agentops.pricetable import PriceTable
from agentops.pricing import Prices
from agentops.telemetry.ambient import (
    get_ambient,
    leave_ended,
    ride,
    session_alone,
    set_ambient,
    span_above,
)
from agentops.telemetry.completion import Completion
from agentops.telemetry.config import ContentMode, TelemetryConfig
from agentops.telemetry.content import narrow
from agentops.telemetry.destination import connect
from agentops.telemetry.foresight import Foresight
from agentops.telemetry.head import Head, Verdict
from agentops.telemetry.metrics import Metrics, metering_for
from agentops.telemetry.pending import CompletedSpan, LateSpan, PendingEvent, Place
from agentops.telemetry.pipeline import Pipeline
from agentops.telemetry.preparation import Preparation, Wanted
from agentops.telemetry.provider import (
    Doorway,
    OwnProvider,
    StreetSampler,
    become_global,
    foreign_provider,
    global_provider,
    own_resource,
)
from agentops.telemetry.recording import OWN_SCOPE
from agentops.telemetry.records import AnyValue, Scope, SpanRecord
from agentops.telemetry.spans import DeferredSpan, OwnIds, SpanHome, wire_flags
from agentops.telemetry.stats import LossReport, Stats
from agentops.telemetry.stock_spans import Given, StockSpans
from agentops.telemetry.weigh import weigh_item

if TYPE_CHECKING:
    from agentops.telemetry.logbook import LogBridge
    from agentops.telemetry.totals import Totals

__all__ = ["TelemetryManager"]

logger = logging.getLogger("agentops")
_CLIENT = SpanKind.CLIENT.value + 1  # as OTLP counts
_LARGE_BYTES = 64 * 1024


class TelemetryManager:
    """Makes spans and events, correlates them, and sends both down one street.

    Safe for many threads. Nothing but the constructor raises.

    Args:
        config: What to record and where to send it; ``None``: the defaults, which send nowhere.
        service_name: ``service.name`` of the resource; ``None``: ``OTEL_SERVICE_NAME`` or the SDK's own.

    Attributes:
        config: As given.
        content_mode: How much of prompts and answers is recorded.
        priced_hosts: Patterns of private hosts that relay a vendor's service.
        prices: What model calls cost; for any thread.
        tracer_provider: The OpenTelemetry TracerProvider in use.
        span_processor: Add it to a TracerProvider of your own to send its spans down the same street.
        exporters: The destinations' exporters, in the order of the configuration.
        default_context: Context of the session that everything outside of any session belongs to, in
            every thread; ``None``: there is none.
        on_default_use: Called once, when something first falls to the default session.

    Raises:
        ConfigurationError: A destination cannot be made as configured, or there is no provider to
            attach to.
    """

    def __init__(
        self, config: TelemetryConfig | None = None, *, service_name: str | None = None
    ) -> None:
        self.config = config or TelemetryConfig()
        self.content_mode: ContentMode = self.config.content
        self.priced_hosts = self.config.priced_hosts
        self.default_context: Context | None = None
        self._default_alone: tuple[Context | None, Context] = (None, Context())
        self.on_default_use: Callable[[], None] | None = None
        self._is_on = not self.config.disabled
        self._ids = OwnIds()
        resource = own_resource(service_name)
        self._metering = metering_for(self.config.exporters, resource) if self._is_on else None
        metrics = Metrics(self._metering)
        self._metrics = metrics
        self._head = Head(self.config.sampling, metrics)
        exporters = [
            each
            for each in self.config.exporters
            if self._is_on and set(each.signals) != {"metrics"}
        ]
        destinations = connect(exporters, batch=self.config.batch, spool=self.config.spool)
        self.exporters = [destination.exporter for destination in destinations]
        wanted = Wanted.by(destinations)
        price_table = PriceTable(lambda: self._pipeline.patience_s())
        self.prices = Prices(price_table)
        self._preparation = Preparation(self.config, self._head, metrics, wanted, self.prices)
        self._pipeline = Pipeline(
            destinations,
            *self._preparation.steps,
            batch=self.config.batch,
            release=self._preparation.release if self._preparation.holds_back else None,
            narrow=narrow,
        )
        metrics.watch(self._pipeline.stats)
        self._stock = StockSpans(self._preparation.present)
        self._seen: tuple[Context | None, SpanContext | None, Verdict | None] = (None, None, None)
        self._foresight = Foresight(self._preparation.pricer, price_table, self._pipeline.do_ahead)
        self.span_processor: SpanProcessor = Doorway(self._take_stock, self.flush)
        self._own = OwnProvider(
            resource,
            StreetSampler(self._head.choose),
            self._ids,
            self.config.limits,
        )
        self._home = SpanHome(self._own.resource, self._submit, self.config.limits.attributes_max)
        self.tracer_provider: TracerProvider = self._choose_provider()
        self._scopes: dict[str, InstrumentationScope] = {}
        self._bridge = self._install_bridge()
        in_children(self._after_fork)

    def _choose_provider(self) -> TracerProvider:
        mode = self.config.provider if self._is_on else "private"
        provider: TracerProvider = foreign_provider() if mode == "attach" else self._own
        provider.add_span_processor(self.span_processor)
        for each in self.config.processors if self._is_on else ():
            provider.add_span_processor(each)  # type: ignore[arg-type] # checked by its use
        if mode == "global" and not become_global(self._own):
            logger.warning("agentops: the program has a global TracerProvider; ours stays private")
        return provider

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
        place = self._place(get_current() if parent is None else parent, start_ns)
        return self.create_span_at(place, name, kind, attributes, links, scope)

    def create_span_at(
        self,
        place: Place,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, AnyValue] | None,
        links: Sequence[Link] = (),
        scope: str = "agentops",
    ) -> Span:
        """Start a span as :meth:`create_span` does, at a place that was noted before."""
        context, above, ambient, verdict, _, _ = place
        trace_id = self._ids.generate_trace_id() if above is None else above.trace_id
        if verdict is None:
            verdict = self._head.judge(context, above, trace_id, name, ambient, attributes)
        if not self._is_on or not verdict.is_recorded:
            if not self._is_on:  # without anything recorded the caller's ids go on
                return NonRecordingSpan(above or SpanContext(0, 0, False))
            return NonRecordingSpan(self._own_context(trace_id, verdict))
        if attributes and semconv.GEN_AI_OPERATION_NAME in attributes:
            self._foresight.look(attributes)
        # Whether processors that are not ours see the spans too.
        if self._own.has_strangers or self.tracer_provider is not self._own:
            given = Given(attributes, links, place.start_ns)
            return self._stock.start(self.tracer_provider, name, kind, context, scope, given)
        own = self._own_context(trace_id, verdict)
        origin = self._scopes.get(scope) or self._scope(scope)
        span = DeferredSpan(name, kind, own, origin, self._home, place, attributes)
        if links:
            span.refer_to(links)
        if verdict.decision is not None:
            span.decision = verdict.decision
            if verdict.is_first:
                verdict.decision.root_span_id = own.span_id
        return span

    def note_place(self, provider: str, address: str, context: Context) -> Place | None:
        """Note where and when the span of a model call begins whose record :meth:`record_at` makes after its end.

        Args:
            provider: ``gen_ai.provider.name``.
            address: ``server.address``.
            context: The current context.

        Returns:
            ``None`` where the span has to begin now, since more than the worker depends on it: a sampler, processors,
            whatever is below it, the loading of prices.
        """
        own = self._own
        if (
            (provider, address) not in self._foresight.services
            or own.has_strangers
            or self.tracer_provider is not own
            or global_provider() is own
        ):
            return None
        place = self._place(context, None)
        return None if place.verdict is None else place

    def end_late(self, span: LateSpan, weight_bytes: int) -> None:
        """Hand over a span that is over, and that the worker makes.

        Args:
            span: The span.
            weight_bytes: About how much memory it keeps while it waits.
        """
        if weight_bytes > _LARGE_BYTES:
            weight_bytes = self._weight_in_work(weight_bytes)
        self._pipeline.submit(span, weight_bytes)

    def record_at(
        self, place: Place, name: str, attributes: Mapping[str, AnyValue], ended_ns: int
    ) -> SpanRecord:
        """Return the record of a call that began at a noted place and ended at ``ended_ns`` on the monotonic clock."""
        _, above, ambient, verdict, start_ns, began_ns = place
        assert verdict is not None
        record = SpanRecord(
            name,
            self._ids.generate_trace_id() if above is None else above.trace_id,
            self._ids.generate_span_id(),
            0 if above is None else above.span_id,
            start_ns,
            start_ns + ended_ns - (began_ns or ended_ns),
            _CLIENT,
            wire_flags(verdict.flags, above),
            attributes={**ambient, **attributes},
            scope=OWN_SCOPE,
            resource=self._home.resource.attributes,
        )
        if verdict.trace_state:
            record.trace_state = verdict.trace_state.to_header()
        return record

    def _place(self, context: Context, start_ns: int | None) -> Place:
        """Return a place in ``context``, or in the default session; ``start_ns``: ``None`` for now."""
        if self.default_context is None:
            context, ambient = ride(context)
        else:
            context = self.in_session(context)
            ambient = get_ambient(context)
        seen = self._seen
        if seen[0] is not context:  # one context often comes again and again
            above = span_above(context)
            seen = self._seen = (context, above, self._head.sure(context, above))
        _, above, verdict = seen
        if start_ns is None:
            return Place(context, above, ambient, verdict, now_ns(), monotonic_ns())
        return Place(context, above, ambient, verdict, start_ns, None)

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
            complete: Called once, off the caller's thread, for what the answer adds. Where processors
                that are not ours see the span, it is called here, so that they see all of it.
            error: Sets status ERROR, ``error.type`` and an ``exception`` event.
            end_ns: End since the Unix epoch in ns; ``None``: now.
        """
        with guarded("ending a span"):
            if not span.is_recording():
                return
            if isinstance(span, DeferredSpan):
                if error is not None:
                    span.fail(error)
                    span.raw.setdefault(semconv.ERROR_TYPE, type(error).__qualname__)
                span.completion = complete
                span.end(end_ns)
                return
            self._stock.end(span, complete, error, end_ns)

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
            session_id = pending.ambient.get(semconv.SESSION_ID)
            if event.session_id is None and session_id is not None:
                event.session_id = str(session_id)
            if event.end_timestamp is None:
                event.end_timestamp = iso_from_ns(pending.time_ns)
            pending.event = event
            self._submit_event(pending)
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
            self._submit_event(pending)

    def in_session(self, context: Context, *, is_use: bool = True) -> Context:
        """Return ``context``, within the default session where it is in none.

        Args:
            context: Any context.
            is_use: Whether this counts as use of the default session; ``False``: somebody only looks.
        """
        default = self.default_context
        context = context and leave_ended(context)  # nothing rides in an empty one
        if default is None:
            return context
        if not context and self.on_default_use is None:  # as nearly everywhere
            alone = self._default_alone
            if alone[0] is not default:
                alone = self._default_alone = (default, session_alone(default))
            return alone[1]
        ambient, rides = get_ambient(context), get_ambient(default)
        is_elsewhere = semconv.SESSION_ID in ambient
        if is_elsewhere and self.on_default_use is None:
            return context
        if is_elsewhere and ambient[semconv.SESSION_ID] != rides.get(semconv.SESSION_ID):
            return context
        if is_use:
            first_use, self.on_default_use = self.on_default_use, None
            if first_use is not None:
                first_use()
        if is_elsewhere:
            return context
        if not get_current_span(context).get_span_context().is_valid:
            context = set_span_in_context(get_current_span(default), context)
        return set_ambient(context, {**rides, **ambient})

    def flush(self, timeout_ms: int = 5000) -> bool:
        """Push out everything accepted so far; true if each receiver has taken it or refused it for good in time.

        False means that some of it still waits; with a spool it waits on disk.
        """
        began_ns = monotonic_ns()
        is_done = self._pipeline.flush(timeout_ms)
        return self._send_metrics(timeout_ms, began_ns) and is_done

    def shutdown(self, timeout_ms: int = 2000) -> LossReport:
        """Deliver what is there and stop, within the time given. Idempotent; returns what was lost."""
        began_ns = monotonic_ns()
        if self._bridge is not None:
            self._bridge.uninstall()
        self.span_processor.shutdown()
        report = self._pipeline.shutdown(timeout_ms)
        self._send_metrics(timeout_ms, began_ns)
        ended = self._pipeline.stats()
        self._metrics.watch(lambda: ended)  # a meter never lets go of those it asks
        return report

    def stats(self) -> Stats:
        """Return what was accepted, sent, kept, left out and dropped so far, for each destination."""
        return replace(self._pipeline.stats(), left_out=self._preparation.left_out)

    @property
    def totals(self) -> "Totals":
        """Sums over what the worker has seen so far."""
        return self._preparation.totals

    def _install_bridge(self) -> "LogBridge | None":
        """Begin to take log records, where that is asked for."""
        wanted = self.config.logging
        if wanted is None or not self._is_on:
            return None
        from agentops.telemetry.logbook import LogBridge  # only for those who ask

        def is_in_session() -> bool:
            return semconv.SESSION_ID in get_ambient(self.in_session(get_current()))

        bridge = LogBridge(wanted, self._emit_log, is_in_session)
        bridge.install()
        return bridge

    def _emit_log(
        self, name: str, attributes: dict[str, AnyValue], body: AnyValue, severity: int
    ) -> None:
        self.emit(name, attributes=attributes, body=body, severity=severity)

    def _send_metrics(self, timeout_ms: int, began_ns: int) -> bool:
        """Send metrics in the time that is left."""
        if self._metering is None:
            return True
        with guarded("sending metrics"):
            return self._metering.send(timeout_ms / 1e3 - (monotonic_ns() - began_ns) / 1e9)
        return False

    def _scope(self, name: str) -> InstrumentationScope:
        scope = InstrumentationScope(name, __version__, semconv.SCHEMA_URL)
        own = Scope(name, __version__, semconv.SCHEMA_URL)
        # The same object as that of calls and events: such records are grouped without a look into it.
        self._home.scopes[name] = OWN_SCOPE if own == OWN_SCOPE else own
        self._scopes[name] = scope
        return scope

    def _own_context(self, trace_id: int, verdict: Verdict) -> SpanContext:
        span_id = self._ids.generate_span_id()
        return SpanContext(trace_id, span_id, False, verdict.flags, verdict.trace_state)

    def _take_stock(self, span: ReadableSpan) -> None:
        """Let a span of a TracerProvider in."""
        context = span.get_span_context()
        if context is None:
            return
        completion = self._stock.take_completion(context.span_id)
        if completion is not None:
            self._submit(CompletedSpan(span, completion))
        elif context.trace_flags.sampled or self._head.of(None, context.trace_id) is not None:
            self._submit(span)

    def _pending(self, context: Context | None, span: Span | None) -> PendingEvent:
        current = self.in_session(get_current() if context is None else context)
        owner = get_current_span(current) if span is None else span
        ids = owner.get_span_context()
        ambient = get_ambient(current)
        if isinstance(owner, DeferredSpan):
            decision = owner.decision
            if span is not None or semconv.SESSION_ID not in ambient:
                ambient = owner.ambient
        else:
            decision = self._head.of(ambient.get(semconv.SESSION_ID), ids.trace_id)
        return PendingEvent(
            name="",
            time_ns=now_ns(),
            trace_id=ids.trace_id,
            span_id=ids.span_id,
            flags=int(ids.trace_flags),
            trace_state=ids.trace_state.to_header() if ids.trace_state else "",
            ambient=ambient,
            resource=self._home.resource.attributes,
            decision=decision,
        )

    def _submit_event(self, pending: PendingEvent) -> None:
        is_left_out = pending.trace_id and not pending.flags & TraceFlags.SAMPLED
        if self._is_on and not (is_left_out and pending.decision is None):
            self._submit(pending)

    def _submit(self, item: ReadableSpan | PendingEvent | CompletedSpan) -> None:
        try:
            size = weigh_item(item)
        except Exception as error:  # noqa: BLE001 - as failed() tells
            failed("weighing a span", error)
            size = 0
        self._pipeline.submit(item, size if size <= _LARGE_BYTES else self._weight_in_work(size))

    def _weight_in_work(self, weight_bytes: int) -> int:
        """Return what a large item weighs together with what the worker makes of it, which is as large.

        One giant alone must not find the queue too small for it: the worker will cut it.
        """
        return min(weight_bytes * 2, self.config.batch.queue_bytes_max // 4)

    def _after_fork(self) -> None:
        """Start afresh in a child process with what must not be shared with the parent."""
        with guarded("starting anew after fork"):
            self._ids.reseed()
            self._head.sampler.after_fork()
            self._preparation.after_fork()
            self._stock.after_fork()
            self._foresight.after_fork()
            if self._metering is not None:
                self._metering.after_fork(self._own.resource)
                self._metrics.renew()
            self._home.resource = self._own.resource

"""How does an exporter made for OpenTelemetry's own SDK serve us? Telemetry floor.

It receives real ``ReadableSpan`` objects, made of our records: after masking and limits, like every other
destination. Events have no place in a ``SpanExporter`` and are left out.
"""

import threading
from collections.abc import Mapping
from typing import Any, cast

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from agentops.guard import guarded
from agentops.telemetry.exporters.base import DELIVERED, Batch, Exporter, ExportResult, Outcome
from agentops.telemetry.records import AnyValue, Scope, SpanRecord

__all__ = ["StockExporter", "readable_span"]

_KINDS = {
    1: SpanKind.INTERNAL,
    2: SpanKind.SERVER,
    3: SpanKind.CLIENT,
    4: SpanKind.PRODUCER,
    5: SpanKind.CONSUMER,
}
_STATUS = {0: StatusCode.UNSET, 1: StatusCode.OK, 2: StatusCode.ERROR}
_REMOTE = 0x200


class StockExporter(Exporter):
    """Hands spans to an OpenTelemetry ``SpanExporter``.

    Its own retries and time limits apply: what it reports as failed is dropped and counted.

    Args:
        exporter: The stock exporter.
    """

    def __init__(self, exporter: object) -> None:
        self._exporter = cast("SpanExporter", exporter)
        self._resources: dict[int, tuple[Mapping[str, AnyValue], Resource]] = {}
        self._scopes: dict[Scope, InstrumentationScope] = {}
        self._flushing = threading.Lock()
        self.name = type(exporter).__name__

    def export(self, batch: Batch, timeout_s: float) -> ExportResult:  # noqa: ARG002 - it has its own
        """Hand over the spans."""
        spans = [
            readable_span(record, self._resource(record.resource), self._scope(record.scope))
            for record in batch.spans
        ]
        if not spans or self._exporter.export(spans) is SpanExportResult.SUCCESS:
            return DELIVERED
        return ExportResult(outcome=Outcome.REFUSED, reason="exporter failed")

    def flush(self, timeout_ms: int = 5000) -> bool:
        """Flush the stock exporter, which may take longer than it is told to: nobody waits for it then."""
        if not self._flushing.acquire(timeout=timeout_ms / 1e3):
            return False
        told: list[bool] = []

        def force_flush() -> None:
            with guarded("flushing an exporter"):
                told.append(bool(self._exporter.force_flush(timeout_ms)))
            self._flushing.release()

        thread = threading.Thread(target=force_flush, name="agentops-flush", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread is to be had
            force_flush()
        else:
            thread.join(timeout_ms / 1e3)
        return told == [True]

    def after_fork(self) -> None:
        """Leave a flush under way to the parent."""
        self._flushing = threading.Lock()

    def shutdown(self) -> None:
        """Shut the stock exporter down."""
        self._exporter.shutdown()

    def _resource(self, attributes: Mapping[str, AnyValue]) -> Resource:
        known = self._resources.get(id(attributes))
        if known is None or known[0] is not attributes:
            if len(self._resources) >= 16:
                self._resources.clear()
            known = (attributes, Resource(cast("Any", attributes)))
            self._resources[id(attributes)] = known
        return known[1]

    def _scope(self, scope: Scope) -> InstrumentationScope:
        if scope not in self._scopes:
            if len(self._scopes) >= 256:
                self._scopes.clear()
            made = InstrumentationScope(scope.name, scope.version or None, scope.schema_url or None)
            self._scopes[scope] = made
        return self._scopes[scope]


def readable_span(
    record: SpanRecord, resource: Resource, scope: InstrumentationScope
) -> ReadableSpan:
    """Return the span of ``record`` as OpenTelemetry's SDK knows it."""
    state = TraceState.from_header([record.trace_state])
    context = _context(record.trace_id, record.span_id, record.flags & ~_REMOTE, state)
    parent = None
    if record.parent_span_id:
        parent = _context(record.trace_id, record.parent_span_id, record.flags, state)
    return ReadableSpan(
        name=record.name,
        context=context,
        parent=parent,
        resource=resource,
        attributes=cast("Any", record.attributes),
        events=[
            Event(event.name, cast("Any", event.attributes), event.time_ns)
            for event in record.events
        ],
        links=[
            Link(
                _context(
                    link.trace_id,
                    link.span_id,
                    link.flags,
                    TraceState.from_header([link.trace_state]),
                ),
                cast("Any", link.attributes),
            )
            for link in record.links
        ],
        kind=_KINDS.get(record.kind, SpanKind.INTERNAL),
        status=Status(
            _STATUS.get(record.status_code, StatusCode.UNSET),
            (record.status_message or None) if record.status_code == 2 else None,
        ),
        start_time=record.start_ns,
        end_time=record.end_ns,
        instrumentation_scope=scope,
    )


def _context(trace_id: int, span_id: int, flags: int, state: TraceState) -> SpanContext:
    return SpanContext(trace_id, span_id, bool(flags & _REMOTE), TraceFlags(flags & 0xFF), state)

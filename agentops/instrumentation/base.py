"""What does every instrumentation need? Instrumentation floor: one verb makes the span, one the event.

:class:`BaseInstrumentation` is the foundation for those who instrument something of their own. It
holds the telemetry manager and nothing else.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from opentelemetry.trace import Span, SpanKind

from agentops.events import Event
from agentops.telemetry.records import AnyValue

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from opentelemetry.context import Context

    from agentops.telemetry.manager import TelemetryManager

__all__ = ["BaseInstrumentation"]


class BaseInstrumentation:
    """The foundation of every instrumentation: spans, events and context through one manager.

    Args:
        telemetry_manager: Owner of the pipeline; shared, never shut down from here.
    """

    def __init__(self, telemetry_manager: "TelemetryManager") -> None:
        self.telemetry_manager = telemetry_manager

    def create_span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.CLIENT,
        attributes: Mapping[str, AnyValue] | None = None,
        parent: "Context | None" = None,
    ) -> Span:
        """Start a span; the caller ends it with ``telemetry_manager.end_span``.

        Args:
            name: Name of the span.
            kind: Client by default: a call that leaves the process.
            attributes: What is known at the start; samplers see only this.
            parent: Context with the parent; ``None`` means the current one.

        Returns:
            A started span, not attached to any context.
        """
        return self.telemetry_manager.create_span(
            name, kind=kind, attributes=attributes, parent=parent
        )

    def record_event(self, event: Event, *, span: Span | None = None) -> Event:
        """Record ``event`` with the ids of ``span`` (``None``: of the current span); return it."""
        return self.telemetry_manager.record(event, span=span)

    def propagate_context(self, carrier: "MutableMapping[str, str]") -> "MutableMapping[str, str]":
        """Write the current context into ``carrier`` (HTTP headers, message attributes); return it."""
        # Imported here: the carriers are needed only by those who send context on.
        from agentops.instrumentation.context import TraceContext

        TraceContext.current().inject(carrier)
        return carrier

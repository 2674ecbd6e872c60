"""What becomes of a request that comes in? One answer for HTTP, gRPC and task queues.

Each becomes one span, a child of the caller's; spans, events and model calls inside it belong to the caller's trace
and, when its baggage names one, to the caller's session. Before ``agentops.init`` (or after ``shutdown``) nothing is
recorded and the context is still passed on.
"""

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from agentops import client, semconv
from agentops.guard import guarded
from agentops.instrumentation.context import TraceContext, forwarding

__all__ = ["Arrival", "Incoming", "Trust"]

Trust: TypeAlias = Literal["continue", "link", "refuse"]
"""What becomes of a caller's context: its trace goes on; a new trace links to it; it is left unread."""

_RANDOM = 0x02  # W3C Trace Context, 3.2.2.5; older releases of OpenTelemetry have no name for it
_OUTGOING_NAME = "outgoing request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is known of a request when it comes in.

    Attributes:
        name: Name of its span.
        scope: Name of the instrumentation that reports it.
        kind: ``SERVER``, or ``CONSUMER`` for messages.
        attributes: Attributes of its span.
    """

    name: str
    scope: str
    kind: SpanKind = SpanKind.SERVER
    attributes: Mapping[str, str] = field(default_factory=dict)


class Incoming:
    """One request: its context, its span, and how both end.

    Args:
        carrier: Where the headers stand.
        trust: What becomes of the caller's context.
        arrival: What is known of the request.

    Attributes:
        span: Its span; it records nothing where AgentOps does not run.
        context: To be current while the request is served.
    """

    def __init__(self, carrier: object, trust: Trust, arrival: Arrival) -> None:
        told = TraceContext() if trust == "refuse" else TraceContext.extract(carrier)
        parent = told.context if trust == "continue" else Context()
        self.span: Span = INVALID_SPAN
        self._manager = active.telemetry if (active := client.active()) is not None else None
        self._scope = arrival.scope
        self._requests = itertools.count()
        if self._manager is None:
            self.span = _passed_on(parent)
        with guarded("starting the span of a request"):
            if self._manager is not None:
                link = Link(get_current_span(told.context).get_span_context())
                self.span = self._manager.create_span(
                    arrival.name,
                    kind=arrival.kind,
                    attributes=arrival.attributes,
                    parent=parent,
                    links=[link] if trust == "link" and link.context.is_valid else [],
                    scope=arrival.scope,
                )
        self.context = forwarding(set_span_in_context(self.span, parent), self._next_request)

    def end(
        self,
        attributes: Mapping[str, str | int] | None = None,
        error: BaseException | None = None,
        failure: str | None = None,
    ) -> None:
        """End the span.

        Args:
            attributes: What the answer adds.
            error: The exception that left the program's code.
            failure: ``error.type`` of an answer that says it failed, without an exception.
        """
        if self._manager is None:
            return
        with guarded("ending the span of a request"):
            self.span.set_attributes(dict(attributes or {}))
            if failure is not None and error is None:
                self.span.set_attribute(semconv.ERROR_TYPE, failure)
                self.span.set_status(Status(StatusCode.ERROR))
            self._manager.end_span(self.span, error=error)

    def _next_request(self, context: Context) -> Context:
        """Return the context of a request that goes out while this one is served.

        The first bears the id of this request's own span; each further one gets an id of its own, by a
        span without duration, so that receivers can tell them apart.
        """
        if next(self._requests) == 0:
            return context
        if self._manager is None:
            return set_span_in_context(_passed_on(context), context)
        span = self._manager.create_span(
            _OUTGOING_NAME, kind=SpanKind.CLIENT, parent=context, scope=self._scope
        )
        self._manager.end_span(span)
        return set_span_in_context(span, context)


def _passed_on(parent: Context) -> Span:
    """Return a span that records nothing and carries the caller's trace, or a new one, to those we call."""
    told = get_current_span(parent).get_span_context()
    return NonRecordingSpan(
        SpanContext(
            trace_id=told.trace_id if told.is_valid else secrets.randbits(128) or 1,
            span_id=secrets.randbits(64) or 1,
            is_remote=False,
            trace_flags=told.trace_flags if told.is_valid else TraceFlags(_RANDOM),
            trace_state=told.trace_state,
        )
    )

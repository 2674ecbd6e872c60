"""Jaeger's ``uber-trace-id``: read, so that older services can be joined; never written.

The format is deprecated in favour of W3C Trace Context. The value may be URL-encoded and its ids short.
"""

import re
from urllib.parse import unquote

from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.propagators import textmap
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from agentops.instrumentation.carriers import HEADERS
from agentops.instrumentation.propagators.baggage import MEMBERS_MAX

__all__ = ["JaegerPropagator"]

_VALUE = re.compile(r"([0-9a-fA-F]{1,32}):([0-9a-fA-F]{1,16}):[0-9a-fA-F]{1,16}:([0-9a-fA-F]{1,2})")
_BAGGAGE_PREFIX = "uberctx-"


class JaegerPropagator(textmap.TextMapPropagator):
    """Reads ``uber-trace-id`` and ``uberctx-*``."""

    def extract(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        getter: textmap.Getter[textmap.CarrierT] = HEADERS,
    ) -> Context:
        """Return ``context`` with the remote span and baggage; unchanged when the header is not valid."""
        found = Context() if context is None else context
        values = getter.get(carrier, "uber-trace-id")
        match = _VALUE.fullmatch(unquote(values[0]).strip(" \t")) if values else None
        if match is None:
            return found
        trace_id, span_id, flags = (int(part, 16) for part in match.groups())
        if not trace_id or not span_id:
            return found
        for name in getter.keys(carrier)[:MEMBERS_MAX]:
            if name.startswith(_BAGGAGE_PREFIX):
                for value in getter.get(carrier, name) or ():
                    found = baggage.set_baggage(
                        name.removeprefix(_BAGGAGE_PREFIX), unquote(value), found
                    )
        sampled = TraceFlags(TraceFlags.SAMPLED if flags & 1 else TraceFlags.DEFAULT)
        span_context = SpanContext(
            trace_id=trace_id, span_id=span_id, is_remote=True, trace_flags=sampled
        )
        return set_span_in_context(NonRecordingSpan(span_context), found)

    def inject(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        setter: textmap.Setter[textmap.CarrierT] = HEADERS,
    ) -> None:
        """Write nothing: the format is read only."""

    @property
    def fields(self) -> set[str]:
        """Nothing is written."""
        return set()

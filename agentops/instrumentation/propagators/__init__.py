"""How is a trace written into headers, and read back? One module for each format.

Instrumentation floor. Each is a stock OpenTelemetry ``TextMapPropagator``; together they are put in order by
:func:`compose`: all that are configured are written, the first that is found valid is read.
"""

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.propagators import textmap
from opentelemetry.trace import get_current_span

from agentops.instrumentation.carriers import HEADERS
from agentops.instrumentation.propagators.b3 import B3MultiPropagator, B3Propagator
from agentops.instrumentation.propagators.baggage import BaggagePropagator
from agentops.instrumentation.propagators.jaeger import JaegerPropagator
from agentops.instrumentation.propagators.tracecontext import TraceContextPropagator

__all__ = [
    "B3MultiPropagator",
    "B3Propagator",
    "BaggagePropagator",
    "JaegerPropagator",
    "PriorityPropagator",
    "TraceContextPropagator",
    "compose",
]


class PriorityPropagator(textmap.TextMapPropagator):
    """Writes every format; reads the trace from the first format that holds a valid one, and all baggage.

    The stock composite lets a later format overwrite an earlier one; here the configured order decides.

    Args:
        traces: Formats for the trace, the preferred one first.
        baggage: Formats for baggage.
    """

    def __init__(
        self,
        traces: Sequence[textmap.TextMapPropagator],
        baggage: Sequence[textmap.TextMapPropagator],
    ) -> None:
        self._traces = tuple(traces)
        self._baggage = tuple(baggage)

    def extract(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        getter: textmap.Getter[textmap.CarrierT] = HEADERS,
    ) -> Context:
        """Return ``context`` with what the carrier brings; the same context when it brings nothing."""
        found = Context() if context is None else context
        before = get_current_span(found)
        if getter is HEADERS:
            carrier = HEADERS.prepare(carrier)
        for propagator in self._traces:
            told = propagator.extract(carrier, found, getter)
            if get_current_span(told) is not before:
                found = told
                break
            found = told
        for propagator in self._baggage:
            found = propagator.extract(carrier, found, getter)
        return found

    def inject(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        setter: textmap.Setter[textmap.CarrierT] = HEADERS,
    ) -> None:
        """Write the context in every format."""
        for propagator in (*self._traces, *self._baggage):
            propagator.inject(carrier, context, setter)

    @property
    def fields(self) -> set[str]:
        """Names of the headers that may be written."""
        return set().union(*(propagator.fields for propagator in (*self._traces, *self._baggage)))


def compose(names: Sequence[str]) -> PriorityPropagator:
    """Return the propagator for configured names, in their order of preference.

    Args:
        names: ``w3c``, ``tracecontext``, ``baggage``, ``b3``, ``b3multi``, ``jaeger`` or ``none``.
    """
    traces: list[textmap.TextMapPropagator] = []
    baggage: list[textmap.TextMapPropagator] = []
    for name in names:
        if name in ("w3c", "tracecontext"):
            traces.append(TraceContextPropagator())
        if name in ("w3c", "baggage"):
            baggage.append(BaggagePropagator())
        if name in ("b3", "b3multi"):
            traces.append(B3Propagator() if name == "b3" else B3MultiPropagator())
        if name == "jaeger":
            traces.append(JaegerPropagator())
    return PriorityPropagator(traces, baggage)

"""B3, as Zipkin defines it: one ``b3`` header, or several ``x-b3-*`` headers.

What the sampled flag of OpenTelemetry cannot hold is kept in the context and written back: debug (``d``),
a decision that was left to the receiver, a denial without ids, and trace ids of 64 bits.
"""

import re
from typing import Final, NamedTuple, cast

from opentelemetry.context import Context, create_key, get_value, set_value
from opentelemetry.propagators import textmap
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from agentops.instrumentation.carriers import HEADERS
from agentops.telemetry.ambient import defer_sampling, deny_sampling

__all__ = ["B3MultiPropagator", "B3Propagator"]

DEBUG: Final = "d"
ACCEPT: Final = "1"
DENY: Final = "0"
DEFER: Final = ""

_ID = re.compile(r"[0-9a-fA-F]{16}|[0-9a-fA-F]{32}")
_SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")
_STATES: Final = {"0": DENY, "1": ACCEPT, "d": DEBUG, "false": DENY, "true": ACCEPT}


class _Received(NamedTuple):
    """What one set of B3 headers says; ids are 0 when only a decision was sent."""

    trace_id: int
    span_id: int
    state: str
    is_short: bool


class _Remembered(NamedTuple):
    """What the span context cannot hold, and the trace it belongs to."""

    trace_id: int
    state: str
    is_short: bool


_KEY: Final = create_key("agentops-b3")


class B3Propagator(textmap.TextMapPropagator):
    """Reads both forms, the single header first; writes the single header."""

    def extract(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        getter: textmap.Getter[textmap.CarrierT] = HEADERS,
    ) -> Context:
        """Return ``context`` with the remote span, or with the bare decision, that the headers bring."""
        found = Context() if context is None else context
        received = _read_single(_first(getter, carrier, "b3")) or _read_multi(carrier, getter)
        return found if received is None else _apply(received, found)

    def inject(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        setter: textmap.Setter[textmap.CarrierT] = HEADERS,
    ) -> None:
        """Write the current span; nothing when there is none."""
        told = _outgoing(context)
        if told is not None:
            trace_id, span_id, state = told
            setter.set(carrier, "b3", f"{trace_id}-{span_id}" + (f"-{state}" if state else ""))

    @property
    def fields(self) -> set[str]:
        """Names of the headers that may be written."""
        return {"b3"}


class B3MultiPropagator(B3Propagator):
    """Reads both forms, the single header first; writes the several headers."""

    def inject(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        setter: textmap.Setter[textmap.CarrierT] = HEADERS,
    ) -> None:
        """Write the current span; nothing when there is none."""
        told = _outgoing(context)
        if told is None:
            return
        trace_id, span_id, state = told
        setter.set(carrier, "x-b3-traceid", trace_id)
        setter.set(carrier, "x-b3-spanid", span_id)
        if state == DEBUG:
            setter.set(carrier, "x-b3-flags", "1")
        elif state:
            setter.set(carrier, "x-b3-sampled", state)

    @property
    def fields(self) -> set[str]:
        """Names of the headers that may be written."""
        return {"x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"}


def _first(getter: textmap.Getter[textmap.CarrierT], carrier: textmap.CarrierT, name: str) -> str:
    """Return the first value of a header without white space around it, or ``""``."""
    values = getter.get(carrier, name)
    return values[0].strip(" \t") if values else ""


def _read_single(value: str) -> _Received | None:
    if value in _STATES:
        return _Received(0, 0, _STATES[value], is_short=False)
    parts = value.split("-")
    if not 2 <= len(parts) <= 4:
        return None
    state = DEFER
    if len(parts) > 2:
        if parts[2] not in _STATES:
            return None
        state = _STATES[parts[2]]
    if len(parts) == 4 and not _SPAN_ID.fullmatch(parts[3]):
        return None
    return _received(parts[0], parts[1], state)


def _read_multi(
    carrier: textmap.CarrierT, getter: textmap.Getter[textmap.CarrierT]
) -> _Received | None:
    sampled = _first(getter, carrier, "x-b3-sampled").lower()
    state = DEBUG if _first(getter, carrier, "x-b3-flags") == "1" else _STATES.get(sampled, DEFER)
    trace_id, span_id = (
        _first(getter, carrier, "x-b3-traceid"),
        _first(getter, carrier, "x-b3-spanid"),
    )
    if not trace_id and not span_id:
        return _Received(0, 0, state, is_short=False) if state else None
    return _received(trace_id, span_id, state)


def _received(trace_id: str, span_id: str, state: str) -> _Received | None:
    if not _ID.fullmatch(trace_id) or not _SPAN_ID.fullmatch(span_id):
        return None
    ids = int(trace_id, 16), int(span_id, 16)
    return _Received(*ids, state, is_short=len(trace_id) == 16) if all(ids) else None


def _apply(received: _Received, context: Context) -> Context:
    """Return a context that holds what was received."""
    trace_id, span_id, state, is_short = received
    if state == DEFER:
        context = defer_sampling(context)
    if not trace_id:
        return deny_sampling(context) if state == DENY else context
    span_context = SpanContext(
        trace_id=trace_id,
        span_id=span_id,
        is_remote=True,
        trace_flags=TraceFlags(
            TraceFlags.SAMPLED if state in (ACCEPT, DEBUG) else TraceFlags.DEFAULT
        ),
    )
    if state in (DEBUG, DEFER) or is_short:
        context = set_value(_KEY, _Remembered(trace_id, state, is_short), context)
    return set_span_in_context(NonRecordingSpan(span_context), context)


def _outgoing(context: Context | None) -> tuple[str, str, str] | None:
    """Return trace id, span id and state to write; ``None`` when there is no span."""
    span = get_current_span(context).get_span_context()
    if not span.is_valid:
        return None
    state = ACCEPT if span.trace_flags.sampled else DENY
    trace_id = f"{span.trace_id:032x}"
    remembered = cast("_Remembered | None", get_value(_KEY, context))
    if remembered is not None and remembered.trace_id == span.trace_id:
        if remembered.is_short:
            trace_id = trace_id[16:]
        if remembered.state == DEBUG or (remembered.state == DEFER and span.is_remote):
            state = remembered.state
    return trace_id, f"{span.span_id:016x}", state

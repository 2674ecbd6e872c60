"""W3C Trace Context, Level 2: ``traceparent`` and ``tracestate``."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.propagators import textmap
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)

from agentops.instrumentation.carriers import HEADERS

__all__ = ["MEMBERS_MAX", "ReceivedTraceState", "TraceContextPropagator", "parse_tracestate"]

_TRACEPARENT = re.compile(
    r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)
_KEY = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}")
_VALUE = re.compile(r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_WHITE = " \t"

MEMBERS_MAX: Final = 32
"""List members in a tracestate; with more, all of it is dropped (3.3.1.1)."""

_KNOWN_FLAGS: Final = 0x03
"""``sampled`` and ``random``; other bits must not be sent in version 00 (4.3.1)."""


class ReceivedTraceState(TraceState):
    """A tracestate with the key grammar of Level 2; the stock class knows only that of Level 1."""

    def __init__(self, entries: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._dict = dict(reversed(entries))
        self._dict = {key: self._dict[key] for key, _ in entries}

    def add(self, key: str, value: str) -> TraceState:
        """Return a state with a new member in front; the same state if the member is there or not valid."""
        return self if key in self else self.update(key, value)

    def update(self, key: str, value: str) -> TraceState:
        """Return a state with the member in front, as 3.5 asks; the same state if it is not valid."""
        if not _is_valid_member(key, value):
            return self
        others = [(k, v) for k, v in self.items() if k != key]
        return ReceivedTraceState([(key, value), *others[: MEMBERS_MAX - 1]])

    def delete(self, key: str) -> TraceState:
        """Return a state without the member."""
        return ReceivedTraceState([(k, v) for k, v in self.items() if k != key])


def _is_valid_member(key: str, value: str) -> bool:
    """Whether a list member follows the grammar of 3.3.1.3."""
    return _KEY.fullmatch(key) is not None and _VALUE.fullmatch(value) is not None


def parse_tracestate(values: Iterable[str]) -> TraceState:
    """Return the state of one or more headers; an empty one when any member is malformed or there are too many."""
    entries = []
    for member in ",".join(values).split(","):
        text = member.strip(_WHITE)
        if not text:
            continue
        key, separator, value = text.partition("=")
        if not separator or not _is_valid_member(key, value):
            return ReceivedTraceState()
        entries.append((key, value))
    return ReceivedTraceState(entries if len(entries) <= MEMBERS_MAX else ())


def _parse_traceparent(values: Sequence[str]) -> tuple[int, int, int] | None:
    """Return trace id, span id and flags; ``None`` unless there is exactly one valid header."""
    if len(values) != 1:
        return None
    match = _TRACEPARENT.fullmatch(values[0].strip(_WHITE))
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest):
        return None
    ids = int(trace_id, 16), int(span_id, 16)
    return (*ids, int(flags, 16) & _KNOWN_FLAGS) if all(ids) else None


class TraceContextPropagator(textmap.TextMapPropagator):
    """Reads and writes ``traceparent`` and ``tracestate``."""

    def extract(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        getter: textmap.Getter[textmap.CarrierT] = HEADERS,
    ) -> Context:
        """Return ``context`` with the remote span as current; unchanged when the headers are not valid."""
        found = Context() if context is None else context
        told = _parse_traceparent(getter.get(carrier, "traceparent") or [])
        if told is None:
            return found
        trace_id, span_id, flags = told
        span_context = SpanContext(
            trace_id=trace_id,
            span_id=span_id,
            is_remote=True,
            trace_flags=TraceFlags(flags),
            trace_state=parse_tracestate(getter.get(carrier, "tracestate") or ()),
        )
        return set_span_in_context(NonRecordingSpan(span_context), found)

    def inject(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        setter: textmap.Setter[textmap.CarrierT] = HEADERS,
    ) -> None:
        """Write the current span; nothing when there is none."""
        span = get_current_span(context).get_span_context()
        if not span.is_valid:
            return
        flags = int(span.trace_flags) & _KNOWN_FLAGS
        setter.set(
            carrier, "traceparent", f"00-{span.trace_id:032x}-{span.span_id:016x}-{flags:02x}"
        )
        if span.trace_state:
            setter.set(
                carrier, "tracestate", ",".join(f"{k}={v}" for k, v in span.trace_state.items())
            )

    @property
    def fields(self) -> set[str]:
        """Names of the headers that may be written."""
        return {"traceparent", "tracestate"}

"""What becomes of a span that starts? Telemetry floor: the sampler's answer, in terms of the context.

The common case, everything is recorded, must cost next to nothing on the caller's thread.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision as OtelDecision
from opentelemetry.trace import SpanContext, TraceFlags, TraceState
from opentelemetry.util.types import Attributes

from agentops import semconv
from agentops.telemetry.ambient import (
    get_ambient,
    sampling_is_deferred,
    sampling_is_denied,
    span_above,
)
from agentops.telemetry.config import SamplingConfig
from agentops.telemetry.metrics import Metrics
from agentops.telemetry.records import AnyValue, SpanRecord
from agentops.telemetry.sampling import Decision, Facts, Fate, HeadSampler

__all__ = ["Head", "Verdict"]

_SAMPLED: Final = TraceFlags.SAMPLED
_RANDOM: Final = 0x02  # W3C Trace Context level 2; older opentelemetry-api has no name for it


class Verdict(NamedTuple):
    """What becomes of a span.

    Attributes:
        is_recorded: Whether it is worth recording, be it only for metrics or for a keep-rule.
        flags: Its W3C flags.
        trace_state: Its ``tracestate``.
        decision: About its session; ``None``: it is kept, or nobody asked.
        is_first: Whether the decision was made for it.
    """

    is_recorded: bool
    flags: TraceFlags
    trace_state: TraceState | None
    decision: Decision | None
    is_first: bool


_KEPT: Final = Verdict(True, TraceFlags(_SAMPLED | _RANDOM), None, None, False)
_DENIED: Final = Verdict(False, TraceFlags(_RANDOM), None, None, False)


class Head:
    """Judges spans that start. Safe for many threads.

    Args:
        config: The user's wishes.
        metrics: Asked whether spans that are left out must be measured.

    Attributes:
        sampler: Makes and remembers the decisions.
    """

    def __init__(self, config: SamplingConfig, metrics: Metrics) -> None:
        self.sampler = HeadSampler(config)
        self._keeps = config.keep.is_active
        self._metrics = metrics

    def judge(
        self,
        context: Context,
        above: SpanContext | None,
        trace_id: int,
        name: str,
        ambient: Mapping[str, AnyValue],
        attributes: Mapping[str, AnyValue] | None,
    ) -> Verdict:
        """Return what becomes of a span that starts in ``context`` below ``above``."""
        sure = self.sure(context, above)
        if sure is not None:
            return sure
        if above is None or sampling_is_deferred(context):
            if sampling_is_denied(context):
                return _DENIED
            return self._first(above, trace_id, name, {**ambient, **(attributes or {})})
        key = _key(ambient, trace_id)
        decision = self.sampler.find(key)
        if decision is None:
            if not (above.is_remote or self._metrics.is_wanted):
                return Verdict(
                    bool(above.trace_flags & _SAMPLED),
                    above.trace_flags,
                    above.trace_state,
                    None,
                    False,
                )
            is_sampled = bool(above.trace_flags & _SAMPLED)
            decision = self.sampler.follow(key, is_sampled, "as the caller decided")
            return self._verdict(decision, above, is_first=True)
        if decision.fate is Fate.OPEN and attributes:
            self.sampler.learn(decision, attributes)
        return self._verdict(decision, above, is_first=False)

    def sure(self, context: Context, above: SpanContext | None) -> Verdict | None:
        """Return what becomes of all that starts there; ``None`` where that takes more to know, or to remember."""
        if not self.sampler.is_trivial:
            return None
        if above is None or sampling_is_deferred(context):
            return None if sampling_is_denied(context) else _KEPT
        _, _, _, flags, trace_state, _ = above  # its properties are calls
        return Verdict(True, flags, trace_state, None, False) if flags & _SAMPLED else None

    def choose(
        self, context: Context | None, trace_id: int, name: str, attributes: Attributes
    ) -> tuple[OtelDecision, TraceState | None]:
        """Return the same for a span that the program makes with OpenTelemetry's own tracer."""
        current = context if context is not None else Context()
        above = span_above(context)
        verdict = self.judge(
            current, above, trace_id, name, get_ambient(context), dict(attributes or {})
        )
        if not verdict.is_recorded:
            return OtelDecision.DROP, verdict.trace_state
        is_sampled = verdict.flags & _SAMPLED
        chosen = OtelDecision.RECORD_AND_SAMPLE if is_sampled else OtelDecision.RECORD_ONLY
        return chosen, verdict.trace_state

    def find(self, record: SpanRecord) -> Decision | None:
        """Return the decision about a span that does not carry it: one of OpenTelemetry's own tracer."""
        decision = self.of(record.session_id, record.trace_id)
        if decision is not None and not decision.root_span_id and not record.parent_span_id:
            decision.root_span_id = record.span_id
        return decision

    def of(self, session_id: object, trace_id: int) -> Decision | None:
        """Return the decision about a session, or about a trace without one."""
        if self.sampler.is_trivial and not self.sampler.has_decisions:
            return None
        key = str(session_id) if session_id else f"{trace_id:032x}"
        return self.sampler.find(key)

    def _first(
        self,
        above: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: Mapping[str, AnyValue],
    ) -> Verdict:
        key = _key(attributes, trace_id)
        known = self.sampler.find(key)
        tags = attributes.get(semconv.AGENTOPS_TAGS)
        facts = Facts(
            str(attributes.get(semconv.AGENTOPS_SESSION_NAME) or name),
            tuple(map(str, tags)) if isinstance(tags, (list, tuple)) else (),
            attributes,
            is_call=semconv.GEN_AI_PROVIDER_NAME in attributes,
        )
        state = above.trace_state if above is not None else None
        decision = self.sampler.decide(key, trace_id, facts, state)
        if decision.fate is Fate.OPEN:
            self.sampler.learn(decision, attributes)
        return self._verdict(decision, above, is_first=known is None)

    def _verdict(self, decision: Decision, above: SpanContext | None, *, is_first: bool) -> Verdict:
        is_kept = decision.fate is Fate.KEPT or (decision.fate is Fate.OPEN and decision.is_flagged)
        random = above.trace_flags & _RANDOM if above is not None else _RANDOM
        flags = TraceFlags(random | (_SAMPLED if is_kept else 0))
        state = decision.trace_state
        if state is None and above is not None:
            state = above.trace_state
        is_recorded = decision.fate is not Fate.LEFT_OUT or self._keeps or self._metrics.is_wanted
        return Verdict(is_recorded, flags, state, decision, is_first)


def _key(attributes: Mapping[str, AnyValue], trace_id: int) -> str:
    session_id = attributes.get(semconv.SESSION_ID)
    return str(session_id) if session_id else f"{trace_id:032x}"

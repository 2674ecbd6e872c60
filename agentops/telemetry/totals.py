"""What did the process record altogether? Telemetry floor: a few sums, kept by the worker."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from agentops import semconv
from agentops.events import Event, EventType, LLMEvent
from agentops.telemetry.records import Record, SpanRecord

__all__ = ["SessionTotals", "Totals"]

_STEPS = frozenset({"agent", "tool", "task", "workflow", "guardrail"})
_SESSIONS_MAX: Final = 1_000


@dataclass(slots=True)
class SessionTotals:
    """Sums over one session.

    Attributes:
        events: How many events of each ``event_type``; what failed without one counts as ``errors``.
        cost_usd: US dollars of what has a price.
    """

    events: Counter[str] = field(default_factory=Counter)
    cost_usd: float = 0.0


@dataclass(slots=True)
class Totals:
    """Sums over all spans of a process.

    Attributes:
        llm_calls: Calls of models.
        steps: Executions of agents, tools, tasks, workflows and guardrails.
        tokens: Input and output tokens of the calls, as the providers counted them.
        cost_usd: US dollars of the calls whose price is known.
        unpriced_calls: Calls that used tokens and whose price is not known.
        sessions: By session id, the latest 1,000.
    """

    llm_calls: int = 0
    steps: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    unpriced_calls: int = 0
    sessions: OrderedDict[str, SessionTotals] = field(default_factory=OrderedDict)

    def add_to_session(
        self,
        session_id: object,
        events: Iterable[Event],
        span: SpanRecord | None = None,
        *,
        is_call: bool = False,
    ) -> None:
        """Count what a span stands for, or events without one, to their session; ``""``: to none.

        Args:
            session_id: Id of the session.
            events: Events that were made.
            span: The span they belong to.
            is_call: Whether the span stands for an event of a model call as well.
        """
        if not session_id:
            return
        session = self.sessions.get(str(session_id))
        if session is None:
            session = self.sessions[str(session_id)] = SessionTotals()
            if len(self.sessions) > _SESSIONS_MAX:
                self.sessions.popitem(last=False)
        if is_call:
            session.events[EventType.LLM.value] += 1
        for event in events:
            session.events[event.event_type] += 1
            if span is None and isinstance(event, LLMEvent):
                session.cost_usd += event.cost or 0.0
        if span is not None and span.attributes.get(semconv.AGENTOPS_SPAN_KIND) != "session":
            if span.status_code == 2:
                session.events["errors"] += 1
            cost = span.attributes.get(semconv.AGENTOPS_COST_USD)
            session.cost_usd += cost if isinstance(cost, (int, float)) else 0.0

    def add(self, record: Record) -> None:
        """Count a record in; spans of other things and events change nothing."""
        if not isinstance(record, SpanRecord):
            return
        kind = record.attributes.get(semconv.AGENTOPS_SPAN_KIND)
        cost = record.attributes.get(semconv.AGENTOPS_COST_USD)
        if isinstance(cost, (int, float)):
            self.cost_usd += cost
        if kind == "llm":
            self._add_call(record, is_priced=cost is not None)
        elif kind in _STEPS:
            self.steps += 1

    def _add_call(self, record: SpanRecord, *, is_priced: bool) -> None:
        self.llm_calls += 1
        used = 0
        for name in (semconv.GEN_AI_USAGE_INPUT_TOKENS, semconv.GEN_AI_USAGE_OUTPUT_TOKENS):
            count = record.attributes.get(name)
            used += count if isinstance(count, int) else 0
        self.tokens += used
        if used and not is_priced:
            self.unpriced_calls += 1

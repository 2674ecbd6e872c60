"""What did the process record altogether? Telemetry floor: a few sums, kept by the worker."""

from dataclasses import dataclass

from agentops import semconv
from agentops.telemetry.records import AnyValue, Record, SpanRecord

__all__ = ["Totals"]

_STEPS = frozenset({"agent", "tool", "task", "workflow", "guardrail"})


@dataclass(slots=True)
class Totals:
    """Sums over all spans of a process.

    Attributes:
        llm_calls: Calls of models.
        steps: Executions of agents, tools, tasks, workflows and guardrails.
        tokens: Input and output tokens of the calls, as the providers counted them.
        cost_usd: US dollars of the calls whose price is known.
        unpriced_calls: Calls that used tokens and whose price is not known.
    """

    llm_calls: int = 0
    steps: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    unpriced_calls: int = 0

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
        used = _count(record.attributes.get(semconv.GEN_AI_USAGE_INPUT_TOKENS))
        used += _count(record.attributes.get(semconv.GEN_AI_USAGE_OUTPUT_TOKENS))
        self.tokens += used
        if used and not is_priced:
            self.unpriced_calls += 1


def _count(value: AnyValue) -> int:
    return value if isinstance(value, int) else 0

"""Which sessions are kept after all? Telemetry floor; runs on the worker.

Records of a session that was left out, or whose decision is open, wait here until the session fails,
turns slow, costly or long, or ends. Memory is bounded; the session that has waited longest gives way.
Only this process's part of a session is seen.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from agentops import semconv
from agentops.telemetry.config import KeepConfig
from agentops.telemetry.records import AnyValue, EventRecord, Record, SpanRecord
from agentops.telemetry.sampling import Decision, Fate, HeadSampler

__all__ = ["Tail"]

_RECORD_BYTES: Final = 2048
_SAMPLED_FLAG: Final = 0x01
_SEVERITY_ERROR: Final = 17
_CONTAINERS: Final = frozenset({"invoke_agent", "invoke_workflow", "create_agent", "plan"})
_FORGET_MAX: Final = 10_000


@dataclass(slots=True)
class _Waiting:
    """Records of one session, and what they add up to."""

    decision: Decision
    records: list[Record] = field(default_factory=list)
    size_bytes: int = 0
    started_ns: int = 0
    cost_usd: float = 0.0
    tokens: int = 0


class Tail:
    """Holds back records until their session's fate is known. For one thread.

    Args:
        keep: Conditions that keep a session.
        sampler: Asked to answer decisions that are still open when a session ends.

    Attributes:
        left_out: Records that were not sent because of sampling.
    """

    def __init__(self, keep: KeepConfig, sampler: HeadSampler) -> None:
        self._keep = keep
        self._sampler = sampler
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._size_bytes = 0
        self._gone: OrderedDict[str, None] = OrderedDict()
        self.left_out = 0

    def pass_through(self, decision: Decision, record: Record) -> list[Record]:
        """Return the records that may go now that ``record`` has come: none, it, or all that waited."""
        if decision.fate is Fate.KEPT:
            record.flags |= _SAMPLED_FLAG
            return [*self._take(decision), record] if self._waiting else [record]
        if decision.fate is Fate.LEFT_OUT and not self._keep.is_active:
            self.left_out += 1 + len(self._take(decision))
            return []
        if decision.key in self._gone:
            self.left_out += 1
            return []
        waiting = self._hold(decision, record)
        reason = self._reason(waiting, record)
        if reason:
            decision.fate = Fate.KEPT
            decision.reason += f"; kept: {reason}"
            return self._take(decision)
        if isinstance(record, SpanRecord) and record.span_id == decision.root_span_id:
            return self._end(decision)
        self._make_room()
        return []

    def release(self, *, is_last: bool) -> list[tuple[Decision, list[Record]]]:
        """Return what need not wait any longer, with the decision about it.

        That is what a call elsewhere has decided in the meantime, without a record that came after it.

        Args:
            is_last: Whether nothing comes any more: every session is answered for then.
        """
        released = []
        for waiting in list(self._waiting.values()):
            decision = waiting.decision
            is_kept = decision.fate is Fate.KEPT
            if is_last and not is_kept:
                records = self._end(decision)
            elif is_kept:
                records = self._take(decision)
            else:
                continue
            if records:
                released.append((decision, records))
        return released

    def _hold(self, decision: Decision, record: Record) -> _Waiting:
        waiting = self._waiting.get(decision.key)
        if waiting is None:
            waiting = self._waiting[decision.key] = _Waiting(decision)
        size = _RECORD_BYTES + sum(map(_weigh, record.attributes.values()))
        waiting.records.append(record)
        waiting.size_bytes += size
        self._size_bytes += size
        return waiting

    def _reason(self, waiting: _Waiting, record: Record) -> str:
        """Add a record to its session's sums and return the condition that is met, or ``""``."""
        keep = self._keep
        if isinstance(record, EventRecord):
            failed = record.severity >= _SEVERITY_ERROR
            return "an error" if keep.errors and failed else ""
        started = waiting.started_ns or record.start_ns
        waiting.started_ns = min(started, record.start_ns)
        if record.attributes.get(semconv.GEN_AI_OPERATION_NAME) not in _CONTAINERS:
            waiting.cost_usd += _number(record.attributes.get(semconv.AGENTOPS_COST_USD))
            for key in (semconv.GEN_AI_USAGE_INPUT_TOKENS, semconv.GEN_AI_USAGE_OUTPUT_TOKENS):
                waiting.tokens += int(_number(record.attributes.get(key)))
        lasted_ms = (record.end_ns - waiting.started_ns) / 1e6
        conditions = {
            "an error": keep.errors and record.status_code == 2,
            "slow": keep.slower_than_ms is not None and lasted_ms > keep.slower_than_ms,
            "costly": keep.cost_above_usd is not None and waiting.cost_usd > keep.cost_above_usd,
            "many tokens": keep.tokens_above is not None and waiting.tokens > keep.tokens_above,
        }
        return next((reason for reason, is_met in conditions.items() if is_met), "")

    def _end(self, decision: Decision) -> list[Record]:
        """Answer for a session whose first span has ended without a reason to keep it."""
        self._sampler.close(decision)
        waited = self._take(decision)
        if decision.fate is Fate.KEPT:
            return waited
        self._leave_out(decision.key, waited)
        return []

    def _take(self, decision: Decision) -> list[Record]:
        waiting = self._waiting.pop(decision.key, None)
        if waiting is None:
            return []
        self._size_bytes -= waiting.size_bytes
        for record in waiting.records:
            record.flags |= _SAMPLED_FLAG
        return waiting.records

    def _make_room(self) -> None:
        while self._size_bytes > self._keep.buffer_bytes_max and self._waiting:
            key, waiting = self._waiting.popitem(last=False)
            self._size_bytes -= waiting.size_bytes
            self._leave_out(key, waiting.records)

    def _leave_out(self, key: str, records: list[Record]) -> None:
        self.left_out += len(records)
        self._gone[key] = None
        if len(self._gone) > _FORGET_MAX:
            self._gone.popitem(last=False)


def _weigh(value: AnyValue) -> int:
    return len(value) if isinstance(value, (str, bytes, list, dict)) else 0


def _number(value: AnyValue) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else 0.0  # type: ignore[arg-type] # narrowed above

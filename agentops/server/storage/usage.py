"""Which of several spans tells the usage of a model call? Two instrumentations at work tell it twice.

Who came first counts, so that nothing that is stored has to be changed, unless a later span shows that two of these
tell the same call; of those that come together the outer one of those that have a cost.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import attrgetter
from typing import Final

import msgspec

__all__ = ["CALL_COLUMNS", "Call", "Calls", "without_usage"]

CALL_COLUMNS: Final = (
    "trace_id, span_id, parent_span_id, scope_name, start_ns, end_ns, span_type, input_tokens, "
    "output_tokens, cost_usd, counts_usage"
)
"""The columns that a :class:`Call` is read from."""

_STEPS_MAX: Final = 16
_NEAR_MAX: Final = 8
_START: Final = attrgetter("start_ns")


class Call(msgspec.Struct, kw_only=True):
    """What is read of a span to tell whether it is a model call that another tells of too."""

    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int = 0
    parent_span_id: str = ""
    scope_name: str = ""
    span_type: str = "other"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    counts_usage: bool = True

    @property
    def tells_usage(self) -> bool:
        """Whether it is a model call with its usage; zeros are told by who does not know it."""
        return self.span_type == "llm" and bool(self.input_tokens)


class Calls:
    """The model calls of some traces; not safe for several threads.

    Args:
        calls: What is stored of them.
    """

    def __init__(self, calls: Iterable[Call]) -> None:
        self._by_id: dict[tuple[str, str], Call] = {}
        self._below: dict[tuple[str, str], dict[str, Call]] = {}
        self._alike: dict[tuple[str, str, int | None, int | None], list[Call]] = {}
        for call in calls:
            self.add(call)

    def add(self, call: Call) -> None:
        """Take one in."""
        if call.tells_usage:
            place = (call.trace_id, call.parent_span_id)
            self._by_id[call.trace_id, call.span_id] = call
            self._below.setdefault(place, {})[call.span_id] = call
            said = (*place, call.input_tokens, call.output_tokens)
            insort(self._alike.setdefault(said, []), call, key=_START)

    def is_counted(self, call: Call) -> bool:
        """Tell whether another span counts the usage that ``call`` tells.

        It is one that the call stands in, or that stands in the call, with nothing but model calls between them;
        or a sibling of another scope that says the same, where one of the two lasts while the other does.
        """
        others = chain(self._around(call), self._within(call), self._beside(call))
        return any(_counting(call, others))

    def counted_twice(self, call: Call) -> list[Call]:
        """Return those that need not count, where it takes ``call`` to see that others tell the same call."""
        outer = list(_counting(call, chain(self._around(call), self._beside(call))))
        inner = list(_counting(call, self._within(call))) if outer else []
        if not inner:
            return []
        return outer if all(each.cost_usd is None for each in outer) else inner

    def _around(self, call: Call) -> Iterator[Call]:
        for _ in range(_STEPS_MAX):
            outer = self._by_id.get((call.trace_id, call.parent_span_id))
            if outer is None:
                return
            yield outer
            call = outer

    def _within(self, call: Call) -> Iterator[Call]:
        found = [call]
        for _ in range(_STEPS_MAX):
            below = [self._below.get((call.trace_id, each.span_id), {}) for each in found]
            found = [each for calls in below for each in calls.values()]
            yield from found

    def _beside(self, call: Call) -> Iterator[Call]:
        said = (call.trace_id, call.parent_span_id, call.input_tokens, call.output_tokens)
        alike = self._alike.get(said, [])
        at = bisect_left(alike, call.start_ns, key=_START)
        # Of a loop's calls, which may all say the same, those that began about when it did.
        for other in alike[max(0, at - _NEAR_MAX) : at + _NEAR_MAX]:
            inner, outer = sorted((call, other), key=lambda each: each.end_ns - each.start_ns)
            is_inside = outer.start_ns <= inner.start_ns and inner.end_ns <= outer.end_ns
            if is_inside and inner.scope_name != outer.scope_name:
                yield other


def _counting(call: Call, others: Iterable[Call]) -> Iterator[Call]:
    return (other for other in others if other.counts_usage and other.span_id != call.span_id)


def without_usage(line: bytes) -> bytes:
    """Return the line of a row that counts usage as one that does not."""
    return line.replace(b'"counts_usage":true', b'"counts_usage":false', 1)

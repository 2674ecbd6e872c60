"""Which sessions are recorded? Telemetry floor: one decision per session, for its spans and its events.

The head decision is made when the first span of a session (or of a trace without one) starts: rules in
order, then the rate. It is consistent in the sense of OpenTelemetry's probability sampling: every
service that looks at the same trace with the same rate decides the same, and the threshold travels in
``tracestate`` as ``ot=th:...``. A rule that names a provider or a model can only be answered at the
first model call; until then the decision is open and the records wait in :mod:`agentops.telemetry.tail`.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import Final

from opentelemetry.trace import TraceState

from agentops import semconv
from agentops.clock import monotonic_ns
from agentops.telemetry.config import MatchConfig, SamplingConfig
from agentops.telemetry.records import AnyValue

__all__ = [
    "Decision",
    "Explanation",
    "Facts",
    "Fate",
    "HeadSampler",
    "explain",
    "threshold",
    "weight_in",
]

_RANDOM_BITS: Final = 56
_RANDOM_MASK: Final = (1 << _RANDOM_BITS) - 1
_REMEMBERED_MAX: Final = 10_000
_OWN_KEY: Final = "agentops"


class Fate(Enum):
    """What becomes of a session."""

    KEPT = "kept"
    """Its records are sent."""
    LEFT_OUT = "left out"
    """Its records are not sent, unless a keep-rule asks for them."""
    OPEN = "open"
    """A rule waits to learn the provider or model of the first call."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules can look at.

    Attributes:
        name: Name of the session, or of the first span where there is no session.
        tags: Tags of the session.
        attributes: Of the first span, ambient ones included.
        is_call: Whether provider and model are as known as they will ever be.
    """

    name: str
    tags: Sequence[str] = ()
    attributes: Mapping[str, AnyValue] = field(default_factory=dict)
    is_call: bool = False


class Decision:
    """The one decision about a session, shared by everything that belongs to it.

    Attributes:
        key: Session id, or the trace id in hex.
        fate: May change from open to another, and from left out to kept; never back.
        weight: How many sessions this one stands for; 0 for one kept on top of the sample.
        reason: Why, in words.
        trace_state: What spans of it carry; ``None``: nothing.
        is_flagged: Whether spans carry the sampled flag meanwhile.
        root_span_id: The span whose end closes the session; 0 until known.
        randomness: The 56 random bits it was compared with.
        facts: What the rules saw.
    """

    __slots__ = (
        "facts",
        "fate",
        "is_flagged",
        "key",
        "randomness",
        "reason",
        "root_span_id",
        "trace_state",
        "weight",
    )

    def __init__(self, key: str, randomness: int, facts: Facts) -> None:
        self.key = key
        self.randomness = randomness
        self.facts = facts
        self.fate = Fate.OPEN
        self.weight = 1.0
        self.reason = ""
        self.trace_state: TraceState | None = None
        self.is_flagged = False
        self.root_span_id = 0


@dataclass(frozen=True, slots=True)
class _Ruling:
    """What the rules say: a rate and why, or that it cannot be told yet (``rate`` is ``None``)."""

    rate: float | None
    reason: str


class HeadSampler:
    """Decides when a session or trace begins. Safe for many threads.

    Args:
        config: The user's wishes.
    """

    def __init__(self, config: SamplingConfig) -> None:
        self._config = config
        self._lock = threading.RLock()
        self._decisions: OrderedDict[str, Decision] = OrderedDict()
        self._bucket = (
            None
            if config.sessions_per_second_max is None
            else _Bucket(config.sessions_per_second_max)
        )
        self._states: dict[float, TraceState] = {}
        self._rate_max = max([config.rate, *(rule.rate for rule in config.rules)])
        self.is_trivial = config.rate == 1.0 and not config.rules and self._bucket is None

    def decide(self, key: str, trace_id: int, facts: Facts, parent: TraceState | None) -> Decision:
        """Return the decision for a session that begins, or the one it had already.

        Args:
            key: Session id, or trace id in hex where there is no session.
            trace_id: Of the first span; its low 56 bits are the randomness unless ``parent`` brings some.
            facts: What the rules look at.
            parent: ``tracestate`` that came with the trace.
        """
        with self._lock:
            known = self._decisions.get(key)
            if known is not None:
                self._decisions.move_to_end(key)
                return known
            decision = Decision(key, _randomness(trace_id, parent), facts)
            self._settle(decision)
            self._remember(decision)
            return decision

    def follow(self, key: str, is_sampled: bool, reason: str) -> Decision:
        """Return the decision for a trace whose parent, elsewhere, has decided already."""
        with self._lock:
            known = self._decisions.get(key)
            if known is None:
                known = Decision(key, 0, Facts(""))
                known.fate = Fate.KEPT if is_sampled else Fate.LEFT_OUT
                known.is_flagged = is_sampled
                known.weight = 1.0 if is_sampled else 0.0
                known.reason = reason
                self._remember(known)
            return known

    @property
    def has_decisions(self) -> bool:
        """Whether any decision is remembered."""
        return bool(self._decisions)

    def after_fork(self) -> None:
        """Take a new lock in a child process: the old one may be held by a thread that is gone."""
        self._lock = threading.RLock()

    def find(self, key: str) -> Decision | None:
        """Return a decision made earlier; ``None`` if there is none or it was long ago."""
        return self._decisions.get(key)

    def learn(self, decision: Decision, attributes: Mapping[str, AnyValue]) -> None:
        """Let an open decision see the attributes of a span that starts; a model call closes it."""
        if semconv.GEN_AI_PROVIDER_NAME in attributes or semconv.GEN_AI_REQUEST_MODEL in attributes:
            facts = decision.facts
            merged = {**facts.attributes, **_only_call(attributes)}
            self.close(decision, Facts(facts.name, facts.tags, merged, is_call=True))

    def close(self, decision: Decision, facts: Facts | None = None) -> None:
        """Answer an open decision with what is known now."""
        with self._lock:
            if decision.fate is Fate.OPEN:
                known = facts or decision.facts
                decision.facts = Facts(known.name, known.tags, known.attributes, is_call=True)
                self._settle(decision)

    def _settle(self, decision: Decision) -> None:
        ruling = _rule(self._config, decision.facts)
        decision.reason = ruling.reason
        if ruling.rate is None:
            decision.is_flagged = decision.randomness >= threshold(self._rate_max)
            return
        is_drawn = ruling.rate > 0 and decision.randomness >= threshold(ruling.rate)
        passed = 1 if self._bucket is None or not is_drawn else self._bucket.take()
        if is_drawn and not passed:
            decision.reason += "; over sessions_per_second_max"
        decision.is_flagged = is_drawn and passed > 0
        if decision.is_flagged:
            decision.weight = passed / ruling.rate
        else:  # kept later, it comes on top of a sample that stands for it; without a sample, for itself
            decision.weight = 0.0 if ruling.rate else 1.0
        if decision.is_flagged:
            decision.trace_state = self._state(ruling.rate, passed)
        decision.fate = Fate.KEPT if decision.is_flagged else Fate.LEFT_OUT

    def _state(self, rate: float, passed: int) -> TraceState | None:
        """Return the ``tracestate`` that tells the weight to everybody downstream."""
        if passed > 1:  # no threshold describes a rate limit, so the weight itself travels
            return TraceState([(_OWN_KEY, f"w:{passed / rate:g}")])
        if rate == 1.0:
            return None
        if rate not in self._states:
            digits = f"{threshold(rate):014x}".rstrip("0") or "0"
            self._states[rate] = TraceState([("ot", f"th:{digits}")])
        return self._states[rate]

    def _remember(self, decision: Decision) -> None:
        self._decisions[decision.key] = decision
        if len(self._decisions) > _REMEMBERED_MAX:
            self._decisions.popitem(last=False)


class _Bucket:
    """Lets so many through per second, and tells each how many it stands for."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._room = max(1.0, per_second) if per_second > 0 else 0.0
        self._left = self._room
        self._refused = 0
        self._seen_ns = monotonic_ns()

    def take(self) -> int:
        """Return 0 when refused, else 1 and those refused since the last that passed."""
        now = monotonic_ns()
        self._left = min(self._room, self._left + (now - self._seen_ns) / 1e9 * self._per_second)
        self._seen_ns = now
        if self._left < 1.0:
            self._refused += 1
            return 0
        self._left -= 1.0
        passed, self._refused = 1 + self._refused, 0
        return passed


def threshold(rate: float) -> int:
    """Return the rejection threshold of a rate: randomness at or above it is sampled.

    OpenTelemetry, "TraceState: Probability Sampling": ``T = (1 - rate) * 2**56``.
    """
    return round((1.0 - rate) * (1 << _RANDOM_BITS))


def weight_in(trace_state: str) -> float | None:
    """Return the weight that a ``tracestate`` header tells; ``None`` when it tells none.

    Args:
        trace_state: Header text, such as ``ot=th:8``.
    """
    for member in trace_state.split(","):
        vendor, _, value = member.strip().partition("=")
        if vendor == _OWN_KEY and value.startswith("w:"):
            return _weight_or_none(value[2:])
        if vendor == "ot":
            digits = _subkey(value, "th")
            if digits is not None and 0 < len(digits) <= 14 and _is_hex(digits):
                # Whole numbers: as a fraction, the highest threshold would round to all there is.
                everything = 1 << _RANDOM_BITS
                return everything / (everything - int(digits.ljust(14, "0"), 16))
    return None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What sampling would do with a session.

    Attributes:
        rate: Share of such sessions that is recorded; ``None``: it depends on the first model call.
        reason: Which rule or setting says so.
        keeps: Conditions that would keep such a session although it was left out.
    """

    rate: float | None
    reason: str
    keeps: tuple[str, ...]


def explain(config: SamplingConfig, facts: Facts) -> Explanation:
    """Tell what sampling would do with a session of which ``facts`` are known."""
    ruling = _rule(config, facts)
    keep = config.keep
    conditions = {
        "a span or event fails": keep.errors,
        f"it lasts longer than {keep.slower_than_ms} ms": keep.slower_than_ms is not None,
        f"it costs more than {keep.cost_above_usd} US dollars": keep.cost_above_usd is not None,
        f"it uses more than {keep.tokens_above} tokens": keep.tokens_above is not None,
    }
    keeps = tuple(text for text, is_set in conditions.items() if is_set)
    return Explanation(ruling.rate, ruling.reason, keeps)


def _rule(config: SamplingConfig, facts: Facts) -> _Ruling:
    for index, rule in enumerate(config.rules):
        matches = _matches(rule.match, facts)
        if matches is None:
            return _Ruling(None, f"sampling.rules[{index}] waits for the first model call")
        if matches:
            return _Ruling(rule.rate, f"sampling.rules[{index}] gives rate {rule.rate:g}")
    return _Ruling(config.rate, f"sampling.rate is {config.rate:g}")


def _matches(match: MatchConfig, facts: Facts) -> bool | None:
    """Return whether a rule speaks of these facts; ``None``: not to be told before the first call."""
    if match.name is not None and not fnmatchcase(facts.name, match.name):
        return False
    if not set(match.tags) <= set(facts.tags):
        return False
    for key, pattern in match.attributes.items():
        if key not in facts.attributes or not fnmatchcase(str(facts.attributes[key]), pattern):
            return False
    return _matches_call(match, facts)


def _matches_call(match: MatchConfig, facts: Facts) -> bool | None:
    wanted = {
        semconv.GEN_AI_PROVIDER_NAME: match.provider,
        semconv.GEN_AI_REQUEST_MODEL: match.model,
    }
    is_unknown = False
    for key, pattern in wanted.items():
        if pattern is None:
            continue
        value = facts.attributes.get(key)
        if value is None and not facts.is_call:
            is_unknown = True
        elif value is None or not fnmatchcase(str(value), pattern):
            return False
    return None if is_unknown else True


def _only_call(attributes: Mapping[str, AnyValue]) -> dict[str, AnyValue]:
    keys = (semconv.GEN_AI_PROVIDER_NAME, semconv.GEN_AI_REQUEST_MODEL)
    return {key: attributes[key] for key in keys if key in attributes}


def _randomness(trace_id: int, state: TraceState | None) -> int:
    """Return the 56 random bits of a trace: explicit ones (``rv``) before those of its id."""
    if state:
        digits = _subkey(state.get("ot") or "", "rv")
        if digits is not None and len(digits) == 14 and _is_hex(digits):
            return int(digits, 16)
    return trace_id & _RANDOM_MASK


def _subkey(value: str, name: str) -> str | None:
    for part in value.split(";"):
        key, _, text = part.partition(":")
        if key == name:
            return text
    return None


def _is_hex(text: str) -> bool:
    return all(letter in "0123456789abcdef" for letter in text)


def _weight_or_none(text: str) -> float | None:
    try:
        weight = float(text)
    except ValueError:
        return None
    return weight if 0.0 <= weight < math.inf else None

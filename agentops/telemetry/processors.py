"""What is done to a record before it leaves? Telemetry floor: plain callables, run on the worker.

In this order: content is reduced to the mode, values are cleaned, masked and cut, nested values of spans
become JSON text, and what went beyond a limit is marked and counted.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from agentops import semconv
from agentops.guard import guarded
from agentops.pricing import Prices
from agentops.telemetry.config import ContentMode, LimitsConfig
from agentops.telemetry.content import (
    event_with,
    is_content,
    is_content_field,
    is_left_out,
    reduced_value,
)
from agentops.telemetry.records import AnyValue, EventRecord, Record, SpanRecord
from agentops.telemetry.values import Cleaner, json_text

__all__ = ["Finisher", "Pricer", "stamp_weight"]

_SCALARS: Final = (str, bool, int, float, bytes)
_PRICED: Final = frozenset({"chat", "text_completion", "generate_content", "embeddings"})
_ATTRIBUTE_KEY_MAX: Final = 256


class Pricer:
    """Adds the cost of a model call to its record, where the call did not tell it; unknown stays absent."""

    def __init__(self) -> None:
        self._prices = Prices()

    def __call__(self, record: SpanRecord) -> None:
        """Price one span, in place."""
        attributes = record.attributes
        model = attributes.get(semconv.GEN_AI_RESPONSE_MODEL) or attributes.get(
            semconv.GEN_AI_REQUEST_MODEL
        )
        if semconv.AGENTOPS_COST_USD in attributes or not isinstance(model, str):
            return
        if attributes.get(semconv.GEN_AI_OPERATION_NAME) not in _PRICED:
            return
        tokens = tuple(_count(attributes.get(key)) for key in _TOKENS)
        if not any(tokens):
            return
        provider = str(attributes.get(semconv.GEN_AI_PROVIDER_NAME) or "")
        with guarded("pricing a call"):
            cost = self._prices.cost_usd(
                provider, model, (tokens[0], tokens[1], tokens[2], tokens[3]), record.start_ns
            )
            if cost is not None:
                attributes[semconv.AGENTOPS_COST_USD] = cost


_TOKENS: Final = (
    semconv.GEN_AI_USAGE_INPUT_TOKENS,
    semconv.GEN_AI_USAGE_OUTPUT_TOKENS,
    semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    semconv.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
)


def _count(value: AnyValue) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def stamp_weight(record: Record, weight: float | None) -> None:
    """Write down how many records this one stands for; one alone needs no writing."""
    if weight is not None and weight != 1.0:
        record.attributes[semconv.AGENTOPS_SAMPLING_WEIGHT] = weight


class Finisher:
    """Makes a record ready to leave, in place. For one thread.

    Args:
        limits: Bounds of values and of their number.
        mode: How much content stays.
        mask: Hides what must not leave; sees every text.
    """

    def __init__(self, limits: LimitsConfig, mode: ContentMode, mask: Callable[[str], str]) -> None:
        self._limits = limits
        self._mode = mode
        self._mask = mask
        self._cleaner = Cleaner(limits, mask)

    def __call__(self, record: Record) -> None:
        """Finish one record."""
        is_span = isinstance(record, SpanRecord)
        cut: list[str] = []
        kept = self._attributes(record.attributes, is_span, cut)
        record.dropped_attributes += len(record.attributes) - len(kept) - self._silent(record)
        if cut:
            kept[semconv.AGENTOPS_TRUNCATED] = cut
        record.attributes = kept
        if isinstance(record, SpanRecord):
            self._span(record)
        else:
            self._event(record)

    def present(self, attributes: Mapping[str, AnyValue]) -> dict[str, AnyValue]:
        """Return finished attributes of a span, the given ones untouched."""
        return self._attributes(attributes, True, [])

    def _attributes(
        self, given: Mapping[str, AnyValue], is_span: bool, cut: list[str]
    ) -> dict[str, AnyValue]:
        kept: dict[str, AnyValue] = {}
        mode, clean = self._mode, self._cleaner.clean
        for key, value in given.items():
            if len(kept) >= self._limits.attributes_max:
                break
            if is_left_out(key, mode):
                continue
            cleaned = clean(value)
            if self._cleaner.was_cut:
                cut.append(key)
            if mode != "full" and is_content(key):
                cleaned = reduced_value(cleaned, mode)
            name = key if len(key) <= _ATTRIBUTE_KEY_MAX else key[:_ATTRIBUTE_KEY_MAX]
            kept[name] = _flat(cleaned) if is_span else cleaned
        return kept

    def _silent(self, record: Record) -> int:
        """Return how many attributes the content mode leaves out: those are not losses."""
        if self._mode != "none":
            return 0
        return sum(is_left_out(key, "none") for key in record.attributes)

    def _span(self, record: SpanRecord) -> None:
        limits = self._limits
        record.name = self._text(record.name)
        message = record.attributes.get(semconv.ERROR_TYPE) if self._mode == "none" else None
        record.status_message = (
            str(message or "") if self._mode == "none" else self._text(record.status_message)
        )
        record.dropped_events += max(0, len(record.events) - limits.events_max)
        record.dropped_links += max(0, len(record.links) - limits.links_max)
        del record.events[limits.events_max :]
        del record.links[limits.links_max :]
        for event in record.events:
            event.attributes = self.present(event.attributes)
        for link in record.links:
            link.attributes = self.present(link.attributes)

    def _event(self, record: EventRecord) -> None:
        record.body = reduced_value(self._cleaner.clean(record.body), self._mode)
        if record.event is None:
            return
        with guarded("copying an event"):
            record.event = event_with(record.event, self._event_field)
            return
        record.event = None

    def _event_field(self, name: str, value: object) -> object:
        if is_content_field(name):
            return self._cleaner.clean(value) if self._mode == "full" else None
        is_text = type(value) is str
        return self._text(value) if is_text else value  # type: ignore[arg-type] # narrowed above

    def _text(self, text: str) -> str:
        return str(self._cleaner.clean(text)) if text else text


def _flat(value: AnyValue) -> AnyValue:
    """Return a cleaned value as span attributes carry it: nested values as JSON text."""
    if isinstance(value, dict):
        return json_text(value)
    if isinstance(value, list) and not _is_array(value):
        return json_text(value)
    return value


def _is_array(values: Sequence[AnyValue]) -> bool:
    """Whether all values are of one scalar type, as OpenTelemetry's arrays want it."""
    return len({type(value) for value in values}) <= 1 and isinstance(
        values[0] if values else "", _SCALARS
    )

"""What is done to a record before it leaves? Telemetry floor: plain callables, run on the worker.

In this order: content is reduced to the mode, values are cleaned, masked and cut, nested values of spans
become JSON text, and what went beyond a limit is marked and counted.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from agentops import semconv
from agentops.guard import guarded
from agentops.pricing import Prices, is_stand_in, priced_models
from agentops.telemetry.config import ContentMode, LimitsConfig
from agentops.telemetry.content import (
    event_with,
    is_content,
    is_content_field,
    is_left_out,
    reduced_value,
)
from agentops.telemetry.masking import Masks
from agentops.telemetry.records import (
    INT_MAX,
    AnyValue,
    EventRecord,
    PlainMessages,
    Record,
    SpanRecord,
)
from agentops.telemetry.values import Cleaner, PlainJson, json_text

__all__ = ["ATTRIBUTE_KEY_MAX", "PRICED_OPERATIONS", "Finisher", "Pricer", "stamp_weight"]

_SCALARS: Final = (str, bool, int, float, bytes)
PRICED_OPERATIONS: Final = frozenset({"chat", "text_completion", "generate_content", "embeddings"})
"""Operations that a price list may know."""

ATTRIBUTE_KEY_MAX: Final = 256
"""Characters of an attribute's key that are kept."""

_SHORT_MAX: Final = 4096
_WORDS_MAX: Final = 16


class Pricer:
    """Adds the cost of a model call to its record, where the call did not tell it; unknown stays absent.

    The price is that of the provider told: another one's price for a model of that name would be a guess.

    Args:
        prices: Where prices are.
        priced_hosts: Patterns of private hosts that relay a vendor's service.
    """

    def __init__(self, prices: Prices, priced_hosts: Sequence[str] = ()) -> None:
        self._prices = prices
        self._hosts = priced_hosts

    def foresees(self, attributes: Mapping[str, AnyValue]) -> bool:
        """Whether a call of a priced operation that starts with these attributes will have a price, most likely."""
        return not is_stand_in(attributes.get(semconv.SERVER_ADDRESS), attributes, self._hosts)

    def __call__(self, record: SpanRecord) -> None:
        """Price one span, in place."""
        get = record.attributes.get
        if get(semconv.GEN_AI_OPERATION_NAME) not in PRICED_OPERATIONS or get(_COST) is not None:
            return
        if semconv.AGENTOPS_COST_UNKNOWN in record.attributes:
            return
        counts: dict[str, int] = {}
        for key, unit in _UNITS:
            count = get(key)
            if type(count) is int and count > 0:
                counts[unit] = count
        provider = get(semconv.GEN_AI_PROVIDER_NAME)
        asked, answered = get(semconv.GEN_AI_REQUEST_MODEL), get(semconv.GEN_AI_RESPONSE_MODEL)
        better, other = priced_models(provider, asked, answered)
        model = better or other
        if not counts or not isinstance(model, str) or not isinstance(provider, str):
            return
        if is_stand_in(get(semconv.SERVER_ADDRESS), record.attributes, self._hosts):
            return
        with guarded("pricing a call"):
            cost = self._prices.cost_of_units(provider, model, counts, start_ns=record.start_ns)
            if cost is not None:
                record.attributes[_COST] = cost


_COST: Final = semconv.AGENTOPS_COST_USD
_UNITS: Final = (
    (semconv.GEN_AI_USAGE_INPUT_TOKENS, "input_tokens"),
    (semconv.GEN_AI_USAGE_OUTPUT_TOKENS, "output_tokens"),
    (semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, "cache_read_tokens"),
    (semconv.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS, "cache_write_tokens"),
)


def stamp_weight(record: Record, weight: float | None) -> None:
    """Write down how many records this one stands for; one alone needs no writing."""
    if weight is not None and weight != 1.0:
        record.attributes[semconv.AGENTOPS_SAMPLING_WEIGHT] = weight


class Finisher:
    """Makes a record ready to leave, in place. For one thread.

    Args:
        limits: Bounds of values and of their number.
        mode: How much content stays.
        masks: Hide what must not leave; see every text.
        keeps_events: Whether a destination wants the AgentOps event itself, and not only its attributes.

    Attributes:
        short_max: Characters of a text that needs no cutting.
    """

    def __init__(
        self, limits: LimitsConfig, mode: ContentMode, masks: Masks, *, keeps_events: bool = True
    ) -> None:
        self._keeps_events = keeps_events
        self._limits = limits
        self._mode = mode
        self._masks = masks
        self.short_max = min(_SHORT_MAX, limits.attribute_bytes_max)
        self._cleaner = Cleaner(limits, masks, masks.in_key)
        self._plain = PlainJson(limits)

    def __call__(self, record: Record) -> None:
        """Finish one record."""
        is_span = isinstance(record, SpanRecord)
        cut: list[str] = []
        kept = self._attributes(record.attributes, is_span, cut)
        if len(kept) < len(record.attributes):
            missing = len(record.attributes) - len(kept)
            record.dropped_attributes += missing - self.silent(record.attributes)
        if cut:
            kept[semconv.AGENTOPS_TRUNCATED] = cut
        record.attributes = kept
        if isinstance(record, SpanRecord):
            self.frame(record, kept.get(semconv.ERROR_TYPE))
        else:
            self._event(record)

    def present(self, attributes: Mapping[str, AnyValue]) -> dict[str, AnyValue]:
        """Return finished attributes of a span, the given ones untouched."""
        return self._attributes(attributes, True, [])

    def _attributes(
        self, given: Mapping[str, AnyValue], is_span: bool, cut: list[str]
    ) -> dict[str, AnyValue]:
        kept: dict[str, AnyValue] = {}
        mode, short_max, masks = self._mode, self.short_max, self._masks
        for key, value in given.items():
            if len(kept) >= self._limits.attributes_max:
                break
            if len(key) > ATTRIBUTE_KEY_MAX:
                key = key[:ATTRIBUTE_KEY_MAX]
            if mode != "full" and is_content(key):
                if mode == "metadata" and value is not None:
                    kept[key] = reduced_value(self.value(key, value, cut, is_span=is_span), mode)
                continue
            kind = type(value)
            # Nearly all values are of one of these kinds: they take no walk and no call.
            if kind is str and len(value) <= short_max and value.isascii():  # type: ignore[arg-type, attr-defined] # a str
                kept[key] = value if len(value) < masks.length_min else masks(value)  # type: ignore[arg-type] # a str
            elif kind is bool or kind is float or (kind is int and -INT_MAX <= value <= INT_MAX):  # type: ignore[operator] # an int
                kept[key] = value
            elif value is not None:
                kept[key] = self.value(key, value, cut, is_span=is_span)
        return kept

    @staticmethod
    def is_number(value: AnyValue) -> bool:
        """Whether an integer fits into OTLP's 64 bits."""
        return -INT_MAX <= value <= INT_MAX  # type: ignore[operator] # an int

    def value(self, key: str, value: AnyValue, cut: list[str], *, is_span: bool) -> AnyValue:
        """Return a finished value, of a kind that needs a closer look; a key whose value was cut joins ``cut``."""
        if is_span and _is_nested(value):
            raw = self.json(value)
            if raw is not None:
                return raw.decode()
        elif type(value) is list and self._is_list_of_words(value):
            return list(value)
        return self.cleaned(key, value, cut, is_span=is_span)

    def cleaned(self, key: str, value: AnyValue, cut: list[str], *, is_span: bool) -> AnyValue:
        """Return the same of a value that has to be cleaned for sure."""
        cleaned = self._cleaner.clean(value)
        if self._cleaner.was_cut:
            cut.append(key)
        return _flat(cleaned) if is_span else cleaned

    def json(self, value: AnyValue) -> bytes | None:
        """Return a dict, or a list of dicts, as finished JSON in UTF-8; ``None`` where it needs a closer look."""
        raw = self._plain.utf8(value)
        return None if raw is None or self._masks.may_change_utf8(raw) else raw

    def _is_list_of_words(self, values: list[AnyValue]) -> bool:
        """Whether there is nothing to clean: reasons to finish, tags."""
        return (
            0 < len(values) <= _WORDS_MAX
            and set(map(type, values)) == {str}
            and max(map(len, values)) < self._masks.length_min  # type: ignore[arg-type] # texts
            and "".join(values).isascii()  # type: ignore[arg-type] # texts
        )

    def silent(self, given: Mapping[str, AnyValue]) -> int:
        """Return how many attributes are missing on purpose: absent ones and those the mode leaves out."""
        absent = sum(value is None for value in given.values())
        if self._mode != "none":
            return absent
        return absent + sum(
            value is not None and is_left_out(key, "none") for key, value in given.items()
        )

    def frame(self, record: SpanRecord, error_type: AnyValue = None) -> None:
        """Finish a span but for its attributes.

        Args:
            record: The span.
            error_type: What stands for the text of its error where no content stays.
        """
        limits = self._limits
        record.name = self._text(record.name)
        if self._mode != "full":
            record.status_message = str(error_type or "")
        elif record.status_message:
            record.status_message = self._text(record.status_message)
        if not record.events and not record.links:
            return
        record.dropped_events += max(0, len(record.events) - limits.events_max)
        record.dropped_links += max(0, len(record.links) - limits.links_max)
        record.events = record.events[: limits.events_max]
        record.links = record.links[: limits.links_max]
        for event in record.events:
            event.attributes = self.present(event.attributes)
        for link in record.links:
            link.attributes = self.present(link.attributes)

    def _event(self, record: EventRecord) -> None:
        if record.body is not None:
            record.body = self.body(record.body)
        if record.event is None:
            return
        if not self._keeps_events:
            record.event = None
            return
        with guarded("copying an event"):
            record.event = event_with(record.event, self._event_field)
            return
        record.event = None

    def body(self, body: AnyValue) -> AnyValue:
        """Return the finished body of an event."""
        return reduced_value(self._cleaner.clean(body), self._mode)

    def _event_field(self, name: str, value: object) -> object:
        if is_content_field(name):
            return self._cleaner.clean(value) if self._mode == "full" else None
        is_text = type(value) is str
        return self._text(value) if is_text else value  # type: ignore[arg-type] # narrowed above

    def _text(self, text: str) -> str:
        if len(text) <= self.short_max and text.isascii() and not self._masks.may_change(text):
            return text
        return str(self._cleaner.clean(text))


def _is_nested(value: AnyValue) -> bool:
    """Whether a value becomes JSON text on a span for sure: a dict, or a list of dicts."""
    kind = type(value)
    is_list = kind is list or kind is PlainMessages
    return kind is dict or (is_list and bool(value) and type(value[0]) is dict)  # type: ignore[index]  # a list


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

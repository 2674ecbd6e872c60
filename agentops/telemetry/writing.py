"""How does a record become finished bytes in one walk? Telemetry floor; runs on the worker.

Where every receiver takes OTLP protobuf, nobody needs the finished values themselves. Then a value is looked at
once: what is short, plain and harmless, as nearly all values are, becomes bytes on the spot, and pairs that
come again and again are remembered. Everything else goes through the :class:`Finisher` and the encoder's long way.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from agentops import semconv
from agentops.clock import iso_from_ns
from agentops.events import EventType
from agentops.telemetry import protobuf
from agentops.telemetry.config import ContentMode, LimitsConfig
from agentops.telemetry.content import is_content, reduced_value
from agentops.telemetry.masking import Masks
from agentops.telemetry.processors import ATTRIBUTE_KEY_MAX, Finisher
from agentops.telemetry.recording import (
    EVENT_DURATION,
    EVENT_END,
    EVENT_START,
    REPEATED,
    call_event_frame,
    call_event_id,
    duration_s,
)
from agentops.telemetry.records import AnyValue, EventRecord, PlainMessages, SpanRecord

__all__ = ["Pairs", "Repeated", "Writer"]

Pairs = dict[str, bytes]
"""Attributes as encoded ``KeyValue`` messages by their keys, each with its length in front."""

_SPAN_TAG: Final = b"\x4a"
_EVENT_TAG: Final = b"\x32"
_SHORT_MAX: Final = 48
_KEYS_MAX: Final = 1024
_KEPT_MAX: Final = 64
_VARIED_MIN: Final = 512
_WORDS_MAX: Final = 16
_ATTRIBUTES_MAX: Final = 64
_SCALARS: Final = frozenset({str, int, float, bool})
_INTS: Final = 2048
_SMALL_INTS: Final = tuple(protobuf.any_value(number) for number in range(_INTS))


class _Key:
    """What is known of an attribute's key.

    Attributes:
        name: The key as it leaves.
        is_reduced: Whether the content mode keeps less than everything of its values.
        pairs: Encoded pairs with short values, by the value: a text, or a tuple of texts.
        is_varied: Whether it had so many different short values that looking for them is of no use.
        text_heads: What stands before a text in a pair, by its size in bytes.
        heads: What stands before any other value in a pair, by the size of its encoding.
    """

    __slots__ = (
        "_field",
        "_kept",
        "heads",
        "is_reduced",
        "is_varied",
        "name",
        "pairs",
        "text_heads",
    )

    def __init__(self, key: str, *, is_reduced: bool) -> None:
        self.name = key[:ATTRIBUTE_KEY_MAX]
        self.is_reduced = is_reduced
        self.pairs: dict[object, bytes] = {}
        self.is_varied = False
        self._kept = 0
        self.text_heads: dict[int, bytes] = {}
        self.heads: dict[int, bytes] = {}
        self._field = protobuf.key_field(self.name) + b"\x12"

    def with_text(self, raw: bytes) -> bytes:
        """Return the pair with a text, given as UTF-8."""
        size = len(raw)
        head = self.text_heads.get(size)
        if head is None:
            inner = b"\x0a" + protobuf.varint(size)
            head = self._head(len(inner) + size) + inner
            _keep(self.text_heads, size, head)
        return head + raw

    def with_value(self, raw: bytes) -> bytes:
        """Return the pair with an encoded ``AnyValue``."""
        size = len(raw)
        head = self.heads.get(size)
        if head is None:
            head = self._head(size)
            _keep(self.heads, size, head)
        return head + raw

    def keep(self, value: object, pair: bytes) -> None:
        """Remember the pair with a short value."""
        self._kept += 1
        self.is_varied = self._kept > _VARIED_MIN
        _keep(self.pairs, value, pair)

    def _head(self, size: int) -> bytes:
        prefix = protobuf.varint(size)
        whole = len(self._field) + len(prefix) + size
        return b"".join((protobuf.varint(whole), self._field, prefix))


def _keep(kept: dict[Any, bytes], key: object, value: bytes) -> None:
    """Remember something; where nothing comes twice, what is remembered soon goes."""
    if len(kept) >= _KEPT_MAX:
        kept.clear()
    kept[key] = value


class Repeated(NamedTuple):
    """Attributes of a span, as given and as written; ``nested``: those that look different on an event."""

    given: Mapping[str, AnyValue]
    pairs: Pairs
    nested: Collection[str]


class Writer:
    """Finishes records and encodes them, as :class:`Finisher` and the encoder do one after the other. For one thread.

    Args:
        limits: Bounds of values and of their number.
        mode: How much content stays.
        masks: Hide what must not leave; see every text.

    Attributes:
        writes_calls: Whether :meth:`call_event` may be used.
    """

    def __init__(self, limits: LimitsConfig, mode: ContentMode, masks: Masks) -> None:
        self._finish = Finisher(limits, mode, masks, keeps_events=False)
        self._limits = limits
        self._mode = mode
        self._masks = masks
        self._short_max = self._finish.short_max
        self._keys: dict[str, _Key] = {}
        self._nested: list[str] = []
        # Ids and times hold no key of a provider; a mask of the program may change any text, short ones too.
        self.writes_calls = masks.length_min > 0 and limits.attributes_max >= 2 * _ATTRIBUTES_MAX

    def takes(self, record: SpanRecord) -> bool:
        """Whether a record has no more attributes than may be kept; others take the long way."""
        return max(len(record.attributes), _ATTRIBUTES_MAX) <= self._limits.attributes_max

    def span(self, record: SpanRecord) -> Repeated:
        """Finish and encode a span that :meth:`takes` allows; return its attributes for its events to repeat."""
        given = record.attributes
        cut: list[str] = []
        self._nested = []
        pairs = self._pairs(given, cut, is_span=True)
        if len(pairs) < len(given):
            record.dropped_attributes += len(given) - len(pairs) - self._finish.silent(given)
        if cut:
            _mark(cut, pairs)
        self._finish.frame(record, None if self._mode == "full" else self._error_type(given))
        record.attributes = {}
        record.encoded = protobuf.span(record, _fields(_SPAN_TAG, pairs))
        return Repeated(given, pairs, self._nested)

    def event(self, record: EventRecord) -> None:
        """Finish and encode an event."""
        given = record.attributes
        if len(given) + _ATTRIBUTES_MAX > self._limits.attributes_max:
            self._finish(record)
            return
        cut: list[str] = []
        pairs = self._pairs(given, cut, is_span=False)
        if len(pairs) < len(given):
            record.dropped_attributes += len(given) - len(pairs) - self._finish.silent(given)
        if cut:
            _mark(cut, pairs)
        if record.body is not None:
            record.body = self._finish.body(record.body)
        record.attributes, record.event = {}, None
        record.encoded = protobuf.event(record, _fields(_EVENT_TAG, pairs))

    def call_event(self, span: SpanRecord, repeated: Repeated) -> EventRecord:
        """Return the event of a model call, encoded, where :attr:`writes_calls` allows it.

        It is that of :func:`~agentops.telemetry.recording.call_event_record`, but what it repeats is not written again.

        Args:
            span: The call.
            repeated: What :meth:`span` returned for it; of no use afterwards.
        """
        given, written, nested = repeated
        more = {name: given[name] for name in nested if name in _REPEATED}
        for name in more:
            del written[name]
        pairs = list(filter(None, map(written.get, REPEATED)))
        if given.get(semconv.GEN_AI_RESPONSE_MODEL) is None:
            more[semconv.GEN_AI_RESPONSE_MODEL] = given.get(semconv.GEN_AI_REQUEST_MODEL)
        if more:
            cut: list[str] = []
            found = self._pairs(more, cut, is_span=False)
            if cut:
                _mark(cut, found)
            pairs += found.values()
        pairs.append(
            _CALL_PAIRS
            % (
                call_event_id(span).encode(),
                iso_from_ns(span.start_ns).encode(),
                iso_from_ns(span.end_ns).encode(),
                protobuf.double_value(duration_s(span)),
            )
        )
        record = call_event_frame(span)
        record.encoded = protobuf.event(record, _EVENT_TAG + _EVENT_TAG.join(pairs))
        return record

    def _error_type(self, given: Mapping[str, AnyValue]) -> AnyValue:
        """Return the finished type of an error where it is all that may be told of it."""
        if self._mode == "full" or semconv.ERROR_TYPE not in given:
            return None
        shown = self._finish.present({semconv.ERROR_TYPE: given[semconv.ERROR_TYPE]})
        return shown.get(semconv.ERROR_TYPE)

    def _pairs(self, given: Mapping[str, AnyValue], cut: list[str], *, is_span: bool) -> Pairs:
        """Finish and encode attributes. The innermost loop of all: nearly every value is remembered or a small number."""
        pairs: Pairs = {}
        keys = self._keys
        for key, value in given.items():
            known = keys.get(key) or self._learn(key)
            kind = type(value)
            if kind is str:
                if len(value) <= _SHORT_MAX:  # type: ignore[arg-type] # a str
                    pair = known.pairs.get(value) or self._text(known, value, cut)  # type: ignore[arg-type] # a str
                else:
                    pair = self._text(known, value, cut)  # type: ignore[arg-type] # a str
            elif kind is int and 0 <= value < _INTS and not known.is_reduced:  # type: ignore[operator] # an int
                raw = _SMALL_INTS[value]  # type: ignore[call-overload] # an int
                head = known.heads.get(len(raw))
                pair = known.with_value(raw) if head is None else head + raw
            elif value is not None:
                pair = self._other(known, value, cut, is_span=is_span)
            else:
                continue
            if pair is not None:
                pairs[known.name] = pair
        return pairs

    def _text(self, known: _Key, text: str, cut: list[str]) -> bytes | None:
        """Return the pair with a text that is not remembered; ``None`` where the mode leaves it out."""
        if known.is_reduced:
            return self._reduced(known, text, cut, is_span=True)
        before, size = len(cut), len(text)
        if size > self._short_max or not text.isascii() or self._masks.may_change(text):
            pair = self._whole(known, text, cut, is_span=True)
        else:
            pair = known.with_text(text.encode())
        if (
            size <= _SHORT_MAX
            and not known.is_varied
            and self._masks.is_steady
            and len(cut) == before
        ):
            known.keep(text, pair)
        return pair

    def _learn(self, key: str) -> _Key:
        is_reduced = self._mode != "full" and is_content(key)
        if len(self._keys) >= _KEYS_MAX:
            self._keys.clear()
        known = self._keys[key] = _Key(key, is_reduced=is_reduced)
        return known

    def _other(
        self, known: _Key, value: AnyValue, cut: list[str], *, is_span: bool
    ) -> bytes | None:
        """Return the pair with a value that is no text; ``None`` where the mode leaves it out."""
        kind = type(value)
        if known.is_reduced:
            return self._reduced(known, value, cut, is_span=is_span)
        if kind is float:
            return known.with_value(protobuf.double_value(value))  # type: ignore[arg-type] # a float
        if kind is bool or (kind is int and self._finish.is_number(value)):
            return known.with_value(protobuf.any_value(value))
        if kind is PlainMessages and is_span and value:
            return self._messages(known, value, cut)
        if (kind is list or kind is tuple) and value:
            first = type(value[0])  # type: ignore[index] # see left
            if first is dict and is_span and kind is list:
                return self._messages(known, value, cut)
            if first is str and len(value) <= _WORDS_MAX:  # type: ignore[arg-type] # see above
                return self._words(known, value, cut, is_span=is_span)  # type: ignore[arg-type] # see above
        return self._whole(known, value, cut, is_span=is_span)

    def _messages(self, known: _Key, value: AnyValue, cut: list[str]) -> bytes:
        """Return the pair with a list of dicts on a span, which becomes JSON text."""
        self._nested.append(known.name)
        raw = self._finish.json(value)
        if raw is not None:
            return known.with_text(raw)
        return _pair(known, self._finish.cleaned(known.name, value, cut, is_span=True))

    def _reduced(
        self, known: _Key, value: AnyValue, cut: list[str], *, is_span: bool
    ) -> bytes | None:
        if self._mode == "none":
            return None
        cleaned = self._finish.value(known.name, value, cut, is_span=is_span)
        return known.with_value(protobuf.any_value(reduced_value(cleaned, self._mode)))

    def _words(
        self, known: _Key, value: Sequence[AnyValue], cut: list[str], *, is_span: bool
    ) -> bytes:
        """Return the pair with a short list, remembered when it holds nothing but short texts."""
        words = tuple(value) if set(map(type, value)) == {str} else ()
        pair = known.pairs.get(words)
        if pair is None:
            before = len(cut)
            pair = self._whole(known, value, cut, is_span=is_span)
            is_short = bool(words) and max(map(len, words)) <= _SHORT_MAX  # type: ignore[arg-type] # texts
            is_sure = self._masks.is_steady and len(cut) == before and not known.is_varied
            if is_short and is_sure:
                known.keep(words, pair)
        return pair

    def _whole(self, known: _Key, value: AnyValue, cut: list[str], *, is_span: bool) -> bytes:
        if is_span and type(value) is not str:
            self._nested.append(known.name)
        return _pair(known, self._finish.value(known.name, value, cut, is_span=is_span))


def _pair(known: _Key, cleaned: AnyValue) -> bytes:
    if type(cleaned) is str:
        return known.with_text(protobuf.clean_text(cleaned))
    return known.with_value(protobuf.any_value(cleaned))


_REPEATED: Final = frozenset(REPEATED)


def _gaps(key: str, size: int) -> bytes:
    """Return the pair with a text of a fixed size, or an encoded value where ``size`` is below 0, with a gap for it."""
    known, hole = _Key(key, is_reduced=False), b"\0" * abs(size)
    pair = known.with_text(hole) if size > 0 else known.with_value(hole)
    return pair.replace(b"%", b"%%").replace(hole, b"%b")


_CALL_PAIRS: Final = _EVENT_TAG.join(
    (
        _Key(semconv.AGENTOPS_EVENT_TYPE, is_reduced=False).with_text(EventType.LLM.value.encode()),
        _gaps(semconv.AGENTOPS_EVENT_ID, len("12345678-1234-1234-1234-123456789012")),
        _gaps(EVENT_START, len("2026-01-01T00:00:00.000000+00:00")),
        _gaps(EVENT_END, len("2026-01-01T00:00:00.000000+00:00")),
        _gaps(EVENT_DURATION, -len(protobuf.any_value(1.5))),
    )
)
"""What the events of all calls have, with gaps for what differs; each always has the same size."""


def _mark(cut: list[str], pairs: Pairs) -> None:
    """Tell which attributes were cut."""
    known = _Key(semconv.AGENTOPS_TRUNCATED, is_reduced=False)
    pairs[known.name] = known.with_value(protobuf.any_value(cut))


def _fields(tag: bytes, pairs: Pairs) -> bytes:
    return tag.join((b"", *pairs.values()))

"""How does an item of the queue become the records that leave? Telemetry floor: the worker's work.

Completion, record, price, metrics, sampling, finishing: in this order, so that metrics know nothing of
sampling and nothing leaves unfinished.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from opentelemetry.sdk.trace import ReadableSpan

from agentops import semconv
from agentops.events import LLMEvent
from agentops.pricing import Prices
from agentops.telemetry.completion import Completion
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.content import is_spoken
from agentops.telemetry.destination import Destination
from agentops.telemetry.head import Head
from agentops.telemetry.masking import Masks
from agentops.telemetry.metrics import Metrics
from agentops.telemetry.pending import CompletedSpan, LateSpan, PendingEvent
from agentops.telemetry.pipeline import Step
from agentops.telemetry.processors import Finisher, Pricer, stamp_weight
from agentops.telemetry.recording import (
    call_event_record,
    complete_record,
    completed_event_record,
    event_record,
    span_record,
    take_completion,
)
from agentops.telemetry.records import AnyValue, EventRecord, Record, SpanRecord
from agentops.telemetry.sampling import Decision, Fate, weight_in
from agentops.telemetry.spans import DeferredSpan
from agentops.telemetry.tail import Tail
from agentops.telemetry.totals import Totals
from agentops.telemetry.writing import Repeated, Writer

__all__ = ["Preparation", "Wanted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What do the destinations need of a record? What none of them needs is not made.

    Attributes:
        events: AgentOps events themselves, and not only their attributes.
        span_records: The finished fields of spans, and not only their OTLP protobuf.
        event_records: The same of events and log records.
        logs: Events and log records at all, in whatever form.
    """

    events: bool = True
    span_records: bool = True
    event_records: bool = True
    logs: bool = True

    @staticmethod
    def by(destinations: Iterable[Destination]) -> "Wanted":
        """Return what these destinations need."""
        named: set[str] = set()
        reads = False
        for each in destinations:
            named.update(each.exporter.encodings)
            reads = reads or not each.exporter.encodings or each.content is not None
        return Wanted(
            events=reads or "agentops_events" in named,
            span_records=reads or "traces_json" in named,
            event_records=reads
            or bool(named - {"traces_protobuf", "traces_json", "logs_protobuf"}),
            logs=reads or bool(named - {"traces_protobuf", "traces_json"}),
        )


@lru_cache(maxsize=64)
def _is_late(kind: type) -> bool:
    """Tell whether items of a type are :class:`LateSpan`; to ask an abstract class takes ten times as long."""
    return issubclass(kind, LateSpan)


@dataclass(slots=True)
class Draft:
    """A span between the steps.

    Attributes:
        record: What it tells.
        completion: What its completion told; merged into the record.
        decision: About its session; ``None``: it is kept.
        events: Those of its completion, not finished; known when it is written.
        repeated: What its bytes hold; ``None``: it is not written.
        is_brief: Whether the event of the model call that it is comes besides, made of ``repeated``.
    """

    record: SpanRecord
    completion: Completion | None = None
    decision: Decision | None = None
    events: Sequence[EventRecord] = ()
    repeated: Repeated | None = None
    is_brief: bool = False


class Preparation:
    """Makes records of items. Its steps are for the pipeline's worker only.

    Args:
        config: The user's wishes.
        head: Knows the decisions.
        metrics: Where spans are measured.
        wanted: What the destinations need.
        prices: Where prices are.

    Attributes:
        totals: Sums over what was seen so far.
        pricer: Prices model calls.
    """

    def __init__(
        self,
        config: TelemetryConfig,
        head: Head,
        metrics: Metrics,
        wanted: Wanted,
        prices: Prices,
    ) -> None:
        self._config = config
        self._head = head
        self._find = head.find
        self._wanted = wanted
        self._masks = Masks(config.mask)
        self._keeps = config.sampling.keep.is_active
        self.pricer = self._price = Pricer(prices, config.priced_hosts)
        self._finish = Finisher(
            config.limits, config.content, self._masks, keeps_events=wanted.events
        )
        self._writer = Writer(config.limits, config.content, self._masks)
        self._tail = Tail(config.sampling.keep, head.sampler)
        self._metrics = metrics
        self.totals = Totals()

    @property
    def left_out(self) -> int:
        """Records not sent because of sampling, so far."""
        return self._tail.left_out

    def after_fork(self) -> None:
        """Forget, in a child process, what waits: it belongs to the parent."""
        self._tail = Tail(self._config.sampling.keep, self._head.sampler)

    def present(self, attributes: Mapping[str, AnyValue]) -> dict[str, AnyValue]:
        """Return attributes as others may see them: reduced, masked, limited. For any thread."""
        finish = Finisher(self._config.limits, self._config.content, self._masks)
        if self._config.content_on == "events":
            attributes = {key: each for key, each in attributes.items() if not is_spoken(key)}
        return finish.present(attributes)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is done to an item of the queue, one after the other; the last returns its records, often none or one."""
        return self._read, self._count, self._write, self._records

    def _read(self, item: object) -> Draft | PendingEvent:
        """Return what a span tells, its completion merged in: for a call, its request and answer are read."""
        if isinstance(item, PendingEvent):
            return item
        if _is_late(type(item)):  # type: ignore[arg-type] # a class has a hash
            record, completion = item.ended()  # type: ignore[attr-defined] # see left
            complete_record(record, completion)
            return Draft(record, completion)
        if isinstance(item, CompletedSpan):
            span, completion = item.span, item.completion
        else:
            assert isinstance(item, ReadableSpan)
            span, completion = item, take_completion(item)
        record = span_record(span, completion)
        decision = span.decision if isinstance(span, DeferredSpan) else self._find(record)
        return Draft(record, completion, decision)

    def _count(self, draft: Draft | PendingEvent) -> Draft | PendingEvent:
        """Price a span and count it in, before sampling."""
        if isinstance(draft, Draft):
            record, completion = draft.record, draft.completion
            self._price(record)
            self.totals.add(record)
            self._metrics.measure(record, completion)
            events = () if completion is None else completion.events
            is_call = completion is not None and completion.is_model_call
            self.totals.add_to_session(record.session_id, events, record, is_call=is_call)
        elif draft.event is not None:
            session_id = draft.ambient.get(semconv.SESSION_ID)
            self.totals.add_to_session(session_id, (draft.event,))
        return draft

    def _write(self, draft: Draft | PendingEvent) -> Draft | PendingEvent:
        """Finish and encode a span whose bytes are all that is needed."""
        if isinstance(draft, Draft) and draft.decision is None and not self._wanted.span_records:
            record = draft.record
            if not record.trace_state and self._writer.takes(record):
                draft.events = self._events_of(draft, is_written=True)
                draft.repeated = self._writer.span(record)
        return draft

    def _records(self, draft: Draft | PendingEvent) -> list[Record]:
        """Return the finished records of an item, and of others that waited for it."""
        if isinstance(draft, PendingEvent):
            return self._event(draft)
        if draft.repeated is None:
            return self._span(draft)
        finish = self._finish if self._wanted.event_records else self._writer.event
        for event in draft.events:
            finish(event)
        if draft.is_brief:
            call_event = self._writer.call_event(draft.record, draft.repeated)
            return [draft.record, call_event, *draft.events]
        return [draft.record, *draft.events]

    def _event(self, item: PendingEvent) -> list[Record]:
        if item.decision is None and not self._wanted.logs:
            return []
        record = event_record(item, keeps_event=self._wanted.events)
        if item.decision is None and not item.trace_state and not self._wanted.event_records:
            self._writer.event(record)
            return [record]
        if not self._is_left_out(item.decision, 1):
            return self._pass([record], item.decision, item.trace_state)
        return []

    def _span(self, draft: Draft) -> list[Record]:
        record, completion, decision = draft.record, draft.completion, draft.decision
        events_count = 0
        if completion is not None:
            events_count = completion.is_model_call + len(completion.events)
        if self._is_left_out(decision, 1 + events_count):
            return []
        records: list[Record] = [record, *self._events_of(draft, is_written=False)]
        if decision is not None:
            records.reverse()  # the end of a session's first span closes it: its events go before
        return self._pass(records, decision, record.trace_state)

    def _events_of(self, draft: Draft, *, is_written: bool) -> list[EventRecord]:
        """Return the records of the events of a span, and note whether that of its call can be written in brief.

        Args:
            draft: The span.
            is_written: Whether the span is written before its events are.
        """
        record, completion, wanted = draft.record, draft.completion, self._wanted
        if completion is None or not (completion.events or completion.is_model_call):
            return []
        content = self._content_for_events(record)
        if draft.decision is None and not wanted.logs:
            return []
        made = []
        if completion.is_model_call:
            is_whole = wanted.event_records or not self._writer.writes_calls
            draft.is_brief = is_written and not (content or is_whole)
            if not draft.is_brief:
                made.append(call_event_record(record, content, keeps_event=wanted.events))
        for event in completion.events:
            if isinstance(event, LLMEvent) and event.cost is None:
                cost = record.attributes.get(semconv.AGENTOPS_COST_USD)
                event.cost = cost if isinstance(cost, float) else None
            made.append(completed_event_record(event, record, content, keeps_event=wanted.events))
        return made

    def release(self, is_last: bool) -> list[Record]:
        """Return records held back that are due; ``True``: the pipeline ends, all that will ever be."""
        records = []
        for decision, waited in self._tail.release(is_last=is_last):
            for record in waited:
                stamp_weight(record, decision.weight)
            records += waited
        return records

    @property
    def holds_back(self) -> bool:
        """Whether records may wait here for the fate of their session."""
        return self._keeps or not self._head.sampler.is_trivial

    def _content_for_events(self, record: SpanRecord) -> dict[str, AnyValue]:
        """Return the content that goes on the events of a span, taken off the span if that is wanted."""
        place = self._config.content_on
        if place == "spans":
            return {}
        content = {key: each for key, each in record.attributes.items() if is_spoken(key)}
        if place == "events":
            for key in content:
                del record.attributes[key]
        return content

    def _is_left_out(self, decision: Decision | None, count: int) -> bool:
        if decision is None or decision.fate is not Fate.LEFT_OUT or self._keeps:
            return False
        self._tail.left_out += count
        return True

    def _pass(
        self, records: list[Record], decision: Decision | None, trace_state: str
    ) -> list[Record]:
        weight = weight_in(trace_state) if trace_state else None
        for record in records:
            self._finish(record)
            stamp_weight(record, weight)
        if decision is None:
            return records
        passed = [each for record in records for each in self._tail.pass_through(decision, record)]
        for each in passed:
            stamp_weight(each, decision.weight)
        return passed

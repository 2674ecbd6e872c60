"""How does an item of the queue become the records that leave? Telemetry floor: the worker's work.

Completion, record, price, metrics, sampling, finishing: in this order, so that metrics know nothing of
sampling and nothing leaves unfinished.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from opentelemetry.sdk.trace import ReadableSpan

from agentops import semconv
from agentops.events import Event, LLMEvent
from agentops.pricing import Prices
from agentops.telemetry.completion import Completion
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.content import is_spoken
from agentops.telemetry.destination import Destination
from agentops.telemetry.head import Head
from agentops.telemetry.masking import Masks
from agentops.telemetry.metrics import Metrics
from agentops.telemetry.pending import CompletedSpan, LateSpan, PendingEvent
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
from agentops.telemetry.writing import Writer

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


class Preparation:
    """Makes records of items. Called by the pipeline's worker only.

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

    def complete(self, items: Sequence[object]) -> None:
        """Read requests and answers of the calls among these items, so that they are ready when asked for."""
        for item in items:
            if _is_late(type(item)):  # type: ignore[arg-type] # a class has a hash
                item.ended()  # type: ignore[attr-defined] # see left
            elif isinstance(item, DeferredSpan):
                item.completion = take_completion(item)

    def __call__(self, item: object) -> list[Record]:
        """Return the records of one item, and of others that waited for it; often none or one."""
        if _is_late(type(item)):  # type: ignore[arg-type] # a class has a hash
            record, completion = item.ended()  # type: ignore[attr-defined] # see above
            complete_record(record, completion)
            return self._records(record, completion, None)
        if isinstance(item, DeferredSpan):
            return self._span(item, take_completion(item))
        if isinstance(item, PendingEvent):
            return self._event(item)
        if isinstance(item, CompletedSpan):
            return self._span(item.span, item.completion)
        assert isinstance(item, ReadableSpan)
        return self._span(item, None)

    def _event(self, item: PendingEvent) -> list[Record]:
        if item.event is not None:
            self.totals.add_to_session(item.ambient.get(semconv.SESSION_ID), (item.event,))
        if item.decision is None and not self._wanted.logs:
            return []
        record = event_record(item, keeps_event=self._wanted.events)
        if item.decision is None and not item.trace_state and not self._wanted.event_records:
            self._writer.event(record)
            return [record]
        if not self._is_left_out(item.decision, 1):
            return self._pass([record], item.decision, item.trace_state)
        return []

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

    def _span(self, span: ReadableSpan, completion: Completion | None) -> list[Record]:
        record = span_record(span, completion)
        decision = span.decision if isinstance(span, DeferredSpan) else self._find(record)
        return self._records(record, completion, decision)

    def _records(
        self, record: SpanRecord, completion: Completion | None, decision: Decision | None
    ) -> list[Record]:
        self._price(record)
        self.totals.add(record)
        self._metrics.measure(record, completion)
        events = () if completion is None else completion.events
        is_call = completion is not None and completion.is_model_call
        self.totals.add_to_session(record.session_id, events, record, is_call=is_call)
        if self._is_left_out(decision, 1 + is_call + len(events)):
            return []
        content = self._content_for_events(record) if events or is_call else {}
        if decision is None and not self._wanted.logs:
            events, is_call = (), False
        is_plain = decision is None and not record.trace_state and self._writer.takes(record)
        made = self._events_of(events, record, content)
        if is_plain and not self._wanted.span_records:
            return self._written(record, made, content if is_call else None)
        if is_call:
            keeps = self._wanted.events
            made.insert(0, call_event_record(record, content, keeps_event=keeps))
        records: list[Record] = [record, *made]
        if decision is not None:
            records.reverse()  # the end of a session's first span closes it: its events go before
        return self._pass(records, decision, record.trace_state)

    def _events_of(
        self, events: Sequence[Event], record: SpanRecord, content: Mapping[str, AnyValue]
    ) -> list[EventRecord]:
        """Return the records of the events of a completion."""
        made = []
        keeps = self._wanted.events
        for event in events:
            if isinstance(event, LLMEvent) and event.cost is None:
                cost = record.attributes.get(semconv.AGENTOPS_COST_USD)
                event.cost = cost if isinstance(cost, float) else None
            made.append(completed_event_record(event, record, content, keeps_event=keeps))
        return made

    def _written(
        self,
        record: SpanRecord,
        events: list[EventRecord],
        call_content: Mapping[str, AnyValue] | None,
    ) -> list[Record]:
        """Finish and encode a span whose bytes are all that is needed, and its events.

        Args:
            record: The span.
            events: Of its completion.
            call_content: What of the span's content goes on the event of the model call that it is; ``None``: it is none.
        """
        wanted = self._wanted
        is_short = not (call_content or wanted.event_records) and self._writer.writes_calls
        if call_content is not None and not is_short:
            call_event = call_event_record(record, call_content, keeps_event=wanted.events)
            events.insert(0, call_event)
        repeated = self._writer.span(record)
        for event in events:
            if wanted.event_records:
                self._finish(event)
            else:
                self._writer.event(event)
        if call_content is not None and is_short:
            events.insert(0, self._writer.call_event(record, repeated))
        return [record, *events]

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

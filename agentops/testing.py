"""For the tests of those who build on AgentOps: an in-memory exporter and contract suites."""

import gc
import json
import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, TypeVar

from agentops import client, guard, semconv
from agentops.errors import SessionError
from agentops.telemetry.encoder import ENCODINGS
from agentops.telemetry.exporters.base import Batch, Exporter, ExportResult, Outcome
from agentops.telemetry.exporters.memory import MemoryExporter
from agentops.telemetry.records import EventRecord, Record, SpanRecord

__all__ = ["ExporterContract", "ProviderContract", "Recording", "recording"]

_PATIENCE_MS = 30_000  # a busy machine takes its time; where it is not, nobody waits

RecordT = TypeVar("RecordT", SpanRecord, EventRecord)


class Recording:
    """What was recorded so far; each reading waits until everything has arrived.

    Args:
        exporter: Where the records arrive.
    """

    def __init__(self, exporter: MemoryExporter) -> None:
        self._exporter = exporter

    @property
    def records(self) -> list[Record]:
        """Spans and events in the order they arrived; a fresh list."""
        client.flush(_PATIENCE_MS)
        return self._exporter.records

    @property
    def spans(self) -> list[SpanRecord]:
        """The spans, in the order they ended."""
        return [record for record in self.records if isinstance(record, SpanRecord)]

    @property
    def events(self) -> list[EventRecord]:
        """The events."""
        return [record for record in self.records if isinstance(record, EventRecord)]

    def span(self, name: str) -> SpanRecord:
        """Return the only span called ``name``.

        Raises:
            LookupError: There is none, or more than one; the message lists the names there are.
        """
        return _only(name, self.spans)

    def event(self, name: str) -> EventRecord:
        """Return the only event called ``name``.

        Raises:
            LookupError: There is none, or more than one; the message lists the names there are.
        """
        return _only(name, self.events)

    def clear(self) -> None:
        """Forget what was recorded so far."""
        client.flush(_PATIENCE_MS)
        self._exporter.clear()


@contextmanager
def recording(
    *,
    auto_start: bool = False,
    telemetry: Mapping[str, object] | None = None,
    **options: Any,  # noqa: ANN401 - keywords of init
) -> Iterator[Recording]:
    """Record into memory inside the block; nothing leaves the process.

    Args:
        auto_start: Whether there is an automatic session.
        telemetry: More of the configuration's ``telemetry``; its exporters are replaced.
        **options: Further keywords of :func:`agentops.init`. No provider is instrumented unless
            ``instrument`` names it.

    Raises:
        SessionError: AgentOps runs already.
    """
    if client.active() is not None:
        raise SessionError("agentops runs already; call agentops.shutdown() before recording()")
    exporter = MemoryExporter()
    configured = {"spool": {"enabled": False}, **(telemetry or {}), "exporters": [exporter]}
    quiet = {"instrument": [], "session": {"print_summary": False}}
    client.begin(
        client.merged(quiet, {**options, "telemetry": configured}), {"auto_start": auto_start}
    )
    try:
        yield Recording(exporter)
    finally:
        client.shutdown(_PATIENCE_MS)


class ProviderContract(ABC):
    """What every provider has to do: the program must not notice it, and no call may be missed.

    Derive from it in a test module and fill in the methods::

        class TestMine(ProviderContract):
            path = "my_package:MyInstrumentation"
            attributes = {"gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 7}

            def call(self):
                return my_sdk.Client(url_of_a_test_server).ask("Hi")

            def stream(self):
                return my_sdk.Client(url_of_a_test_server).ask("Hi", stream=True)

            def fail(self):
                my_sdk.Client(url_of_a_broken_server).ask("Hi")

    What ``call`` returns is compared with ``==`` between a bare and an instrumented call, and so is what
    a stream brings. None of the instrumentation's methods may raise.
    """

    path: str = ""
    """``package.module:Class`` of the instrumentation, or its name."""

    attributes: Mapping[str, object] = {}
    """What the span of ``call``, and of ``stream`` when it is read, has to tell: name to value."""

    @abstractmethod
    def call(self) -> object:
        """Make one call that succeeds; return what the SDK returned."""

    @abstractmethod
    def stream(self) -> Iterator[object]:
        """Make one call whose answer is streamed; return the SDK's stream, which is iterated."""

    @abstractmethod
    def fail(self) -> object:
        """Make one call that raises."""

    @contextmanager
    def _recording(self) -> Iterator[Recording]:
        before = guard.faults()
        with recording(instrument=[self.path]) as recorded:
            yield recorded
        failed = [place for place, count in guard.faults().items() if count > before.get(place, 0)]
        assert not failed, f"the instrumentation raised while {' and '.join(failed)}"

    def test_the_program_gets_the_same_and_one_call_is_one_span(self) -> None:
        """The result is that of the bare SDK; its span and its event tell of it."""
        expected = self.call()
        with self._recording() as recorded:
            answer = self.call()
            span = _only_call(recorded)
        assert type(answer) is type(expected)
        assert answer == expected
        assert span.name
        self._check_answered(span)

    def test_a_stream_brings_the_same_and_ends_its_span_when_it_is_read(self) -> None:
        """The span of a stream ends after its last chunk, once, and tells of them."""
        expected = list(self.stream())
        with self._recording() as recorded:
            stream = self.stream()
            assert recorded.spans == [], "a stream's span ended before the stream"
            chunks = list(stream)
            span = _only_call(recorded)
        assert chunks == expected
        self._check_answered(span)

    def test_a_stream_that_is_dropped_ends_its_span(self) -> None:
        """A program may stop reading whenever it likes."""
        with self._recording() as recorded:
            stream = self.stream()
            next(iter(stream))
            del stream
            gc.collect()
            _only_call(recorded)

    def test_an_exception_passes_through_and_is_told(self) -> None:
        """The exception is of the same type with the same text; the span has its type and is an error."""
        kind, text = self._failure()
        with self._recording() as recorded:
            assert self._failure() == (kind, text)
            span = _only_call(recorded)
        assert span.status_code == 2
        assert span.attributes["error.type"]

    def test_nothing_is_left_behind(self) -> None:
        """After ``shutdown`` no call is recorded any more, and the SDK works as before."""
        with self._recording():
            expected = self.call()
        with recording() as recorded:
            assert self.call() == expected
            assert recorded.spans == []

    def _check_answered(self, span: SpanRecord) -> None:
        assert any(name in span.attributes for name in _OF_ANSWERS), "nothing is told of the answer"
        told = {name: span.attributes.get(name) for name in self.attributes}
        assert told == self.attributes

    def _failure(self) -> tuple[type[Exception], str]:
        caught = _Caught()
        with caught:
            self.fail()
        assert caught.error is not None, "fail() has to raise"
        return type(caught.error), str(caught.error)


_OF_ANSWERS = (
    semconv.GEN_AI_OUTPUT_MESSAGES,
    semconv.GEN_AI_RESPONSE_ID,
    semconv.GEN_AI_RESPONSE_MODEL,
    semconv.GEN_AI_RESPONSE_FINISH_REASONS,
    semconv.GEN_AI_USAGE_OUTPUT_TOKENS,
)
_TEXTS = (
    semconv.GEN_AI_REQUEST_MODEL,
    semconv.GEN_AI_RESPONSE_ID,
    semconv.GEN_AI_RESPONSE_MODEL,
    semconv.ERROR_TYPE,
)
_MESSAGES = (semconv.GEN_AI_INPUT_MESSAGES, semconv.GEN_AI_OUTPUT_MESSAGES)


def _only_call(recorded: Recording) -> SpanRecord:
    """Return the only span, which is of a call and has the form that everybody reads."""
    [span] = recorded.spans
    [event] = recorded.events
    assert (event.trace_id, event.span_id) == (span.trace_id, span.span_id)
    told = span.attributes
    assert told[semconv.GEN_AI_PROVIDER_NAME], "LLMCall.provider is empty"
    assert told.get(semconv.GEN_AI_OPERATION_NAME), "LLMCall.operation is empty"
    for name, value in told.items():
        assert _has_form(name, value), f"{name} is {value!r}, not what its field of LLMCall takes"
    return span


def _has_form(name: str, value: object) -> bool:
    if name.startswith("gen_ai.usage."):
        return type(value) is int
    if name in _TEXTS:
        return isinstance(value, str)
    if name == semconv.GEN_AI_RESPONSE_FINISH_REASONS:
        return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
    return name not in _MESSAGES or _is_messages(str(value))


def _is_messages(spelled: str) -> bool:
    """Tell whether it is JSON of messages: each with a role and parts, each of which has a type."""
    try:
        for message in json.loads(spelled):
            if not message["role"] or not all(part["type"] for part in message["parts"]):
                return False
    except (ValueError, TypeError, KeyError):
        return False
    return True


class _Caught:
    """Keeps the exception that leaves its block."""

    error: Exception | None = None

    def __enter__(self) -> "_Caught":
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        self.error = error if isinstance(error, Exception) else None
        return self.error is not None


class ExporterContract(ABC):
    """What every exporter has to do.

    Derive from it in a test module and fill in the two methods::

        class TestMine(ExporterContract):
            def make(self):
                return MyExporter(...)

            def arrived(self):
                return [...]  # names of the spans the receiver has, in order

    The tests need nothing but a runner that finds classes called ``Test…``, such as pytest.
    """

    timeout_s = 5.0
    """Seconds a delivery may take."""

    @abstractmethod
    def make(self) -> Exporter:
        """Return a fresh exporter whose receiver works."""

    @abstractmethod
    def arrived(self) -> Sequence[str]:
        """Return the names of the spans that the receiver has."""

    def _send(self, exporter: Exporter, *records: Record) -> list[ExportResult]:
        whole = Batch(records)
        if not exporter.encodings:
            return [exporter.export(whole, self.timeout_s)]
        parts = [whole.part(encoding) for encoding in exporter.encodings]
        batches = [Batch(parts={part.encoding: part}) for part in parts if part is not None]
        return [exporter.export(batch, self.timeout_s) for batch in batches]

    def test_it_can_be_told_apart(self) -> None:
        """It has a name for log lines, and asks for encodings that exist."""
        exporter = self.make()
        assert exporter.name
        assert exporter.name.isprintable()
        assert set(exporter.encodings) <= set(ENCODINGS)
        assert not exporter.is_remote or exporter.identity
        exporter.shutdown()

    def test_every_span_arrives_once(self) -> None:
        """What it reports as delivered is there, once."""
        exporter = self.make()
        for start in (0, 2):
            results = self._send(exporter, _span(f"c{start}"), _span(f"c{start + 1}"))
            assert {Outcome.DELIVERED} == {result.outcome for result in results}
        exporter.flush(5000)
        assert [name for name in self.arrived() if name[0] == "c"] == ["c0", "c1", "c2", "c3"]
        exporter.shutdown()

    def test_events_do_no_harm(self) -> None:
        """A batch with events is taken, whether or not the receiver has a place for them."""
        exporter = self.make()
        results = self._send(exporter, _span("c"), EventRecord(name="e", time_ns=1))
        assert {Outcome.DELIVERED} == {result.outcome for result in results}
        exporter.shutdown()

    def test_odd_values_do_no_harm(self) -> None:
        """Whatever attributes hold, the neighbours arrive."""
        odd: dict[str, object] = {
            "nan": math.nan,
            "inf": -math.inf,
            "surrogate": "a\ud800b",
            "huge": 2**70,
            "bytes": b"\xff\x00",
            "none": None,
            "nested": {"a": [1, {"b": (None, True)}]},
            "control": "\x1b[2J\r\n\x00",
            "": "no name",
        }
        exporter = self.make()
        strange = _span("\ud800 strange", attributes=odd)
        results = self._send(exporter, _span("before"), strange, _span("after"))
        assert {Outcome.DELIVERED} == {result.outcome for result in results}
        exporter.flush(5000)
        assert {"before", "after"} <= set(self.arrived())
        exporter.shutdown()

    def test_records_are_left_as_they_were(self) -> None:
        """Other destinations share them."""
        exporter = self.make()
        span = _span("c", attributes={"nested": {"a": [1]}})
        before = deepcopy(span)
        self._send(exporter, span)
        assert before == span
        exporter.shutdown()

    def test_it_works_on_another_thread_than_it_was_made_on(self) -> None:
        """The pipeline sends from a thread of its own."""
        exporter = self.make()
        results: list[ExportResult] = []
        thread = threading.Thread(target=lambda: results.extend(self._send(exporter, _span("c"))))
        thread.start()
        thread.join()
        assert [result.outcome for result in results] == [Outcome.DELIVERED]
        exporter.shutdown()

    def test_it_can_go_on_after_fork(self) -> None:
        """In a child process it forgets the parent's connections and makes its own."""
        exporter = self.make()
        self._send(exporter, _span("c0"))
        exporter.after_fork()
        assert {Outcome.DELIVERED} == {each.outcome for each in self._send(exporter, _span("c1"))}
        exporter.shutdown()

    def test_it_can_end_at_any_time(self) -> None:
        """Ending is possible before anything was sent, and more than once."""
        exporter = self.make()
        exporter.flush(100)
        exporter.shutdown()
        exporter.shutdown()


def _span(name: str, attributes: dict[str, object] | None = None) -> SpanRecord:
    return SpanRecord(
        name=name,
        trace_id=0xC0DE,
        span_id=0xC0,
        parent_span_id=0,
        start_ns=1_700_000_000_000_000_000,
        end_ns=1_700_000_000_001_000_000,
        attributes=attributes or {"n": 1},
        resource={"service.name": "contract"},
    )


def _only(name: str, found: list[RecordT]) -> RecordT:
    same = [record for record in found if record.name == name]
    if len(same) != 1:
        names = ", ".join(sorted({record.name for record in found})) or "nothing"
        raise LookupError(f"{len(same)} records are called {name!r}; recorded: {names}")
    return same[0]

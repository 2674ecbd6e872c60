"""Hostile values, clocks and callables: the caller pays nothing for them and nothing of ours breaks."""

import gc
import pickle
import time
import weakref

import pytest
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext

from agentops import guard
from agentops.events import ActionEvent, Event
from agentops.telemetry.completion import Completion
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.manager import TelemetryManager


@pytest.fixture
def manager():
    return TelemetryManager(TelemetryConfig(exporters=[{"type": "memory"}]))


def finish(manager, value, **more):
    """Put ``value`` wherever a value can stand, and return the thread's CPU seconds and the records."""
    started = time.thread_time()
    span = manager.create_span("s", parent=Context(), attributes={"a": value})
    span.set_attribute("b", value)
    span.add_event("e", {"c": value})
    manager.record(ActionEvent(params=value, returns=[value]), span=span)
    manager.end_span(span, complete=lambda: Completion(attributes={"d": value}), **more)
    spent = time.thread_time() - started
    assert manager.flush(20_000)
    memory = manager.exporters[0]
    return spent, memory.spans, memory.events


class Liar:
    @property
    def __class__(self):
        raise RuntimeError("class")

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __repr__(self):
        raise RuntimeError("repr")

    def __len__(self):
        return -1

    def __iter__(self):
        raise RuntimeError("iter")

    def __eq__(self, other):
        raise RuntimeError("eq")

    __hash__ = None


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


CYCLE = {}
CYCLE["self"] = CYCLE


VALUES = {
    "liar": Liar,
    "deep": lambda: nested(10_000),
    "wide": lambda: list(range(1_000_000)),
    "surrogates": lambda: "\ud800" * 100,
    "not a number": lambda: float("nan"),
    "huge": lambda: 2**70_000,
    "cycle": lambda: CYCLE,
    "bytes": lambda: b"\xff" * 100,
    "keys": lambda: {("a", 1): {None: Liar()}},
    "long": lambda: "x" * 50_000_000,
}


@pytest.mark.parametrize("name", list(VALUES))
def test_odd_value_costs_the_caller_nothing_and_is_delivered(manager, name):
    spent, spans, events = finish(manager, VALUES[name]())

    assert spent < 0.06
    assert len(spans) == len(events) == 1
    assert {"a", "b", "d"} <= set(spans[0].attributes)
    manager.exporters[0].clear()


def test_cut_attributes_are_named(manager):
    _, (span,), _ = finish(manager, "x" * 2_000_000)

    assert span.attributes["agentops.truncated"] == ["a", "b", "d"]
    assert "...truncated (was 2000000 bytes, sha256 " in span.attributes["a"]


def test_flood_of_attributes_is_bounded_and_counted(manager):
    span = manager.create_span("s", parent=Context())
    for number in range(100_000):
        span.set_attribute(f"k{number}", number)
    manager.end_span(span)
    assert manager.flush(30_000)

    (made,) = manager.exporters[0].spans
    assert len(made.attributes) == 1024
    assert made.dropped_attributes == 100_000 - 1024


def test_flood_of_events_is_bounded_and_counted(manager):
    span = manager.create_span("s", parent=Context())
    for number in range(5_000):
        span.add_event(f"e{number}")
    manager.end_span(span)
    assert manager.flush(30_000)

    (made,) = manager.exporters[0].spans
    assert len(made.events) == 128
    assert made.dropped_events == 5_000 - 128


def test_flood_of_links_is_bounded_and_counted(manager):
    span = manager.create_span("s", parent=Context())
    for number in range(5_000):
        span.add_link(SpanContext(1, number + 1, False))
    assert len(span.links) == 1024
    manager.end_span(span)
    assert manager.flush(30_000)

    (made,) = manager.exporters[0].spans
    assert len(made.links) == 128
    assert made.dropped_links == 5_000 - 128


def test_failing_completion_costs_only_itself(manager):
    def complete():
        raise RuntimeError("reader")

    guard.be_strict(False)
    span = manager.create_span("s", parent=Context(), attributes={"a": 1})
    manager.end_span(span, complete=complete)
    assert manager.flush(30_000)

    assert manager.exporters[0].spans[0].attributes == {"a": 1}


def test_clock_that_jumps_gives_true_durations(manager, monkeypatch):
    wall = [10**18]
    monkeypatch.setattr("agentops.telemetry.spans.now_ns", lambda: wall[0])
    for jump in (-86_400, 86_400, -3_600):
        span = manager.create_span("s", parent=Context())
        wall[0] += jump * 10**9
        manager.end_span(span)
    assert manager.flush(30_000)

    durations = [span.end_ns - span.start_ns for span in manager.exporters[0].spans]
    assert all(0 <= each < 10**9 for each in durations)


def test_exception_is_described_without_keeping_its_frames(manager):
    class Resource:
        pass

    held = None

    def work():
        nonlocal held
        resource = Resource()
        held = weakref.ref(resource)
        raise ValueError("x")

    span = manager.create_span("s", parent=Context())
    try:
        work()
    except ValueError as error:
        manager.end_span(span, error=error)
    gc.collect()

    assert held() is None
    assert manager.flush(30_000)
    exception = manager.exporters[0].spans[0].events[0].attributes
    assert 'raise ValueError("x")' in exception["exception.stacktrace"]


def test_exception_without_text_of_its_own_is_described(manager):
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no")

    span = manager.create_span("s", parent=Context())
    manager.end_span(span, error=Mute())
    assert manager.flush(30_000)

    (made,) = manager.exporters[0].spans
    assert made.status_code == 2
    assert made.attributes["error.type"].endswith("Mute")


def test_event_changed_after_it_was_delivered_keeps_what_was_sent(manager):
    event = ActionEvent(params={"a": [1]})
    manager.record(event)
    assert manager.flush(30_000)

    event.params["a"].append(2)

    assert manager.exporters[0].events[0].event.params == {"a": [1]}


def test_event_class_of_the_program_is_recorded(manager):
    class Purchase(Event):
        pass

    manager.record(Purchase("purchase", params={"sum": 3}))
    assert manager.flush(30_000)

    (record,) = manager.exporters[0].events
    assert record.name == "agentops.custom"
    assert record.attributes["agentops.event.type"] == "purchase"


def test_ending_twice_and_setting_after_the_end_do_nothing(manager):
    span = manager.create_span("s", parent=Context())
    manager.end_span(span)
    span.set_attribute("late", 1)
    span.add_event("late")
    span.update_name("late")
    span.end()
    manager.end_span(span, error=ValueError())
    assert manager.flush(30_000)

    (made,) = manager.exporters[0].spans
    assert (made.name, made.attributes, list(made.events), made.status_code) == ("s", {}, [], 0)


def test_everything_after_shutdown_is_harmless(manager):
    manager.shutdown()

    manager.end_span(manager.create_span("s", parent=Context()))
    manager.record(ActionEvent())
    manager.emit("x")

    assert manager.shutdown().lost >= 0
    assert manager.flush(30_000)


def test_a_span_in_pickle_is_its_context(manager):
    span = manager.create_span("s", parent=Context())
    copy = pickle.loads(pickle.dumps(span))
    copy.set_attribute("a", 1)
    copy.end()

    assert copy.get_span_context() == span.get_span_context()
    assert span.is_recording()

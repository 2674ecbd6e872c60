"""Calls that nobody looks at before their end: the worker names them, and they tell what they would have told at once."""

import threading
import time

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor
from support.openai_wire import Wire

import agentops
from agentops.client import active
from agentops.instrumentation.providers.openai import OpenAIInstrumentation
from agentops.testing import recording

ASKED = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]}
PLAIN = {"instrument": ["openai"]}


class Looking(SpanProcessor):
    """A processor of the program."""

    def __init__(self):
        self.started = []

    def on_start(self, span, parent_context=None):
        self.started.append((span.name, dict(span.attributes)))


def ask(client=None, **more):
    return (client or Wire().client()).chat.completions.create(**ASKED, **more)


@pytest.fixture
def begun(monkeypatch):
    """Note on which threads the spans of calls are made."""
    made, make = [], OpenAIInstrumentation.client_call

    def noting(self, request):
        made.append(threading.current_thread().name)
        return make(self, request)

    monkeypatch.setattr(OpenAIInstrumentation, "client_call", noting)
    return made


def test_the_first_call_to_a_service_begins_at_once_and_the_next_on_the_worker(begun):
    with recording(**PLAIN) as recorded:
        for _ in range(3):
            ask()
        spans = recorded.spans

    assert begun == ["MainThread", "agentops-worker", "agentops-worker"]
    first, *others = [{**span.attributes, "agentops.event.id": ""} for span in spans]
    assert others == [first, first]
    assert {(span.name, span.kind, span.parent_span_id) for span in spans} == {("chat gpt-5", 3, 0)}
    assert len({span.trace_id for span in spans}) == 3


def test_its_times_are_those_of_the_call(begun):
    with recording(**PLAIN) as recorded:
        ask()
        before = time.time_ns()
        ask()
        after = time.time_ns()
        time.sleep(0.05)
        _, late = recorded.spans

    assert begun[-1] == "agentops-worker"
    assert before <= late.start_ns <= late.end_ns <= after + 1_000_000


def test_it_belongs_where_and_to_what_it_was_made_in(begun):
    with recording(**PLAIN) as recorded:
        ask()
        with agentops.session("shop", tags=["before"]) as session, agentops.agent("clerk"):
            ask()
            session.add_tags(["after"])
        agent = recorded.span("invoke_agent clerk")
        late = recorded.spans[1]

    assert begun.count("agentops-worker") == 1
    assert (late.trace_id, late.parent_span_id) == (agent.trace_id, agent.span_id)
    assert late.session_id == str(session.id)
    assert late.attributes["gen_ai.agent.name"] == "clerk"
    assert list(late.attributes["agentops.tags"]) == ["before"]


def test_an_error_is_told_by_a_span_of_its_own_thread(begun):
    with recording(**PLAIN) as recorded:
        ask()
        with pytest.raises(openai.RateLimitError):
            ask(Wire(status=429).client())
        _, failed = recorded.spans

    assert begun == ["MainThread", "MainThread"]
    assert failed.attributes["error.type"] == "rate_limit_exceeded"
    assert failed.status_code == 2


@pytest.mark.parametrize(
    "sampling", [{"rate": 0.5}, {"rules": [{"match": {"name": "x*"}, "rate": 0.0}]}]
)
def test_a_sampler_sees_every_call_at_its_start(begun, sampling):
    with recording(telemetry={"sampling": sampling}, **PLAIN):
        ask()
        ask()

    assert begun == ["MainThread", "MainThread"]


def test_processors_of_the_program_see_every_call_at_its_start():
    looking = Looking()
    with recording(telemetry={"processors": [looking]}, **PLAIN):
        ask()
        ask()

    assert [name for name, _ in looking.started] == ["chat gpt-5"] * 2
    assert [told["gen_ai.request.model"] for _, told in looking.started] == ["gpt-5"] * 2


def test_a_processor_that_comes_while_a_call_is_under_way_sees_the_next():
    looking = Looking()
    with recording(**PLAIN) as recorded:
        ask()
        stream = ask(stream=True)
        next(stream)
        active().telemetry.tracer_provider.add_span_processor(looking)
        list(stream)
        assert [span.name for span in recorded.spans] == ["chat gpt-5", "chat gpt-5"]
        assert looking.started == []
        ask()

    assert [name for name, _ in looking.started] == ["chat gpt-5"]


def test_below_a_span_that_is_not_sampled_nothing_is_recorded(begun):
    left_out = trace.NonRecordingSpan(trace.SpanContext(1, 2, True, trace.TraceFlags(0)))
    with recording(**PLAIN) as recorded:
        ask()
        with trace.use_span(left_out):
            ask()
        assert len(recorded.spans) == 1

    assert begun == ["MainThread", "MainThread"]


def test_a_large_request_that_is_let_go_of_still_names_its_span():
    agent = {"model": "gpt-5", "name": "clerk", "instructions": "x" * 9000}
    with recording(**PLAIN) as recorded:
        client = Wire().client()
        ask(client)
        for _ in range(2):
            client.post("/assistants", body=agent, cast_to=object)
        names = [span.name for span in recorded.spans]

    assert names == ["chat gpt-5", "create_agent clerk", "create_agent clerk"]

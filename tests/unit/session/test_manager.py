"""The register knows which sessions are live and which is meant here."""

import os
import sys
import threading
from uuid import uuid4

import pytest
from support.children import status_of_child

import agentops
from agentops.session.session import SessionOptions
from agentops.session.state import EndState
from agentops.testing import recording


def in_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_all_lists_live_sessions_the_oldest_first(recorded):
    sessions = agentops.get_client().sessions
    first, second = sessions.start("first"), sessions.start("second")

    assert sessions.all() == [first, second]

    first.end()

    assert sessions.all() == [second]


def test_a_session_is_found_by_id_in_any_form(recorded):
    sessions = agentops.get_client().sessions
    session = sessions.start("s")

    assert sessions.get(session.id) is session
    assert sessions.get(str(session.id)) is session
    assert sessions.get("nothing") is None
    assert sessions.get(None) is None


def test_sessions_that_take_over_one_id_are_each_in_the_register(recorded):
    sessions = agentops.get_client().sessions
    options = SessionOptions(session_id=uuid4())
    first, second = sessions.start("first", options), sessions.start("second", options)

    first.end()

    assert sessions.all() == [second]
    assert sessions.get(first.id) is second


def test_end_without_a_session_ends_the_current_one(recorded):
    sessions = agentops.get_client().sessions
    session = sessions.start("s")

    assert sessions.end(end_state="Fail")
    assert session.end_state is EndState.FAIL
    assert not sessions.end()


def test_end_all_ends_each_as_indeterminate(recorded):
    sessions = agentops.get_client().sessions
    live = [sessions.start(str(number)) for number in range(5)]

    assert sessions.end_all() == 5
    assert {session.end_state for session in live} == {EndState.INDETERMINATE}
    assert sessions.all() == []


def test_the_only_live_session_counts_in_other_threads(recorded):
    session = agentops.start_session("s")

    assert in_thread(agentops.current_session) is session

    agentops.start_session("another")

    assert in_thread(agentops.current_session) is None


def test_the_automatic_session_holds_what_is_outside_of_any_other():
    with recording(auto_start=True) as recorded:
        automatic = agentops.current_session()
        with agentops.tool("here"):
            pass
        in_thread(lambda: agentops.tool(name="there")(lambda: 1)())
        with agentops.session("explicit"), agentops.tool("inside"):
            pass
        event = agentops.record(agentops.ActionEvent("note"))

    assert automatic.is_automatic
    root = int(automatic.trace_id, 16), automatic.span.get_span_context().span_id
    for name in ("execute_tool here", "execute_tool there"):
        span = next(span for span in recorded_spans(recorded) if span.name == name)
        assert (span.trace_id, span.parent_span_id) == root
        assert span.session_id == str(automatic.id)
    inside = next(s for s in recorded_spans(recorded) if s.name == "execute_tool inside")
    explicit = next(s for s in recorded_spans(recorded) if s.name == "explicit")
    assert explicit.parent_span_id == 0
    assert inside.trace_id == explicit.trace_id != root[0]
    assert event.session_id == str(automatic.id)


def recorded_spans(recording):
    return recording._exporter.spans


def test_a_nested_step_in_the_automatic_session_is_a_child_of_the_step_above():
    with recording(auto_start=True) as recorded:
        with agentops.agent("a"), agentops.tool("t"):
            pass
        tool, agent = recorded.span("execute_tool t"), recorded.span("invoke_agent a")

    assert tool.parent_span_id == agent.span_id
    assert tool.session_id == agent.session_id != ""


def test_a_span_of_the_programs_own_stays_the_parent():
    from opentelemetry.sdk.trace import TracerProvider

    own = TracerProvider(shutdown_on_exit=False).get_tracer("own")
    with recording(auto_start=True) as recorded:
        with own.start_as_current_span("request") as request, agentops.tool("t"):
            pass
        span = recorded.span("execute_tool t")

    assert span.parent_span_id == request.get_span_context().span_id
    assert span.session_id


def test_sessions_that_never_end_are_bounded(recorded, monkeypatch):
    monkeypatch.setattr("agentops.session.manager._LIVE_MAX", 3)
    sessions = agentops.get_client().sessions
    started = [sessions.start(str(number), enter=False) for number in range(5)]

    assert sessions.all() == started[2:]
    assert started[0].end_state_reason == "too many sessions at once"


def test_a_request_of_another_processes_session_belongs_to_no_session_of_ours():
    joined = "4f7f3c1e-5b83-4b0f-9d0b-0d8e6a0f7a11"
    headers = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "baggage": f"session.id={joined}",
    }
    with recording(auto_start=True) as recorded:
        with agentops.TraceContext.extract(headers).attach():
            assert agentops.current_session() is None
            agentops.record(agentops.ActionEvent(action_type="refund"))
        assert agentops.current_session().is_automatic
        (event,) = recorded.events

    assert (event.session_id, event.span_id) == (joined, 0xB7AD6B7169203331)


def calls_inside(caller, called, then):
    """Return a profile function that calls ``then`` when one function is called from another, once."""

    def profile(frame, event, _):
        back = frame.f_back
        is_there = event == "call" and frame.f_code.co_name == called
        if is_there and back is not None and back.f_code.co_name == caller:
            sys.setprofile(None)
            then()

    return profile


@pytest.mark.parametrize(
    ("place", "telemetry"),
    [(("start", "is_automatic"), {}), (("decide", "_settle"), {"sampling": {"rate": 0.5}})],
)
def test_a_signal_handler_may_start_a_session_in_the_midst_of_a_start(place, telemetry):
    handled = []

    def handler():
        agentops.start_session("of the handler").end()
        handled.append(True)

    with recording(telemetry=telemetry):
        sys.setprofile(calls_inside(*place, handler))
        try:
            agentops.start_session("s").end()
        finally:
            sys.setprofile(None)

    assert handled


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_forked_while_a_thread_starts_a_session_starts_its_own(recorded):
    begun, go_on = threading.Event(), threading.Event()

    def wait():
        begun.set()
        go_on.wait(30)

    def work():
        sys.setprofile(calls_inside("start", "is_automatic", wait))
        agentops.start_session("of the thread").end()

    agentops.start_session("everything is imported").end()
    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(30)

    def start_and_end():
        agentops.start_session("of the child").end()
        return True

    status = status_of_child(start_and_end)
    go_on.set()
    thread.join()

    assert status == 0

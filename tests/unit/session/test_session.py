"""A session is a root of its own, ends once, and tells how."""

import asyncio
import gc
import random
import threading
import uuid
import weakref

import pytest
from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.trace import StatusCode
from support.interleaving import interleavings

import agentops
from agentops.session.context import context_session
from agentops.session.state import EndState, TraceState


def test_a_session_is_a_root_span_named_after_it(recorded):
    with agentops.session("support", tags=["prod", "eu"]) as session:
        pass

    span = recorded.span("support")
    assert span.parent_span_id == 0
    assert span.trace_id == int(session.trace_id, 16)
    assert span.attributes["agentops.span.kind"] == "session"
    assert span.attributes["session.id"] == str(session.id)
    assert span.attributes["agentops.session.name"] == "support"
    assert list(span.attributes["agentops.tags"]) == ["prod", "eu"]
    assert span.attributes["agentops.session.end_state"] == "Success"
    assert span.status_code == 0


def test_the_id_is_a_uuid_and_may_be_taken_over(recorded):
    known = uuid.uuid4()

    assert isinstance(agentops.start_session().id, uuid.UUID)
    assert agentops.start_session(session_id=str(known)).id == known


def test_an_id_that_is_no_uuid_is_replaced_with_a_warning(recorded, caplog):
    session = agentops.start_session(session_id="not-one")

    assert isinstance(session.id, uuid.UUID)
    assert "not-one" in caplog.text


def test_start_and_end_are_told_as_they_happen(recorded):
    session = agentops.start_session("live", tags="one")
    agentops.flush()
    started = recorded.event("session.start")

    assert started.attributes["session.id"] == str(session.id)
    assert started.attributes["agentops.session.name"] == "live"
    assert list(started.attributes["agentops.tags"]) == ["one"]
    assert started.span_id == session.span.get_span_context().span_id

    session.end("Fail", "out of money")

    ended = recorded.event("session.end")
    assert ended.attributes["agentops.session.end_state"] == "Fail"
    assert ended.attributes["agentops.session.end_reason"] == "out of money"


def test_a_session_inside_another_has_a_trace_of_its_own(recorded):
    with agentops.session("outer"), agentops.tool("between"), agentops.session("inner"):
        pass

    inner, outer = recorded.span("inner"), recorded.span("outer")
    assert inner.parent_span_id == 0
    assert inner.trace_id != outer.trace_id
    assert inner.session_id != outer.session_id


def test_a_session_inside_an_agent_does_not_belong_to_it(recorded):
    with agentops.agent("planner"), agentops.session("inner"):
        pass

    assert "gen_ai.agent.name" not in recorded.span("inner").attributes


@pytest.mark.parametrize(
    ("given", "state", "status"),
    [
        ("Success", "Success", 0),
        ("success", "Success", 0),
        (EndState.SUCCESS, "Success", 0),
        (TraceState.SUCCESS, "Success", 0),
        (StatusCode.OK, "Success", 0),
        ("Fail", "Fail", 2),
        ("Error", "Fail", 2),
        (EndState.FAIL, "Fail", 2),
        (TraceState.ERROR, "Fail", 2),
        (StatusCode.ERROR, "Fail", 2),
        ("Indeterminate", "Indeterminate", 0),
        (TraceState.UNSET, "Indeterminate", 0),
        (None, "Indeterminate", 0),
    ],
)
def test_end_states_of_all_releases_are_understood(recorded, given, state, status):
    agentops.start_session("s").end(given)

    span = recorded.span("s")
    assert span.attributes["agentops.session.end_state"] == state
    assert span.status_code == status


def test_an_unknown_end_state_is_warned_about_and_kept_as_the_reason(recorded, caplog):
    agentops.start_session("s").end("Splendid")

    span = recorded.span("s")
    assert span.attributes["agentops.session.end_state"] == "Indeterminate"
    assert span.attributes["agentops.session.end_reason"] == "Splendid"
    assert "Splendid" in caplog.text


def test_an_exception_leaves_as_it_is_and_fails_the_session(recorded):
    error = ValueError("boom")
    with pytest.raises(ValueError, match="boom") as caught, agentops.session("s") as session:
        raise error

    span = recorded.span("s")
    assert caught.value is error
    assert session.end_state is EndState.FAIL
    assert span.status_code == 2
    assert span.attributes["error.type"] == "ValueError"
    assert [event.name for event in span.events] == ["exception"]


@pytest.mark.parametrize(("code", "state"), [(0, "Success"), (None, "Success"), (3, "Fail")])
def test_sys_exit_ends_the_session_by_its_code(recorded, code, state):
    with pytest.raises(SystemExit), agentops.session("s"):
        raise SystemExit(code)

    assert recorded.span("s").attributes["agentops.session.end_state"] == state


def test_ending_twice_changes_nothing(recorded):
    session = agentops.start_session("s")
    session.end("Fail")
    session.end("Success")

    assert session.end_state is EndState.FAIL
    assert len(recorded.spans) == 1


def test_after_the_end_the_session_outside_is_current_again(recorded):
    with agentops.session("outer") as outer:
        inner = agentops.start_session("inner")
        assert agentops.current_session() is inner
        inner.end()

        assert agentops.current_session() is outer
    assert agentops.current_session() is None


def test_sessions_may_end_in_any_order(recorded):
    first = agentops.start_session("first")
    second = agentops.start_session("second")
    first.end()

    assert agentops.current_session() is second

    second.end()

    assert agentops.current_session() is None
    assert context_session() is None
    assert not trace.get_current_span().get_span_context().is_valid


def test_sessions_that_overlap_do_not_keep_one_another(recorded):
    before = agentops.start_session("first")
    started = [weakref.ref(before)]
    for number in range(10):
        session = agentops.start_session(str(number))
        started.append(weakref.ref(session))
        before.end()
        before = session
    before.end()
    recorded.clear()
    del session, before
    gc.collect()

    # The last one is told of when the program ends.
    assert sum(each() is not None for each in started) <= 3


def test_a_session_that_runs_already_may_stand_in_a_with_statement(recorded):
    with agentops.session("around") as around:
        with agentops.start_session("inside") as inside, agentops.task("step"):
            assert agentops.current_session() is inside
        assert agentops.current_session() is around
    with agentops.start_session("after"), agentops.task("step") as step:
        pass

    assert agentops.current_session() is None
    assert {"around", "inside", "after"} <= {span.name for span in recorded.spans}
    assert step.span.parent.span_id == recorded.span("after").span_id


@pytest.mark.parametrize("seed", range(50))
def test_sessions_that_are_entered_by_turns_end_in_any_order(recorded, seed):
    chance = random.Random(seed)
    before = get_current()
    running = []
    for number in range(30):
        move = chance.choice(["start", "enter", "end"])
        if move == "start" or not running:
            running.append(agentops.start_session(str(number)))
        elif move == "enter":
            chance.choice(running).enter()
        else:
            running.pop(chance.randrange(len(running))).end()
        assert context_session() in (None, *running)
    chance.shuffle(running)
    for each in running:
        each.end()

    assert get_current() == before


def test_a_session_may_end_in_another_task_than_it_began_in(recorded):
    async def main():
        session = agentops.start_session("s")
        await asyncio.create_task(_end(session))
        return agentops.current_session()

    async def _end(session):
        session.end()

    assert asyncio.run(main()) is None
    assert len(recorded.spans) == 1


def test_concurrent_tasks_have_sessions_of_their_own(recorded):
    async def one(name):
        async with agentops.session(name) as session:
            await asyncio.sleep(0)
            with agentops.tool(f"tool {name}"):
                await asyncio.sleep(0)
            assert agentops.current_session() is session

    async def main():
        await asyncio.gather(*(one(str(number)) for number in range(50)))

    asyncio.run(main())

    roots = {
        span.attributes["session.id"]: span for span in recorded.spans if not span.parent_span_id
    }
    tools = [span for span in recorded.spans if span.parent_span_id]
    assert len(roots) == 50
    assert all(span.trace_id == roots[span.session_id].trace_id for span in tools)
    assert all(span.name.endswith(f"tool {roots[span.session_id].name}") for span in tools)


def test_threads_have_sessions_of_their_own(recorded):
    barrier = threading.Barrier(8)

    def one(name):
        with agentops.session(name):
            barrier.wait()
            with agentops.tool(name):
                barrier.wait()

    threads = [threading.Thread(target=one, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    roots = {span.trace_id: span.name for span in recorded.spans if not span.parent_span_id}
    tools = {span.trace_id: span.name for span in recorded.spans if span.parent_span_id}
    assert len(roots) == 8
    assert tools == {trace_id: f"execute_tool {name}" for trace_id, name in roots.items()}


def test_record_stamps_the_event_with_the_span_that_is_current(recorded):
    with agentops.session("s") as session, agentops.tool("search") as run:
        event = session.record(agentops.ActionEvent(action_type="refund", params={"order": 1}))

    ids = run.span.get_span_context()
    assert event.session_id == str(session.id)
    assert event.trace_id == session.trace_id
    assert int(event.span_id, 16) == ids.span_id
    assert recorded.span("execute_tool search").span_id == ids.span_id


def test_record_from_elsewhere_goes_to_the_root_span(recorded):
    session = agentops.start_session("s")
    session.leave()
    with agentops.session("other"):
        event = session.record(agentops.ActionEvent("note"))

    assert event.session_id == str(session.id)
    assert int(event.span_id, 16) == session.span.get_span_context().span_id


@pytest.mark.parametrize(
    "event",
    [
        agentops.Event("custom"),
        agentops.ActionEvent(action_type="a"),
        agentops.LLMEvent(prompt="p", completion="c", model="m", prompt_tokens=1),
        agentops.ToolEvent(name="t"),
        agentops.ErrorEvent(exception=ValueError("v")),
    ],
    ids=lambda event: type(event).__name__,
)
def test_each_class_of_event_is_recorded(recorded, event):
    with agentops.session("s") as session:
        assert session.record(event) is event

    records = [record for record in recorded.events if record.event == event]
    assert [record.session_id for record in records] == [str(session.id)]
    assert event.end_timestamp is not None


def test_an_event_after_the_end_is_still_delivered(recorded):
    session = agentops.start_session("s")
    session.end()
    session.record(agentops.ActionEvent("late"))

    assert recorded.event("agentops.custom").session_id == str(session.id)


def test_tags_may_change_while_it_runs(recorded):
    with agentops.session("s", tags="one") as session:
        session.add_tags(["two", "one"])
        with agentops.tool("t"):
            pass
        session.set_tags("three")

    assert list(recorded.span("execute_tool t").attributes["agentops.tags"]) == ["one", "two"]
    assert list(recorded.span("s").attributes["agentops.tags"]) == ["three"]


def test_tags_set_inside_a_step_stay_when_it_is_over(recorded):
    with agentops.session("s", tags=["a"]) as session:
        with agentops.agent("inner"):
            agentops.record(agentops.ActionEvent(action_type="before"))
            session.set_tags(["b"])
            agentops.record(agentops.ActionEvent(action_type="inside"))
        with agentops.task("after"):
            agentops.record(agentops.ActionEvent(action_type="later"))

    tags = {e.event.action_type: e.attributes["agentops.tags"] for e in recorded.events if e.event}
    assert list(recorded.span("after").attributes["agentops.tags"]) == ["b"]
    assert [["a"], ["b"], ["b"]] == [list(tags[n]) for n in ("before", "inside", "later")]


def test_tags_of_the_automatic_session_reach_what_follows():
    agentops.init(
        telemetry={"exporters": [{"type": "memory"}], "spool": {"enabled": False}}, instrument=[]
    )
    agentops.add_tags(["late"])
    with agentops.task("after"):
        pass
    agentops.flush()
    [span] = agentops.get_client().telemetry.exporters[0].spans
    agentops.shutdown()

    assert list(span.attributes["agentops.tags"]) == ["late"]


def test_nothing_more_belongs_to_a_session_that_another_task_ended(recorded):
    async def program():
        session = agentops.start_session("ended elsewhere")

        async def end():
            session.end()

        await asyncio.create_task(end())
        with agentops.task("after"):
            event = agentops.record(agentops.ActionEvent(action_type="loose"))
        return session, event, session.record(agentops.ActionEvent(action_type="late"))

    session, loose, late = asyncio.run(program())

    after = recorded.span("after")
    assert "session.id" not in after.attributes
    assert after.trace_id != int(session.trace_id, 16)
    assert loose.session_id is None
    assert late.session_id == str(session.id)


def test_the_context_can_be_sent_to_another_process(recorded):
    session = agentops.start_session("s")
    session.leave()
    carrier = session.propagate_context()

    version, trace_id, span_id, _ = carrier["traceparent"].split("-")
    assert (version, trace_id) == ("00", session.trace_id)
    assert int(span_id, 16) == session.span.get_span_context().span_id
    assert f"session.id={session.id}" in carrier["baggage"]


def test_a_session_can_be_made_of_a_manager_alone(recorded):
    manager = agentops.get_client().telemetry
    with agentops.Session(manager, "by hand") as session:
        assert context_session() is session

    assert recorded.span("by hand").session_id == str(session.id)


def test_a_notebook_shows_the_session_with_its_name_escaped(recorded):
    session = agentops.start_session("<script>")
    shown = session._repr_mimebundle_()

    assert "<script>" not in shown["text/html"]
    assert str(session.id) in shown["text/html"]
    assert shown["text/plain"] == repr(session)


def test_tags_that_two_threads_add_are_both_there(recorded):
    with agentops.session("s") as session:
        turns = interleavings(lambda: session.add_tags("one"), lambda: session.add_tags("two"))
        for _ in turns:
            told = set(session.tags)
            session.set_tags(())

            assert told == {"one", "two"}


def test_what_the_worker_counts_meanwhile_is_no_action(recorded):
    with agentops.session("s") as session:
        session.record(agentops.ActionEvent(action_type="refund"))
        counted = session._totals().events
        told = []
        turns = interleavings(
            lambda: told.append(session.event_counts),
            lambda: counted.update(llms=1),
            step="opcode",
        )
        assert all(told.pop()["actions"] == 1 for _ in turns)

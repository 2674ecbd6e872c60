"""Programs written for agentops 0.3 run, and what they record arrives."""

import asyncio
import dataclasses
import logging
import uuid
from decimal import Decimal

import pytest

import agentops
from agentops.compat.options import translate
from agentops.errors import ConfigurationError
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.exporters import build
from agentops.testing import recording


def test_sessions_start_and_end_by_functions(recorded):
    session = agentops.start_session(tags=["a"])
    agentops.record(agentops.ActionEvent("research", params={"q": 1}))
    agentops.add_tags("b")
    agentops.end_session("Success", end_state_reason="done", video="https://example.org/v")

    span = recorded.span("session")
    assert session.end_state == "Success"
    assert list(span.attributes["agentops.tags"]) == ["a", "b"]
    assert span.attributes["agentops.session.end_reason"] == "done"
    assert span.attributes["agentops.session.video"] == "https://example.org/v"
    assert recorded.event("agentops.custom").session_id == str(session.session_id)


def test_start_session_takes_tags_first_and_an_inherited_id(recorded):
    known = str(uuid.uuid4())
    session = agentops.start_session(["a", "b"], known)

    assert session.tags == ("a", "b")
    assert str(session.id) == known
    assert agentops.get_session(known) is session
    assert agentops.get_session(uuid.UUID(known)) is session


def test_end_session_takes_the_session_first_as_0_4_did(recorded):
    outer = agentops.start_session("outer")
    inner = agentops.start_session("inner")
    agentops.end_session(outer, end_state="Fail")

    assert outer.end_state == "Fail"
    assert inner.is_running


def test_end_session_without_one_warns(recorded, caplog):
    agentops.end_session("Success")

    assert "no session is running" in caplog.text


def test_end_all_sessions_ends_all(recorded):
    sessions = [agentops.start_session(str(number)) for number in range(3)]
    agentops.end_all_sessions()

    assert not any(session.is_running for session in sessions)


def test_an_automatic_end_is_skipped_where_the_program_says_so():
    with recording():
        agentops.shutdown()
    agentops.init(
        telemetry={"exporters": [{"type": "memory"}]}, instrument=[], skip_auto_end_session=True
    )
    try:
        session = agentops.start_session()
        agentops.end_session("Success", is_auto_end=True)

        assert session.is_running
    finally:
        agentops.shutdown()


def test_record_action_and_record_tool_record(recorded):
    @agentops.record_action("plan")
    def plan(a):
        return a

    @agentops.record_tool()
    async def search(a):
        return a

    assert plan(1) == 1
    assert asyncio.run(search(2)) == 2
    assert recorded.event("agentops.action").event.action_type == "plan"
    assert recorded.event("agentops.tool").event.name == "search"
    assert recorded.span("plan").attributes["agentops.span.kind"] == "task"


def test_decorated_functions_take_the_session_they_belong_to(recorded):
    @agentops.record_action("act")
    def act(a):
        return a

    @agentops.record_tool("use")
    async def use(a):
        return a

    first, second = agentops.start_session("first"), agentops.start_session("second")
    assert act(1, session=first) == 1
    assert asyncio.run(use(2, session=first)) == 2
    assert act(3) == 3

    owners = {
        (span.name, span.session_id)
        for span in recorded.spans
        if not span.name.startswith("session")
    }
    assert owners == {
        ("act", str(first.id)),
        ("execute_tool use", str(first.id)),
        ("act", str(second.id)),
    }


@pytest.mark.parametrize("decorate", [agentops.track_agent, agentops.track_agent()])
def test_track_agent_works_with_and_without_parentheses(recorded, decorate):
    @decorate
    class Planner:
        def __init__(self, role=None):
            self.role = role

        def plan(self):
            return 1

    planner = Planner("r", agentops_name="Ada")

    assert planner.plan() == 1
    assert planner.agentops_agent_name == "Ada"
    assert uuid.UUID(planner.agentops_agent_id)
    assert recorded.span("invoke_agent Planner")


@pytest.mark.parametrize(("name", "expected"), [(None, "critic"), ("Ada", "Ada")])
def test_an_agent_without_a_name_is_called_by_its_role(recorded, name, expected):
    @agentops.track_agent(name)
    class Planner:
        role = "critic"

    assert expected == Planner().agentops_agent_name


def test_an_object_that_takes_no_attributes_is_made_all_the_same(recorded):
    @agentops.track_agent
    @dataclasses.dataclass(frozen=True)
    class Planner:
        goal: str

    assert "win" == Planner("win").goal


def test_track_agent_on_a_function(recorded):
    @agentops.track_agent(name="Ada")
    def act():
        return 1

    assert act() == 1
    assert act.agentops_agent_name == "Ada"
    assert recorded.span("invoke_agent Ada")


def test_create_agent_gives_an_id_that_stays(recorded):
    assert agentops.create_agent("Ada") == agentops.create_agent("Ada")
    assert agentops.create_agent("Ada", "mine") == "mine"


def test_the_key_may_be_set_before_init():
    agentops.set_api_key("11111111-1111-4111-8111-111111111111")
    with recording():
        assert agentops.get_api_key() == "11111111-1111-4111-8111-111111111111"
    assert agentops.get_api_key() is None


def test_a_level_that_is_none_is_refused_by_its_name():
    with pytest.raises(ConfigurationError, match="log_level: got 'LOUD'"):
        agentops.init(log_level="LOUD")


def test_older_keywords_of_init_mean_what_they_meant():
    agentops.init(
        "key",
        endpoint="http://127.0.0.1:1",
        max_wait_time=123,
        max_queue_size=7,
        tags=["a"],
        default_tags=["b", "a"],
        instrument_llm_calls=False,
        auto_start_session=True,
        trace_name="mine",
        app_url="http://pages/",
        env_data_opt_out=True,
        log_session_replay_url=False,
        telemetry={"spool": {"enabled": False}},
    )
    try:
        client, session = agentops.get_client(), agentops.current_session()
        config = client.config

        assert config.api_key == "key"
        assert [(e.type, e.endpoint) for e in config.telemetry.exporters] == [
            ("agentops", "http://127.0.0.1:1")
        ]
        assert (config.telemetry.batch.delay_ms, config.telemetry.batch.items_max) == (123, 7)
        assert sorted(config.session.tags) == ["a", "b"]
        assert config.instrument == ()
        assert session.name == "mine"
        assert session.url == f"http://pages/s/{session.id}"
        assert not config.session.print_summary
    finally:
        agentops.shutdown()


def test_the_address_of_spans_keeps_its_path():
    today, _ = translate({"exporter_endpoint": "https://relay/agents/v1/traces"})
    [config] = TelemetryConfig(**today["telemetry"]).exporters

    assert build(config).name == "otlp https://relay/agents"


def test_an_inherited_session_id_becomes_that_of_the_automatic_session():
    known = str(uuid.uuid4())
    session = agentops.init(
        telemetry={"exporters": [{"type": "memory"}]},
        instrument=[],
        inherited_session_id=known,
        auto_start_session=False,
    )
    try:
        assert str(session.id) == known
    finally:
        agentops.shutdown()


def test_a_parent_key_is_warned_about(caplog):
    with caplog.at_level(logging.WARNING):
        agentops.init(telemetry={"exporters": [{"type": "memory"}]}, instrument=[], parent_key="x")
    agentops.shutdown()

    assert "parent_key is not served" in caplog.text


def test_configure_while_running_warns(recorded, caplog):
    agentops.configure(max_wait_time=1)

    assert "runs already" in caplog.text


def test_stop_instrumenting_undoes_it():
    with recording(instrument=["openai"]):
        import openai.resources.chat.completions as completions

        assert agentops.get_client().providers
        agentops.stop_instrumenting()
        assert not agentops.get_client().providers
        assert completions.Completions


def test_a_session_tells_its_analytics(recorded):
    with agentops.session("s") as session:
        session.record(agentops.LLMEvent(model="m", cost=0.25))
        session.record(agentops.ActionEvent("search"))
        session.record(agentops.ErrorEvent(error_type="e"))
        with agentops.tool("t"):
            pass
        with pytest.raises(ValueError, match="boom"), agentops.task("failing"):
            raise ValueError("boom")

        assert agentops.flush(30_000)
        told = session.get_analytics()

    assert told.pop("Duration").endswith("s")
    assert told == {
        "LLM calls": 1,
        "Tool calls": 1,
        "Actions": 2,
        "Errors": 2,
        "Cost": "0.250000",
    }
    assert session.token_cost == Decimal("0.25")


async def test_a_patched_function_belongs_to_the_session(recorded):
    @agentops.tool
    async def look(word):
        return word

    session = agentops.start_session("s")
    with agentops.session("another"):
        assert await session.patch(look)("up") == "up"
    session.end()

    assert recorded.span("execute_tool look").session_id == str(session.id)


def test_decorators_stand_where_0_3_had_them():
    from agentops.decorators import record_action, record_function, record_tool, track_agent

    assert record_action is agentops.record_action
    assert record_function is agentops.record_function
    assert record_tool is agentops.record_tool
    assert track_agent is agentops.track_agent
    with pytest.raises(AttributeError, match="'record_nothing'"):
        agentops.decorators.record_nothing  # noqa: B018 - as programs do

"""Programs written for agentops 0.4 run, and their traces are sessions."""

import pytest
from opentelemetry.trace import StatusCode

import agentops


def test_a_trace_is_a_session(recorded):
    handle = agentops.start_trace("mine", tags=["a"])
    assert handle.span.is_recording()
    assert handle.token is not None
    assert not handle.is_init_trace
    agentops.end_trace(handle, agentops.SUCCESS)

    span = recorded.span("mine")
    assert span.parent_span_id == 0
    assert span.attributes["agentops.session.end_state"] == "Success"
    assert list(span.attributes["agentops.tags"]) == ["a"]


@pytest.mark.parametrize("state", [agentops.ERROR, StatusCode.ERROR, "Error", "Fail"])
def test_a_failed_trace_is_a_failed_session(recorded, state):
    agentops.end_trace(agentops.start_trace("mine"), state)

    assert recorded.span("mine").status_code == 2


def test_tags_that_are_a_mapping_become_attributes(recorded):
    agentops.end_trace(agentops.start_trace("mine", tags={"tenant": "t"}))

    assert recorded.span("mine").attributes["tenant"] == "t"


def test_the_handle_ends_its_block(recorded):
    with pytest.raises(ValueError, match="boom"), agentops.start_trace("mine"):
        raise ValueError("boom")

    assert recorded.span("mine").attributes["agentops.session.end_state"] == "Fail"


def test_end_trace_without_a_handle_ends_all(recorded):
    agentops.start_trace("one")
    agentops.start_trace("two")
    agentops.end_trace()

    assert {span.name for span in recorded.spans} == {"one", "two"}


def test_traces_are_true_roots(recorded):
    with agentops.start_trace("outer"), agentops.start_trace("inner"):
        pass

    assert recorded.span("inner").trace_id != recorded.span("outer").trace_id


def test_the_trace_decorator_takes_every_keyword_of_0_4(recorded):
    @agentops.trace(name="job", version="7", cost=1, capture_request=False, attributes={"a": 1})
    def job():
        return 1

    assert job() == 1
    assert recorded.span("job").attributes["agentops.step.version"] == "7"
    assert recorded.span("job").attributes["a"] == 1


def test_the_trace_decorator_makes_a_session_of_each_call(recorded):
    @agentops.trace(name="job", tags={"tenant": "t"})
    def job():
        return 1

    @agentops.trace
    def bare():
        return 2

    assert (job(), bare()) == (1, 2)
    assert recorded.span("job").attributes["tenant"] == "t"
    assert recorded.span("bare").attributes["agentops.span.kind"] == "session"


def test_metadata_goes_to_the_root_span(recorded):
    with agentops.session("s"), agentops.tool("t"):
        wrote = agentops.update_trace_metadata(
            {
                "tenant": "t",
                "n": 1,
                "list": ["x"],
                "tags": ["new"],
                "session_name": "n",
                "bad": object(),
            }
        )

    attributes = recorded.span("s").attributes
    assert wrote
    assert attributes["trace.metadata.tenant"] == "t"
    assert attributes["trace.metadata.n"] == 1
    assert attributes["trace.metadata.list"] == '["x"]'
    assert list(attributes["agentops.tags"]) == ["new"]
    assert "trace.metadata.bad" not in attributes


def test_metadata_outside_of_any_session_says_so():
    assert agentops.update_trace_metadata({"a": 1}) is False


def test_track_tool_makes_a_tool(recorded):
    @agentops.track_tool("search")
    def search():
        return 1

    assert search() == 1
    assert recorded.span("execute_tool search")


def test_attribute_names_that_are_not_there_say_so():
    assert agentops.AgentAttributes.AGENT_NAME == "agent.name"
    with pytest.raises(AttributeError, match="write the attribute's name as text"):
        agentops.AgentAttributes.NOTHING  # noqa: B018 - reading it is the test

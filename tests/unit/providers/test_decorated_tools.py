"""A tool that a vendor's SDK runs and that is decorated too: one span, not two."""

import functools

import pytest
from anthropic import beta_tool
from support.anthropic_wire import MESSAGE, REQUEST, TOOL_MESSAGE, Wire
from support.versions import ANTHROPIC

import agentops
from agentops.events import ToolEvent
from agentops.instrumentation.tools import ToolRun
from agentops.testing import recording

CALL_ID = "toolu_1" if ANTHROPIC >= 1 else None  # 0.x tells nobody the id


def _run_decorated(decorate):
    """Let the runner run a decorated tool while AgentOps runs; return its spans."""

    @beta_tool(name="weather")
    @decorate
    def weather(city: str) -> str:
        """Tell the weather of a city."""
        return _lookup(city)

    @agentops.tool
    def _lookup(city):
        return f"rain in {city}"

    with recording(instrument=["anthropic"]) as recorded:
        Wire({"/v1/messages": [TOOL_MESSAGE, MESSAGE]}).client().beta.messages.tool_runner(
            **REQUEST, tools=[weather]
        ).until_done()
        return [span for span in recorded.spans if span.name.startswith("execute_tool")], recorded


@pytest.mark.parametrize(
    ("decorate", "name"),
    [(agentops.tool, "weather"), (agentops.tool("forecast", version="2"), "forecast")],
)
def test_a_decorated_tool_is_one_span_with_what_both_know(decorate, name):
    (inner, tool), recorded = _run_decorated(decorate)

    assert [f"execute_tool {name}", "execute_tool _lookup"] == [tool.name, inner.name]
    assert tool.attributes["gen_ai.tool.name"] == name
    assert tool.attributes.get("gen_ai.tool.call.id") == CALL_ID
    assert tool.attributes.get("agentops.step.version") == (None if name == "weather" else "2")
    assert inner.parent_span_id == tool.span_id
    assert len([e for e in recorded.events if isinstance(e.event, ToolEvent)]) == 2


def test_a_decorated_tool_keeps_its_arguments_to_itself_where_it_says_so():
    decorate = agentops.tool(capture_request=False, capture_response=False)
    (_inner, tool), recorded = _run_decorated(decorate)

    told = tool.attributes.keys() & {"gen_ai.tool.call.arguments", "gen_ai.tool.call.result"}
    assert told == set()
    (event,) = [e.event for e in recorded.events if getattr(e.event, "name", "") == "weather"]
    assert (event.params, event.returns) == (None, None)


def _merged(tools):
    """Let the runner run ``tools[0]``; return the spans of tools, innermost first."""
    with recording(instrument=["anthropic"]) as recorded:
        Wire({"/v1/messages": [TOOL_MESSAGE, MESSAGE]}).client().beta.messages.tool_runner(
            **REQUEST, tools=tools
        ).until_done()
        return [span for span in recorded.spans if span.name.startswith("execute_tool")]


def test_another_function_of_the_same_name_is_a_tool_of_its_own():
    @agentops.tool(name="weather")
    def inner(city):
        return f"rain in {city}"

    @beta_tool(name="weather")
    def outer(city: str) -> str:
        """Tell the weather of a city."""
        return inner(city)

    called, runner_s = _merged([outer])

    assert called.name == runner_s.name == "execute_tool weather"
    assert called.parent_span_id == runner_s.span_id


def _logged(function):
    @functools.wraps(function)
    def logged(*args, **kwargs):
        return function(*args, **kwargs)

    return logged


class _Forecast:
    @agentops.tool
    def tell(self, city: str) -> str:
        """Tell the weather of a city."""
        return f"rain in {city}"


def _outside():
    @agentops.tool
    def weather(city: str) -> str:
        """Tell the weather of a city."""
        return f"rain in {city}"

    return _logged(weather)


def _inside():
    @agentops.tool
    @_logged
    def weather(city: str) -> str:
        """Tell the weather of a city."""
        return f"rain in {city}"

    return weather


@pytest.mark.parametrize("make", [_outside, _inside, lambda: _Forecast().tell])
def test_a_decorated_function_is_known_below_other_decorators_and_as_a_method(make):
    [tool] = _merged([beta_tool(make(), name="weather")])

    assert tool.attributes.get("gen_ai.tool.call.id") == CALL_ID


def test_a_decorated_function_is_known_inside_what_the_sdk_put_around_it():
    agents = pytest.importorskip("openai.lib.beta.agents")

    @agentops.tool
    def weather(city: str) -> str:
        """Tell the weather of a city."""
        return f"rain in {city}"

    @agentops.tool
    def other(city: str) -> str:
        """Tell nothing."""
        return city

    run = ToolRun(name="weather", function=agents.function_tool(weather), library="openai")
    assert run.leads_to(weather.__wrapped__)
    assert not run.leads_to(other.__wrapped__)

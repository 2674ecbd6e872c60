"""A tool that a vendor's SDK runs and that is decorated too: one span, not two."""

import pytest
from anthropic import beta_tool
from support.anthropic_wire import MESSAGE, REQUEST, TOOL_MESSAGE, Wire

import agentops
from agentops.events import ToolEvent
from agentops.testing import recording


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
    assert tool.attributes["gen_ai.tool.call.id"] == "toolu_1"
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

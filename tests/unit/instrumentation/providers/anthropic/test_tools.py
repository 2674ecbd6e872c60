"""Tools of the program that the SDK's runners run: a span for each, between those of the model calls."""

import importlib

import anthropic
import pytest
from anthropic import beta_async_tool, beta_tool
from anthropic.lib.tools import ToolError
from opentelemetry.trace import SpanKind, StatusCode
from support.anthropic_wire import MESSAGE, REQUEST, TOOL_MESSAGE, Wire
from support.providers import DirectManager

from agentops.events import ToolEvent
from agentops.instrumentation.providers.anthropic import AnthropicInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider

pytestmark = pytest.mark.usefixtures("provider")
TWO_TOOLS = {
    **TOOL_MESSAGE,
    "content": [
        {"type": "tool_use", "id": f"toolu_{n}", "name": "weather", "input": {"city": city}}
        for n, city in enumerate(("Oslo", "Bergen"))
    ],
}


@beta_tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


@beta_async_tool
async def weather_async(city: str) -> str:
    """Tell the weather of a city."""
    return f"rain in {city}"


@beta_tool(name="weather")
def broken(city: str) -> str:
    """Fail."""
    raise ToolError("no forecast")


def _wire(*messages):
    return Wire({"/v1/messages": list(messages)})


def test_a_tool_runs_between_two_calls_and_is_a_span(manager):
    runner = (
        _wire(TOOL_MESSAGE, MESSAGE).client().beta.messages.tool_runner(**REQUEST, tools=[weather])
    )
    final = runner.until_done()

    first, tool, second = manager.ended
    assert final.content[0].text == "Hello there"
    assert [first.name, tool.name, second.name] == [
        "chat claude-opus-5",
        "execute_tool weather",
        "chat claude-opus-5",
    ]
    assert tool.kind is SpanKind.INTERNAL
    assert tool["gen_ai.tool.call.id"] == "toolu_1"
    assert tool["gen_ai.tool.call.arguments"] == {"city": "Oslo"}
    assert tool["gen_ai.tool.call.result"] == "rain in Oslo"
    assert tool["gen_ai.tool.description"] == "Tell the weather of a city."
    assert tool["agentops.span.kind"] == "tool"
    [event] = tool.events
    assert (type(event), event.name, event.returns) == (ToolEvent, "weather", "rain in Oslo")


def test_each_of_two_tool_calls_is_a_span_with_its_own_arguments(manager):
    _wire(TWO_TOOLS, MESSAGE).client().beta.messages.tool_runner(
        **REQUEST, tools=[weather]
    ).until_done()

    tools = [ended for ended in manager.ended if ended.name == "execute_tool weather"]
    assert [ended["gen_ai.tool.call.id"] for ended in tools] == ["toolu_0", "toolu_1"]
    assert [ended["gen_ai.tool.call.arguments"]["city"] for ended in tools] == ["Oslo", "Bergen"]


def test_a_tool_that_fails_is_a_failed_span_and_the_model_hears_of_it(manager):
    wire = _wire(TOOL_MESSAGE, MESSAGE)
    wire.client().beta.messages.tool_runner(**REQUEST, tools=[broken]).until_done()

    tool = manager.ended[1]
    assert tool["error.type"] == "tool_error"
    assert tool.span.status.status_code is StatusCode.ERROR
    assert b"no forecast" in wire.requests[1].content


def test_a_call_inside_a_tool_stands_below_the_tool(manager):
    inner_client = Wire().client()

    @beta_tool(name="weather")
    def asking(city: str) -> str:
        """Ask another model."""
        return inner_client.messages.create(**REQUEST).content[0].text

    _wire(TOOL_MESSAGE, MESSAGE).client().beta.messages.tool_runner(
        **REQUEST, tools=[asking]
    ).until_done()

    _, inner, tool, _ = manager.ended
    assert inner.span.parent.span_id == tool.span.get_span_context().span_id


def test_content_that_is_switched_off_stays_out_of_tools():
    manager = DirectManager(content_mode="metadata")
    provider = InstrumentedProvider(AnthropicInstrumentation(manager))
    provider.install()
    try:
        _wire(TOOL_MESSAGE, MESSAGE).client().beta.messages.tool_runner(
            **REQUEST, tools=[weather]
        ).until_done()
    finally:
        provider.uninstall()

    tool = manager.ended[1]
    assert "gen_ai.tool.call.arguments" not in tool.attributes
    assert "Oslo" not in repr(tool.attributes) + repr(tool.events)


async def test_an_async_tool_is_a_span(manager):
    wire = Wire({"/v1/messages": [TOOL_MESSAGE, MESSAGE]})
    tool = weather_async
    tool_message = {
        **TOOL_MESSAGE,
        "content": [{**TOOL_MESSAGE["content"][0], "name": tool.name}],
    }
    wire.answers["/v1/messages"][0] = tool_message
    runner = wire.async_client().beta.messages.tool_runner(**REQUEST, tools=[tool])
    await runner.until_done()

    assert [ended.name for ended in manager.ended] == [
        "chat claude-opus-5",
        "execute_tool weather_async",
        "chat claude-opus-5",
    ]
    assert manager.ended[1]["gen_ai.tool.call.result"] == "rain in Oslo"


def test_a_streaming_runner_makes_the_same_spans(manager):
    wire = Wire()
    messages = [TOOL_MESSAGE, MESSAGE]

    def answer(request):
        wire.message = messages.pop(0)
        return wire.streamed(request)

    wire.answers["/v1/messages"] = answer
    runner = wire.client().beta.messages.tool_runner(**REQUEST, tools=[weather], stream=True)
    kinds = [type(stream) for stream in runner]

    assert kinds == [anthropic.lib.streaming.BetaMessageStream] * 2
    assert [ended.name for ended in manager.ended] == [
        "chat claude-opus-5",
        "execute_tool weather",
        "chat claude-opus-5",
    ]


async def test_a_tool_that_a_managed_session_asks_for_is_a_span(manager):
    from anthropic.lib.tools._beta_session_runner import SessionToolRunner
    from anthropic.types.beta.sessions import BetaManagedAgentsAgentCustomToolUseEvent as Use

    use = Use.construct(
        type="agent.custom_tool_use", id="sevt_1", name="weather", input={"city": "Oslo"}
    )
    runner = object.__new__(SessionToolRunner)  # what runs one tool needs nothing of the runner
    await runner._call_tool(weather, use, {"city": "Oslo"})

    [tool] = manager.ended
    assert tool.name == "execute_tool weather"
    assert tool["gen_ai.tool.call.id"] == "sevt_1"
    assert "rain in Oslo" in repr(tool["gen_ai.tool.call.result"])


def test_every_hook_exists_in_the_installed_version():
    targets = AnthropicInstrumentation(DirectManager()).targets()
    missing = []
    for target in targets:
        holder = importlib.import_module(target.module)
        for name in target.name.split("."):
            holder = getattr(holder, name, None)
        if holder is None:
            missing.append(target.name)

    assert missing == []

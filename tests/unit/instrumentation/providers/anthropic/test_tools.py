"""Tools of the program that the SDK's runners run: a span for each, between those of the model calls."""

import importlib

import anthropic
import pytest
from anthropic import beta_async_tool, beta_tool
from anthropic.lib.tools import ToolError
from opentelemetry.trace import SpanKind, StatusCode
from support.anthropic_wire import MESSAGE, REQUEST, TOOL_MESSAGE, Wire, event_bytes, httpx2
from support.providers import DirectManager
from support.versions import ANTHROPIC, needs

from agentops.events import ToolEvent
from agentops.instrumentation.providers.anthropic import AnthropicInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider

pytestmark = pytest.mark.usefixtures("provider")
HAS_IDS = ANTHROPIC >= 1  # before, only the tool's own method is seen, which is not told the id
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
    assert tool.attributes.get("gen_ai.tool.call.id") == ("toolu_1" if HAS_IDS else None)
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
    told = [ended.attributes.get("gen_ai.tool.call.id") for ended in tools]
    assert told == (["toolu_0", "toolu_1"] if HAS_IDS else [None, None])
    assert [ended["gen_ai.tool.call.arguments"]["city"] for ended in tools] == ["Oslo", "Bergen"]


def test_a_tool_that_fails_is_a_failed_span_and_the_model_hears_of_it(manager):
    wire = _wire(TOOL_MESSAGE, MESSAGE)
    wire.client().beta.messages.tool_runner(**REQUEST, tools=[broken]).until_done()

    tool = manager.ended[1]
    if HAS_IDS:
        assert tool["error.type"] == "tool_error"
        assert tool.span.status.status_code is StatusCode.ERROR
    else:
        assert type(tool.error) is ToolError
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


@needs(anthropic=1)
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


def _toolset(kind):
    base = pytest.importorskip("anthropic.lib.tools._toolsets._runnable")
    toolset = "BetaAsyncRunnableToolset" if kind == "async" else "BetaRunnableToolset"

    def call(self, context, name, input):
        if input["x"] < 0:
            raise ToolError("off the screen")
        return f"{name} at {input['x']}"

    async def call_async(self, context, name, input):
        return call(self, context, name, input)

    members = {
        "toolset_name": "computer",
        "to_dict": lambda self: {"type": "computer_toolset_20260801"},
        "call": call_async if kind == "async" else call,
    }
    return type("Screen", (getattr(base, toolset),), members)()


def _click(x):
    use = {"type": "tool_use", "id": "toolu_1", "name": "click", "toolset_name": "computer"}
    return {**TOOL_MESSAGE, "content": [{**use, "input": {"x": x}}]}


@pytest.mark.parametrize("x", [5, -5])
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_member_of_a_toolset_is_a_span(manager, kind, x):
    wire = _wire(_click(x), MESSAGE)
    client = wire.async_client() if kind == "async" else wire.client()
    runner = client.beta.messages.tool_runner(**REQUEST, tools=[_toolset(kind)])
    done = runner.until_done()
    if kind == "async":
        await done

    [tool] = [ended for ended in manager.ended if ended.name.startswith("execute_tool")]
    assert tool.name == "execute_tool click"
    assert tool["gen_ai.tool.call.id"] == "toolu_1"
    assert tool["gen_ai.tool.call.arguments"] == {"x": x}
    assert tool.attributes.get("error.type") == (None if x > 0 else "tool_error")
    assert ("click at 5" if x > 0 else "off the screen") in repr(tool["gen_ai.tool.call.result"])


@needs(anthropic=1)
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_tool_that_runs_while_the_answer_streams_is_a_span(manager, kind):
    wire = Wire()
    messages = [TWO_TOOLS, MESSAGE]

    def answer(request):
        wire.message = messages.pop(0)
        return wire.streamed(request)

    wire.answers["/v1/messages"] = answer
    options = {**REQUEST, "stream": True, "run_tools_eagerly": True}
    if kind == "sync":
        for stream in wire.client().beta.messages.tool_runner(**options, tools=[weather]):
            list(stream)
    else:
        tool = beta_async_tool(weather_async.func, name="weather")
        async for stream in wire.async_client().beta.messages.tool_runner(**options, tools=[tool]):
            async for _ in stream:
                pass

    tools = [ended for ended in manager.ended if ended.name == "execute_tool weather"]
    assert [ended["gen_ai.tool.call.id"] for ended in tools] == ["toolu_0", "toolu_1"]
    assert [ended["gen_ai.tool.call.result"] for ended in tools] == [
        "rain in Oslo",
        "rain in Bergen",
    ]


@needs(anthropic=1)
@pytest.mark.parametrize("tool", [weather, beta_async_tool(weather_async.func, name="weather")])
async def test_the_runner_of_a_managed_session_makes_a_span_of_each_tool(manager, tool):
    use = {
        "type": "agent.custom_tool_use",
        "id": "sevt_1",
        "name": "weather",
        "input": {"city": "Oslo"},
        "processed_at": "2026-11-22T00:00:00Z",
    }
    over = {
        "type": "session.status_terminated",
        "id": "sevt_2",
        "processed_at": use["processed_at"],
    }
    stream = b"".join(event_bytes([(each["type"], each) for each in (use, over)]))

    def answer(request):
        if request.url.path.endswith("/stream"):
            headers = {"content-type": "text/event-stream"}
            return httpx2.Response(200, headers=headers, content=stream)
        if request.method == "GET":
            return httpx2.Response(200, json={"data": [], "next_page": None})
        return httpx2.Response(200, json={"data": [use]})

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    client = anthropic.AsyncAnthropic(api_key="x", max_retries=0, http_client=http)
    calls = [call async for call in client.beta.sessions.events.tool_runner("sesn_1", tools=[tool])]

    assert [call.name for call in calls] == ["weather"]
    [ran] = [ended for ended in manager.ended if ended.name == "execute_tool weather"]
    assert ran["gen_ai.tool.call.id"] == "sevt_1"
    assert ran["gen_ai.tool.call.arguments"] == {"city": "Oslo"}
    assert "rain in Oslo" in repr(ran["gen_ai.tool.call.result"])


def test_every_hook_exists_in_the_installed_version():
    targets = AnthropicInstrumentation(DirectManager()).targets()
    missing = []
    for target in targets:
        holder = importlib.import_module(target.module)
        for name in target.name.split("."):
            holder = getattr(holder, name, None)
        if holder is None:
            missing.append(target.name)

    assert missing == ([] if HAS_IDS else ["BaseClient._tracer"])

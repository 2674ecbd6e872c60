"""Whatever of the program the SDK's own runners run: functions, browsers, computers, actions, handlers."""

import asyncio

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import StatusCode
from support.openai_wire import RESPONSE, Wire, httpx2, response_events, sse

runner = pytest.importorskip("openai.lib.responses_tool_runner")
pytest.importorskip("openai.lib.decisions_tool_runner")
pytestmark = pytest.mark.usefixtures("provider")

TOOL = {
    "type": "function",
    "name": "add",
    "description": "Adds.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    },
}
CALL = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "call_1",
    "name": "add",
    "arguments": '{"a":1}',
    "status": "completed",
}
COMPUTER_CALL = {
    "id": "cu_1",
    "type": "computer_call",
    "call_id": "call_2",
    "status": "completed",
    "pending_safety_checks": [],
    "actions": [{"type": "wait"}],
}
SCREEN = {"type": "computer_screenshot", "image_url": "data:image/png;base64,aGk="}
BROWSER_CALL = {
    **CALL,
    "name": "browser_navigate",
    "arguments": '{"tab_id":"1","url":"https://a.b"}',
}
STATE = {"tabs": [{"id": "1", "url": "https://a.b", "title": "A", "active": True}]}


def answering(*outputs):
    """Answer the first calls with these outputs, all others with a message."""

    def answer(attempt, _request):
        if attempt > len(outputs):
            return None
        return httpx2.Response(200, json={**RESPONSE, "output": outputs[attempt - 1]})

    return answer


def tools_of(manager):
    return [each for each in manager.ended if each.name.startswith("execute_tool")]


def below_an_agent(manager, work):
    """Do ``work`` below a span; return its result and the tools, which stand right below that span."""
    agent = manager.create_span("invoke_agent helper")
    token = attach(trace.set_span_in_context(agent))
    try:
        result = work()
    finally:
        detach(token)
    tools = tools_of(manager)
    assert {each.span.parent.span_id for each in tools} == {agent.get_span_context().span_id}
    return result, tools


def functions(kind, execute, **options):
    return [kind(tool=TOOL, execute=execute, **options)]


def test_a_function_that_the_runner_calls_is_a_tool_span_between_two_calls(manager):
    ran = runner.ResponsesToolRunner(
        functions=functions(runner.RegisteredFunction, lambda given: str(given["a"] + 1))
    )
    wire = Wire(fail=answering([CALL]))
    final, [tool] = below_an_agent(
        manager, lambda: ran.run(wire.client(), {"model": "gpt-5", "input": "Hi"})
    )

    assert final.id == RESPONSE["id"]
    assert [each.name for each in manager.ended] == [
        "chat gpt-5",
        "execute_tool add",
        "chat gpt-5",
    ]
    assert tool["gen_ai.tool.call.id"] == "call_1"
    assert tool["gen_ai.tool.call.arguments"] == {"a": 1}
    assert tool["gen_ai.tool.call.result"] == "2"
    assert tool["gen_ai.tool.description"] == "Adds."
    assert manager.ended[0]["gen_ai.response.finish_reasons"] == ["tool_call"]


def test_functions_that_run_while_the_answer_streams_are_spans_of_the_same_agent(manager):
    calls = [{**CALL, "id": f"fc_{n}", "call_id": f"call_{n}"} for n in (1, 2)]
    asked = {**RESPONSE, "output": calls}
    events = [{"type": "response.created", "response": {**asked, "output": []}}]
    for n, call in enumerate(calls):
        events.append({"type": "response.output_item.added", "output_index": n, "item": call})
        events.append({"type": "response.output_item.done", "output_index": n, "item": call})
    events.append({"type": "response.completed", "response": asked})

    def answer(attempt, _request):
        told = [(e["type"], {**e, "sequence_number": i}) for i, e in enumerate(events)]
        body = b"".join(sse(*told) if attempt == 1 else response_events())
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    ran = runner.ResponsesToolRunner(
        functions=functions(
            runner.RegisteredFunction, lambda given: str(given["a"]), independent=True
        )
    )
    client = Wire(fail=answer).client()
    request = {"model": "gpt-5", "input": "Hi"}
    _, tools = below_an_agent(manager, lambda: ran.run(client, request, stream=True, eager=True))

    assert sorted(each["gen_ai.tool.call.id"] for each in tools) == ["call_1", "call_2"]


def test_a_function_that_raises_is_a_failed_span(manager):
    def fail(_given):
        raise KeyError("secret")

    ran = runner.ResponsesToolRunner(functions=functions(runner.RegisteredFunction, fail))
    wire = Wire(fail=answering([CALL]))
    with pytest.raises(runner.ToolRunnerError):
        ran.run(wire.client(), {"model": "gpt-5", "input": "Hi"})

    [tool] = tools_of(manager)
    assert isinstance(tool.error, KeyError)


def test_an_async_function_is_a_tool_span(manager):
    async def add(given):
        await anyio.lowlevel.checkpoint()
        return str(given["a"] + 1)

    ran = runner.AsyncResponsesToolRunner(functions=functions(runner.AsyncRegisteredFunction, add))
    wire = Wire(fail=answering([CALL]))
    _, [tool] = below_an_agent(
        manager,
        lambda: asyncio.run(ran.run(wire.async_client(), {"model": "gpt-5", "input": "Hi"})),
    )

    assert (tool["gen_ai.tool.call.id"], tool["gen_ai.tool.call.result"]) == ("call_1", "2")


class Computer:
    """A computer that waits and shows its screen."""

    def wait(self, action):
        pass

    def screenshot(self):
        return dict(SCREEN)

    click = double_click = drag = keypress = move = scroll = type = wait


class AsyncComputer:
    """The same, to be awaited."""

    async def wait(self, action):
        pass

    async def screenshot(self):
        return dict(SCREEN)

    click = double_click = drag = keypress = move = scroll = type = wait


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("loop", ["toolset", "runner"])
def test_actions_on_a_computer_are_a_tool_span(manager, loop, is_async):
    computer = pytest.importorskip("openai.lib.computer")
    wire = Wire(fail=answering([COMPUTER_CALL]))
    request = {"model": "gpt-5", "input": "Hi", "tools": [{"type": "computer"}]}
    if is_async:
        toolset = computer.AsyncComputerToolset(AsyncComputer())
        ran = runner.AsyncResponsesToolRunner(computer=toolset)
        client = wire.async_client()
    else:
        toolset = computer.ComputerToolset(Computer())
        ran = runner.ResponsesToolRunner(computer=toolset)
        client = wire.client()
    by = toolset if loop == "toolset" else ran
    if loop == "runner":
        del request["tools"]

    def work():
        result = by.run(client, request)
        return asyncio.run(_awaited(result)) if is_async else result

    _, [tool] = below_an_agent(manager, work)

    assert tool.name == "execute_tool computer"
    assert tool["gen_ai.tool.call.id"] == "call_2"
    assert tool["gen_ai.tool.call.arguments"]["actions"][0].type == "wait"
    assert tool["gen_ai.tool.call.result"] == [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="}
    ]


async def _awaited(coroutine):
    return await coroutine


class Browser:
    """A browser that goes where it is told, once."""

    def state(self):
        return STATE

    def navigate(self, action):
        if action["url"] != "https://a.b":
            raise pytest.importorskip("openai.lib.browser").BrowserError("lost")


class AsyncBrowser:
    """The same, to be awaited."""

    async def state(self):
        return STATE

    async def navigate(self, action):
        if action["url"] != "https://a.b":
            raise pytest.importorskip("openai.lib.browser").BrowserError("lost")


async def _yes(*_args, **_kwargs):
    return True


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("url", ["https://a.b", "https://c.d"])
def test_what_a_browser_does_is_a_tool_span(manager, is_async, url):
    browser = pytest.importorskip("openai.lib.browser")
    call = {**BROWSER_CALL, "arguments": BROWSER_CALL["arguments"].replace("https://a.b", url)}
    wire = Wire(fail=answering([call]))
    request = {"model": "gpt-5", "input": "Hi"}
    if is_async:
        toolset = browser.AsyncBrowserToolset(
            AsyncBrowser(), members=["navigate"], confirm=_yes, url_policy=_yes
        )
        run = runner.AsyncResponsesToolRunner(browser=toolset).run
        asyncio.run(run(wire.async_client(), request))
    else:
        toolset = browser.BrowserToolset(
            Browser(),
            members=["navigate"],
            confirm=lambda *_: True,
            url_policy=lambda *_: True,
        )
        runner.ResponsesToolRunner(browser=toolset).run(wire.client(), request)

    [tool] = tools_of(manager)
    assert tool.name == "execute_tool browser_navigate"
    assert tool["gen_ai.tool.call.id"] == "call_1"
    assert tool["gen_ai.tool.call.arguments"]["url"] == url
    is_there = url == "https://a.b"
    assert (tool.span.status.status_code is StatusCode.ERROR) is not is_there
    assert tool.attributes.get("error.type") == (None if is_there else "tool_error")
    assert tool["gen_ai.tool.call.result"][0]["type"] == "text"


def decision(choice):
    answers = [
        {
            "type": "choice",
            "name": "next_action",
            "choice": choice,
            "confidence": 0.9,
            "probabilities": [{"value": choice, "probability": 0.9}],
        }
    ]
    details = {"cached_tokens": 0, "cache_write_tokens": 0}
    usage = {
        "input_tokens": 9,
        "output_tokens": 1,
        "total_tokens": 10,
        "input_tokens_details": details,
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    return {"model": "gpt-6-luna", "answers": answers, "usage": usage}


def choosing(*choices):
    def answer(attempt, _request):
        return httpx2.Response(200, json=decision(choices[attempt - 1]))

    return answer


def candidates(execute):
    return [
        {"id": "open_door", "description": "Open the door.", "execute": execute},
        {"id": "done", "description": "Stop.", "done": True},
    ]


PARAMS = {"model": "gpt-6-luna", "input": "Get in."}


def test_an_action_that_a_decision_chose_is_a_tool_span(manager):
    decisions = pytest.importorskip("openai.lib.decisions_tool_runner")
    seen = []

    def execute(*, cancelled=None):  # the SDK looks at the parameters
        seen.append((trace.get_current_span(), cancelled))
        return "open"

    ran = decisions.DecisionsToolRunner(
        observe=lambda: "x", candidates=lambda _: candidates(execute)
    )
    wire = Wire(fail=choosing("open_door", "done"))

    def never():
        return False

    result, [tool] = below_an_agent(
        manager, lambda: ran.run(wire.client(), PARAMS, cancelled=never)
    )

    assert result["completed_candidate_ids"] == ["open_door"]
    assert seen == [(tool.span, never)]
    assert [each.name for each in manager.ended] == [
        "decision gpt-6-luna",
        "execute_tool open_door",
        "decision gpt-6-luna",
    ]
    assert tool["gen_ai.tool.call.id"] == "open_door"
    assert tool["gen_ai.tool.description"] == "Open the door."
    assert tool["gen_ai.tool.call.result"] == "open"


def test_an_async_action_is_a_tool_span_that_ends_when_it_does(manager):
    decisions = pytest.importorskip("openai.lib.decisions_tool_runner")

    async def execute():
        await asyncio.sleep(0)
        return trace.get_current_span()

    async def observe():
        return "x"

    async def propose(_):
        return candidates(execute)

    ran = decisions.AsyncDecisionsToolRunner(observe=observe, candidates=propose)
    client = Wire(fail=choosing("open_door", "done")).async_client()
    _, [tool] = below_an_agent(manager, lambda: asyncio.run(ran.run(client, PARAMS)))

    assert tool["gen_ai.tool.call.result"] is tool.span


@pytest.mark.parametrize("kind", ["raises", "is_async"])
def test_an_action_that_fails_ends_its_span_and_the_run_as_without_us(manager, kind):
    decisions = pytest.importorskip("openai.lib.decisions_tool_runner")

    def raises():
        raise LookupError("no door")

    async def is_async():
        pass

    execute = raises if kind == "raises" else is_async
    ran = decisions.DecisionsToolRunner(
        observe=lambda: "x", candidates=lambda _: candidates(execute)
    )
    with pytest.raises(decisions.DecisionsToolRunnerError) as caught:
        ran.run(Wire(fail=choosing("open_door")).client(), PARAMS)

    assert caught.value.reason == ("failed" if kind == "raises" else "async_executor")
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, kind == "raises")
    [tool] = tools_of(manager)
    assert isinstance(tool.error, LookupError) is (kind == "raises")


def agent_events(name="add"):
    at = {"session_id": "sess_1", "turn_id": "turn_1"}
    item = {
        **CALL,
        "turn_id": "turn_1",
        "name": name,
        "arguments": {"a": 1},
        "status": "in_progress",
    }
    turn = {
        "id": "turn_1",
        "session_id": "sess_1",
        "status": "completed",
        "created_at": 1,
        "object": "agent.session.turn",
    }
    usage = {
        "input_tokens": 10,
        "output_tokens": 4,
        "total_tokens": 14,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
        "output_tokens_details": {"reasoning_tokens": 3},
    }
    events = [
        {"type": "agent.session.turn.created", "turn": turn, **at},
        {"type": "agent.session.turn.item.added", "item": item, "output_index": 0, **at},
        {"type": "agent.session.turn.item.done", "item": item, "output_index": 0, **at},
        {"type": "agent.session.turn.output_text.done", "text": "2", "item_id": "i", **at},
        {"type": "agent.session.turn.completed", "turn": turn, "usage": usage, **at},
        {"type": "agent.session.idle", "session_id": "sess_1", "session": {"id": "sess_1"}},
    ]
    return [{"event_id": f"ev_{n}", **event} for n, event in enumerate(events)]


def agent_service(_attempt, request):
    if request.method == "GET" and "/events" in request.url.path:
        body = b"".join(sse(*[(event["type"], event) for event in agent_events()]))
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    if request.method == "GET":
        session = {"id": "sess_1", "object": "agent.session", "status": "idle"}
        return httpx2.Response(200, json=session)
    return httpx2.Response(200, json={"object": "list", "data": []})


def test_a_handler_of_a_managed_agent_is_a_tool_span(manager):
    def add(given):
        return str(given["a"] + 1)

    client = Wire(fail=agent_service).client()
    with client.beta.agents.sessions.stream(
        "sess_1", input="Hi", tool_handlers={"add": add}
    ) as stream:
        stream.until_done()

    [tool] = tools_of(manager)
    assert tool["gen_ai.tool.call.id"] == "call_1"
    assert tool["gen_ai.tool.call.arguments"] == {"a": 1}
    assert tool["gen_ai.tool.call.result"] == "2"
    [agent] = [each for each in manager.ended if each.name == "invoke_agent"]
    assert agent["gen_ai.usage.input_tokens"] == 10
    assert agent["gen_ai.usage.reasoning.output_tokens"] == 3
    assert [part["type"] for m in agent["gen_ai.output.messages"] for part in m["parts"]] == [
        "tool_call",
        "text",
    ]


@pytest.mark.parametrize("is_failing", [False, True])
async def test_an_async_handler_of_a_managed_agent_is_a_tool_span(manager, is_failing):
    async def add(given):
        await anyio.lowlevel.checkpoint()
        if is_failing:
            raise LookupError("no sum")
        return str(given["a"] + 1)

    client = Wire(fail=agent_service).async_client()
    async with client.beta.agents.sessions.stream(
        "sess_1", input="Hi", tool_handlers={"add": add}
    ) as stream:
        await stream.until_done()

    [tool] = tools_of(manager)
    assert tool.attributes.get("gen_ai.tool.call.result") == (None if is_failing else "2")
    assert isinstance(tool.error, LookupError) is is_failing

"""Both vendors at once, over loopback sockets: 200 calls in flight, none of them in another's place."""

import asyncio
import json

import anthropic
import openai
import pytest

import agentops
from agentops.demo.model_server import ModelServer
from agentops.testing import recording

CALLS = 200


@pytest.fixture(scope="module")
def models():
    with ModelServer(think_ms=20, chunk_ms=1) as server:
        yield server


def _messages(number):
    return [{"role": "user", "content": f"question {number:03d}"}]


async def _openai(client, number, stream):
    asked = {"model": "gpt-4o-mini", "messages": _messages(number)}
    if not stream:
        return await client.chat.completions.create(**asked)
    async for _ in await client.chat.completions.create(**asked, stream=True):
        pass


async def _anthropic(client, number, stream):
    asked = {"model": "claude-sonnet-5", "max_tokens": 64, "messages": _messages(number)}
    if not stream:
        return await client.messages.create(**asked)
    async with client.messages.stream(**asked) as answer:
        await answer.get_final_message()


async def _ask_all(models):
    one = openai.AsyncOpenAI(base_url=f"{models.url}/v1", api_key="none", max_retries=0, timeout=50)
    other = anthropic.AsyncAnthropic(base_url=models.url, api_key="none", max_retries=0, timeout=50)

    @agentops.agent(name="asker")
    async def ask(number):
        call, client = (_openai, one) if number % 2 else (_anthropic, other)
        await call(client, number, stream=number % 4 < 2)

    async def run(number):
        with agentops.session(f"session {number:03d}"):
            await ask(number)

    async with one, other:
        await asyncio.gather(*(run(number) for number in range(CALLS)))


def _number(text):
    return int(text.rpartition(" ")[2][:3])


def test_200_calls_at_once_stay_in_their_sessions_below_their_agents(models):
    with recording(instrument=["openai", "anthropic"]) as recorded:
        asyncio.run(_ask_all(models))
        assert agentops.flush(30_000)
        spans = {span.span_id: span for span in recorded.spans}
        events = [event for event in recorded.events if event.name == "agentops.llm"]

    sessions = {s.session_id: s for s in spans.values() if s.name.startswith("session ")}
    calls = [span for span in spans.values() if span.name.startswith("chat ")]
    agents = [span for span in spans.values() if span.name == "invoke_agent asker"]
    assert (len(sessions), len(agents), len(calls), len(events)) == (CALLS,) * 4
    for call in calls:
        messages = call.attributes["gen_ai.input.messages"]
        asked = json.loads(messages) if isinstance(messages, str) else messages
        number = _number(asked[0]["parts"][0]["content"])
        agent = spans[call.parent_span_id]
        session = sessions[call.session_id]
        assert agent.name == "invoke_agent asker"
        assert agent.parent_span_id == session.span_id
        assert _number(session.name) == number
        assert call.trace_id == session.trace_id
        assert call.attributes["gen_ai.provider.name"] == ("openai" if number % 2 else "anthropic")
        assert call.status_code == 0
    assert {(e.trace_id, e.span_id) for e in events} == {(c.trace_id, c.span_id) for c in calls}

"""A whole agent: real vendor packages over loopback HTTP, sessions, steps, and what arrives of them."""

import asyncio

import anthropic
import openai
import pytest
from support.terminal import run_at_terminal

import agentops
from agentops.demo.model_server import ModelServer
from agentops.testing import recording

VENDORS = ["openai", "anthropic"]


@pytest.fixture(scope="module")
def models():
    with ModelServer() as server:
        yield server


@pytest.fixture
def clients(models):
    with (
        openai.OpenAI(base_url=f"{models.url}/v1", api_key="none", max_retries=0) as one,
        anthropic.Anthropic(base_url=models.url, api_key="none", max_retries=0) as other,
    ):
        yield one, other


def ask_openai(client):
    return client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Where is my order?"}]
    )


def ask_anthropic(client):
    return client.messages.create(
        model="claude-sonnet-5",
        max_tokens=64,
        messages=[{"role": "user", "content": "Where is my order?"}],
    )


def test_every_call_tool_and_step_is_one_span_and_one_event_of_its_session(clients):
    one, other = clients

    @agentops.tool
    def search(query):
        return ask_openai(one).choices[0].message.content

    @agentops.agent
    def planner(question):
        return search(question)

    @agentops.agent
    def writer(found):
        return ask_anthropic(other).content[0].text

    with recording(instrument=VENDORS) as recorded:
        with agentops.session("support", tags=["test"]) as session:
            answer = writer(planner("Where?"))
        spans, events = recorded.spans, recorded.events

    assert isinstance(answer, str)
    parents = {span.span_id: span.name for span in spans}
    tree = {span.name: parents.get(span.parent_span_id) for span in spans}
    assert tree == {
        "support": None,
        "invoke_agent planner": "support",
        "execute_tool search": "invoke_agent planner",
        "chat gpt-4o-mini": "execute_tool search",
        "invoke_agent writer": "support",
        "chat claude-sonnet-5": "invoke_agent writer",
    }
    assert {span.session_id for span in spans} == {str(session.id)}
    assert {record.session_id for record in events} == {str(session.id)}
    carried = [record for record in events if record.event is not None]
    steps = [span.span_id for span in spans if span.name != "support"]
    assert sorted(record.span_id for record in carried) == sorted(steps)
    calls = [span for span in spans if span.name.startswith("chat ")]
    assert all(span.attributes["gen_ai.usage.input_tokens"] > 0 for span in calls)
    by_agent = {span.name: span.attributes["gen_ai.agent.name"] for span in calls}
    assert by_agent == {"chat gpt-4o-mini": "planner", "chat claude-sonnet-5": "writer"}


def test_streams_and_tasks_stay_in_their_sessions(models):
    async def one(client, name):
        async with agentops.session(name):
            stream = await client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": name}], stream=True
            )
            return [chunk async for chunk in stream]

    async def main():
        async with openai.AsyncOpenAI(base_url=f"{models.url}/v1", api_key="none") as client:
            await asyncio.gather(*(one(client, f"session {number}") for number in range(5)))

    with recording(instrument=VENDORS) as recorded:
        asyncio.run(main())
        spans = recorded.spans

    roots = {span.span_id: span for span in spans if not span.parent_span_id}
    calls = [span for span in spans if span.parent_span_id]
    assert len(roots) == len(calls) == 5
    for call in calls:
        root = roots[call.parent_span_id]
        assert (call.trace_id, call.session_id) == (root.trace_id, root.session_id)
        assert root.name in str(call.attributes["gen_ai.input.messages"])


def test_a_failing_call_fails_span_agent_and_session_with_the_vendors_own_error(models):
    client = openai.OpenAI(base_url=f"{models.url}/nowhere", api_key="none", max_retries=0)

    @agentops.agent
    def planner():
        return ask_openai(client)

    with recording(instrument=VENDORS) as recorded:
        with client, pytest.raises(openai.APIStatusError), agentops.session("support"):
            planner()
        spans = recorded.spans

    assert [span.status_code for span in spans] == [2, 2, 2]
    assert spans[-1].attributes["agentops.session.end_state"] == "Fail"


def test_a_program_says_in_one_line_what_it_used(models):
    code = (
        "import agentops\n"
        "agentops.init(service_name='helper', telemetry={'exporters': [{'type': 'memory'}]})\n"
        "import openai\n"
        f"client = openai.OpenAI(base_url={models.url + '/v1'!r}, api_key='none')\n"
        "client.chat.completions.create(model='gpt-4o-mini',"
        " messages=[{'role': 'user', 'content': 'hi'}])\n"
    )
    done = run_at_terminal(code)

    assert done.stdout == ""
    assert done.stderr.startswith("agentops: helper ended, ")
    assert " tokens" in done.stderr
    assert done.stderr.count("\n") == 1

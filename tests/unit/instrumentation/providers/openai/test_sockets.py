"""Connections over WebSockets, to a real server on this machine."""

import asyncio
import json
import threading
import traceback

import openai
import pytest
from support.openai_wire import RESPONSE
from support.versions import skipping_what_is_missing
from websockets.sync.server import serve

pytestmark = [
    pytest.mark.usefixtures("provider"),
    # openai 3.54 opens its connections in a way that websockets 17 warns of.
    pytest.mark.filterwarnings("ignore:connect.. must be used:DeprecationWarning"),
]

USAGE = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_token_details": {
        "text_tokens": 15,
        "audio_tokens": 5,
        "cached_tokens": 4,
        "cached_tokens_details": {"text_tokens": 4, "audio_tokens": 0},
    },
    "output_token_details": {"text_tokens": 3, "audio_tokens": 7},
}
ITEM = {
    "id": "item_2",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hello."}],
}
USER_ITEM = {
    "id": "item_1",
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hi"}],
}


def realtime_answers(n):
    response = {"id": f"resp_{n}", "object": "realtime.response", "status": "in_progress"}
    done = {**response, "status": "completed", "output": [ITEM], "usage": USAGE}
    return [
        {"type": "response.created", "response": {**response, "output": []}},
        {"type": "response.output_audio.delta", "response_id": f"resp_{n}", "delta": "A" * 4000},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "Hello."},
        {"type": "response.done", "response": done},
    ]


def handle(socket):
    """Speak the realtime protocol, or that of responses, by the path."""
    if "realtime" in socket.request.path:
        setup = {"type": "realtime", "model": "gpt-realtime-2", "instructions": "Be kind."}
        socket.send(json.dumps({"type": "session.created", "event_id": "e", "session": setup}))
    turns = 0
    for text in socket:
        event = json.loads(text)
        if event["type"] == "conversation.item.create":
            added = {"type": "conversation.item.added", "item": USER_ITEM}
            socket.send(json.dumps(added))
        elif event["type"] == "response.create":
            turns += 1
            if "realtime" in socket.request.path:
                answers = realtime_answers(turns)
            else:
                started = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}
                answers = [
                    {"type": "response.created", "sequence_number": 0, "response": started},
                    {"type": "response.completed", "sequence_number": 1, "response": RESPONSE},
                ]
            for each in answers:
                socket.send(json.dumps({"event_id": "e", **each}))


@pytest.fixture
def anyio_backend():
    """The websockets package knows asyncio only."""
    return "asyncio"


@pytest.fixture(scope="module")
def address():
    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def client_of(kind, address):
    address = f"//{address}/v1"
    return kind(api_key="x", base_url=f"http:{address}", websocket_base_url=f"ws:{address}")


def ask(connection):
    connection.conversation.item.create(item={**USER_ITEM, "id": "item_1"})
    connection.response.create()
    for event in connection:
        if event.type == "response.done":
            return event


def check_realtime(manager):
    *turns, session = manager.ended
    assert session.name == "realtime gpt-realtime-2"
    assert [turn.name for turn in turns] == ["chat gpt-realtime-2"] * len(turns)
    assert {turn.span.parent.span_id for turn in turns} == {session.span.context.span_id}
    assert turns[0]["gen_ai.usage.input_tokens"] == 20
    assert turns[0]["gen_ai.usage.audio.output_tokens"] == 7
    assert turns[0]["gen_ai.usage.text.cache_read.input_tokens"] == 4
    assert turns[0]["gen_ai.response.finish_reasons"] == ["stop"]
    assert turns[0]["gen_ai.system_instructions"][0]["content"] == "Be kind."
    assert turns[0]["gen_ai.input.messages"][0]["parts"][0]["content"] == "Hi"
    assert turns[0]["gen_ai.output.messages"][0]["parts"][0]["content"] == "Hello."
    assert turns[0]["gen_ai.response.id"] == "resp_1"
    assert "gen_ai.usage.input_tokens" not in session.attributes
    assert [event.prompt_tokens for turn in turns for event in turn.events] == [20] * len(turns)


def test_a_realtime_connection_is_a_span_and_each_response_one_below_it(manager, address):
    with client_of(openai.OpenAI, address).realtime.connect(model="gpt-realtime-2") as connection:
        kind = type(connection)
        first = ask(connection)
        second = ask(connection)

    assert (first.response.id, second.response.id) == ("resp_1", "resp_2")
    assert kind.__name__ == "RealtimeConnection"
    assert len(manager.ended) == 3
    check_realtime(manager)


async def test_an_async_realtime_connection_is_told_alike(manager, address):
    client = client_of(openai.AsyncOpenAI, address)
    async with client.realtime.connect(model="gpt-realtime-2") as connection:
        await connection.conversation.item.create(item={**USER_ITEM, "id": "item_1"})
        await connection.response.create()
        async for event in connection:
            if event.type == "response.done":
                break
    await asyncio.sleep(0)

    assert len(manager.ended) == 2
    check_realtime(manager)


def test_responses_over_a_connection_are_told_as_over_http(manager, address):
    with skipping_what_is_missing():
        connect = client_of(openai.OpenAI, address).responses.connect
    with connect() as connection:
        connection.response.create(model="gpt-5", input="Hi")
        for event in connection:
            if event.type == "response.completed":
                break

    turn, session = manager.ended
    assert session.name == "responses"
    assert turn.name == "chat gpt-5"
    assert turn["gen_ai.usage.cache_read.input_tokens"] == 3
    assert turn["gen_ai.input.messages"][0]["parts"][0]["content"] == "Hi"
    assert turn["gen_ai.output.messages"][0]["parts"][0]["content"] == '{"answer":"Hello."}'


def test_a_connection_closed_in_the_midst_of_a_response_says_so(manager, address):
    with client_of(openai.OpenAI, address).realtime.connect(model="gpt-realtime-2") as connection:
        connection.response.create()
        for event in connection:
            if event.type == "response.created":
                break

    turn, _session = manager.ended
    assert turn["agentops.response.stream_end"] == "closed"
    assert turn["gen_ai.response.id"] == "resp_1"


def test_a_closed_connection_is_left_alone_after_uninstall(manager, provider, address):
    provider.uninstall()
    with client_of(openai.OpenAI, address).realtime.connect(model="gpt-realtime-2") as connection:
        kind = type(connection._connection)

    assert manager.ended == []
    assert kind.__module__.startswith("websockets")


async def test_a_read_that_is_cancelled_raises_as_without_us(provider, address):
    async def frames():
        async with client_of(openai.AsyncOpenAI, address).realtime.connect(model="m") as connection:
            await connection.recv()
            reading = asyncio.create_task(connection.recv())
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await reading
            return [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]

    during = await frames()
    provider.uninstall()

    assert during == await frames()

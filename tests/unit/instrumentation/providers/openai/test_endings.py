"""When a stream is told to have come whole, though the program did not read it to its very end."""

import gc
import gzip
import json
from contextlib import suppress

import openai
import pytest
from support.openai_wire import (
    RESPONSE,
    Pieces,
    Wire,
    chat_chunk,
    httpx2,
    response_events,
    sse,
)
from support.versions import needs

pytestmark = pytest.mark.usefixtures("provider")


def ended_as(manager):
    [span] = manager.ended
    return span.attributes.get("agentops.response.stream_end")


def read_until(stream, kind):
    for event in stream:
        if event.type == kind:
            break


@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize("is_type_last", [True, False])
def test_a_response_whose_last_event_was_read_is_complete(manager, is_closed, is_type_last):
    name, told = "response.completed", {"response": RESPONSE, "sequence_number": 9}
    event = {**told, "type": name} if is_type_last else {"type": name, **told}
    assert len(json.dumps(event)) > 512
    pieces = sse((name, event))
    headers = {"content-type": "text/event-stream"}
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Pieces(pieces)))
    stream = wire.client().responses.create(model="gpt-5", input="Hi", stream=True)
    read_until(stream, name)
    if is_closed:
        stream.close()
    del stream
    gc.collect()

    assert ended_as(manager) is None


def test_a_response_that_was_left_before_its_last_event_is_not_complete(manager):
    with Wire().client().responses.create(model="gpt-5", input="Hi", stream=True) as stream:
        read_until(stream, "response.output_text.done")

    assert ended_as(manager) == "closed"


@pytest.mark.parametrize("name", ["error", ""])
def test_a_response_that_an_error_breaks_off_ends_in_an_error(manager, name):
    fault = {"type": "error", "code": "server_error", "message": "Gone.", "param": None}
    pieces = [*response_events()[:5], *sse((name, fault))]
    headers = {"content-type": "text/event-stream"}
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Pieces(pieces)))
    with suppress(openai.APIError):  # some versions raise it
        list(wire.client().responses.create(model="gpt-5", input="Hi", stream=True))

    [span] = manager.ended
    assert span["error.type"] == "server_error"
    assert span["gen_ai.response.finish_reasons"] == ["error"]
    said = [{"type": "text", "content": '{"answer":"Hel'}]
    assert span["gen_ai.output.messages"] == [
        {"role": "assistant", "parts": said, "finish_reason": "error"}
    ]


def test_a_model_that_says_done_has_not_come_to_its_end(manager):
    pieces = sse(
        chat_chunk({"content": "All is [DONE]"}), chat_chunk(finish_reason="stop"), "[DONE]"
    )
    headers = {"content-type": "text/event-stream"}
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Pieces(pieces)))
    with wire.client().chat.completions.create(model="m", messages=[], stream=True) as stream:
        next(stream)

    assert ended_as(manager) == "closed"


@needs(openai=2)  # those before raise it
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_connection_that_breaks_after_the_last_event_is_no_error(manager, encoding):
    # The async client reads on from there, to use the connection again, and minds no error.
    body = b"".join(sse(chat_chunk({"content": "Hi"}, finish_reason="stop"), "[DONE]"))
    body = gzip.compress(body) if encoding == "gzip" else body
    broken = httpx2.RemoteProtocolError("incomplete chunked read")
    headers = {"content-type": "text/event-stream", "content-encoding": encoding}
    stream = Pieces(iter([body[:-3], body[-3:]]), broken)
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=stream))
    asked = {"model": "gpt-5", "messages": [], "stream": True}
    async for _ in await wire.async_client().chat.completions.create(**asked):
        pass

    [span] = manager.ended
    assert (span.error, span.fault) == (None, None)
    assert ended_as(manager) is None
    assert span["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Hi"}]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_whose_stream_is_left_tells_what_the_assistant_said_so_far(manager):
    runs = Wire().client().beta.threads.runs
    given = {"thread_id": "thread_abc", "assistant_id": "asst_abc"}
    with runs.create(**given, stream=True) as stream:
        for event in stream:
            if event.event == "thread.message.delta":
                break

    [span] = manager.ended
    [message] = span["gen_ai.output.messages"]
    assert message["parts"] == [{"type": "text", "content": "Hello."}]


def test_a_session_of_an_agent_whose_stream_is_left_tells_what_it_said_so_far(manager):
    prefix = "agent.session.turn.output_text"
    at = {"session_id": "sess_1", "content_index": 0}
    pieces = sse(
        {"type": f"{prefix}.delta", **at, "item_id": "a", "delta": "First."},
        {"type": f"{prefix}.done", **at, "item_id": "a", "text": "First."},
        {"type": f"{prefix}.delta", **at, "item_id": "b", "delta": "Sec"},
        {"type": f"{prefix}.delta", **at, "item_id": "b", "delta": "ond"},
        {"type": "agent.session.turn.in_progress", "session_id": "sess_1"},
    )
    headers = {"content-type": "text/event-stream"}
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Pieces(pieces)))
    given = {"stream": True, "stream_cls": openai.Stream[object], "cast_to": object}
    with wire.client().post("/agents/sessions", body={"agent_id": "a"}, **given) as stream:
        for _ in range(4):
            next(stream)

    [span] = manager.ended
    said = [message["parts"] for message in span["gen_ai.output.messages"]]
    assert said == [[{"type": "text", "content": told}] for told in ("First.", "Second")]

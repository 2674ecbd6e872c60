"""The stand-in model server speaks to the real SDKs of both vendors."""

import socket
import struct
import threading

import anthropic
import openai
import pytest

from agentops.demo.model_server import ModelServer

ORDER_TOOLS = [
    {"type": "function", "function": {"name": "search_orders", "parameters": {"type": "object"}}}
]


@pytest.fixture(scope="module")
def server():
    with ModelServer() as server:
        yield server


@pytest.fixture
def openai_client(server):
    with openai.OpenAI(api_key="none", base_url=f"{server.url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(server):
    with anthropic.Anthropic(api_key="none", base_url=server.url, max_retries=0) as client:
        yield client


def test_chat_completion_calls_the_offered_tool(openai_client):
    completion = openai_client.chat.completions.create(
        model="gpt-5.4-mini",
        tools=ORDER_TOOLS,
        messages=[{"role": "user", "content": "Where is order #5512?"}],
    )

    (call,) = completion.choices[0].message.tool_calls
    assert ("search_orders", '{"order_id": "5512"}') == (
        call.function.name,
        call.function.arguments,
    )
    assert (
        completion.usage.total_tokens
        == completion.usage.prompt_tokens + completion.usage.completion_tokens
    )


def test_streamed_tool_call_is_whole_after_merging(openai_client):
    with openai_client.chat.completions.stream(
        model="gpt-5.4-mini",
        tools=ORDER_TOOLS,
        messages=[{"role": "user", "content": "Where is order #5512?"}],
    ) as stream:
        final = stream.get_final_completion()

    (call,) = final.choices[0].message.tool_calls
    assert '{"order_id": "5512"}' == call.function.arguments
    assert "tool_calls" == final.choices[0].finish_reason


def test_chat_stream_sends_usage_only_when_asked(openai_client):
    messages = [{"role": "user", "content": "hello"}]
    plain = list(openai_client.chat.completions.create(model="m", messages=messages, stream=True))
    told = list(
        openai_client.chat.completions.create(
            model="m", messages=messages, stream=True, stream_options={"include_usage": True}
        )
    )

    assert not any(chunk.usage for chunk in plain)
    assert told[-1].usage.completion_tokens > 0
    assert not told[-1].choices


def test_responses_whole_and_streamed_agree(openai_client):
    whole = openai_client.responses.create(
        model="m", instructions="Plan the reply.", input="order #77123"
    )
    with openai_client.responses.stream(
        model="m", instructions="Plan the reply.", input="order #77123"
    ) as stream:
        streamed = stream.get_final_response()

    assert "77123" in whole.output_text
    assert whole.output_text == streamed.output_text
    assert whole.usage.output_tokens == streamed.usage.output_tokens


def test_embeddings_are_the_same_for_the_same_text(openai_client):
    answer = openai_client.embeddings.create(model="text-embedding-3-small", input=["a", "b", "a"])

    first, second, third = (item.embedding for item in answer.data)
    assert first == third != second


def test_message_whole_and_streamed_agree(anthropic_client):
    request = {
        "model": "claude-sonnet-5",
        "max_tokens": 500,
        "system": "Write the reply to the customer.",
        "messages": [{"role": "user", "content": "Where is order #5512?"}],
    }
    whole = anthropic_client.messages.create(**request)
    with anthropic_client.messages.stream(**request) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert whole.content[0].text == text == final.content[0].text
    assert whole.usage.output_tokens == final.usage.output_tokens
    assert "end_turn" == final.stop_reason


def test_unknown_path_is_a_404_that_both_sdks_understand(openai_client, anthropic_client):
    with pytest.raises(openai.NotFoundError, match="has no /v1/moderations"):
        openai_client.moderations.create(input="x")
    with pytest.raises(openai.NotFoundError, match="has no GET /v1/models"):
        openai_client.models.list()
    with pytest.raises(anthropic.NotFoundError, match="has no /v1/messages/batches"):
        anthropic_client.messages.batches.create(requests=[])


def test_a_client_that_hangs_up_is_not_worth_a_traceback(capfd):
    body = b'{"model": "gpt-5.4-mini", "stream": true, "messages": [{"role": "user", "content": "hi"}]}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with ModelServer(chunk_ms=5) as server:
        client = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), 10)
        client.sendall(head.encode() + body)
        assert client.recv(1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()  # at once, which resets the connection
        for thread in threading.enumerate():
            if "process_request" in thread.name:
                thread.join(10)

    assert capfd.readouterr().err == ""

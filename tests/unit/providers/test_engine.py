"""The engine around the real openai package, with answers made at the wire."""

import httpx2
import openai
import pytest
from support.providers import DirectManager, sse

from agentops.instrumentation.providers.openai import OpenAIInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-2026-01-01",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Hello."},
        }
    ],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
}
MESSAGES = [{"role": "user", "content": "Hi"}]


def chunk(**fields):
    return {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5", **fields
    }  # fmt: skip


CHUNKS = sse(
    chunk(choices=[{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]),
    chunk(choices=[{"index": 0, "delta": {"content": "lo."}}]),
    chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]),
    chunk(choices=[], usage=ANSWER["usage"]),
    "[DONE]",
)


def answer(request):
    if b'"stream":true' in request.content.replace(b" ", b""):
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Bytes())
    return httpx2.Response(200, json=ANSWER, headers={"x-request-id": "req_1"})


class Bytes(httpx2.SyncByteStream):
    def __iter__(self):
        for start in range(0, len(CHUNKS), 100):
            yield CHUNKS[start : start + 100]


@pytest.fixture
def manager():
    manager = DirectManager()
    provider = InstrumentedProvider(OpenAIInstrumentation(manager))
    provider.install()
    yield manager
    provider.uninstall()


@pytest.fixture
def client():
    transport = httpx2.MockTransport(answer)
    with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client:
        yield client


def test_one_call_is_one_span_with_the_usage_of_the_body(manager, client):
    result = client.chat.completions.create(model="gpt-5", messages=MESSAGES)

    [ended] = manager.ended
    assert result.choices[0].message.content == "Hello."
    assert ended.name == "chat gpt-5"
    assert ended["gen_ai.usage.input_tokens"] == 11
    assert ended["agentops.response.request_id"] == "req_1"


def test_a_stream_is_the_object_of_the_sdk_and_ends_its_span_when_read(manager, client):
    stream = client.chat.completions.create(model="gpt-5", messages=MESSAGES, stream=True)
    before = len(manager.ended)
    text = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)

    [ended] = manager.ended
    assert type(stream) is openai.Stream
    assert (before, text) == (0, "Hello.")
    assert ended["gen_ai.usage.output_tokens"] == 7


def test_uninstall_puts_the_same_function_back_on_the_same_class():
    before = {cls: dict(vars(cls)) for cls in (openai.OpenAI, openai.AsyncOpenAI)}
    provider = InstrumentedProvider(OpenAIInstrumentation(DirectManager()))
    provider.install()
    provider.install()
    patched = vars(openai.OpenAI).get("request")
    provider.uninstall()

    assert patched is not None
    assert {cls: dict(vars(cls)) for cls in (openai.OpenAI, openai.AsyncOpenAI)} == before

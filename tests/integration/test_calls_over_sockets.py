"""Each kind of call of both vendors over a loopback socket, from threads, asyncio and trio: what the span tells
is what the program got."""

import json

import anthropic
import anyio
import openai
import pytest

from agentops.demo.model_server import ModelServer
from agentops.testing import recording

ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Where is my order?"}]}
CLAUDE = {**ASKED, "model": "claude-sonnet-5", "max_tokens": 64}
CLIENT = {"api_key": "none", "max_retries": 0, "timeout": 50}
USAGE_ASKED = {"include_usage": True}


@pytest.fixture(scope="module")
def models():
    with ModelServer(chunk_ms=1) as server:
        yield server


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture
def spans():
    """Return the spans of the calls so far."""
    with recording(instrument=["openai", "anthropic"]) as recorded:
        yield lambda: [span for span in recorded.spans if span.name.startswith("chat ")]


def told(span):
    """Return text, input and output tokens and finish reason as the span has them."""
    messages = span.attributes["gen_ai.output.messages"]
    [message] = json.loads(messages) if isinstance(messages, str) else messages
    return (
        "".join(part["content"] for part in message["parts"] if part["type"] == "text"),
        span.attributes["gen_ai.usage.input_tokens"],
        span.attributes["gen_ai.usage.output_tokens"],
        *span.attributes["gen_ai.response.finish_reasons"],
    )


def of_chat(completion):
    [choice], usage = completion.choices, completion.usage
    tokens = usage.prompt_tokens, usage.completion_tokens
    return choice.message.content, *tokens, choice.finish_reason


def of_chunks(chunks):
    choices = [choice for chunk in chunks for choice in chunk.choices]
    usage = chunks[-1].usage
    text = "".join(choice.delta.content or "" for choice in choices)
    return text, usage.prompt_tokens, usage.completion_tokens, choices[-1].finish_reason


def of_message(message):
    text = "".join(block.text for block in message.content if block.type == "text")
    return text, message.usage.input_tokens, message.usage.output_tokens, message.stop_reason


def test_sync_calls(models, spans):
    with (
        openai.OpenAI(base_url=f"{models.url}/v1", **CLIENT) as one,
        anthropic.Anthropic(base_url=models.url, **CLIENT) as other,
    ):
        chat, messages = one.chat.completions, other.messages
        got = [of_chat(chat.create(**ASKED))]
        got.append(of_chunks(list(chat.create(**ASKED, stream=True, stream_options=USAGE_ASKED))))
        raw = chat.with_raw_response.create(**ASKED)
        got.append(of_chat(raw.parse()))
        with chat.with_streaming_response.create(**ASKED) as response:
            got.append(of_chat(response.parse()))
        got.append(of_message(messages.create(**CLAUDE)))
        with messages.stream(**CLAUDE) as stream:
            got.append(of_message(stream.get_final_message()))
        got.append(of_message(messages.with_raw_response.create(**CLAUDE).parse()))

    assert [told(span) for span in spans()] == got
    assert spans()[2].attributes["agentops.response.request_id"] == raw.headers["x-request-id"]
    assert {span.attributes["server.address"] for span in spans()} == {"127.0.0.1"}


async def test_async_calls(models, spans):
    async with (
        openai.AsyncOpenAI(base_url=f"{models.url}/v1", **CLIENT) as one,
        anthropic.AsyncAnthropic(base_url=models.url, **CLIENT) as other,
    ):
        chat, messages = one.chat.completions, other.messages
        got = [of_chat(await chat.create(**ASKED))]
        stream = await chat.create(**ASKED, stream=True, stream_options=USAGE_ASKED)
        got.append(of_chunks([chunk async for chunk in stream]))
        async with chat.with_streaming_response.create(**ASKED) as response:
            got.append(of_chat(await response.parse()))
        got.append(of_message(await messages.create(**CLAUDE)))
        async with messages.stream(**CLAUDE) as stream:
            got.append(of_message(await stream.get_final_message()))

    assert [told(span) for span in spans()] == got


def test_usage_that_the_program_did_not_ask_for_is_told_by_the_span_alone(models, monkeypatch):
    monkeypatch.setenv("AGENTOPS_STREAM_USAGE", "1")
    with (
        recording(instrument=["openai"]) as recorded,
        openai.OpenAI(base_url=f"{models.url}/v1", **CLIENT) as client,
    ):
        chat = client.chat.completions
        shown = list(chat.create(**ASKED, stream=True))
        asked = list(chat.create(**ASKED, stream=True, stream_options=USAGE_ASKED))

    spans = [span for span in recorded.spans if span.name.startswith("chat ")]
    assert [told(span) for span in spans] == [of_chunks(asked)] * 2
    assert len(shown) == len(asked) - 1
    assert all(chunk.choices and chunk.usage is None for chunk in shown)


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_an_error_is_told_as_the_program_got_it(models, spans, vendor):
    address = f"{models.url}/absent"
    if vendor == "openai":
        with (
            openai.OpenAI(base_url=address, **CLIENT) as client,
            pytest.raises(openai.NotFoundError) as raised,
        ):
            client.chat.completions.create(**ASKED)
    else:
        with (
            anthropic.Anthropic(base_url=address, **CLIENT) as client,
            pytest.raises(anthropic.NotFoundError) as raised,
        ):
            client.messages.create(**CLAUDE)

    [span] = spans()
    assert span.attributes["http.response.status_code"] == raised.value.status_code == 404
    assert span.attributes["error.type"] == "invalid_request_error"


async def test_a_stream_left_at_a_deadline_ends_its_span(models, spans):
    async with openai.AsyncOpenAI(base_url=f"{models.url}/v1", **CLIENT) as client:
        with anyio.CancelScope() as scope:
            async with await client.chat.completions.create(**ASKED, stream=True) as stream:
                async for _ in stream:
                    scope.cancel()

    [span] = spans()
    assert scope.cancelled_caught
    assert span.attributes["error.type"] == anyio_cancelled()


def anyio_cancelled():
    return anyio.get_cancelled_exc_class().__name__

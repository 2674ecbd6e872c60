"""However the events of a stream are written down and cut into pieces, its span says the same."""

import gzip
import json
import random

import anthropic
import openai
import pytest
from support import anthropic_wire, openai_wire
from support.anthropic_wire import MESSAGE, TOOL_MESSAGE, event_bytes, events
from support.openai_wire import chat_chunk, chat_events, response_events, sse
from support.providers import DirectManager

from agentops.instrumentation.providers.anthropic import AnthropicInstrumentation
from agentops.instrumentation.providers.openai import OpenAIInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider

WORDS = "Grüße aus 東京 😀"


def tool_piece(index, **function):
    return chat_chunk(
        {"tool_calls": [{"index": index, "id": f"call_{index}", "function": function}]}
    )


BODIES = {
    "chat": b"".join(chat_events(include_usage=True)),
    "tools": b"".join(
        sse(
            chat_chunk({"role": "assistant", "content": WORDS}),
            tool_piece(0, name="add", arguments='{"a"'),
            tool_piece(1, name="sub", arguments='{"b'),
            tool_piece(0, arguments=':"東京"}'),
            tool_piece(1, arguments='":2}'),
            {**chat_chunk(finish_reason="tool_calls"), "usage": None},
            "[DONE]",
        )
    ),
    "responses": b"".join(response_events()),
    "messages": b"".join(
        event_bytes(events({**MESSAGE, "content": [*MESSAGE["content"], *TOOL_MESSAGE["content"]]}))
    ),
}
PATHS = {"chat": "/chat/completions", "tools": "/chat/completions", "responses": "/responses"}


def crlf(body):
    return body.replace(b"\n", b"\r\n")


def cr(body):
    return body.replace(b"\n", b"\r")


def commented(body):
    return b": hello\n\n" + body.replace(b"\n\n", b"\n\n: keep-alive\n\n")


def unspaced(body):
    return body.replace(b"\ndata: ", b"\ndata:").replace(b"event: ", b"event:")


def fields_swapped(body):
    blocks = body.decode().strip("\n").split("\n\n")
    return "".join("\n".join(reversed(b.split("\n"))) + "\n\n" for b in blocks).encode()


def with_retry(body):
    return body.replace(b"\n\n", b"\nretry: 10\n\n")


def on_several_lines(body):
    blocks = []
    for block in body.decode().strip("\n").split("\n\n"):
        head, _, data = block.partition("data: ")
        if data.startswith("{"):
            data = json.dumps(json.loads(data), indent=1, ensure_ascii=False)
        lines = "".join(f"data: {line}\n" for line in data.split("\n"))
        blocks.append(f"{head}{lines}\n")
    return "".join(blocks).encode()


def with_unknown_events(body):
    name = b"event: brand.new\n" if body.startswith(b"event") else b""
    news = b'data: {"type": "brand.new", "index": 0, "delta": {"type": "what"}, "choices": []}\n\n'
    first, _, rest = body.partition(b"\n\n")
    return first + b"\n\n" + name + news + rest


STYLES = [
    crlf, cr, commented, unspaced, fields_swapped, with_retry, on_several_lines, with_unknown_events,
]  # fmt: skip


@pytest.fixture
def manager():
    manager = DirectManager()
    kinds = (OpenAIInstrumentation, AnthropicInstrumentation)
    providers = [InstrumentedProvider(kind(manager)) for kind in kinds]
    for provider in providers:
        provider.install()
    yield manager
    for provider in providers:
        provider.uninstall()


def told(manager, name, pieces):
    """Stream the pieces through the vendor's SDK; return what the span says of the answer."""
    manager.ended.clear()
    headers = {"content-type": "text/event-stream"}
    http = (openai_wire if name in PATHS else anthropic_wire).httpx2
    transport = http.MockTransport(
        lambda _: http.Response(200, headers=headers, content=iter(pieces))
    )
    sdk = openai if name in PATHS else anthropic
    client = (openai.OpenAI if name in PATHS else anthropic.Anthropic)(
        api_key="x", max_retries=0, http_client=http.Client(transport=transport)
    )
    kind = sdk.Stream[object]
    options = {"cast_to": object, "body": {"model": "m", "stream": True}}
    list(client.post(PATHS.get(name, "/v1/messages"), stream=True, stream_cls=kind, **options))
    [span] = manager.ended
    left_out = ("gen_ai.response.time_to_first_chunk",)
    return {key: value for key, value in span.attributes.items() if key not in left_out}


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
@pytest.mark.parametrize("name", BODIES)
def test_a_stream_in_another_style_says_the_same(manager, name, style):
    expected = told(manager, name, [BODIES[name]])

    assert told(manager, name, [style(BODIES[name])]) == expected


@pytest.mark.parametrize("name", BODIES)
def test_a_stream_may_be_cut_at_any_byte(manager, name):
    body = on_several_lines(BODIES[name])
    expected = told(manager, name, [body])
    chance = random.Random(1)
    for count in (1, 5, 200):
        cuts = sorted(chance.sample(range(1, len(body)), count))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        assert told(manager, name, pieces) == expected


def test_the_words_that_were_cut_are_whole(manager):
    span = told(manager, "tools", [BODIES["tools"][n : n + 1] for n in range(len(BODIES["tools"]))])

    [message] = span["gen_ai.output.messages"]
    assert message["parts"] == [
        {"type": "text", "content": WORDS},
        {"type": "tool_call", "name": "add", "arguments": {"a": "東京"}, "id": "call_0"},
        {"type": "tool_call", "name": "sub", "arguments": {"b": 2}, "id": "call_1"},
    ]


@pytest.mark.parametrize(("encoding", "size"), [("gzip", 7), ("", 1)])
async def test_what_is_drained_after_the_end_is_not_told_again(manager, encoding, size):
    # As streams do that a test puts in the place of a connection, this one begins anew each time it is read.
    body = gzip.compress(BODIES["chat"]) if encoding else BODIES["chat"]
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    headers = {"content-type": "text/event-stream", "content-encoding": encoding or "identity"}
    http = openai_wire.httpx2
    transport = http.MockTransport(
        lambda _: http.Response(200, headers=headers, stream=openai_wire.Pieces(pieces))
    )
    client = openai.AsyncOpenAI(api_key="x", http_client=http.AsyncClient(transport=transport))
    expected = told(manager, "chat", [BODIES["chat"]])
    manager.ended.clear()

    asked = {"model": "m", "messages": [], "stream": True}
    async for _ in await client.chat.completions.create(**asked):
        pass

    [span] = manager.ended
    for name in ("gen_ai.output.messages", "gen_ai.usage.output_tokens"):
        assert span[name] == expected[name]

"""With ``telemetry.stream_usage`` a streamed completion is asked for its usage, and the program sees nothing of it."""

import gzip
import json

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import attach, detach, set_value
from support.openai_wire import USAGE, Pieces, Wire, chat_chunk, httpx2, sse
from support.providers import DirectManager
from support.versions import needs

from agentops.instrumentation.providers.openai import OpenAIInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider

ASKED = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]}
FILTERED = {**chat_chunk(), "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
SHOWN = [
    FILTERED,  # Azure's first
    chat_chunk({"role": "assistant", "content": ""}),
    chat_chunk({"content": '"choices":[], "usage":{"prompt_tokens":1}'}),
    chat_chunk({"content": "ü \n\n data: "}),
    chat_chunk(finish_reason="stop"),
]
USAGE_CHUNK = {**chat_chunk(), "choices": [], "usage": USAGE}
WAYS = [
    {},
    {"end": "\r\n\r\n"},
    {"end": "\r\r"},
    {"size": 1},
    {"size": 7},
    {"encoding": "gzip"},
    {"encoding": "gzip", "size": 5},
    {"is_read": True},
]


class Service(Wire):
    """Tells the usage of a streamed completion where the request asks for it, as OpenAI does."""

    def __init__(self, *, end="\n\n", encoding="", size=0, is_read=False):
        super().__init__()
        self._end = end
        self._encoding = encoding
        self._size = size
        self._is_read = is_read

    @property
    def bodies(self):
        return [json.loads(request.content) for request in self.requests]

    def _stream(self, path, body):
        if "completions" not in path:
            return super()._stream(path, body)
        is_asked = (body.get("stream_options") or {}).get("include_usage")
        asked = {"usage": None} if is_asked else {}
        shown = [
            {**event, "choices": [_plain(each) if path == "/completions" else each]} | asked
            for event in SHOWN
            for each in event["choices"]
        ]
        events = [{**FILTERED, **asked}, *shown, *([USAGE_CHUNK] if is_asked else [])]
        sent = b"".join(sse(*events, "[DONE]")).replace(b"\n\n", self._end.encode())
        headers = {"content-type": "text/event-stream", "x-request-id": "req_1"}
        if self._encoding:
            sent, headers["content-encoding"] = gzip.compress(sent), self._encoding
        if self._is_read:  # as one that replays what was recorded
            return httpx2.Response(200, headers=headers, content=sent)
        size = self._size or len(sent)
        pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
        # As from a socket: who reads again goes on where the last one stopped.
        return httpx2.Response(200, headers=headers, stream=Pieces(iter(pieces)))


def _plain(choice):
    return {**choice, "text": choice["delta"].get("content", "")}


@pytest.fixture
def manager():
    return DirectManager(stream_usage=True)


def created(client, **more):
    return list(client.chat.completions.create(**ASKED, stream=True, **more))


def by_raw(client):
    return list(client.chat.completions.with_raw_response.create(**ASKED, stream=True).parse())


def by_streaming(client):
    create = client.chat.completions.with_streaming_response.create
    with create(**ASKED, stream=True) as response:
        return list(response.parse())


def by_lines(client):
    create = client.chat.completions.with_streaming_response.create
    with create(**ASKED, stream=True) as response:
        return [line for line in response.iter_lines() if line]


def by_read(client):
    create = client.chat.completions.with_streaming_response.create
    with create(**ASKED, stream=True) as response:
        return response.read().split(b"\n\n")


def by_helper(client):
    with client.chat.completions.stream(**ASKED) as stream:
        return [event.chunk for event in stream if event.type == "chunk"]


def by_path(client):
    kind = openai.types.chat.ChatCompletionChunk
    path, body = "/chat/completions", {**ASKED, "stream": True}
    return list(
        client.post(path, cast_to=kind, body=body, stream=True, stream_cls=openai.Stream[kind])
    )


def of_texts(client):
    return list(client.completions.create(model="gpt-5", prompt="Hi", stream=True))


def plain(chunk):
    """Return a chunk without the ``usage: null`` that the service writes into each where it is asked."""
    if isinstance(chunk, (str, bytes)):
        chunk = chunk.encode() if isinstance(chunk, str) else chunk
        return chunk.replace(b', "usage": null', b"")
    return {
        name: value for name, value in chunk.to_dict().items() if (name, value) != ("usage", None)
    }


STYLES = [created, by_raw, by_streaming, by_lines, by_read, by_path, of_texts]


@pytest.mark.parametrize(
    "style", [*STYLES, pytest.param(by_helper, marks=needs(openai=2))], ids=lambda it: it.__name__
)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_program_reads_what_it_reads_without_and_the_span_tells_the_usage(manager, style, way):
    without = style(Service(**way).client())
    provider = InstrumentedProvider(OpenAIInstrumentation(manager))
    provider.install()
    try:
        service = Service(**way)
        got = style(service.client())
    finally:
        provider.uninstall()

    assert [plain(each) for each in got] == [plain(each) for each in without]
    assert got
    [span] = manager.ended
    assert span["gen_ai.usage.input_tokens"] == USAGE["prompt_tokens"]
    assert span["gen_ai.usage.output_tokens"] == USAGE["completion_tokens"]
    assert "agentops.response.stream_end" not in span.attributes
    assert service.bodies[0]["stream_options"] == {"include_usage": True}


@pytest.mark.anyio
@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("way", [{}, {"encoding": "gzip", "size": 9}, {"is_read": True}], ids=str)
async def test_async_streams_are_asked_too(manager, way, anyio_backend):
    service = Service(**way)

    stream = await service.async_client().chat.completions.create(**ASKED, stream=True)
    chunks = [chunk async for chunk in stream]

    assert len(chunks) == len(SHOWN)
    assert manager.ended[0]["gen_ai.usage.input_tokens"] == USAGE["prompt_tokens"]


@pytest.mark.usefixtures("provider")
def test_only_the_option_is_added_to_the_request():
    extra = {"seed": 1}
    body = {**ASKED, "stream": True}
    service, bare = Service(), Service()
    client = service.client()

    created(client, extra_body=extra)
    kind = openai.types.chat.ChatCompletionChunk
    path = {"cast_to": kind, "stream_cls": openai.Stream[kind]}
    list(client.post("/chat/completions", body=body, stream=True, **path))
    token = attach(set_value("suppress_instrumentation", True))
    try:
        created(bare.client(), extra_body=extra)
    finally:
        detach(token)

    asked, by_hand = service.bodies
    option = asked.pop("stream_options")
    assert option == by_hand.pop("stream_options") == {"include_usage": True}
    assert [asked] == bare.bodies  # and what makes no span is not changed
    assert extra == {"seed": 1}
    assert body == by_hand == {**ASKED, "stream": True}


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize(
    ("given", "sent", "count"),
    [
        ({"stream_options": {"include_usage": True}}, {"include_usage": True}, 6),
        ({"stream_options": {"include_usage": False}}, {"include_usage": False}, 5),
        ({"stream_options": None}, None, 5),
        ({"extra_body": {"stream_options": {"include_usage": True}}}, {"include_usage": True}, 6),
        (
            {"stream_options": {"include_obfuscation": False}},
            {"include_obfuscation": False, "include_usage": True},
            5,
        ),
        (
            {"extra_body": {"stream_options": {"include_obfuscation": False}}},
            {"include_obfuscation": False, "include_usage": True},
            5,
        ),
    ],
)
def test_what_the_program_asks_for_is_done(given, sent, count):
    service = Service()

    chunks = created(service.client(), **given)

    assert service.bodies[0]["stream_options"] == sent
    assert len(chunks) == count


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("address", ["https://openrouter.ai/api/v1", "https://api.mistral.ai/v1"])
def test_a_program_still_reads_the_usage_of_who_tells_it_unasked(manager, address):
    headers = {"content-type": "text/event-stream"}
    stream = Pieces(sse(*SHOWN[1:], USAGE_CHUNK, "[DONE]"))
    service = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=stream))
    chunks = created(service.client(base_url=address))

    assert chunks[-1].usage.completion_tokens == USAGE["completion_tokens"]
    assert "stream_options" not in json.loads(service.requests[0].content)
    assert manager.ended[0]["gen_ai.usage.output_tokens"] == USAGE["completion_tokens"]


@pytest.mark.usefixtures("provider")
def test_other_requests_are_not_changed():
    wire = Wire()
    client = wire.client()

    client.chat.completions.create(**ASKED)
    list(client.responses.create(model="gpt-5", input="Hi", stream=True))
    with client.chat.completions.with_streaming_response.create(**ASKED) as response:
        response.parse()

    assert not [request for request in wire.requests if b"stream_options" in request.content]


@pytest.mark.usefixtures("provider")
def test_an_answer_that_is_no_stream_is_read_as_it_is(manager):
    answer = {**chat_chunk(), "choices": [], "usage": USAGE}
    wire = Wire(fail=lambda *_: httpx2.Response(200, stream=Pieces([json.dumps(answer).encode()])))
    create = wire.client().chat.completions.with_streaming_response.create

    with create(**ASKED, stream=True) as response:
        assert response.json() == answer

    assert len(manager.ended) == 1


@pytest.mark.usefixtures("provider")
def test_a_line_without_end_is_not_held_back():
    wire = Wire(fail=lambda *_: httpx2.Response(200, stream=Pieces([b"x" * 700_000] * 3)))
    create = wire.client().chat.completions.with_streaming_response.create

    with create(**ASKED, stream=True) as response:
        parts = list(response.iter_bytes())

    assert [len(part) for part in parts] == [1_400_000, 700_000]


@given(st.lists(st.integers(1, 40), min_size=1))
def test_an_event_is_hidden_however_it_is_parted(sizes):
    sent = b"".join(sse(*SHOWN, USAGE_CHUNK, "[DONE]"))
    pieces, at = [], 0
    while at < len(sent):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(sent[at : at + size])
        at += size
    wire = Wire(fail=lambda *_: httpx2.Response(200, stream=Pieces(pieces)))
    provider = InstrumentedProvider(OpenAIInstrumentation(DirectManager(stream_usage=True)))
    provider.install()
    try:
        chunks = created(wire.client())
    finally:
        provider.uninstall()

    assert [chunk.to_dict() for chunk in chunks] == SHOWN


@pytest.mark.usefixtures("provider")
def test_the_text_that_a_hook_of_the_program_looked_at_is_made_again():
    def look(response):
        response.read()
        assert "[DONE]" in response.text

    http_client = Service().client()._client
    http_client.event_hooks = {"response": [look]}
    client = openai.OpenAI(api_key="sk-test", http_client=http_client)

    answer = client.chat.completions.with_raw_response.create(**ASKED, stream=True)

    assert answer.text.encode() == answer.content
    assert b"prompt_tokens_details" not in answer.content

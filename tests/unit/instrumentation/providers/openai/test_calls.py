"""What the span of a call of the openai package tells, and how it ends."""

import gc
import json
from functools import partial

import anyio
import openai
import pytest
from support.openai_wire import CHAT, RESPONSE, Pieces, Wire, chat_chunk, httpx2, sse
from support.versions import OPENAI
from support.waiting import run_until

MESSAGES = [{"role": "user", "content": "Hi"}]
ASKED = {"model": "gpt-5", "messages": MESSAGES}

pytestmark = pytest.mark.usefixtures("provider")


def asked(manager, wire=None, **request):
    """Ask once for a chat completion and return the span."""
    (wire or Wire()).client().chat.completions.create(**{**ASKED, **request})
    [span] = manager.ended
    return span


def answered(**body):
    """Return a wire that answers a chat completion with ``body`` over the usual one."""
    return Wire(fail=lambda _attempt, _request: httpx2.Response(200, json={**CHAT, **body}))


def streamed(*events):
    def answer(_attempt, _request):
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=Pieces(sse(*events)))

    return Wire(fail=answer)


def read(wire, **request):
    stream = wire.client().chat.completions.create(**{**ASKED, **request}, stream=True)
    return list(stream)


# Values


def test_usage_ids_and_headers_stand_on_the_span(manager):
    span = asked(manager)

    assert {name: span[name] for name in span.attributes if "usage" in name} == {
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "gen_ai.usage.audio.input_tokens": 0,
        "gen_ai.usage.audio.output_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 2,
    }
    assert span["gen_ai.response.id"] == "chatcmpl-1"
    assert span["openai.response.system_fingerprint"] == "fp_1"
    assert span["openai.response.service_tier"] == "default"
    assert span["agentops.response.request_id"] == "req_1"
    assert span["agentops.response.rate_limit.remaining_tokens"] == 4999
    assert span["agentops.response.processing_ms"] == 21
    assert span["http.response.status_code"] == 200
    assert span["server.address"] == "api.openai.com"
    assert "gen_ai.response.time_to_first_chunk" not in span.attributes


def test_parameters_are_told_as_they_were_sent(manager):
    span = asked(
        manager,
        temperature=0.5,
        top_p=0.9,
        seed=3,
        stop="END",
        max_completion_tokens=9,
        n=2,
        reasoning_effort="low",
        service_tier="flex",
        frequency_penalty=0.1,
        presence_penalty=0.2,
        top_logprobs=4,
        response_format={"type": "json_object"},
    )

    told = {name: span[name] for name in span.attributes if ".request." in name}
    assert told == {
        "gen_ai.request.model": "gpt-5",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.seed": 3,
        "gen_ai.request.stop_sequences": ["END"],
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "openai.request.service_tier": "flex",
    }
    assert span["gen_ai.output.type"] == "json"


def test_what_was_not_given_is_not_told(manager):
    span = asked(manager, temperature=openai.NOT_GIVEN, tools=openai.omit)

    assert "gen_ai.request.temperature" not in span.attributes
    assert "gen_ai.tool.definitions" not in span.attributes


def test_cost_is_that_of_the_price_list(manager):
    from genai_prices import Usage, calc_price

    span = asked(manager, answered(model="gpt-4o-mini-2024-07-18"))

    usage = Usage(input_tokens=11, output_tokens=7, cache_read_tokens=3)
    expected = calc_price(usage, "gpt-4o-mini-2024-07-18", provider_id="openai").total_price
    assert span["agentops.cost.usd"] == pytest.approx(float(expected))


def test_an_unknown_model_has_no_cost(manager):
    span = asked(manager, answered(model="mine"), model="mine")

    assert "agentops.cost.usd" not in span.attributes


@pytest.mark.parametrize(
    ("headers", "is_priced"), [({}, False), ({"openai-processing-ms": "9"}, True)]
)
def test_a_server_of_this_machine_has_a_cost_only_as_a_relay(manager, headers, is_priced):
    wire = Wire(fail=lambda _attempt, _request: httpx2.Response(200, json=CHAT, headers=headers))
    client = wire.client(base_url="http://localhost:11434/v1")
    client.chat.completions.create(**ASKED)

    [span] = manager.ended
    assert is_priced == ("agentops.cost.usd" in span.attributes)


def test_a_usage_that_was_not_told_is_not_invented(manager):
    span = asked(manager, answered(usage=None))

    assert not [name for name in span.attributes if name.startswith("gen_ai.usage")]


def test_each_choice_has_its_message_and_reason(manager):
    choices = [
        {"index": i, "finish_reason": reason, "message": {"role": "assistant", "content": text}}
        for i, (reason, text) in enumerate([("stop", "A"), ("length", "B")])
    ]
    span = asked(manager, answered(choices=choices), n=2)

    assert span["gen_ai.response.finish_reasons"] == ["stop", "length"]
    assert span["gen_ai.output.messages"] == [
        {"role": "assistant", "finish_reason": "stop", "parts": [{"type": "text", "content": "A"}]},
        {"role": "assistant", "finish_reason": "length", "parts": [{"type": "text", "content": "B"}]},
    ]  # fmt: skip


def test_parallel_tool_calls_of_a_stream_are_put_together_by_index(manager):
    def call(index, **fields):
        return chat_chunk({"tool_calls": [{"index": index, **fields}]})

    read(
        streamed(
            call(0, id="call_a", type="function", function={"name": "add", "arguments": ""}),
            call(1, id="call_b", type="function", function={"name": "sub", "arguments": '{"b"'}),
            call(0, function={"arguments": '{"a":1}'}),
            call(1, function={"arguments": ":2}"}),
            chat_chunk(finish_reason="tool_calls"),
            "[DONE]",
        )
    )

    [span] = manager.ended
    [message] = span["gen_ai.output.messages"]
    assert message["parts"] == [
        {"type": "tool_call", "id": "call_a", "name": "add", "arguments": {"a": 1}},
        {"type": "tool_call", "id": "call_b", "name": "sub", "arguments": {"b": 2}},
    ]
    assert span["gen_ai.response.finish_reasons"] == ["tool_calls"]


def test_a_history_with_tools_and_media_keeps_its_parts(manager):
    history = [
        {"role": "developer", "content": "Be kind."},
        {
            "role": "user",
            "name": "eve",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://a.example/cat.png"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ]
    span = asked(manager, messages=history)

    assert [message["parts"] for message in span["gen_ai.input.messages"]] == [
        [{"type": "text", "content": "Be kind."}],
        [
            {"type": "text", "content": "What is this?"},
            {"type": "uri", "modality": "image", "uri": "https://a.example/cat.png"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
            {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "aGk="},
            {"type": "file", "modality": "document", "file_id": "file-1"},
        ],
        [{"type": "tool_call", "id": "c1", "name": "f", "arguments": {}}],
        [{"type": "tool_call_response", "id": "c1", "response": "42"}],
    ]
    assert span["gen_ai.input.messages"][1]["name"] == "eve"


def test_a_large_image_is_told_by_its_digest(manager):
    import base64
    import hashlib

    data = bytes(range(256)) * 4096
    url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    content = [{"type": "image_url", "image_url": {"url": url}}]
    span = asked(manager, messages=[{"role": "user", "content": content}])

    [part] = span["gen_ai.input.messages"][0]["parts"]
    assert part["content"] == ""
    assert part["sha256"] == hashlib.sha256(data).hexdigest()
    assert part["size_bytes"] == len(data)


def test_messages_changed_after_the_call_are_told_as_they_were(manager):
    deferred = []
    ends = manager.end_late
    manager.end_late = lambda *args: deferred.append(args)
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    Wire().client().chat.completions.create(model="gpt-5", messages=messages)
    messages[0]["content"][0]["text"] = "changed"
    messages.append({"role": "user", "content": "more"})
    ends(*deferred.pop())

    [span] = manager.ended
    assert span["gen_ai.input.messages"] == [
        {"role": "user", "parts": [{"type": "text", "content": "Hi"}]}
    ]


def test_the_event_of_a_call_tells_model_tokens_and_cost(manager):
    span = asked(manager, answered(model="gpt-4o-mini"))

    [event] = span.events
    assert (event.event_type, event.model) == ("llms", "gpt-4o-mini")
    assert (event.prompt_tokens, event.completion_tokens) == (11, 7)
    assert event.cost == span["agentops.cost.usd"]
    assert event.completion is None  # what was said stands on the span


def test_without_content_no_word_of_it_is_told(manager):
    manager.content_mode = "metadata"
    span = asked(manager, messages=[{"role": "user", "content": "SECRET"}])

    told = json.dumps([span.attributes, *(event.to_fields() for event in span.events)], default=str)
    assert "SECRET" not in told
    assert "Hello." not in told
    assert span["gen_ai.usage.input_tokens"] == 11


def test_a_response_tells_thoughts_calls_and_searches(manager):
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "x"}},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
        *RESPONSE["output"],
    ]
    wire = Wire(fail=lambda *_: httpx2.Response(200, json={**RESPONSE, "output": output}))
    wire.client().responses.create(
        model="gpt-5",
        input=[{"role": "user", "content": "Hi"}, {"type": "function_call_output", "call_id": "c0", "output": "1"}],
        instructions="Be kind.",
        previous_response_id="resp_0",
        conversation={"id": "conv_1"},
    )  # fmt: skip

    [span] = manager.ended
    [message] = span["gen_ai.output.messages"]
    assert [part["type"] for part in message["parts"]] == [
        "reasoning", "server_tool_call", "tool_call", "text"
    ]  # fmt: skip
    assert span["gen_ai.system_instructions"] == [{"type": "text", "content": "Be kind."}]
    assert span["gen_ai.request.previous_response.id"] == "resp_0"
    assert span["gen_ai.conversation.id"] == "conv_1"
    assert [m["role"] for m in span["gen_ai.input.messages"]] == ["user", "tool"]


def test_a_fetched_response_tells_no_usage_but_once_that_of_a_background_one(manager):
    done = {**RESPONSE, "background": True}
    wire = Wire(fail=lambda *_: httpx2.Response(200, json=done))
    client = wire.client()
    client.responses.retrieve("resp_1")
    client.responses.retrieve("resp_1")
    Wire().client().responses.retrieve("resp_1234567890")

    first, second, plain = manager.ended
    assert first.name == "fetch_response"
    assert first["gen_ai.usage.input_tokens"] == 11
    assert "gen_ai.usage.input_tokens" not in second.attributes
    assert "gen_ai.usage.input_tokens" not in plain.attributes
    assert plain["gen_ai.response.status"] == "completed"


def test_a_failed_response_is_an_error_though_http_says_ok(manager):
    failed = {**RESPONSE, "status": "failed", "error": {"code": "server_error", "message": "Oh."}}
    Wire(fail=lambda *_: httpx2.Response(200, json=failed)).client().responses.create(
        model="gpt-5", input="Hi"
    )

    [span] = manager.ended
    assert span["error.type"] == "server_error"
    assert span.completion.error == "Oh."
    assert span["gen_ai.response.finish_reasons"] == ["error"]


@pytest.mark.parametrize(
    ("client", "provider_name"),
    [
        ({}, "openai"),
        ({"base_url": "https://api.groq.com/openai/v1"}, "groq"),
        ({"base_url": "https://openrouter.ai/api/v1"}, "openrouter"),
        ({"base_url": "https://a-1.cloud.databricks.com/serving-endpoints"}, "databricks"),
        ({"base_url": "https://x.openai.azure.com/openai/v1"}, "azure.ai.openai"),
        ({"base_url": "https://bedrock-mantle.us-east-1.api.aws/openai/v1"}, "aws.bedrock"),
        ({"base_url": "https://us-central1-aiplatform.googleapis.com/v1/p"}, "gcp.vertex_ai"),
        ({"base_url": "http://127.0.0.1:8000/v1"}, "openai"),
    ],
)
def test_the_provider_is_told_by_the_address(manager, client, provider_name):
    Wire().client(**client).chat.completions.create(**ASKED)

    [span] = manager.ended
    assert span["gen_ai.provider.name"] == provider_name


def test_azure_and_bedrock_clients_are_told_by_their_class(manager):
    Wire().client(
        openai.AzureOpenAI, base_url="https://gateway.example/openai", api_version="2025-01-01"
    ).chat.completions.create(**ASKED)
    if hasattr(openai, "BedrockOpenAI"):
        client = Wire().client(openai.BedrockOpenAI, aws_region="us-east-1")
        client.chat.completions.create(**ASKED)

    told = [span["gen_ai.provider.name"] for span in manager.ended]
    assert told == ["azure.ai.openai", "aws.bedrock"][: len(told)]


def test_an_endpoint_nobody_named_is_told_by_path_model_and_usage(manager):
    body = {"id": "n_1", "model": "gpt-9", "usage": {"input_tokens": 5, "output_tokens": 6}}
    wire = Wire(fail=lambda *_: httpx2.Response(200, json=body))
    wire.client().post("/next/thing_12345678/run", cast_to=object, body={"model": "gpt-9"})

    [span] = manager.ended
    assert span.name == "POST /next/{id}/run"
    assert span["http.request.method"] == "POST"
    assert span["gen_ai.request.model"] == "gpt-9"
    assert span["gen_ai.usage.output_tokens"] == 6
    assert span["http.response.status_code"] == 200
    assert span.events == []


# Errors


def test_an_error_is_told_by_the_code_of_the_provider(manager):
    wire = Wire(status=429)
    with pytest.raises(openai.RateLimitError) as raised:
        wire.client().chat.completions.create(**ASKED)

    [span] = manager.ended
    assert span["error.type"] == "rate_limit_exceeded"
    assert span["http.response.status_code"] == 429
    assert span["agentops.response.request_id"] == "req_1"
    assert span.error is raised.value
    assert span["gen_ai.input.messages"][0]["parts"][0]["content"] == "Hi"


def test_retries_are_one_span_that_counts_them(manager):
    def fail(attempt, _request):
        return httpx2.Response(500, headers={"retry-after-ms": "1"}) if attempt < 3 else None

    wire = Wire(fail=fail)
    wire.client(max_retries=4).chat.completions.create(**ASKED)

    [span] = manager.ended
    assert len(wire.requests) == 3
    assert span["agentops.retry_count"] == 2


def test_retries_that_failed_are_counted_too(manager):
    wire = Wire(fail=lambda *_: httpx2.Response(500, headers={"retry-after-ms": "1"}))
    with pytest.raises(openai.InternalServerError):
        wire.client(max_retries=2).chat.completions.create(**ASKED)

    [span] = manager.ended
    assert span["agentops.retry_count"] == 2
    assert span["error.type"] == "InternalServerError"


def test_a_connection_that_fails_is_told_by_the_class_of_the_error(manager):
    def fail(_attempt, request):
        raise httpx2.ConnectError("no route", request=request)

    with pytest.raises(openai.APIConnectionError):
        Wire(fail=fail).client().chat.completions.create(**ASKED)

    [span] = manager.ended
    assert span["error.type"] == "APIConnectionError"
    assert span["gen_ai.input.messages"]


def test_an_answer_that_is_cut_short_by_its_length_is_still_told(manager):
    from pydantic import BaseModel

    class Answer(BaseModel):
        answer: str

    choices = [{**CHAT["choices"][0], "finish_reason": "length"}]
    with pytest.raises(openai.LengthFinishReasonError):
        answered(choices=choices).client().chat.completions.parse(**ASKED, response_format=Answer)

    [span] = manager.ended
    assert span["error.type"] == "LengthFinishReasonError"
    assert span["gen_ai.usage.input_tokens"] == 11


async def test_a_cancelled_call_ends_as_an_error(manager):
    reached = anyio.Event()

    async def hang(_request):
        reached.set()
        await anyio.Event().wait()

    transport = httpx2.MockTransport(hang)
    client = openai.AsyncOpenAI(api_key="x", http_client=httpx2.AsyncClient(transport=transport))
    cancelled = await run_until(reached, partial(client.chat.completions.create, **ASKED))

    [span] = manager.ended
    assert span["error.type"] == cancelled.__name__


# Ends of streams


def ended_as(manager):
    [span] = manager.ended
    return span.attributes.get("agentops.response.stream_end"), span.attributes.get("error.type")


def test_a_stream_that_was_read_is_complete(manager):
    read(Wire(), stream_options={"include_usage": True})

    [span] = manager.ended
    assert ended_as(manager) == (None, None)
    assert span["gen_ai.usage.input_tokens"] == 11
    assert span["gen_ai.response.time_to_first_chunk"] > 0
    assert [m.name for m in span.measurements] == ["gen_ai.client.inference.time_per_output_chunk"]


def test_a_stream_that_was_closed_early_is_no_error(manager):
    stream = Wire().client().chat.completions.create(**ASKED, stream=True)
    next(stream)
    stream.close()

    assert ended_as(manager) == ("closed", None)
    assert manager.ended[0]["gen_ai.output.messages"][0]["parts"][0]["content"] == '{"answer":'


def test_a_stream_that_was_let_go_of_is_abandoned(manager):
    stream = Wire().client().chat.completions.create(**ASKED, stream=True)
    next(stream)
    del stream
    gc.collect()

    assert ended_as(manager) == ("abandoned", None)


def test_a_stream_that_was_never_read_is_abandoned(manager):
    stream = Wire().client().chat.completions.create(**ASKED, stream=True)
    del stream
    gc.collect()

    assert ended_as(manager) == ("abandoned", None)


def test_an_error_of_the_program_inside_with_is_not_the_call_s(manager):
    def use():
        with Wire().client().chat.completions.create(**ASKED, stream=True) as stream:
            for _ in stream:
                raise KeyError("mine")

    with pytest.raises(KeyError):
        use()

    assert ended_as(manager) == ("closed", None)


def test_a_connection_lost_midway_is_an_error(manager):
    wire = Wire(stream_error=httpx2.ReadError("lost"))
    stream = wire.client().responses.create(model="gpt-5", input="Hi", stream=True)
    raised = openai.APIConnectionError if OPENAI >= 3 else httpx2.ReadError
    with pytest.raises(raised):
        list(stream)

    assert ended_as(manager) == ("error", raised.__name__)
    assert manager.ended[0]["gen_ai.output.messages"]


def test_an_error_event_midway_is_an_error_with_the_provider_s_code(manager):
    error = {"error": {"message": "Overloaded.", "type": "server_error", "code": "overloaded"}}
    with pytest.raises(openai.APIError):
        read(streamed(chat_chunk({"content": "Hel"}), error))

    [span] = manager.ended
    assert span["error.type"] == "overloaded"
    assert type(span.error) is (openai.APIError if OPENAI >= 2 else type(None))
    assert span["gen_ai.output.messages"][0]["parts"][0]["content"] == "Hel"


async def test_a_stream_whose_reader_is_cancelled_is_an_error(manager):
    class Hanging(httpx2.AsyncByteStream):
        async def __aiter__(self):
            yield sse(chat_chunk({"content": "Hel"}))[0]
            reached.set()
            await anyio.Event().wait()

    reached = anyio.Event()
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers=headers, stream=Hanging())
    )
    client = openai.AsyncOpenAI(api_key="x", http_client=httpx2.AsyncClient(transport=transport))

    async def consume():
        async for _ in await client.chat.completions.create(**ASKED, stream=True):
            pass

    cancelled = await run_until(reached, consume)

    assert ended_as(manager) == ("error", cancelled.__name__)


async def test_what_the_sdk_drains_after_the_last_event_is_not_told(manager):
    # As streams do that a test put in the place of a connection, this one begins anew each time it is read.
    wire = streamed(chat_chunk({"content": "Hi"}), chat_chunk(finish_reason="stop"), "[DONE]")
    async for _ in await wire.async_client().chat.completions.create(**ASKED, stream=True):
        pass

    [span] = manager.ended
    assert span["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Hi"}]


def test_a_compressed_stream_is_read(manager):
    import gzip

    body = gzip.compress(
        b"".join(sse(chat_chunk({"content": "Hi"}, finish_reason="stop"), "[DONE]"))
    )
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}

    class Body(httpx2.SyncByteStream):
        def __iter__(self):
            yield from (body[at : at + 7] for at in range(0, len(body), 7))

    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Body()))
    chunks = read(wire)

    [span] = manager.ended
    assert chunks[0].choices[0].delta.content == "Hi"
    assert span["gen_ai.output.messages"][0]["parts"][0]["content"] == "Hi"


def test_a_body_that_was_not_read_is_not_read_for_us(manager):
    wire = Wire()
    with wire.client().chat.completions.with_streaming_response.create(**ASKED, stream=True):
        pass

    [stream] = wire.streams
    assert stream.read == 0
    assert "gen_ai.usage.input_tokens" not in manager.ended[0].attributes

"""What is told of servers that speak OpenAI's protocol in their own ways."""

import base64

import openai
import pytest
from support.openai_wire import CHAT, RESPONSE, Pieces, Wire, chat_chunk, httpx2, sse

from agentops.telemetry.records import PlainMessages

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}

pytestmark = pytest.mark.usefixtures("provider")


def asked(manager, extra_body=None, base_url=None, headers=None, **body):
    """Ask once for a chat completion, answered with ``body`` over the usual one, and return the span."""
    wire = Wire(fail=lambda *_: httpx2.Response(200, json={**CHAT, **body}, headers=headers))
    wire.client(base_url=base_url).chat.completions.create(**ASKED, extra_body=extra_body)
    [span] = manager.ended
    return span


def read(manager, *events):
    """Read a stream of ``events`` to its end and return the span."""
    headers = {"content-type": "text/event-stream"}
    stream = Pieces(sse(*events, "[DONE]"))
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=stream))
    list(wire.client().chat.completions.create(**ASKED, stream=True))
    [span] = manager.ended
    return span


def test_a_parameter_of_other_servers_is_told(manager):
    assert asked(manager, extra_body={"top_k": 40})["gen_ai.request.top_k"] == 40


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_media_that_other_servers_take_are_told_as_media(manager, kind):
    data = base64.b64encode(bytes(100_000)).decode()
    given = {"type": f"{kind}_url", f"{kind}_url": {"url": f"data:{kind}/mp4;base64,{data}"}}
    span = asked(manager, extra_body={"messages": [{"role": "user", "content": [given]}]})

    [part] = span["gen_ai.input.messages"][0]["parts"]
    assert (part["type"], part["modality"], part["mime_type"]) == ("blob", kind, f"{kind}/mp4")
    assert (part["content"], part["size_bytes"]) == ("", 100_000)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_image_beside_the_content_is_told(manager, is_streamed):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    said = {"role": "assistant", "content": "Here.", "images": [image]}
    if is_streamed:
        span = read(manager, chat_chunk(said), chat_chunk(finish_reason="stop"))
    else:
        span = asked(manager, choices=[{"index": 0, "finish_reason": "stop", "message": said}])

    assert span["gen_ai.output.messages"][0]["parts"] == [
        {"type": "text", "content": "Here."},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
    ]


def told_usage(span):
    prefix = "gen_ai.usage."
    told = {name: span[name] for name in span.attributes if name.startswith(prefix)}
    return {name.removeprefix(prefix): value for name, value in told.items()}


def test_newer_names_of_a_usage_that_are_empty_do_not_hide_the_older(manager):
    details = {"prompt_tokens_details": {"cached_tokens": 3}, "input_tokens_details": None}
    older = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    span = asked(manager, usage={**older, **details, "input_tokens": 0, "output_tokens": 0})

    told = {"input_tokens": 11, "output_tokens": 7, "cache_read.input_tokens": 3}
    assert told_usage(span) == told


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        ({"prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 13}, {"cache_read.input_tokens": 5}),
        ({"cached_tokens": 6}, {"cache_read.input_tokens": 6}),
        ({"reasoning_tokens": 9, "citation_tokens": 2}, {"reasoning.output_tokens": 9}),
        (
            {"cache_read_input_tokens": 5, "cache_creation_input_tokens": 8},
            {"cache_read.input_tokens": 5, "cache_write.input_tokens": 8},
        ),
        (
            {"prompt_tokens_details": {"cached_tokens": 5, "cache_creation_tokens": 8},
             "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0},
            {"cache_read.input_tokens": 5, "cache_write.input_tokens": 8},
        ),
        (
            {"prompt_tokens_details": {"cached_tokens": 0, "cache_creation_input_tokens": 8}},
            {"cache_read.input_tokens": 0, "cache_write.input_tokens": 8},
        ),
    ],
    ids=["deepseek", "moonshot", "perplexity", "databricks", "litellm", "dashscope"],
)  # fmt: skip
def test_details_of_a_usage_are_told_by_any_of_their_names(manager, usage, told):
    span = asked(manager, usage={"prompt_tokens": 18, "completion_tokens": 4, **usage})

    assert told_usage(span) == {"input_tokens": 18, "output_tokens": 4, **told}


XAI = {
    "prompt_tokens": 32,
    "completion_tokens": 9,
    "total_tokens": 274,
    "completion_tokens_details": {"reasoning_tokens": 233},
}
GEMINI = {"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623}


@pytest.mark.parametrize(
    ("host", "usage", "output"),
    [
        ("api.x.ai", XAI, 242),
        ("relay.example", XAI, 242),
        ("generativelanguage.googleapis.com", GEMINI, 603),
        ("generativelanguage.googleapis.com", {"prompt_tokens": 20, "total_tokens": 623}, 603),
        ("relay.example", {**GEMINI, "prompt_tokens_details": {"cached_tokens": 405}}, 198),
        ("api.openai.com", CHAT["usage"], 7),
    ],
    ids=["xai", "relay of xai", "gemini", "gemini, nothing said", "total not explained", "openai"],
)
def test_thoughts_that_are_not_in_the_output_are_added_to_it(manager, host, usage, output):
    span = asked(manager, base_url=f"https://{host}/v1", usage=usage)

    assert span["gen_ai.usage.output_tokens"] == output


def test_a_stream_that_ends_in_its_thoughts_tells_all_of_them(manager):
    def thinking(count):
        details = {"completion_tokens_details": {"reasoning_tokens": count}}
        usage = {"prompt_tokens": 32, "completion_tokens": 0, "total_tokens": 32 + count}
        return {**chat_chunk({"reasoning_content": "Hm"}), "usage": {**usage, **details}}

    span = read(manager, thinking(50), thinking(80), thinking(200))

    assert span["gen_ai.usage.output_tokens"] == 200


def test_thoughts_of_a_stream_that_tells_its_usage_in_each_chunk_are_added_once(manager):
    earlier = {**XAI, "completion_tokens": 4, "total_tokens": 269}
    begin = {**chat_chunk({"content": "Hi"}), "usage": earlier}
    span = read(manager, begin, {**chat_chunk(finish_reason="stop"), "usage": XAI})

    assert span["gen_ai.usage.output_tokens"] == 242


BYOK = {"cost": 0.05, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.95}}


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ({"cost": 0.0123, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.0123}}, 0.0123),
        ({"cost": 0}, 0.0),
        (BYOK, 1.0),
        ({"cost": {"input_tokens_cost": 0.001, "request_cost": 0.005, "total_cost": 0.006}}, 0.006),
        ({"cost_in_usd_ticks": 232856000}, 0.0232856),
    ],
    ids=["openrouter", "openrouter, free", "openrouter, own key", "perplexity", "xai"],
)  # fmt: skip
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_cost_that_the_server_tells_is_the_cost(manager, told, cost, is_streamed):
    usage = {**CHAT["usage"], **told}
    if is_streamed:
        span = read(manager, {**chat_chunk(finish_reason="stop"), "usage": usage})
    else:
        span = asked(manager, usage=usage)

    assert span["agentops.cost.usd"] == pytest.approx(cost)


@pytest.mark.parametrize(
    "told",
    [
        {"cost": None},
        {"cost": "much"},
        {"cost": -1},
        {"cost": {}},
        {"cost": 10**400},
        {"cost_in_usd_ticks": 0},
        {"cost_in_usd_ticks": 10**400},
        {**BYOK, "cost_details": {"upstream_inference_cost": None}},
        {**BYOK, "cost_details": {"upstream_inference_cost": -1}},
    ],
)
def test_a_cost_that_cannot_be_read_leaves_that_of_the_price_list(manager, told):
    for more in ({}, told):
        answer = {**CHAT, "model": "gpt-5", "usage": {**CHAT["usage"], **more}}
        wire = Wire(fail=lambda *_, answer=answer: httpx2.Response(200, json=answer))
        wire.client().chat.completions.create(**ASKED)

    listed, other = [span["agentops.cost.usd"] for span in manager.ended]
    assert other == listed > 0


@pytest.mark.parametrize(
    ("header", "cost"), [("0.00042", 0.00042), ("0.0", None), ("None", None), ("", None)]
)
def test_the_cost_that_a_relay_in_the_own_network_tells_is_the_cost(manager, header, cost):
    headers = {"x-litellm-response-cost": header}
    span = asked(manager, base_url="http://litellm:4000", headers=headers)

    assert span.attributes.get("agentops.cost.usd") == cost


def test_a_response_that_is_fetched_or_cancelled_does_not_cost_again(manager):
    headers = {"x-litellm-response-cost": "0.00042"}
    wire = Wire(fail=lambda *_: httpx2.Response(200, json=RESPONSE, headers=headers))
    responses = wire.client(base_url="http://litellm:4000").responses
    responses.create(model="m", input="Hi")
    for look in (responses.retrieve, responses.cancel):
        look("resp_1")

    costs = [span.attributes.get("agentops.cost.usd") for span in manager.ended]
    assert costs == [0.00042, None, None]


def test_a_response_tells_the_cost_that_the_server_tells(manager):
    usage = {**RESPONSE["usage"], "cost": 0.25}
    wire = Wire(fail=lambda *_: httpx2.Response(200, json={**RESPONSE, "usage": usage}))
    wire.client().responses.create(model="m", input="Hi")

    assert manager.ended[0]["agentops.cost.usd"] == 0.25


@pytest.mark.parametrize(
    "end",
    [
        {**chat_chunk(finish_reason="stop"), "x_groq": {"id": "req_1", "usage": CHAT["usage"]}},
        chat_chunk(finish_reason="stop", usage=CHAT["usage"]),
    ],
    ids=["groq", "moonshot"],
)
def test_the_usage_of_a_stream_is_told_where_the_server_puts_it(manager, end):
    span = read(manager, chat_chunk({"content": "Hi"}), end)

    assert (span["gen_ai.usage.input_tokens"], span["gen_ai.usage.output_tokens"]) == (11, 7)
    assert span["gen_ai.usage.cache_read.input_tokens"] == 3


def test_tool_calls_of_a_stream_that_all_have_the_first_index_stay_apart(manager):
    def call(known, name, given):
        function = {"arguments": given, "name": name}
        called = {"function": function, "id": known, "index": 0, "type": "function"}
        return chat_chunk({"role": "assistant", "tool_calls": [called]})

    ends = chat_chunk(finish_reason="tool_calls")
    span = read(manager, call("a", "add", '{"a":1}'), call("b", "add", '{"b":2}'), ends)

    assert span["gen_ai.output.messages"][0]["parts"] == [
        {"type": "tool_call", "id": "a", "name": "add", "arguments": {"a": 1}},
        {"type": "tool_call", "id": "b", "name": "add", "arguments": {"b": 2}},
    ]


def test_a_tool_call_of_a_stream_whose_pieces_have_ids_of_their_own_stays_one(manager):
    def piece(known, **function):
        return chat_chunk({"tool_calls": [{"index": 0, "id": known, "function": function}]})

    begin, more = piece("a", name="add", arguments=""), piece("b", arguments='{"a":1}')
    span = read(manager, begin, more, chat_chunk(finish_reason="tool_calls"))

    [part] = span["gen_ai.output.messages"][0]["parts"]
    assert (part["name"], part["arguments"]) == ("add", {"a": 1})


def test_a_thought_that_is_sent_under_both_names_is_told_once(manager):
    thought = {"reasoning": "Hm.", "reasoning_content": "Hm."}
    span = read(manager, chat_chunk(thought), chat_chunk({"content": "Hi"}, finish_reason="stop"))

    assert span["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "Hi"},
    ]


def minimax(piece, index=0):
    detail = {"type": "reasoning.text", "id": "reasoning-text-1", "format": "MiniMax-response-v1"}
    return {**detail, "index": index, "text": piece}


def openrouter_summary(piece, index=0):
    return {"type": "reasoning.summary", "summary": piece, "format": None, "index": index}


SEALED = {"type": "reasoning.encrypted", "data": "c2VhbGVk", "index": 2}


@pytest.mark.parametrize("detail", [minimax, openrouter_summary])
def test_thoughts_that_come_in_details_are_told(manager, detail):
    details = [detail("Well, hm."), detail("Yes.", 1), SEALED]
    message = {"role": "assistant", "content": "Hi", "reasoning_details": details}
    span = asked(manager, choices=[{"index": 0, "message": message, "finish_reason": "stop"}])

    assert span["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "Well, hm."},
        {"type": "reasoning", "content": "Yes."},
        {"type": "text", "content": "Hi"},
    ]


@pytest.mark.parametrize("detail", [minimax, openrouter_summary])
def test_thoughts_of_a_stream_that_come_in_details_are_put_together(manager, detail):
    details = [[detail("Well, ")], [detail("hm."), detail("Ye", 1)], [detail("s.", 1), SEALED]]
    thoughts = [chat_chunk({"reasoning_details": each}) for each in details]
    span = read(manager, *thoughts, chat_chunk({"content": "Hi"}, finish_reason="stop"))

    assert span["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "Well, hm."},
        {"type": "reasoning", "content": "Yes."},
        {"type": "text", "content": "Hi"},
    ]


def test_a_thought_that_comes_in_details_besides_is_told_once(manager):
    pieces = [
        chat_chunk({"reasoning": piece, "reasoning_details": [minimax(piece)]})
        for piece in ("Well, ", "hm.")
    ]
    span = read(manager, *pieces, chat_chunk({"content": "Hi"}, finish_reason="stop"))

    assert span["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "Well, hm."},
        {"type": "text", "content": "Hi"},
    ]


def mistral(piece):
    return {"type": "thinking", "thinking": [{"type": "text", "text": piece}]}


def databricks(piece):
    return {"type": "reasoning", "summary": [{"type": "summary_text", "text": piece}]}


@pytest.mark.parametrize("thinking", [mistral, databricks])
def test_content_of_a_stream_that_comes_in_parts_is_put_together(manager, thinking):
    first, more = (chat_chunk({"content": [thinking(piece)]}) for piece in ("Well, ", "hm."))
    answer = chat_chunk({"content": [{"type": "text", "text": "Hel"}]})
    end = chat_chunk({"content": "lo."}, finish_reason="stop")
    span = read(manager, first, more, answer, end)

    assert span["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "Well, hm."},
        {"type": "text", "content": "Hello."},
    ]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_error_of_a_choice_is_the_error_of_the_call(manager, is_streamed):
    ended = {"error": {"code": 502, "message": "Upstream is gone."}, "finish_reason": "error"}
    if is_streamed:
        span = read(manager, chat_chunk({"content": "Hel"}), chat_chunk(**ended))
    else:
        message = {"role": "assistant", "content": "Hel"}
        span = asked(manager, choices=[{"index": 0, "message": message, **ended}])

    assert (span["error.type"], span.fault) == ("502", "Upstream is gone.")
    assert span["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Hel"}]


@pytest.mark.parametrize(
    ("is_streamed", "body", "name", "told"),
    [
        (False, CHAT, "gen_ai.usage.output_tokens", 7),
        (True, {"error": {"code": "quota", "message": "No more."}}, "error.type", "quota"),
    ],
)
def test_an_object_that_is_called_a_stream_is_read(manager, is_streamed, body, name, told):
    headers = {"content-type": "text/event-stream"}
    wire = Wire(fail=lambda *_: httpx2.Response(200, json=body, headers=headers))
    list(wire.client().chat.completions.create(**ASKED, stream=is_streamed))

    [span] = manager.ended
    assert span[name] == told


def test_why_groq_stopped_a_stream_early_is_its_error(manager):
    why = {"x_groq": {"id": "req_1", "error": "over capacity"}}
    span = read(manager, chat_chunk({"content": "Hel"}), {**chat_chunk(), **why})

    assert (span["error.type"], span.fault) == ("error", "over capacity")


def test_arguments_of_a_streamed_tool_call_that_are_no_text_are_told(manager):
    function = {"name": "add", "arguments": {"a": 1}}
    begin = chat_chunk({"tool_calls": [{"index": 0, "id": "a", "function": function}]})
    more = chat_chunk({"tool_calls": [{"index": 0, "function": {"arguments": ""}}]})
    span = read(manager, begin, more, chat_chunk(finish_reason="tool_calls"))

    assert span["gen_ai.output.messages"][0]["parts"] == [
        {"type": "tool_call", "id": "a", "name": "add", "arguments": {"a": 1}}
    ]


def test_a_digit_that_is_no_number_does_no_harm(manager):
    odd = "\N{SUPERSCRIPT TWO}".encode("latin-1")
    names = (b"x-ratelimit-remaining-requests", b"openai-processing-ms")
    span = asked(manager, headers=[(name, odd) for name in names])

    assert span["agentops.response.rate_limit.remaining_requests"] == odd.decode("latin-1")
    assert told_usage(span)["output_tokens"] == 7


def test_the_request_id_of_bedrock_is_told(manager):
    span = asked(manager, headers={"x-amzn-requestid": "req-1"})

    assert span["agentops.response.request_id"] == "req-1"


def test_an_error_that_has_no_code_but_that_of_amazon_is_told_by_it(manager):
    headers = {"x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/coral/"}
    answer = httpx2.Response(429, json={"message": "Too many requests"}, headers=headers)
    client = Wire(fail=lambda *_: answer).client(
        base_url="https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1"
    )
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(**ASKED)

    assert manager.ended[0]["error.type"] == "ThrottlingException"


@pytest.mark.parametrize("kind", ["application/octet-stream", "audio/wav"])
def test_speech_is_sound_whatever_its_type_says(manager, kind):
    headers = {"content-type": kind}
    wire = Wire(fail=lambda *_: httpx2.Response(200, content=b"RIFF", headers=headers))
    wire.client().audio.speech.create(model="tts", voice="alloy", input="Hi")

    [part] = manager.ended[0]["gen_ai.output.messages"][0]["parts"]
    assert (part["type"], part["modality"], part["mime_type"]) == ("blob", "audio", kind)


@pytest.mark.parametrize(
    ("host", "model"),
    [
        ("api.anthropic.com/v1", "claude-sonnet-4-5"),
        ("api.cerebras.ai/v1", "gpt-oss-120b"),
        ("api.cohere.ai/compatibility/v1", "command-r-plus"),
        ("api.fireworks.ai/inference/v1", "accounts/fireworks/models/gpt-oss-120b"),
        ("api.together.xyz/v1", "Qwen/Qwen1.5-72B"),
        ("openrouter.ai/api/v1", "anthropic/claude-sonnet-4.5"),
    ],
)
def test_a_model_of_another_vendor_has_the_price_of_that_vendor(manager, host, model):
    wire = Wire(fail=lambda *_: httpx2.Response(200, json={**CHAT, "model": model}))
    wire.client(base_url=f"https://{host}").chat.completions.create(model=model, messages=[])

    assert manager.ended[0]["agentops.cost.usd"] > 0


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
        ("vpce-1-2.bedrock-runtime.us-east-1.vpce.amazonaws.com", "aws.bedrock"),
        ("bedrock-mantle.us-east-1.api.aws", "aws.bedrock"),
        ("gateway-12.us-east-1.elb.amazonaws.com", "openai"),
        ("a1b2.execute-api.us-east-1.amazonaws.com", "openai"),
    ],
)
def test_what_a_program_runs_at_amazon_is_not_bedrock(manager, host, name):
    span = asked(manager, base_url=f"https://{host}/v1", model="gpt-5")

    assert span["gen_ai.provider.name"] == name
    assert ("agentops.cost.usd" in span.attributes) == (name == "openai")


FOUND = {"title": "A", "url": "https://a.b", "date": "2026-11-01"}
FROM_AZURE = {"content": "It rains in Oslo.", "title": "weather.md", "chunk_id": "0"}


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ({"citations": ["https://a.b"]}, {"type": "url_citation", "url": "https://a.b"}),
        (
            {"citations": ["https://a.b"], "search_results": [FOUND]},
            {"type": "url_citation", **FOUND},
        ),
    ],
)
def test_the_sources_of_an_answer_stand_beside_its_text(manager, is_streamed, beside, told):
    if is_streamed:
        begin, end = chat_chunk({"content": "It "}), chat_chunk({"content": "rains."})
        span = read(manager, {**begin, **beside}, {**end, **beside})
    else:
        said = {"role": "assistant", "content": "It rains."}
        choice = {"index": 0, "finish_reason": "stop", "message": said}
        span = asked(manager, choices=[choice], **beside)

    [part] = span["gen_ai.output.messages"][0]["parts"]
    assert part == {"type": "text", "content": "It rains.", "annotations": [told]}
    assert not isinstance(span["gen_ai.output.messages"], PlainMessages)


def test_sources_that_only_the_first_chunks_tell_are_kept(manager):
    first = {**chat_chunk({"content": "It "}), "citations": ["https://a.b"]}
    span = read(manager, first, {**chat_chunk({"content": "rains."}), "citations": None})

    [part] = span["gen_ai.output.messages"][0]["parts"]
    assert part["annotations"] == [{"type": "url_citation", "url": "https://a.b"}]


def test_the_sources_of_a_text_do_not_stand_beside_a_tool_call(manager):
    call = {"id": "call_1", "type": "function", "function": {"name": "rain", "arguments": "{}"}}
    said = {"role": "assistant", "content": "It rains.", "tool_calls": [call]}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": said}
    span = asked(manager, choices=[choice], citations=["https://a.b"])

    told, called = span["gen_ai.output.messages"][0]["parts"]
    assert told["annotations"] == [{"type": "url_citation", "url": "https://a.b"}]
    assert called == {"type": "tool_call", "name": "rain", "arguments": {}, "id": "call_1"}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_the_sources_in_the_own_data_stand_beside_the_text(manager, is_streamed):
    context = {"citations": [FROM_AZURE], "intent": '["weather in Oslo"]'}
    if is_streamed:
        begin = chat_chunk({"role": "assistant", "context": context})
        span = read(manager, begin, chat_chunk({"content": "It rains."}))
    else:
        said = {"role": "assistant", "content": "It rains.", "context": context}
        span = asked(manager, choices=[{"index": 0, "finish_reason": "stop", "message": said}])

    [part] = span["gen_ai.output.messages"][0]["parts"]
    assert part == {"type": "text", "content": "It rains.", "annotations": [FROM_AZURE]}


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(("number", "told"), [(1002, "1002"), (0, None), ("0", None)])
def test_an_error_that_minimax_tells_in_an_answer_is_one(manager, is_streamed, number, told):
    state = {"status_code": number, "status_msg": "rate limit" if told else ""}
    if is_streamed:
        span = read(manager, {**chat_chunk(), "choices": None, "base_resp": state})
    else:
        span = asked(manager, choices=None, usage=None, base_resp=state)

    assert span.attributes.get("error.type") == told
    assert span.completion.error == (state["status_msg"] or None)

"""Every recorded exchange of OpenAI is told by its span as its bodies tell it, nothing added or lost."""

import json
from pathlib import Path

import openai
import pytest
from support.openai_wire import httpx2
from support.providers import DirectManager
from support.recordings import load_exchanges as load
from support.recordings import recording_params

from agentops.instrumentation.providers.openai import OpenAIInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider

pytestmark = pytest.mark.recordings
FIXTURES = sorted((Path(__file__).parents[4] / "fixtures" / "openai").glob("*.yaml"))


def fixtures(is_wanted):
    """Return parameters for the recordings in this repository that are wanted by their names."""
    return [
        pytest.param(file, id=f"fixture-{file.stem}") for file in FIXTURES if is_wanted(file.name)
    ]


@pytest.fixture(scope="module")
def shared():
    manager = DirectManager()
    provider = InstrumentedProvider(OpenAIInstrumentation(manager))
    provider.install()
    yield manager
    provider.uninstall()


@pytest.fixture
def manager(shared):
    shared.ended.clear()
    return shared


def send(exchange, use_methods=True):
    """Send what was recorded through the SDK and read the answer to its end."""
    transport = httpx2.MockTransport(lambda _: exchange.response(httpx2))
    base = httpx2.URL(exchange.url).copy_with(path="/v1", query=None)
    with openai.OpenAI(
        api_key="x", base_url=base, max_retries=0, http_client=httpx2.Client(transport=transport)
    ) as client:
        path = "/" + exchange.path.split("/v1/")[-1].lstrip("/")
        if "/deployments/" in path:
            path = "/" + path.split("/", 4)[-1]
        method = methods(client).get(path) if use_methods and exchange.method == "POST" else None
        try:
            if method is not None:
                result = method(exchange.request)
            else:
                result = client.request(
                    object,
                    openai._models.FinalRequestOptions(
                        method=exchange.method.lower(), url=path, json_data=exchange.request
                    ),
                    stream=exchange.is_stream,
                    stream_cls=openai.Stream[object] if exchange.is_stream else None,
                )
            if exchange.is_stream:
                for _ in result:
                    pass
        except openai.APIStatusError as error:
            return error
        except openai.APIError as error:
            return error
    return result


def methods(client):
    def call(create, *names):
        def run(body):
            known = {name: body[name] for name in names if name in body}
            extra = {name: value for name, value in body.items() if name not in known}
            return create(**known, extra_body=extra or None)

        return run

    return {
        "/chat/completions": call(
            client.chat.completions.create,
            "model",
            "messages",
            "stream",
            "tools",
            "n",
            "temperature",
        ),
        "/responses": call(
            client.responses.create, "model", "input", "stream", "tools", "background"
        ),
        "/completions": call(client.completions.create, "model", "prompt", "stream", "n"),
        "/embeddings": call(client.embeddings.create, "model", "input", "encoding_format"),
    }


def usage_of(body):
    usage = body.get("usage") or {}
    taken = usage.get("input_tokens_details") or usage.get("prompt_tokens_details") or {}
    made = usage.get("output_tokens_details") or usage.get("completion_tokens_details") or {}
    counts = {
        "input_tokens": usage.get("input_tokens", usage.get("prompt_tokens")),
        "output_tokens": usage.get("output_tokens", usage.get("completion_tokens")),
        "cache_read.input_tokens": taken.get("cached_tokens"),
        "reasoning.output_tokens": made.get("reasoning_tokens"),
        "cache_write.input_tokens": taken.get("cache_write_tokens"),
        "text.input_tokens": taken.get("text_tokens"),
        "text.output_tokens": made.get("text_tokens"),
        "image.output_tokens": made.get("image_tokens"),
        "audio.input_tokens": taken.get("audio_tokens"),
        "audio.output_tokens": made.get("audio_tokens"),
        "image.input_tokens": taken.get("image_tokens"),
    }
    return {f"gen_ai.usage.{name}": told for name, told in counts.items() if told is not None}


def told_usage(span):
    return {
        name: told for name, told in span.attributes.items() if name.startswith("gen_ai.usage.")
    }


def parts(span, kind):
    return [
        part
        for message in span.attributes.get("gen_ai.output.messages", ())
        for part in message["parts"]
        if part["type"] == kind
    ]


def text_of(span):
    return "".join(part["content"] for part in parts(span, "text"))


def calls_of(span):
    return [(p["name"], p.get("id"), p["arguments"]) for p in parts(span, "tool_call")]


def as_value(arguments):
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


CHAT = [
    *recording_params("dev/openai/chat", "dev/azure/chat"),
    *fixtures(lambda name: "chat" in name or "tool" in name),
]


@pytest.mark.parametrize("file", CHAT)
def test_chat_completions(file, manager):
    for exchange in load(file):
        if exchange.path.endswith("/chat/completions"):
            manager.ended.clear()
            error = send(exchange)
            [span] = manager.ended
            check_chat(exchange, span, error)


def check_chat(exchange, span, error):
    assert span["gen_ai.operation.name"] == "chat"
    assert span.attributes.get("gen_ai.request.model", "") == (exchange.request.get("model") or "")
    if exchange.status >= 400:
        assert span["error.type"] == (error.code or error.type or type(error).__name__)
        return
    if exchange.is_stream:
        chunks = exchange.events()
        check_chat_stream(chunks, span)
        return
    body = exchange.json()
    choices = body.get("choices") or []
    assert span.attributes.get("gen_ai.response.id", "") == (body.get("id") or "")
    assert span.attributes.get("gen_ai.response.model", "") == (body.get("model") or "")
    assert told_usage(span) == usage_of(body)
    assert list(span.attributes.get("gen_ai.response.finish_reasons", [])) == [
        choice.get("finish_reason") or "error" for choice in choices
    ]
    assert text_of(span) == "".join((c.get("message") or {}).get("content") or "" for c in choices)
    assert calls_of(span) == [
        (call["function"]["name"], call.get("id"), as_value(call["function"]["arguments"]))
        for choice in choices
        for call in (choice.get("message") or {}).get("tool_calls") or ()
        if "function" in call
    ] + [
        (call["custom"]["name"], call["id"], call["custom"]["input"])
        for choice in choices
        for call in (choice.get("message") or {}).get("tool_calls") or ()
        if "custom" in call
    ] + [
        (legacy["name"], None, as_value(legacy["arguments"]))
        for choice in choices
        if (legacy := (choice.get("message") or {}).get("function_call"))
    ]


def check_chat_stream(chunks, span):
    usage = {}
    for chunk in chunks:
        usage.update(usage_of(chunk))
    deltas = [
        (choice["index"], choice.get("delta") or {}, choice.get("finish_reason"))
        for chunk in chunks
        for choice in chunk.get("choices") or ()
    ]
    reasons = {}
    arguments = {}
    for index, delta, reason in deltas:
        reasons[index] = reason or reasons.get(index)
        for call in delta.get("tool_calls") or ():
            known = arguments.setdefault((index, call["index"]), ["", None, ""])
            known[0] += (call.get("function") or {}).get("name") or ""
            known[1] = call.get("id") or known[1]
            known[2] += (call.get("function") or {}).get("arguments") or ""
    assert told_usage(span) == usage
    assert list(span["gen_ai.response.finish_reasons"]) == [
        reasons[index] or "error" for index in sorted(reasons)
    ]
    by_choice = sorted(deltas, key=lambda each: each[0])
    assert text_of(span) == "".join(delta.get("content") or "" for _, delta, _ in by_choice)
    assert calls_of(span) == [
        (name, known, as_value(given)) for _, (name, known, given) in sorted(arguments.items())
    ]
    assert span["gen_ai.response.id"] == chunks[-1]["id"]
    assert span["gen_ai.response.time_to_first_chunk"] > 0
    assert "agentops.response.stream_end" not in span.attributes


RESPONSES = [
    *recording_params("dev/openai/responses", "dev/azure/responses"),
    *fixtures(lambda name: "responses" in name),
]


@pytest.mark.parametrize("file", RESPONSES)
def test_responses(file, manager):
    for exchange in load(file):
        if not exchange.path.endswith("/responses") or exchange.method != "POST":
            continue
        manager.ended.clear()
        error = send(exchange)
        [span] = manager.ended
        assert span["openai.api.type"] == "responses"
        if exchange.status >= 400:
            assert span["error.type"] == (error.code or error.type or type(error).__name__)
            continue
        body = exchange.json() if not exchange.is_stream else final_response(exchange)
        check_response(body, span)


def final_response(exchange):
    return [data["response"] for data in exchange.events() if "response" in data][-1]


def check_response(body, span):
    assert span["gen_ai.response.id"] == body["id"]
    assert span["gen_ai.response.model"] == body["model"]
    assert told_usage(span) == usage_of(body)
    assert text_of(span) == "".join(
        part["text"]
        for item in body["output"]
        if item["type"] == "message"
        for part in item["content"]
        if part["type"] == "output_text"
    )
    assert calls_of(span) == [
        (i["name"], i["call_id"], as_value(i["arguments"]) if "arguments" in i else i["input"])
        for i in body["output"]
        if i["type"] in ("function_call", "custom_tool_call")
    ]
    thoughts = [
        part["text"]
        for item in body["output"]
        if item["type"] == "reasoning"
        for part in (*(item.get("summary") or ()), *(item.get("content") or ()))
    ]
    assert [p["content"] for p in parts(span, "reasoning") if p["content"]] == thoughts
    expected = {"completed": ["stop", "tool_call"], "incomplete": ["length", "content_filter"]}
    if body["status"] in expected:
        [reason] = span["gen_ai.response.finish_reasons"]
        assert reason in expected[body["status"]]


OTHERS = [
    *recording_params(
        "dev/openai/completions",
        "dev/openai/embeddings",
        "dev/openai/images",
        "dev/openai/moderations",
        "dev/openai/assistants",
        "dev/openai/files",
        "dev/openai/models",
        "dev/azure/completions",
        "dev/azure/embeddings",
    ),
    *fixtures(lambda name: "embedding" in name),
]


@pytest.mark.parametrize("file", OTHERS)
def test_other_endpoints(file, manager):
    counted = set()
    for exchange in load(file):
        manager.ended.clear()
        error = send(exchange)
        [span] = manager.ended
        if exchange.status >= 400:
            assert span["error.type"] == (error.code or error.type or type(error).__name__)
            continue
        bodies = exchange.events() if exchange.is_stream else [exchange.json()]
        usage = {}
        for body in bodies:
            is_run = body.get("object") == "thread.run"
            if body.get("object") != "thread.run.step" and not (is_run and body["id"] in counted):
                usage.update(usage_of(body))
                if is_run and body.get("usage"):
                    counted.add(body["id"])
        assert told_usage(span) == usage, exchange.url
        if exchange.path.endswith("/completions"):
            assert text_of(span) == "".join(
                choice["text"] for body in bodies for choice in body["choices"]
            )

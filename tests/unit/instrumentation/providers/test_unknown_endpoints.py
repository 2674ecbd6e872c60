"""What no table names is told all the same: next month's endpoint, in every way it can be called."""

import asyncio
import importlib
import json

import anthropic
import openai
import pytest
from anthropic._constants import RAW_RESPONSE_HEADER
from support.anthropic_wire import httpx2 as anthropic_http
from support.openai_wire import httpx2
from support.providers import DirectManager

from agentops.instrumentation.providers.anthropic import AnthropicInstrumentation
from agentops.instrumentation.providers.openai import OpenAIInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider

USAGE = {
    "input_tokens": 11,
    "output_tokens": 7,
    "cache_read_input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0},
}
ANSWER = {"id": "new_1", "object": "novelty", "model": "m-1-2026", "usage": USAGE}
SENT = {"model": "m-1", "prompt": "Hi"}
WAYS = ["plain", "raw", "streaming_response", "stream", "resource", "resource_raw"]


def answer(http, request):
    if json.loads(request.content)["model"] == "none":
        error = {"type": "not_found_error", "code": "model_not_found", "message": "None."}
        return http.Response(404, json={"type": "error", "error": error})
    if json.loads(request.content).get("stream"):
        events = [{"type": "new.started", "id": "new_1"}, {"type": "new.done", **ANSWER}]
        lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
        headers = {"content-type": "text/event-stream"}
        return http.Response(200, headers=headers, content="".join(lines).encode())
    return http.Response(200, json=ANSWER)


def client_of(sdk, is_async):
    http = httpx2 if sdk is openai else anthropic_http
    transport = http.MockTransport(lambda request: answer(http, request))
    name = "OpenAI" if sdk is openai else "Anthropic"
    kind = getattr(sdk, f"Async{name}" if is_async else name)
    under = http.AsyncClient if is_async else http.Client
    return kind(api_key="x", max_retries=0, http_client=under(transport=transport))


def call(sdk, client, way, body, is_async):
    """Call the new endpoint in one of the ways; return what the program gets, maybe to be awaited."""
    if way.startswith("resource"):
        resource = resource_of(sdk, is_async)(client)
        if way == "resource":
            return resource.create(body)
        prefix = "async_" if is_async else ""
        module = "_legacy_response" if sdk is openai else "_response"
        holder = importlib.import_module(f"{sdk.__name__}.{module}")
        return getattr(holder, f"{prefix}to_raw_response_wrapper")(resource.create)(body)
    options = {}
    if way == "stream":
        kind = sdk.AsyncStream[object] if is_async else sdk.Stream[object]
        body = {**body, "stream": True}
        options = {"stream": True, "stream_cls": kind}
    elif way != "plain":
        told = "raw" if way == "raw" else "stream"
        options = {"options": {"headers": {RAW_RESPONSE_HEADER: told}}}
    return client.post("/whatever", body=body, cast_to=object, **options)


def resource_of(sdk, is_async):
    module = importlib.import_module(f"{sdk.__name__}._resource")
    base = module.AsyncAPIResource if is_async else module.SyncAPIResource

    class Novelties(base):
        def create(self, body, extra_headers=None):
            options = {"headers": extra_headers or {}}
            return self._post("/whatever", body=body, options=options, cast_to=object)

    return Novelties


def run(sdk, way, is_async, body=SENT):
    client = client_of(sdk, is_async)
    if not is_async:
        got = call(sdk, client, way, body, False)
        return list(got) if way == "stream" else got.json() if way == "streaming_response" else got

    async def work():
        got = await call(sdk, client, way, body, True)
        if way == "stream":
            return [event async for event in got]
        return await got.json() if way == "streaming_response" else got

    return asyncio.run(work())


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


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sdk", [openai, anthropic], ids=["openai", "anthropic"])
def test_an_endpoint_that_nobody_knows_is_told(manager, sdk, way, is_async):
    run(sdk, way, is_async)

    [span] = manager.ended
    assert span.name == "POST /whatever"
    assert span["http.request.method"] == "POST"
    assert span["url.path"] == "/whatever"
    assert span["http.response.status_code"] == 200
    assert span["gen_ai.request.model"] == "m-1"
    assert span["gen_ai.response.model"] == "m-1-2026"
    assert span["gen_ai.response.id"] == "new_1"
    assert span["gen_ai.usage.input_tokens"] == 11
    assert span["gen_ai.usage.output_tokens"] == 7
    assert "gen_ai.operation.name" not in span.attributes


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sdk", [openai, anthropic], ids=["openai", "anthropic"])
def test_its_failure_is_told_too(manager, sdk, way, is_async):
    with pytest.raises(sdk.NotFoundError):
        run(sdk, way, is_async, {"model": "none"})

    [span] = manager.ended
    assert span.name == "POST /whatever"
    assert span["http.response.status_code"] == 404
    assert span["error.type"] == ("model_not_found" if sdk is openai else "not_found_error")

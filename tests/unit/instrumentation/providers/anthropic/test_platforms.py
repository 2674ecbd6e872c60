"""Claude on other platforms: their clients take functions over at import, yet each call is a span."""

import anthropic
import pytest
from support.anthropic_wire import (
    MESSAGE,
    REQUEST,
    Wire,
    aws_bytes,
    aws_frame,
    event_bytes,
    events,
    httpx2,
)
from support.versions import ANTHROPIC

pytestmark = pytest.mark.usefixtures("provider")

OPTIONS = {
    "AnthropicVertex": {"region": "us", "project_id": "p", "access_token": "t"},
    "AnthropicBedrock": {"aws_region": "us-east-1", "api_key": "k"},
    "AnthropicBedrockMantle": {"aws_region": "us-east-1", "api_key": "k"},
    "AnthropicFoundry": {"resource": "r", "api_key": "k"},
    "AnthropicAWS": {"aws_region": "us-east-1", "api_key": "k", "workspace_id": "w"},
    "AnthropicGoogleCloud": {"project": "p", "workspace_id": "w", "token_provider": lambda: "t"},
}
PROVIDERS = {
    "AnthropicVertex": "gcp.vertex_ai",
    "AnthropicBedrock": "aws.bedrock",
    "AnthropicBedrockMantle": "aws.bedrock",
    "AnthropicFoundry": "azure.ai.inference",
    "AnthropicAWS": "anthropic",
    "AnthropicGoogleCloud": "anthropic",
}
PATHS = (
    "/model/claude-opus-5/invoke",
    "/v1/projects/p/locations/us/publishers/anthropic/models/claude-opus-5:rawPredict",
    "/anthropic/v1/messages",
)


def _client(wire, name):
    if name == "AnthropicBedrock":
        pytest.importorskip("botocore", reason="Bedrock's client needs it to read streams")
    return wire.client(getattr(anthropic, name), **OPTIONS[name])


def _async_client(wire, name):
    if name == "AnthropicBedrock":
        pytest.importorskip("botocore", reason="Bedrock's client needs it to read streams")
    return wire.async_client(getattr(anthropic, f"Async{name}"), **OPTIONS[name])


def _check(ended, name):
    assert ended.name == "chat claude-opus-5"
    assert ended["gen_ai.provider.name"] == PROVIDERS[name]
    assert ended["gen_ai.request.model"] == "claude-opus-5"
    assert ended["gen_ai.usage.input_tokens"] == 16
    assert ended["gen_ai.usage.output_tokens"] == 7
    assert ended["gen_ai.input.messages"][0]["parts"][0]["content"] == "Hi"
    assert ended["gen_ai.output.messages"][0]["parts"][0]["content"] == "Hello there"
    assert ended["gen_ai.response.finish_reasons"] == ["end_turn"]


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("is_beta", [False, True])
def test_create_is_one_span(name, is_beta, manager, wire):
    client = _client(wire, name)
    (client.beta.messages if is_beta else client.messages).create(**REQUEST)

    [ended] = manager.ended
    _check(ended, name)
    assert ended["server.address"] == wire.requests[0].url.host or name == "AnthropicGoogleCloud"


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("is_beta", [False, True])
def test_a_stream_is_one_span(name, is_beta, manager, wire):
    client = _client(wire, name)
    with (client.beta.messages if is_beta else client.messages).stream(**REQUEST) as stream:
        text = "".join(stream.text_stream)

    [ended] = manager.ended
    assert text == "Hello there"
    assert ended["gen_ai.request.stream"] is True
    assert ended["gen_ai.response.time_to_first_chunk"] > 0
    _check(ended, name)


@pytest.mark.parametrize("name", OPTIONS)
async def test_async_create_and_stream_are_one_span_each(name, manager, wire):
    client = _async_client(wire, name)
    await client.messages.create(**REQUEST)
    async with client.messages.stream(**REQUEST) as stream:
        await stream.until_done()

    for ended in manager.ended:
        _check(ended, name)
    assert len(manager.ended) == 2


@pytest.mark.parametrize(
    ("base_url", "model", "name"),
    [
        ("https://api.deepseek.com/anthropic", "deepseek-chat", "deepseek"),
        ("https://api.moonshot.ai/anthropic", "kimi-k2.5", "moonshot_ai"),
        ("https://api.z.ai/api/anthropic", "glm-4.6", "zai"),
        ("https://api.minimax.io/anthropic", "MiniMax-M2", "minimax"),
        ("https://openrouter.ai/api", "anthropic/claude-opus-4.5", "openrouter"),
    ],
)
def test_a_service_that_speaks_the_protocol_has_its_own_name_and_prices(
    base_url, model, name, manager
):
    wire = Wire({f"{httpx2.URL(base_url).path}/v1/messages": {**MESSAGE, "model": model}})
    wire.client(base_url=base_url).messages.create(**{**REQUEST, "model": model})

    [ended] = manager.ended
    assert ended.name == f"chat {model}"
    assert ended["gen_ai.provider.name"] == name
    units = {
        "input_tokens": 16,
        "output_tokens": 7,
        "cache_read_tokens": 3,
        "cache_write_tokens": 2,
    }
    cost = manager.prices.cost_of_units(name, model, units)
    assert ended.attributes.get("agentops.cost.usd") == cost


@pytest.mark.parametrize("is_streamed", [False, True])
def test_the_cost_that_a_gateway_tells_is_the_cost(manager, is_streamed):
    usage = {**MESSAGE["usage"], "cost": 0.05, "is_byok": True}
    usage["cost_details"] = {"upstream_inference_cost": 0.95}
    wire = Wire(message={**MESSAGE, "usage": usage})
    *others, (name, last), end = events()
    wire.stream_pieces = event_bytes([*others, (name, {**last, "usage": usage}), end])
    client = wire.client(base_url="https://openrouter.ai/api")
    answer = client.messages.create(**REQUEST, stream=is_streamed)
    if is_streamed:
        list(answer)

    assert manager.ended[0]["agentops.cost.usd"] == pytest.approx(1.0)


@pytest.mark.parametrize(("header", "cost"), [("0.00042", 0.00042), ("0.0", None), ("None", None)])
def test_the_cost_that_a_relay_in_the_own_network_tells_is_the_cost(manager, header, cost):
    headers = {"x-litellm-response-cost": header}
    wire = Wire({"/v1/messages": httpx2.Response(200, json=MESSAGE, headers=headers)})
    wire.client(base_url="http://litellm:4000").messages.create(**REQUEST)

    assert manager.ended[0].attributes.get("agentops.cost.usd") == cost


def test_the_request_id_of_bedrock_is_told(manager):
    headers = {"x-amzn-RequestId": "3f2b"}
    wire = Wire(
        {"/model/claude-opus-5/invoke": httpx2.Response(200, json=MESSAGE, headers=headers)}
    )
    _client(wire, "AnthropicBedrock").messages.create(**REQUEST)

    assert manager.ended[0]["agentops.response.request_id"] == "3f2b"


def test_a_bedrock_stream_that_is_left_at_its_last_event_is_whole(manager):
    wire = Wire()
    client = _client(wire, "AnthropicBedrock")
    measured = dict.fromkeys(
        ("inputTokenCount", "outputTokenCount", "invocationLatency", "firstByteLatency"), 1234
    )
    *others, (_, last) = events()
    last = {**last, "amazon-bedrock-invocationMetrics": measured}
    wire.stream_pieces = aws_bytes([*others, ("", last)])
    with client.messages.create(**REQUEST, stream=True) as stream:
        for event in stream:
            if event.type == "message_stop":
                break

    [ended] = manager.ended
    assert "agentops.response.stream_end" not in ended.attributes
    assert ended["gen_ai.response.finish_reasons"] == ["end_turn"]


@pytest.mark.parametrize("region", ["us", "global"])
def test_a_call_at_bedrock_costs_what_the_regions_it_may_run_in_do(region, manager, wire):
    asked, answered = "anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929"
    asked = f"{region}.{asked}"
    usage = {"input_tokens": 1_000, "output_tokens": 0}
    wire.message = {**MESSAGE, "model": answered, "usage": usage}
    _client(wire, "AnthropicBedrock").messages.create(**{**REQUEST, "model": asked})

    [ended] = manager.ended
    expected = manager.prices.cost_of_units("aws.bedrock", asked, {"input_tokens": 1_000})
    assert ended["agentops.cost.usd"] == expected > 0


@pytest.mark.parametrize(
    ("name", "body", "headers", "told"),
    [
        (
            "AnthropicBedrock",
            {"message": "Too many requests"},
            {"x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/coral/"},
            "ThrottlingException",
        ),
        ("AnthropicBedrock", {"message": "Too many requests"}, {}, "RateLimitError"),
        (
            "AnthropicVertex",
            {"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}},
            {},
            "RESOURCE_EXHAUSTED",
        ),
        (
            "AnthropicVertex",
            [{"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}],
            {},
            "RESOURCE_EXHAUSTED",
        ),
        (
            "AnthropicFoundry",
            {"error": {"code": "DeploymentNotFound", "message": "None of that name"}},
            {},
            "DeploymentNotFound",
        ),
        ("AnthropicFoundry", {"error": {"code": 429, "message": "No"}}, {}, "RateLimitError"),
    ],
)
def test_an_error_has_the_code_of_the_platform(name, body, headers, told, manager):
    wire = Wire(dict.fromkeys(PATHS, httpx2.Response(429, json=body, headers=headers)))
    client = _client(wire, name)
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(**REQUEST)

    [ended] = manager.ended
    assert ended["error.type"] == told


def test_a_fault_in_the_middle_of_a_bedrock_stream_has_its_code(manager):
    wire = Wire()
    client = _client(wire, "AnthropicBedrock")
    started = [data for _, data in events(end=False)]
    headers = {":exception-type": "throttlingException", ":message-type": "exception"}
    wire.stream_pieces = [
        *(aws_frame({":event-type": "chunk", ":message-type": "event"}, data) for data in started),
        aws_frame(headers, {"message": "slow down"}),
    ]
    with pytest.raises(anthropic.APIStatusError if ANTHROPIC >= 1 else ValueError):
        list(client.messages.create(**REQUEST, stream=True))

    [ended] = manager.ended
    assert ended["error.type"] == "throttlingException"
    assert ended["gen_ai.usage.input_tokens"] == 16
    assert "gen_ai.usage.output_tokens" not in ended.attributes

"""Recorded exchanges, replayed through the real SDK; the truth is read from the raw bodies here."""

import inspect
import json

import anthropic
import pytest
from anthropic.resources.beta.messages import Messages
from support.anthropic_wire import httpx2
from support.recordings import load_exchanges, recording_params

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.usefixtures("provider"),
    pytest.mark.filterwarnings("ignore:The model '.*' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings(
        "ignore:The 'output_format' parameter is deprecated:DeprecationWarning"
    ),  # 0.x
]


@pytest.fixture
def anyio_backend():
    """Once is enough: how bodies are read does not depend on what carried them."""
    return "asyncio"


RECORDINGS = recording_params(
    "dev/anthropic",
    "synthetic/anthropic_messages_429_rate_limit.yaml",
    "synthetic/anthropic_messages_529_overloaded.yaml",
    "synthetic/anthropic_messages_stream_error_midway.yaml",
)
FINISH = {
    "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_call",
    "refusal": "content_filter", "pause_turn": "stop", "compaction": "stop",
}  # fmt: skip
KNOWN = set(inspect.signature(Messages.create).parameters) - {"self", "stream"}
COUNT_KNOWN = set(inspect.signature(Messages.count_tokens).parameters) - {"self"}


def _arguments(body, known):
    body = {name: value for name, value in body.items() if name != "stream"}
    return {
        **{name: value for name, value in body.items() if name in known},
        "extra_body": {name: value for name, value in body.items() if name not in known},
        "timeout": 600,
    }


def _transport(exchange):
    return httpx2.MockTransport(lambda request: exchange.response(httpx2))


def _replay(exchange):
    with anthropic.Anthropic(
        api_key="x", max_retries=0, http_client=httpx2.Client(transport=_transport(exchange))
    ) as client:
        try:
            if exchange.path == "/v1/messages/count_tokens":
                arguments = _arguments(exchange.request, COUNT_KNOWN)
                client.beta.messages.count_tokens(**arguments)
            elif exchange.path == "/v1/messages":
                arguments = _arguments(exchange.request, KNOWN)
                answer = client.beta.messages.create(**arguments, stream=exchange.is_stream)
                if exchange.is_stream:
                    list(answer)
            else:
                _post(client, exchange)
        except anthropic.APIStatusError:
            return


def _post(client, exchange):
    """Send what the SDK has no method for any more by its path."""
    if exchange.is_stream:
        stream_cls = anthropic.Stream[object]
        options = {"stream": True, "stream_cls": stream_cls, "cast_to": object}
        list(client.post(exchange.path, body=exchange.request, **options))
    else:
        client.post(exchange.path, body=exchange.request, cast_to=object)


async def _replay_async(exchange):
    http = httpx2.AsyncClient(transport=_transport(exchange))
    async with anthropic.AsyncAnthropic(api_key="x", max_retries=0, http_client=http) as client:
        arguments = _arguments(exchange.request, KNOWN)
        try:
            answer = await client.beta.messages.create(**arguments, stream=exchange.is_stream)
            if exchange.is_stream:
                async for _ in answer:
                    pass
        except anthropic.APIStatusError:
            return


class Truth:
    """What one recorded answer says, read from its body alone."""

    def __init__(self, exchange):
        self.usage, self.text, self.thinking = {}, "", ""
        self.tools, self.blocks = [], {}
        self.id = self.model = self.stop_reason = self.error = None
        if exchange.is_stream:
            for event in exchange.events():
                self._event(event)
            for _, block in sorted(self.blocks.items()):
                self._block(block)
        else:
            self._whole(exchange.json() or {})

    def _whole(self, body):
        self.error = (body.get("error") or {}).get("type")
        self.id, self.model = body.get("id"), body.get("model")
        self.stop_reason = body.get("stop_reason")
        self.usage = body.get("usage") or {}
        for block in body.get("content") or []:
            self._block(block)

    def _event(self, event):
        kind = event["type"]
        if kind == "error":
            self.error = event["error"]["type"]
        elif kind == "message_start":
            message = event["message"]
            self.id, self.model = message["id"], message["model"]
            self.usage = {**message["usage"], "output_tokens": None}
        elif kind == "content_block_start":
            self.blocks[event["index"]] = {**event["content_block"], "json": ""}
        elif kind == "content_block_delta":
            block, delta = self.blocks[event["index"]], event["delta"]
            for source, name in (
                ("text", "text"),
                ("thinking", "thinking"),
                ("partial_json", "json"),
            ):
                if source in delta:
                    block[name] += delta[source]
        elif kind == "message_delta":
            self.stop_reason = event["delta"]["stop_reason"]
            self.usage.update({k: v for k, v in event["usage"].items() if v is not None})

    def _block(self, block):
        if block["type"] == "text":
            self.text += block["text"]
        elif block["type"] == "thinking":
            self.thinking += block["thinking"]
        elif block["type"] in ("tool_use", "server_tool_use", "mcp_tool_use"):
            arguments = json.loads(block["json"]) if block.get("json") else block["input"]
            self.tools.append((block["id"], block["name"], arguments))

    @property
    def input_tokens(self):
        if self.usage.get("input_tokens") is None:
            return None
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        return sum(self.usage.get(name) or 0 for name in names)


def _parts(ended):
    messages = ended.attributes.get("gen_ai.output.messages", [])
    return [part for message in messages for part in message["parts"]]


def _check_message(exchange, ended):
    truth, get = Truth(exchange), ended.attributes.get
    parts = _parts(ended)
    tools = [
        (p["id"], p["name"], p["arguments"] if p["type"] == "tool_call" else p["server_tool_call"]["arguments"])
        for p in parts
        if p["type"] in ("tool_call", "server_tool_call")
    ]  # fmt: skip
    stopped = truth.stop_reason or ("error" if truth.id and truth.error else None)

    assert get("gen_ai.response.id") == truth.id
    assert get("gen_ai.response.model") == truth.model
    assert get("gen_ai.usage.input_tokens") == truth.input_tokens
    assert get("gen_ai.usage.output_tokens") == truth.usage.get("output_tokens")
    assert get("gen_ai.usage.cache_read.input_tokens") == truth.usage.get("cache_read_input_tokens")
    assert get("gen_ai.usage.cache_write.input_tokens") == truth.usage.get(
        "cache_creation_input_tokens"
    )
    details = truth.usage.get("output_tokens_details") or {}
    assert get("gen_ai.usage.reasoning.output_tokens") == details.get("thinking_tokens")
    assert get("gen_ai.response.finish_reasons") == ([stopped] if stopped else None)
    if truth.stop_reason:
        [message] = get("gen_ai.output.messages")
        assert message["finish_reason"] == FINISH[truth.stop_reason]
    assert get("error.type") == truth.error
    assert "".join(p["content"] for p in parts if p["type"] == "text") == truth.text
    assert "".join(p["content"] for p in parts if p["type"] == "reasoning") == truth.thinking
    assert tools == truth.tools
    assert get("agentops.response.request_id") == exchange.headers.get("request-id")
    assert ended.name == f"chat {exchange.request['model']}"
    _check_request(exchange.request, get)


def _check_request(sent, get):
    read = get("gen_ai.input.messages") or []
    count = len(sent["messages"]) if isinstance(sent["messages"], list) else 0
    assert len(read) == count
    for message, parts in zip(sent["messages"][:count], (m["parts"] for m in read), strict=True):
        content = message if isinstance(message, str) else message["content"]
        assert len(parts) == (1 if isinstance(content, str) else len(content))
    assert get("gen_ai.request.max_tokens") == sent.get("max_tokens")
    assert get("gen_ai.request.temperature") == sent.get("temperature")
    assert len(get("gen_ai.tool.definitions") or []) == len(sent.get("tools") or [])


@pytest.mark.parametrize("path", RECORDINGS)
def test_a_recorded_exchange_gives_the_values_of_its_body(path, manager):
    for exchange in load_exchanges(path):
        manager.ended.clear()
        _replay(exchange)

        [ended] = manager.ended
        if exchange.path == "/v1/messages":
            _check_message(exchange, ended)
        elif exchange.path == "/v1/messages/count_tokens":
            counted = ended["agentops.token_count"]
            assert counted == exchange.json()["input_tokens"]
            assert "gen_ai.usage.input_tokens" not in ended.attributes
        elif exchange.path == "/v1/complete":
            _check_completion(exchange, ended)


def _check_completion(exchange, ended):
    bodies = exchange.events() if exchange.is_stream else [exchange.json()]
    pieces = [body["completion"] for body in bodies if "completion" in body]
    assert "".join(pieces) == _parts(ended)[0]["content"]
    assert ended["gen_ai.response.finish_reasons"] == [bodies[-1]["stop_reason"]]
    assert ended["gen_ai.response.model"] == bodies[-1]["model"]


@pytest.mark.parametrize("path", RECORDINGS)
async def test_the_async_client_gives_the_same_values(path, manager):
    for exchange in load_exchanges(path):
        if exchange.path != "/v1/messages":
            continue
        manager.ended.clear()
        await _replay_async(exchange)

        [ended] = manager.ended
        _check_message(exchange, ended)


def test_a_batch_that_was_submitted_tells_its_state(manager):
    [param] = recording_params("synthetic/anthropic_messages_batches_create.yaml")
    if param.marks:
        pytest.skip("the recordings are not beside this checkout")
    [exchange] = load_exchanges(param.values[0])
    http = httpx2.Client(transport=_transport(exchange))
    anthropic.Anthropic(api_key="x", http_client=http).messages.batches.create(requests=[])

    [ended] = manager.ended
    assert ended.name == "POST /v1/messages/batches"
    assert ended["gen_ai.response.id"] == "msgbatch_synthetic00000000001"
    assert ended["anthropic.batch.request_counts.processing"] == 2
    assert ended["anthropic.batch.processing_status"] == "in_progress"

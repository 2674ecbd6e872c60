"""What items and tools of a response become, what they cost, and what stands beside its texts."""

import pytest
from support.openai_wire import CHAT, RESPONSE, Pieces, Wire, chat_chunk, httpx2, sse

pytestmark = pytest.mark.usefixtures("provider")

KNOWN = {"id": "x_1", "call_id": "call_1", "status": "completed"}
ACTION = {"commands": ["ls"], "timeout_ms": None}
HOSTED = {"type": "container_reference", "container_id": "cntr_1"}
PATCH = {"type": "delete_file", "path": "a.py"}


def ask_for(response):
    wire = Wire(fail=lambda *_: httpx2.Response(200, json=response))
    wire.client().responses.create(model="gpt-5", input="Hi")


def answered(manager, *output):
    ask_for({**RESPONSE, "output": output})
    [span] = manager.ended
    return span


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("computer", {"actions": [{"type": "wait"}], "pending_safety_checks": []}),
        ("local_shell", {"action": {"type": "exec", "command": ["ls"], "env": {}}}),
        ("shell", {"action": ACTION, "environment": {"type": "local"}}),
        ("shell", {"action": ACTION, "environment": None}),
        ("apply_patch", {"operation": PATCH}),
    ],
)
def test_a_tool_of_openai_that_the_program_is_to_run_is_a_call_to_it(manager, kind, given):
    span = answered(manager, {**KNOWN, "type": f"{kind}_call", **given})

    [message] = span["gen_ai.output.messages"]
    assert message["parts"] == [
        {"type": "tool_call", "id": "call_1", "name": kind, "arguments": given}
    ]
    assert message["finish_reason"] == "tool_call"
    assert span["gen_ai.response.finish_reasons"] == ["tool_call"]


def test_a_shell_that_ran_at_openai_is_no_call_to_the_program(manager):
    called = {**KNOWN, "type": "shell_call", "action": ACTION, "environment": HOSTED}
    result = {**KNOWN, "type": "shell_call_output", "output": [{"stdout": "a", "stderr": ""}]}
    span = answered(manager, called, result, *RESPONSE["output"])

    assert span["gen_ai.output.messages"][0]["parts"][0]["type"] == "server_tool_call"
    assert span["gen_ai.response.finish_reasons"] == ["stop"]


CITED = {
    "type": "url_citation",
    "url": "https://a.b",
    "title": "A",
    "start_index": 0,
    "end_index": 2,
}


def test_a_text_of_a_response_tells_its_annotations(manager):
    said = {"type": "output_text", "text": "Hi", "annotations": [CITED]}
    span = answered(manager, {"type": "message", "role": "assistant", "content": [said]})

    [part] = span["gen_ai.output.messages"][0]["parts"]
    assert part == {"type": "text", "content": "Hi", "annotations": [CITED]}


SECRETS = {"domain_secrets": [{"domain": "a.b", "name": "KEY", "value": "very secret"}]}
POLICY = {"type": "allowlist", "allowed_domains": ["a.b"]}
MCP = {"type": "mcp", "server_label": "mail", "server_url": "https://a.b/mcp"}
SHELL = {"type": "shell", "environment": {"type": "container_auto", "network_policy": POLICY}}
LOCAL = {"type": "mcp", "transport": {"type": "stdio", "command": "serve", "cwd": "/"}}
GREET = {
    "type": "function",
    "name": "greet",
    "parameters": {"type": "object", "properties": {"headers": {"type": "object"}}},
}

LISTED = {"name": "greet", "input_schema": GREET["parameters"]}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({**MCP, "authorization": "very secret", "headers": {"X-Key": "very secret"}}, MCP),
        (
            {
                "type": "shell",
                "environment": {"type": "container_auto", "network_policy": {**POLICY, **SECRETS}},
            },
            SHELL,
        ),
        (
            {"type": "mcp", "transport": {**LOCAL["transport"], "env": {"KEY": "very secret"}}},
            LOCAL,
        ),
        (GREET, GREET),
        (LISTED, LISTED),
    ],
    ids=["mcp", "shell", "mcp process", "function", "no type"],
)
def test_credentials_of_a_tool_are_not_told(manager, given, told):
    brought = {"type": "additional_tools", "role": "developer", "tools": [given]}
    asked = [{"role": "user", "content": "Hi"}, brought]
    Wire().client().responses.create(model="gpt-5", input=asked, tools=[given])

    [span] = manager.ended
    assert span["gen_ai.tool.definitions"] == [{"name": told.get("type"), **told}]
    assert span["gen_ai.input.messages"][-1]["parts"] == [{**brought, "tools": [told]}]
    assert "very secret" not in str(span.attributes)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_text_of_a_completion_tells_its_annotations(manager, is_streamed):
    asked = {"model": "gpt-5-search-api", "messages": [], "stream": is_streamed}
    if is_streamed:
        texts = [chat_chunk({"content": "H"}), chat_chunk({"content": "i"})]
        noted = [chat_chunk({"annotations": [CITED]}), chat_chunk(finish_reason="stop")]
        pieces = Pieces(sse(*texts, *noted, "[DONE]"))
        headers = {"content-type": "text/event-stream"}
        wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=pieces))
        list(wire.client().chat.completions.create(**asked))
    else:
        message = {"role": "assistant", "content": "Hi", "annotations": [CITED]}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        wire = Wire(fail=lambda *_: httpx2.Response(200, json={**CHAT, "choices": choices}))
        wire.client().chat.completions.create(**asked)

    [part] = manager.ended[0]["gen_ai.output.messages"][0]["parts"]
    assert part == {"type": "text", "content": "Hi", "annotations": [CITED]}


@pytest.mark.parametrize(
    ("actions", "more"),
    [
        (["search", "open_page", "find_in_page"], {}),
        (["search", "search"], {"tool_usage": {"web_search": {"num_requests": 1}}}),
    ],
)
def test_only_searches_that_are_billed_cost(manager, actions, more):
    def ask(actions, **more):
        output = [{"type": "web_search_call", "action": {"type": each}} for each in actions]
        ask_for({**RESPONSE, "model": "gpt-5", "output": output, **more})

    ask(["search"])
    ask(actions, **more)

    one, other = [span["agentops.cost.usd"] for span in manager.ended]
    assert one > 0.01
    assert other == one


def test_the_images_that_a_response_made_cost_what_their_model_takes(manager):
    used = {
        "input_tokens": 300,
        "input_tokens_details": {"image_tokens": 200, "text_tokens": 100},
        "output_tokens": 4_000,
        "output_tokens_details": {"image_tokens": 4_000, "text_tokens": 0},
        "cached_tokens": 64,
        "cached_tokens_details": {"cached_image_tokens": 64, "cached_text_tokens": 0},
        "total_tokens": 4_300,
    }
    unused = {**dict.fromkeys(used, 0), "input_tokens_details": {}, "output_tokens_details": {}}
    tools = [{"type": "web_search"}, {"type": "image_generation", "model": "gpt-image-1.5"}]
    for images in (unused, used):
        usage = {"image_gen": images, "web_search": {"num_requests": 0}}
        ask_for({**RESPONSE, "model": "gpt-5", "tools": tools, "tool_usage": usage})

    plain, drawn = manager.ended
    units = {
        "input_tokens": 300,
        "output_tokens": 4_000,
        "cache_read_tokens": 64,
        "input_image_tokens": 200,
        "output_image_tokens": 4_000,
        "cache_image_read_tokens": 64,
    }
    more = manager.prices.cost_of_units("openai", "gpt-image-1.5", units)
    assert drawn["agentops.cost.usd"] == pytest.approx(plain["agentops.cost.usd"] + more)
    assert drawn["openai.usage.image_generation.input_tokens"] == 300
    assert drawn["openai.usage.image_generation.output_tokens"] == 4_000
    assert drawn["gen_ai.usage.output_tokens"] == 7
    assert "openai.usage.image_generation.output_tokens" not in plain.attributes


USED = {
    "input_tokens": 100,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 100},
    "output_tokens": 4_000,
    "total_tokens": 4_100,
}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_a_model_of_images_made_is_images_where_it_is_not_told_apart(manager, is_streamed):
    def draw(used):
        done = {"type": "image_generation.completed", "b64_json": "aGk=", "usage": used}
        headers = {"content-type": "text/event-stream"}
        told = {"json": {"created": 1, "data": [{"b64_json": "aGk="}], "usage": used}}
        if is_streamed:
            told = {"headers": headers, "stream": Pieces(sse(done))}
        client = Wire(fail=lambda *_: httpx2.Response(200, **told)).client()
        drawn = client.images.generate(model="gpt-image-1.5", prompt="A cat", stream=is_streamed)
        return list(drawn)

    draw(USED)
    draw({**USED, "output_tokens_details": {"image_tokens": 4_000, "text_tokens": 0}})
    one, other = manager.ended
    assert one["gen_ai.usage.image.output_tokens"] == 4_000
    assert one["agentops.cost.usd"] == other["agentops.cost.usd"] > 0.1


def test_images_of_a_response_cost_the_same_where_they_are_not_told_apart(manager):
    tools = [{"type": "image_generation", "model": "gpt-image-1.5"}]
    for details in ({}, {"output_tokens_details": {"image_tokens": 4_000, "text_tokens": 0}}):
        used = {"image_gen": {**USED, **details}, "web_search": {"num_requests": 0}}
        ask_for({**RESPONSE, "model": "gpt-5", "tools": tools, "tool_usage": used})

    one, other = [span["agentops.cost.usd"] for span in manager.ended]
    assert one == other > 0.1

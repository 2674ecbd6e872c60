"""Uniform columns from every dialect the table knows."""

import json
from pathlib import Path

import pytest
from support.otlp import START_NS

from agentops.server.ingest import IngestLimits
from agentops.server.ingest.mapping import fill_span
from agentops.server.ingest.table import TABLE
from agentops.server.ingest.values import attributes_of
from agentops.server.rows import SpanEvent, SpanRow


def span(values, *, events=(), resource=None, **fields):
    """A span row as the decoder makes it from these attribute values."""
    read = attributes_of(values, IngestLimits())
    row = SpanRow(
        trace_id="01" * 16,
        span_id="02" * 8,
        name=fields.pop("name", "n"),
        start_ns=START_NS,
        end_ns=START_NS,
        attributes=read.texts,
        attribute_types=read.types,
        events=[SpanEvent(START_NS, name) for name, _ in events],
        **fields,
    )
    fill_span(row, values, [told for _, told in events], resource or {})
    return row


def columns(row, names):
    return {name: getattr(row, name) for name in names}


def messages(text):
    """Messages as short pairs: role, and each part as its content."""
    return [
        (
            message["role"],
            *(
                part.get("content", part.get("name", part.get("response")))
                for part in message["parts"]
            ),
        )
        for message in json.loads(text)
    ]


USAGE = {"input_tokens": 10, "output_tokens": 5, "cache_read_tokens": 4}
CALL = {"span_type": "llm", "operation": "chat", "counts_usage": True, **USAGE}
CHAT = ([("user", "hi")], [("assistant", "hello")])

DIALECTS = {
    "current": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.cache_read.input_tokens": 4,
            "gen_ai.response.time_to_first_chunk": 0.25,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
            "gen_ai.output.messages": [
                {"role": "assistant", "parts": [{"type": "text", "content": "hello"}]}
            ],
            "session.id": "s-1",
            "user.id": "u-1",
        },
        {
            **CALL,
            "provider": "openai",
            "request_model": "gpt-4o",
            "response_model": "gpt-4o-2024-08-06",
            "session_id": "s-1",
            "user_id": "u-1",
            "time_to_first_chunk_ns": 250_000_000,
            "finish_reasons": ["stop"],
            "cost_usd": 7e-05,
        },
    ),
    "older": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "az.ai.openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.completion_tokens": 5,
            "gen_ai.usage.cache_read_input_tokens": 4,
            "gen_ai.prompt": '[{"role":"user","content":"hi"}]',
            "gen_ai.completion": "hello",
            "gen_ai.response.finish_reason": "tool_calls",
        },
        {**CALL, "provider": "azure.ai.openai", "finish_reasons": ["tool_call"]},
    ),
    "openinference": (
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "claude-sonnet-4-5",
            "llm.provider": "anthropic",
            "llm.token_count.prompt": 10,
            "llm.token_count.completion": 5,
            "llm.token_count.prompt_details.cache_read": 4,
            "llm.cost.total": 0.5,
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.type": "text",
            "llm.input_messages.0.message.contents.0.message_content.text": "hi",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "hello",
            "input.value": '{"messages": "raw"}',
            "session.id": "s-2",
        },
        {
            **CALL,
            "provider": "anthropic",
            "request_model": "claude-sonnet-4-5",
            "response_model": "claude-sonnet-4-5",
            "cost_usd": 0.5,
            "session_id": "s-2",
        },
    ),
    "openllmetry": (
        {
            "llm.request.type": "chat",
            "gen_ai.system": "Anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.prompt_tokens": "10",
            "gen_ai.usage.completion_tokens": 5.0,
            "gen_ai.usage.cache_read_input_tokens": 4,
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "hi",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "hello",
            "gen_ai.completion.0.finish_reason": "end_turn",
            "traceloop.association.properties.session_id": "s-3",
        },
        {**CALL, "provider": "anthropic", "session_id": "s-3", "finish_reasons": ["stop"]},
    ),
    "langfuse": (
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o",
            "langfuse.observation.usage_details": '{"input":10,"output":5,"input_cached_tokens":4,"total":15}',
            "langfuse.observation.cost_details": '{"total":0.02}',
            "langfuse.observation.input": '[{"role":"user","content":"hi"}]',
            "langfuse.observation.output": '{"role":"assistant","content":"hello"}',
            "langfuse.session.id": "s-4",
            "langfuse.trace.tags": ["a", "b"],
        },
        {
            **CALL,
            "cost_usd": 0.02,
            "session_id": "s-4",
            "tags": ["a", "b"],
            "request_model": "gpt-4o",
        },
    ),
    "logfire": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "google-gla",
            "gen_ai.request.model": "gemini-2.5-flash",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.details.cache_read_tokens": 4,
            "operation.cost": 0.01,
            "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
            "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"thinking","content":"hello"}]}]',
        },
        {**CALL, "provider": "gcp.gemini", "cost_usd": 0.01},
    ),
    "vercel": (
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.id": "gpt-4o",
            "ai.model.provider": "openai.chat",
            "ai.usage.promptTokens": 10,
            "ai.usage.completionTokens": 5,
            "ai.usage.cachedInputTokens": 4,
            "ai.response.finishReason": "tool-calls",
            "ai.response.msToFirstChunk": 250.5,
            "ai.prompt.messages": '[{"role":"user","content":[{"type":"text","text":"hi"}]}]',
            "ai.response.text": "hello",
            "ai.telemetry.metadata.sessionId": "s-5",
        },
        {
            **CALL,
            "provider": "openai",
            "session_id": "s-5",
            "finish_reasons": ["tool_call"],
            "time_to_first_chunk_ns": 250_500_000,
        },
    ),
    "mlflow": (
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.llm.model": '"gpt-4o"',
            "mlflow.llm.provider": '"openai"',
            "mlflow.chat.tokenUsage": '{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":4}',
            "mlflow.spanInputs": '{"messages":[{"role":"user","content":"hi"}],"model":"gpt-4o"}',
            "mlflow.spanOutputs": '{"choices":[{"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}',
            "mlflow.trace.session": '"s-6"',
        },
        {**CALL, "provider": "openai", "response_model": "gpt-4o", "session_id": "s-6"},
    ),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_model_call_of_each_dialect_fills_the_same_columns(name):
    values, expected = DIALECTS[name]

    row = span(values, kind="client")

    assert expected == columns(row, expected)
    assert CHAT == (messages(row.input_messages), messages(row.output_messages))


def test_current_names_are_believed_before_older_and_foreign_ones_in_any_order():
    values = {
        "llm.token_count.prompt": 1,
        "gen_ai.usage.prompt_tokens": 2,
        "gen_ai.usage.input_tokens": 3,
    }

    assert {3} == {
        span(dict(order)).input_tokens for order in (values.items(), reversed(values.items()))
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"openinference.span.kind": "RETRIEVER"}, ("retrieval", "retrieval")),
        ({"openinference.span.kind": "GUARDRAIL"}, ("guardrail", "")),
        ({"openinference.span.kind": "EMBEDDING"}, ("embedding", "embeddings")),
        ({"traceloop.span.kind": "workflow"}, ("workflow", "invoke_workflow")),
        ({"langfuse.observation.type": "agent"}, ("agent", "invoke_agent")),
        ({"langfuse.observation.type": "span"}, ("other", "")),
        ({"langfuse.observation.type": "span", "gen_ai.operation.name": "chat"}, ("llm", "chat")),
        ({"mlflow.spanType": '"TOOL"'}, ("tool", "execute_tool")),
        ({"ai.operationId": "ai.streamText"}, ("workflow", "invoke_workflow")),
        ({"ai.operationId": "ai.toolCall"}, ("tool", "execute_tool")),
        ({"agentops.span.kind": "session"}, ("session", "")),
        ({"agentops.span.kind": "guardrail"}, ("guardrail", "")),
        ({"gen_ai.operation.name": "invoke_agent"}, ("agent", "invoke_agent")),
        ({"gen_ai.operation.name": "invented"}, ("other", "invented")),
        ({"gen_ai.request.model": "m"}, ("llm", "")),
        ({"http.request.method": "GET"}, ("http", "")),
        ({"anything": "else"}, ("other", "")),
    ],
)
def test_the_kind_of_a_span_is_told_by_its_dialect(values, expected):
    row = span(values)

    assert expected == (row.span_type, row.operation)


@pytest.mark.parametrize(
    ("values", "kind", "counts"),
    [
        ({"gen_ai.operation.name": "invoke_agent"}, "internal", False),
        ({"gen_ai.operation.name": "invoke_agent"}, "client", True),
        ({"ai.operationId": "ai.generateText"}, "internal", False),
        ({"ai.operationId": "ai.generateText.doGenerate"}, "internal", True),
        ({"openinference.span.kind": "CHAIN"}, "internal", False),
        ({"gen_ai.operation.name": "chat"}, "internal", True),
        ({"agentops.span.kind": "tool"}, "internal", True),
    ],
)
def test_usage_that_containers_repeat_is_not_counted(values, kind, counts):
    row = span(
        {**values, "gen_ai.usage.input_tokens": 5, "gen_ai.request.model": "gpt-4o"}, kind=kind
    )

    assert (counts, 5) == (row.counts_usage, row.input_tokens)
    if not counts:
        assert row.cost_usd is None


@pytest.mark.parametrize("told", [{}, {"agentops.cost.unknown": True}])
def test_tokens_are_not_priced_where_they_are_not_all_that_costs(told):
    call = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}
    row = span({**call, "gen_ai.usage.input_tokens": 5, "gen_ai.request.model": "gpt-4o", **told})

    assert (row.cost_usd is None) is bool(told)


TOOLS = {
    "current": {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.id": "c1",
        "gen_ai.tool.call.arguments": '{"q":1}',
        "gen_ai.tool.call.result": "found",
    },
    "agentops": {
        "agentops.span.kind": "tool",
        "operation.name": "search",
        "tool.call.id": "c1",
        "agentops.tool.input": '{"q":1}',
        "agentops.tool.output": "found",
    },
    "openinference": {
        "openinference.span.kind": "TOOL",
        "tool.name": "search",
        "tool_call.id": "c1",
        "input.value": '{"q":1}',
        "output.value": "found",
    },
    "vercel": {
        "ai.operationId": "ai.toolCall",
        "ai.toolCall.name": "search",
        "ai.toolCall.id": "c1",
        "ai.toolCall.args": '{"q":1}',
        "ai.toolCall.result": '"found"',
    },
    "logfire": {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.id": "c1",
        "tool_arguments": '{"q":1}',
        "tool_response": "found",
    },
}


@pytest.mark.parametrize("name", TOOLS)
def test_the_use_of_a_tool_is_shown_as_a_call_and_its_answer(name):
    row = span(TOOLS[name])

    assert ("tool", "search") == (row.span_type, row.tool_name)
    assert json.loads(row.input_messages) == [
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "name": "search", "arguments": {"q": 1}, "id": "c1"}],
        }
    ]
    assert json.loads(row.output_messages) == [
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "response": "found", "id": "c1"}],
        }
    ]


def test_tool_calls_in_flattened_messages_are_rebuilt_in_the_order_of_their_numbers():
    values = {"gen_ai.operation.name": "chat"}
    for number in (10, 2):
        values[f"gen_ai.completion.0.tool_calls.{number}.name"] = f"t{number}"
        values[f"gen_ai.completion.0.tool_calls.{number}.arguments"] = '{"a":1}'
    values["gen_ai.prompt.1.role"] = "function"
    values["gen_ai.prompt.1.tool_call_id"] = "c"
    values["gen_ai.prompt.1.content"] = '{"ok":true}'
    values["gen_ai.prompt.0.role"] = "developer"
    values["gen_ai.prompt.0.content"] = "be kind"

    row = span(values)

    assert [("assistant", "t2", "t10")] == messages(row.output_messages)
    assert [("system", "be kind"), ("tool", {"ok": True})] == messages(row.input_messages)


def test_span_events_of_older_conventions_become_messages():
    row = span(
        {"gen_ai.operation.name": "chat"},
        events=[
            ("gen_ai.system.message", {"content": "be kind"}),
            ("gen_ai.user.message", {"content": "hi"}),
            ("gen_ai.choice", {"message": '{"content":"hello"}', "finish_reason": "stop"}),
        ],
    )

    assert [("system", "be kind"), ("user", "hi")] == messages(row.input_messages)
    assert [("assistant", "hello")] == messages(row.output_messages)


def test_arguments_of_a_plain_function_are_no_conversation():
    values = {"agentops.span.kind": "task", "agentops.task.input": '{"args":[1],"kwargs":{}}'}

    row = span({**values, "agentops.task.output": "done"})

    assert ("", [("assistant", "done")]) == (row.input_messages, messages(row.output_messages))


def test_what_is_nested_too_deep_to_be_read_stays_in_the_attributes():
    deep = '{"message":' * 600 + "1" + "}" * 600

    row = span({"openinference.span.kind": "CHAIN", "input.value": deep, "user.id": "u"})

    assert row.input_messages == ""
    assert row.attributes["input.value"] == deep
    assert (row.span_type, row.user_id) == ("workflow", "u")


def test_tool_definitions_and_instructions_have_one_shape():
    row = span(
        {
            "gen_ai.request.functions.0.name": "search",
            "gen_ai.request.functions.0.parameters": '{"type":"object"}',
            "gen_ai.request.instructions": "be kind",
        }
    )

    assert json.loads(row.tool_definitions) == [
        {"type": "function", "name": "search", "parameters": {"type": "object"}}
    ]
    assert json.loads(row.system_instructions) == [{"type": "text", "content": "be kind"}]


TRACEBACK = """Traceback (most recent call last):
  File "/app/main.py", line 7, in run
    agent()
  File "/app/agent.py", line 42, in search
    client.get()
  File "/usr/lib/site-packages/vendor/http.py", line 9, in get
    raise ValueError("boom")
ValueError: boom
"""


def test_an_error_is_told_with_the_place_in_the_program():
    exception = {
        "exception.type": "ValueError",
        "exception.message": "boom",
        "exception.stacktrace": TRACEBACK,
    }

    row = span({}, events=[("exception", exception)], status_code="error", status_message="x")

    assert ("ValueError", "boom", "agent.py:42 in search") == (
        row.error_type,
        row.error_message,
        row.error_location,
    )


def test_an_exception_that_was_handled_is_no_error_of_the_span():
    row = span({}, events=[("exception", {"exception.type": "ValueError"})], status_code="ok")

    assert ("", "") == (row.error_type, row.error_message)


def test_a_session_of_agentops_0_4_is_its_trace_and_has_one_root():
    resource = {"agentops.project.id": "temporary"}
    values = {
        "agentops.span.kind": "session",
        "operation.name": "mine",
        "agentops.session.end_state": "Error",
        "agentops.tags": '["a"]',
    }

    root = span(values, resource=resource)
    inner = span(values, resource=resource, parent_span_id="03" * 8)

    assert ("session", "mine", "01" * 16, "Fail", ["a"]) == (
        root.span_type,
        root.session_name,
        root.session_id,
        root.end_state,
        root.tags,
    )
    assert ("workflow", "", "01" * 16, "") == (
        inner.span_type,
        inner.session_name,
        inner.session_id,
        inner.end_state,
    )


@pytest.mark.parametrize(
    ("state", "weight"),
    [
        ("ot=th:0", 1.0),
        ("vendor=1,ot=p:3;th:8", 2.0),
        ("ot=th:c", 4.0),
        ("ot=th:zz", 1.0),
        ("ot=th:ffffffffffffff", 1e6),
        ("other=th:8", 1.0),
    ],
)
def test_the_weight_of_a_sampled_span_comes_from_its_tracestate(state, weight):
    assert span({}, trace_state=state).weight == pytest.approx(weight)


def test_values_of_the_wrong_type_fill_nothing():
    row = span(
        {
            "gen_ai.usage.input_tokens": "many",
            "gen_ai.usage.output_tokens": -1,
            "gen_ai.request.model": 7,
            "gen_ai.response.finish_reasons": {"a": 1},
            "gen_ai.response.time_to_first_chunk": "soon",
            "agentops.cost.usd": "NaN",
            "agentops.tags": 5,
            "session.id": ["x"],
            "gen_ai.input.messages": 3,
        }
    )

    empty = SpanRow(trace_id="", span_id="", name="", start_ns=0, end_ns=0)
    names = ["input_tokens", "output_tokens", "request_model", "finish_reasons", "cost_usd", "tags"]
    assert columns(empty, [*names, "session_id", "time_to_first_chunk_ns"]) == columns(
        row, [*names, "session_id", "time_to_first_chunk_ns"]
    )


def test_headers_are_withheld():
    row = span({"gen_ai.request.headers": {"Authorization": "Bearer sk-1"}, "x": "sk-1"})

    withheld = "withheld: headers may hold secrets"
    assert ({"gen_ai.request.headers": withheld, "x": "sk-1"}, {}) == (
        row.attributes,
        row.attribute_types,
    )


def test_the_moment_of_the_first_chunk_becomes_a_duration():
    moment = '"2026-11-22T09:19:09.250000Z"'

    row = span({"langfuse.observation.completion_start_time": moment})

    assert row.time_to_first_chunk_ns == 250_000_000


def test_every_attribute_of_the_table_stands_in_the_reference():
    page = (Path(__file__).parents[4] / "docs" / "reference" / "ingest.md").read_text("utf-8")
    keys = [key for dialect in TABLE["dialects"].values() for key in dialect]

    assert [] == [key for key in [*keys, *TABLE["families"]] if f"`{key}" not in page]

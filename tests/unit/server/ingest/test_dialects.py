"""Spans of the real instrumentations of other makers, as their packages exported them."""

import json
from pathlib import Path

import pytest
from support.storages import new_storage

from agentops.server.ingest import IngestLimits
from agentops.server.ingest.decode import decode_traces
from agentops.server.storage.lines import encode_row

RECORDED = Path(__file__).parents[3] / "fixtures" / "dialects"
QUESTION = "Where is my order #5512?"


def rows(name):
    decoded = decode_traces(
        (RECORDED / f"{name}.json").read_bytes(),
        is_json=True,
        limits=IngestLimits(),
        project_id="default",
    )
    assert decoded.rejected == 0
    return decoded.rows


def texts(column):
    return [
        (message["role"], part.get("content", part.get("name")))
        for message in json.loads(column or "[]")
        for part in message["parts"]
    ]


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("openinference", {"llm": 4, "embedding": 1, "workflow": 1}),
        ("openllmetry", {"llm": 5, "embedding": 1, "workflow": 1, "agent": 1, "tool": 1}),
        ("langfuse", {"llm": 3, "embedding": 1, "agent": 1, "tool": 1, "other": 1}),
        ("pydantic-ai", {"llm": 2, "agent": 1, "tool": 1}),
    ],
)
def test_every_span_is_of_the_kind_that_its_maker_meant(name, types):
    found = [row.span_type for row in rows(name)]

    assert types == {kind: found.count(kind) for kind in found}


@pytest.mark.parametrize("name", ["openinference", "openllmetry", "langfuse", "pydantic-ai"])
def test_a_call_with_a_tool_reads_alike_in_every_dialect(name):
    call = next(row for row in rows(name) if row.span_type == "llm" and row.output_tokens == 8)

    assert ("chat", "gpt-5.4-mini", 41, ["tool_call"] if name != "langfuse" else []) == (
        call.operation,
        call.request_model,
        call.input_tokens,
        call.finish_reasons,
    )
    assert call.cost_usd == pytest.approx(6.675e-05)
    assert texts(call.input_messages)[1] == ("user", QUESTION)
    (answer,) = json.loads(call.output_messages)
    (part,) = answer["parts"]
    assert ("tool_call", "search_orders", {"order_id": "5512"}) == (
        part["type"],
        part["name"],
        part["arguments"],
    )


@pytest.mark.parametrize(
    ("name", "session_id", "user_id"),
    [
        ("openinference", "oi-session", "u1"),
        ("openllmetry", "ol-session", "u1"),
        ("langfuse", "lf-session", "u1"),
    ],
)
def test_session_and_user_are_found(name, session_id, user_id):
    calls = [row for row in rows(name) if row.span_type == "llm"]

    assert {(session_id, user_id)} == {(row.session_id, row.user_id) for row in calls}


def stored(name):
    told = rows(name)
    with new_storage("chdb") as storage:
        storage.write([encode_row(row) for row in told], [])
        return [storage.span("default", row.trace_id, row.span_id)[0] for row in told]


@pytest.mark.parametrize("name", ["openinference", "openllmetry", "langfuse", "pydantic-ai"])
def test_totals_are_those_of_the_calls_alone(name):
    told = stored(name)
    calls = {
        (row.start_ns // 10_000_000, row.input_tokens, row.output_tokens)
        for row in told
        if row.span_type == "llm" and row.counts_usage
    }

    counted = [row for row in told if row.counts_usage and row.output_tokens]
    assert sum(row.output_tokens for row in counted) == sum(out for _, _, out in calls)
    assert all(row.span_type == "llm" for row in counted)


def test_a_call_that_two_instrumentations_tell_of_counts_once():
    told = stored("openllmetry")
    own, wrapped = (
        next(row for row in told if row.name == name)
        for name in ("anthropic.messages.create", "anthropic.chat")
    )

    assert (False, True, 10, 10) == (
        own.counts_usage,
        wrapped.counts_usage,
        own.input_tokens,
        wrapped.input_tokens,
    )


def test_what_was_embedded_is_shown_and_its_vector_is_not():
    for name in ("openinference", "openllmetry", "langfuse"):
        row = next(row for row in rows(name) if row.span_type == "embedding")
        assert ([("user", "hi")], "") == (texts(row.input_messages), row.output_messages)

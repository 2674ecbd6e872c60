"""Events of the AgentOps v2 protocol, whatever a sender puts into them."""

import json
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.server.ingest import IngestLimits, Refusal
from agentops.server.ingest.agentops_events import SessionState, end_rows, event_rows, start_row
from agentops.server.ingest.documents import read_json
from agentops.server.rows import EventRow, SpanRow

SESSION = UUID("6248ef3c-6fe1-40e3-860c-e4521673fcd0")
FIELDS = ["id", "event_type", "init_timestamp", "end_timestamp", "timestamp", "trace_id", "span_id",
          "prompt", "completion", "model", "prompt_tokens", "cost", "params", "returns", "name", "action_type",
          "logs", "details", "error_type", "agent_id", "trigger_event", "trigger_event_id", "tags", "end_state",
          "host_env", "SDK", "messages", "role", "content", "tool_calls", "x"]  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "llms",
            "tools",
            "errors",
            "actions",
            "apis",
            "2026-11-22T09:18:54.567563+00:00",
            "0001-01-01",
            "9999-12-31T23:59:59Z",
            "2026-11-22",
            "ab" * 16,
            "cd" * 8,
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=15,
)


def rows_of(event: object) -> list:
    event = read_json(json.dumps(event).encode())
    return event_rows(event, ("default", SESSION), SessionState(), IngestLimits())


@settings(max_examples=400, deadline=None)
@given(event=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=10))
def test_any_event_becomes_rows_that_can_be_stored(event):
    rows = rows_of(event)

    assert 1 <= len(rows) <= 2
    for row in rows:
        assert row.session_id == str(SESSION)
        start_ns = row.time_ns if isinstance(row, EventRow) else row.start_ns
        assert 946_684_800_000_000_000 <= start_ns <= row.end_ns < 4_102_444_800_000_000_000
        texts = [*row.attributes.values(), *row.resource_attributes.values()]
        assert all(isinstance(text, str) for text in texts)


@settings(max_examples=200, deadline=None)
@given(session=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=10))
def test_any_session_becomes_rows_that_can_be_stored(session):
    told = read_json(json.dumps({**session, "session_id": str(SESSION)}).encode())

    (root,) = end_rows(told, "default", IngestLimits())

    assert isinstance(root, SpanRow)
    assert root.trace_id == start_row(told, "default").trace_id == SESSION.hex


def test_a_session_without_a_uuid_is_refused():
    with pytest.raises(Refusal, match="not a UUID"):
        start_row({"session_id": "mine"}, "default")


def test_an_event_without_an_id_gets_the_same_one_each_time():
    event = {"event_type": "actions", "action_type": "a", "init_timestamp": "2026-11-22T09:18:54Z"}

    assert rows_of(event)[0].event_id == rows_of(event)[0].event_id


def test_an_event_type_of_the_programs_own_is_kept():
    event, span = rows_of({"event_type": "my-step", "params": {"a": 1}})

    assert ("my-step", "agentops.custom", "my-step", "task") == (
        event.event_type,
        event.event_name,
        span.name,
        span.span_type,
    )


def test_the_cost_of_a_session_is_bounded_in_memory_and_exact():
    state = SessionState()
    for number in range(2_500):
        state.add_cost(str(number), 0.5)
    state.add_cost("2499", 1.5)

    assert state.cost_usd == pytest.approx(1251.0)

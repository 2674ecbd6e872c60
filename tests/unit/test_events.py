"""Events keep the fields and the order that programs of agentops 0.3 rely on."""

import uuid

import pytest

from agentops.events import ActionEvent, ErrorEvent, Event, LLMEvent, ToolEvent

BASE = [
    "event_type",
    "params",
    "returns",
    "init_timestamp",
    "end_timestamp",
    "agent_id",
    "id",
    "session_id",
]


@pytest.mark.parametrize(
    ("kind", "type_", "more"),
    [
        (ActionEvent, "actions", ["action_type", "logs", "screenshot"]),
        (
            LLMEvent,
            "llms",
            [
                "thread_id",
                "prompt",
                "prompt_tokens",
                "completion",
                "completion_tokens",
                "cost",
                "model",
            ],
        ),
        (ToolEvent, "tools", ["name", "logs"]),
        (
            ErrorEvent,
            "errors",
            ["trigger_event", "exception", "error_type", "code", "details", "logs"],
        ),
    ],
)
def test_fields_stand_in_the_order_of_0_3(kind, type_, more):
    event = kind()

    assert event.event_type == type_
    assert list(event.to_fields()) == [*BASE, "trace_id", "span_id", *more]
    values = [f"v{number}" for number in range(len(BASE) + len(more))]
    positional = kind(*values).to_fields()
    expected = dict(zip([*BASE, *more], values, strict=True))
    if kind is ErrorEvent:
        expected["exception"] = None
    assert {name: positional[name] for name in expected} == expected


def test_the_first_argument_is_the_type_of_the_event():
    assert ActionEvent("mine").event_type == "mine"
    assert Event("custom").event_type == "custom"


def test_a_new_event_has_an_id_and_a_start_and_no_ids_of_a_trace():
    event = ActionEvent(action_type="a")

    assert isinstance(event.id, uuid.UUID)
    assert event.init_timestamp.endswith("+00:00")
    assert (event.end_timestamp, event.trace_id, event.span_id) == (None, "", "")


def test_an_error_event_reads_its_exception_and_lets_go_of_it():
    try:
        raise ValueError("boom")
    except ValueError as error:
        event = ErrorEvent(exception=error, trigger_event=ToolEvent(name="t"))

    assert (event.error_type, event.details, event.exception) == ("ValueError", "boom", None)
    assert "ValueError: boom" in event.logs
    assert event.timestamp == event.init_timestamp


def test_an_error_event_survives_an_exception_that_cannot_be_printed():
    class Sullen(Exception):
        def __str__(self):
            raise RuntimeError("no")

    event = ErrorEvent(exception=Sullen())

    assert event.error_type == "Sullen"


def test_an_error_event_outside_of_a_handler_has_no_traceback():
    assert ErrorEvent(error_type="mine").logs is None

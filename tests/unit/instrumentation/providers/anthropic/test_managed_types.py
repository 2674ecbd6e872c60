"""Every event a managed session can send, made from the SDK's own type of it, is told or passed over."""

import inspect
import typing
from datetime import datetime, timezone

import pytest
from support.anthropic_wire import event_bytes
from support.versions import ANTHROPIC

sessions = pytest.importorskip("anthropic.types.beta.sessions")
stream_events = pytest.importorskip(
    "anthropic.types.beta.sessions.beta_managed_agents_stream_session_events"
)
pytestmark = pytest.mark.usefixtures("provider")

# What is no part of the conversation, and tells nothing that is counted.
PASSED_OVER = {
    "agent.thinking", "agent.thread_context_compacted", "event_start", "session.deleted",
    "session.status_rescheduled", "session.status_running", "session.status_terminated",
    "session.thread_created", "session.thread_status_rescheduled", "session.thread_status_running",
    "session.thread_status_terminated", "session.updated", "session.usage",
    "span.model_request_start", "span.outcome_evaluation_ongoing", "span.outcome_evaluation_start",
    "user.interrupt", "user.tool_confirmation", "workflow_run.created", "workflow_run.error",
    "workflow_run.phase_ended", "workflow_run.phase_started", "workflow_run.status_ended",
    "workflow_run.status_idle", "workflow_run.status_running",
}  # fmt: skip


def models(kind):
    """Return the classes in a union."""
    if isinstance(kind, type) and hasattr(kind, "model_fields"):
        return [kind]
    return [model for part in typing.get_args(kind) for model in models(part)]


EVENTS = models(stream_events.BetaManagedAgentsStreamSessionEvents)


def name_of(model):
    return typing.get_args(model.model_fields["type"].annotation)[0]


def example(kind):
    """Return a value of an annotated type, with everything in it that may be there."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return inner[0]
    if origin is typing.Annotated:
        return example(inner[0])
    if origin is typing.Union:
        # A text is what can be looked for; else the last, as an error that is not tried again.
        known = [part for part in inner if part is not type(None)]
        texts = [part for part in known if "TextBlock" in getattr(part, "__name__", "")]
        return example((texts or known)[-1])
    if origin is list:
        return [example(inner[0])]
    if origin is dict:
        return {"city": "Oslo"}
    if inspect.isclass(kind) and hasattr(kind, "model_fields"):
        return {
            name: example(field.annotation)
            for name, field in kind.model_fields.items()
            if name != "session_thread_id"
        }
    plain = {str: "a text", int: 7, float: 7.5, bool: True, object: "an object"}
    return datetime.now(timezone.utc).isoformat() if kind is datetime else plain[kind]


def told(manager, wire, *events):
    manager.ended.clear()
    wire.stream_pieces = event_bytes([(event["type"], event) for event in events])
    got = list(wire.client().beta.sessions.events.stream("sesn_1"))
    if ANTHROPIC >= 1:  # 0.x passes over events that it does not know the names of
        assert [event.type for event in got] == [event["type"] for event in events]
    [ended] = manager.ended
    return ended


@pytest.mark.parametrize("model", EVENTS, ids=name_of)
def test_an_event_is_told_or_known_to_be_nothing(manager, wire, model):
    event = {**example(model), "type": name_of(model), "id": f"evt_{model.__name__}"}
    ended = told(manager, wire, event)

    got = ended.attributes
    names = {
        "error.type", "gen_ai.input.messages", "gen_ai.output.messages",
        "gen_ai.response.finish_reasons", "gen_ai.usage.input_tokens",
    } & got.keys()  # fmt: skip
    assert bool(names) is (event["type"] not in PASSED_OVER)
    if "gen_ai.usage.input_tokens" in names:
        assert got["gen_ai.usage.input_tokens"] == 21  # three kinds of seven
        assert got["gen_ai.usage.output_tokens"] == 7
    for side in ("input", "output"):
        for message in got.get(f"gen_ai.{side}.messages", ()):
            assert message["role"] in ("user", "assistant", "tool", "system")
            assert "unknown" not in repr(message)
            assert "a text" in repr(message)


def test_no_model_request_counts_twice_and_retries_are_no_failure(manager, wire):
    [model] = [each for each in EVENTS if name_of(each) == "span.model_request_end"]
    event = {**example(model), "id": "evt_1"}
    error = {"type": "model_overloaded_error", "message": "Busy."}
    retried = {
        "type": "session.error",
        "id": "evt_2",
        "processed_at": event["processed_at"],
        "error": {**error, "retry_status": {"type": "retrying"}},
    }
    first = told(manager, wire, event, retried)
    second = told(manager, wire, event)

    assert first["gen_ai.usage.output_tokens"] == 7
    assert "error.type" not in first.attributes
    assert "gen_ai.usage.output_tokens" not in second.attributes


def test_a_message_that_was_only_previewed_is_told_as_far_as_it_came(manager, wire):
    text = {"type": "text", "text": "It ra"}
    delta = {"type": "content_delta", "index": 0, "content": text}
    pieces = [
        {"type": "event_start", "event": {"type": "agent.message", "id": "evt_1"}},
        {"type": "event_delta", "event_id": "evt_1", "delta": delta},
        {
            "type": "event_delta",
            "event_id": "evt_1",
            "delta": {**delta, "content": {**text, "text": "ins."}},
        },
    ]
    whole = {"type": "agent.message", "id": "evt_1", "content": [{**text, "text": "It rains."}]}
    whole["processed_at"] = "2026-11-22T00:00:00Z"
    for events in (pieces, [*pieces, whole]):
        [message] = told(manager, wire, *events)["gen_ai.output.messages"]
        assert message["parts"] == [{"type": "text", "content": "It rains."}]


def test_a_session_that_is_looked_at_tells_no_usage_again(manager, wire):
    usage = {"input_tokens": 100, "output_tokens": 50}
    session = {"id": "sesn_0123456", "type": "session", "usage": usage}
    wire.answers["/v1/sessions/sesn_0123456"] = session
    wire.client().beta.sessions.retrieve("sesn_0123456")

    [ended] = manager.ended
    assert ended["gen_ai.conversation.id"] == "sesn_0123456"
    assert "gen_ai.usage.input_tokens" not in ended.attributes


def test_a_dream_tells_its_usage_once_when_it_has_ended(manager, wire):
    if not hasattr(wire.client().beta, "dreams"):
        pytest.skip("this version dreams not")
    usage = {"input_tokens": 100, "output_tokens": 50}
    dream = {"id": "drm_0123456", "type": "dream", "model": {"id": "claude-opus-5"}, "usage": usage}
    counts = []
    for ended_at in (None, "2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z"):
        wire.answers["/v1/dreams/drm_0123456"] = {**dream, "ended_at": ended_at}
        wire.client().beta.dreams.retrieve("drm_0123456")
        counts.append(manager.ended[-1].attributes.get("gen_ai.usage.output_tokens"))

    assert counts == [None, 50, None]

"""TelemetryManager: spans and events are made, correlated and handed on."""

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import set_span_in_context
from support.interleaving import interleavings

from agentops.events import ActionEvent, LLMEvent
from agentops.telemetry.ambient import set_ambient
from agentops.telemetry.completion import Completion
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.manager import TelemetryManager


def make_manager(**settings):
    return TelemetryManager(TelemetryConfig(exporters=[{"type": "memory"}], **settings))


def test_span_is_a_genuine_sdk_span():
    manager = make_manager()

    span = manager.create_span("work", parent=Context())

    assert isinstance(span, SdkSpan)
    assert isinstance(span, ReadableSpan)


def test_completion_adds_attributes_and_events_with_the_ids_of_the_span():
    manager = make_manager()
    context = set_ambient(Context(), {"session.id": "s1"})
    span = manager.create_span("chat", parent=context)
    event = LLMEvent(model="m")

    manager.end_span(
        span, complete=lambda: Completion(attributes={"a": [{"b": 1}]}, events=[event])
    )

    assert manager.flush(30_000)
    (made,) = manager.exporters[0].spans
    (noted,) = manager.exporters[0].events
    assert made.attributes == {"session.id": "s1", "a": '[{"b":1}]'}
    assert (noted.trace_id, noted.span_id, noted.session_id) == (made.trace_id, made.span_id, "s1")


def test_steps_and_events_share_the_scope_that_groups_them():
    manager = make_manager()
    manager.create_span("work", parent=Context()).end()
    manager.create_span("work", parent=Context(), scope="other").end()
    manager.record(ActionEvent(action_type="look"))

    assert manager.flush(30_000)
    step, other = manager.exporters[0].spans
    (event,) = manager.exporters[0].events
    assert step.scope is event.scope
    assert other.scope.name == "other"


def test_recorded_event_is_stamped_and_returned():
    manager = make_manager()
    context = set_ambient(Context(), {"session.id": "s1"})
    span = manager.create_span("root", parent=context)
    event = ActionEvent(action_type="look")

    returned = manager.record(event, context=set_span_in_context(span, context))

    ids = span.get_span_context()
    assert returned is event
    assert (event.trace_id, event.span_id) == (f"{ids.trace_id:032x}", f"{ids.span_id:016x}")
    assert event.session_id == "s1"


def test_a_span_that_two_threads_end_is_delivered_once():
    manager = make_manager()
    spans = [manager.create_span("work", parent=Context())]
    turns = 0
    for _ in interleavings(lambda: spans[-1].end(), lambda: spans[-1].end()):
        turns += 1
        spans.append(manager.create_span("work", parent=Context()))

    spans[-1].end()
    assert manager.flush(30_000)
    assert len(manager.exporters[0].spans) == len(spans) == turns + 1

"""The foundation of every instrumentation: one verb for the span, one for the event, one for the headers."""

import re
from pathlib import Path

from opentelemetry.trace import SpanKind, use_span

import agentops

PAGE = Path(__file__).parents[3] / "docs/how-to/custom-provider.md"


def test_span_and_event_belong_together_and_to_the_session(recorded):
    base = agentops.BaseInstrumentation(agentops.get_client().telemetry)
    with agentops.session("s") as session:
        span = base.create_span("send", attributes={"topic": "orders"})
        event = base.record_event(agentops.ActionEvent("sent"), span=span)
        base.telemetry_manager.end_span(span)

    sent = recorded.span("send")
    assert (SpanKind.CLIENT.value + 1, "orders") == (sent.kind, sent.attributes["topic"])
    assert (str(session.id), session.trace_id) == (str(event.session_id), event.trace_id)
    assert f"{sent.span_id:016x}" == event.span_id


def test_an_event_without_a_span_belongs_to_the_current_one(recorded):
    base = agentops.BaseInstrumentation(agentops.get_client().telemetry)
    span = base.create_span("outer")
    with use_span(span):
        event = base.record_event(agentops.ActionEvent("sent"))
        headers = base.propagate_context({"kept": "1"})
    base.telemetry_manager.end_span(span)

    outer = recorded.span("outer")
    assert f"{outer.span_id:016x}" == event.span_id
    assert f"00-{outer.trace_id:032x}-{outer.span_id:016x}" == headers["traceparent"][:52]
    assert "1" == headers["kept"]


def test_the_example_of_the_page_runs(recorded):
    text = PAGE.read_text(encoding="utf-8")
    (example,) = re.findall(
        r"^```python\n(import agentops\n.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    exec(compile(example, PAGE.name, "exec"), {})

    assert recorded.span("send orders").parent_span_id == recorded.span("support").span_id

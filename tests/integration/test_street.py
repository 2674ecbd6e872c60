"""What the manager makes arrives at a real OTLP receiver, as OpenTelemetry's own messages read it."""

import json
import os
import subprocess
import sys

import pytest
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, set_span_in_context
from support.collector import Collector

from agentops.events import ActionEvent, LLMEvent
from agentops.telemetry.ambient import set_ambient
from agentops.telemetry.completion import Completion
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.manager import TelemetryManager

MESSAGES = [{"role": "user", "parts": [{"type": "text", "content": "Where is my order?"}]}]


@pytest.fixture
def collector():
    with Collector() as running:
        yield running


def run_session(manager):
    """One session with one failing call, and return its spans."""
    context = set_ambient(Context(), {"session.id": "s1", "agentops.tags": ("prod", "blue")})
    root = manager.create_span("support", parent=context)
    context = set_span_in_context(root, context)
    manager.emit("session.start", context=context)
    call = manager.create_span(
        "chat gpt-4o",
        kind=SpanKind.CLIENT,
        parent=context,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
        },
        links=[Link(root.get_span_context(), {"why": "test"})],
        scope="agentops.openai",
    )
    manager.end_span(
        call,
        complete=lambda: Completion(
            attributes={"gen_ai.input.messages": MESSAGES, "gen_ai.usage.input_tokens": 1000},
            events=[LLMEvent(model="gpt-4o", prompt_tokens=1000)],
        ),
        error=TimeoutError("too slow"),
    )
    manager.record(ActionEvent(action_type="refund", params={"order": 7}), context=context)
    manager.end_span(root)
    return root, call


def plain(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return {each.key: plain(each.value) for each in value.kvlist_value.values}
    return getattr(value, kind) if kind else None


def attributes(message):
    return {each.key: plain(each.value) for each in message.attributes}


def test_spans_and_events_arrive_whole_and_correlated(collector):
    exporter = {"type": "otlp", "endpoint": collector.url}
    manager = TelemetryManager(TelemetryConfig(exporters=[exporter]), service_name="shop")
    root, call = run_session(manager)

    assert manager.flush(30_000)

    messages = [request.message() for request in collector.accepted]
    traces = [each for each in messages if hasattr(each, "resource_spans")]
    logs = [each for each in messages if hasattr(each, "resource_logs")]
    groups = [g for m in traces for r in m.resource_spans for g in r.scope_spans]
    spans = {span.name: span for group in groups for span in group.spans}
    ids = call.get_span_context()
    chat, support = spans["chat gpt-4o"], spans["support"]
    assert {group.scope.name for group in groups} == {"agentops", "agentops.openai"}
    assert attributes(traces[0].resource_spans[0].resource)["service.name"] == "shop"
    assert chat.span_id.hex() == f"{ids.span_id:016x}"
    assert chat.parent_span_id == support.span_id
    assert chat.kind == chat.SPAN_KIND_CLIENT
    assert (chat.status.code, chat.status.message) == (2, "TimeoutError: too slow")
    assert chat.flags & 0xFF == int(ids.trace_flags)
    assert [attributes(link) for link in chat.links] == [{"why": "test"}]
    told = attributes(chat)
    assert json.loads(told["gen_ai.input.messages"]) == MESSAGES
    assert told["agentops.tags"] == ["prod", "blue"]
    assert told["agentops.cost.usd"] > 0
    assert told["session.id"] == "s1"
    (exception,) = chat.events
    assert "TimeoutError: too slow" in attributes(exception)["exception.stacktrace"]

    records = {
        record.event_name: record
        for message in logs
        for resource in message.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    }
    assert set(records) == {"session.start", "agentops.llm", "agentops.action"}
    assert records["agentops.llm"].span_id == chat.span_id
    assert records["agentops.action"].span_id == support.span_id
    assert attributes(records["agentops.action"])["agentops.input"] == {"order": 7}
    assert attributes(records["agentops.llm"])["agentops.cost.usd"] == told["agentops.cost.usd"]
    assert "gen_ai.input.messages" not in attributes(records["agentops.llm"])
    assert {attributes(record)["session.id"] for record in records.values()} == {"s1"}
    assert root.get_span_context().trace_id == ids.trace_id


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_children_forked_while_threads_work_deliver_and_do_not_hang(collector):
    code = (
        "import os, sys, threading\n"
        "from opentelemetry.context import Context\n"
        "from agentops.telemetry.config import TelemetryConfig\n"
        "from agentops.telemetry.manager import TelemetryManager\n"
        f"exporter = {{'type': 'otlp', 'endpoint': {collector.url!r}}}\n"
        "m = TelemetryManager(TelemetryConfig(exporters=[exporter], sampling={'rate': 0.999999,\n"
        "    'keep': {'errors': True}}, spool={'enabled': False}))\n"
        "stop = threading.Event()\n"
        "def work():\n"
        "    while not stop.is_set(): m.end_span(m.create_span('parent', parent=Context()))\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "[t.start() for t in threads]\n"
        "children = []\n"
        "for n in range(20):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        m.end_span(m.create_span(f'child {n}', parent=Context()))\n"
        "        os._exit(0 if m.flush(60000) else 1)\n"
        "    children.append(pid)\n"
        "codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]\n"
        "stop.set(); [t.join() for t in threads]\n"
        "sys.exit(any(codes))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)

    assert done.returncode == 0, done.stderr
    delivered = [name for name in collector.span_names if name.startswith("child")]
    assert sorted(delivered) == sorted(f"child {n}" for n in range(20))

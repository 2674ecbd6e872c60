"""Providers: ours is private; the program's own keeps working, and gets whole spans where it looks on."""

import gc
import importlib
import os
import subprocess
import sys
import weakref
from functools import partial

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import set_span_in_context
from support.waiting import eventually

from agentops.errors import ConfigurationError
from agentops.events import LLMEvent
from agentops.telemetry.ambient import set_ambient
from agentops.telemetry.completion import Completion
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.manager import TelemetryManager
from agentops.telemetry.provider import _of_this_process

KEY = "sk-proj-Abcdefghijklmnop0123456789"


class Response:
    """What a call answered."""


def make_manager(**settings):
    return TelemetryManager(TelemetryConfig(exporters=[{"type": "memory"}], **settings))


def one_call(manager, context=None, error=None):
    span = manager.create_span(
        "chat m", parent=context or Context(), attributes={"gen_ai.operation.name": "chat"}
    )
    manager.end_span(
        span,
        complete=lambda: Completion(
            attributes={"gen_ai.input.messages": [{"role": "user", "parts": [KEY]}]},
            events=[LLMEvent(model="m")],
        ),
        error=error,
    )
    assert manager.flush(30_000)
    return span


@pytest.fixture
def foreign(monkeypatch):
    """The program's own global provider with its own exporter."""
    provider = TracerProvider(shutdown_on_exit=False)
    theirs = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(theirs))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return provider, theirs


def test_private_provider_leaves_the_global_one_alone(foreign):
    manager = make_manager()

    one_call(manager)

    assert manager.tracer_provider is not foreign[0]
    assert foreign[1].get_finished_spans() == ()
    assert len(manager.exporters[0].spans) == 1


def test_attached_spans_reach_both_sides_whole_and_masked(foreign):
    provider, theirs = foreign
    manager = make_manager(provider="attach")
    context = set_ambient(Context(), {"session.id": "s1"})

    one_call(manager, context, error=ValueError(f"bad {KEY}"))

    (seen,) = theirs.get_finished_spans()
    assert manager.tracer_provider is provider
    assert seen.attributes["gen_ai.input.messages"] == '[{"role":"user","parts":["***"]}]'
    assert seen.attributes["session.id"] == "s1"
    assert seen.attributes["error.type"] == "ValueError"
    assert KEY not in seen.to_json()
    (ours,) = manager.exporters[0].spans
    (event,) = manager.exporters[0].events
    assert (ours.span_id, ours.status_message) == (seen.context.span_id, "ValueError: bad ***")
    assert (event.span_id, event.session_id) == (ours.span_id, "s1")


def test_spans_of_an_attached_program_come_along(foreign):
    manager = make_manager(provider="attach")

    with foreign[0].get_tracer("program").start_as_current_span("request", context=Context()):
        pass

    assert manager.flush(30_000)
    assert [span.name for span in manager.exporters[0].spans] == ["request"]


def test_nothing_is_kept_for_a_provider_that_the_program_has_shut_down(foreign):
    manager = make_manager(provider="attach")
    foreign[0].shutdown()
    response = Response()
    kept = weakref.ref(response)
    complete = partial(Completion, attributes={"response": response})
    manager.end_span(manager.create_span("chat m", parent=Context()), complete=complete)
    del response, complete
    gc.collect()

    assert kept() is None


def test_a_provider_of_the_program_keeps_nothing_of_a_manager_that_was_shut_down(foreign):
    # Where these are loaded, they are told of the pipeline, and never forget what they were told.
    importlib.import_module("celery.signals")
    importlib.import_module("opentelemetry.sdk.metrics")
    manager = make_manager(provider="attach")
    one_call(manager)
    assert manager.flush(30_000)
    manager.shutdown()
    kept, pipeline = weakref.ref(manager), weakref.ref(manager._pipeline)
    del manager

    # A thread of the manager's may still be on its way out.
    eventually(lambda: gc.collect() >= 0 and kept() is None)
    eventually(lambda: gc.collect() >= 0 and pipeline() is None)
    assert foreign[0].force_flush()


def test_attaching_without_a_provider_is_refused(monkeypatch):
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)

    with pytest.raises(ConfigurationError, match="provider: got 'attach'"):
        make_manager(provider="attach")


def test_global_provider_of_the_program_is_kept(foreign, monkeypatch, caplog):
    monkeypatch.setattr(trace, "set_tracer_provider", lambda _: pytest.fail("replaced"))

    manager = make_manager(provider="global")

    assert manager.tracer_provider is not foreign[0]
    assert "stays private" in caplog.text


def test_ours_becomes_global_when_there_is_none():
    code = (
        "from opentelemetry import trace\n"
        "from agentops.telemetry.config import TelemetryConfig\n"
        "from agentops.telemetry.manager import TelemetryManager\n"
        "m = TelemetryManager(TelemetryConfig(provider='global', exporters=[{'type': 'memory'}]))\n"
        "assert trace.get_tracer_provider() is m.tracer_provider\n"
        "with trace.get_tracer('x').start_as_current_span('theirs'): pass\n"
        "assert m.flush(30_000)\n"
        "print([span.name for span in m.exporters[0].spans])\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)

    assert done.stdout == "['theirs']\n", done.stderr


def test_stock_processor_sees_whole_spans():
    theirs = InMemorySpanExporter()
    manager = make_manager(processors=[SimpleSpanProcessor(theirs)])

    one_call(manager)

    (seen,) = theirs.get_finished_spans()
    assert "gen_ai.input.messages" in seen.attributes
    assert len(manager.exporters[0].spans) == len(manager.exporters[0].events) == 1


def test_processor_added_later_sees_whole_spans():
    theirs = InMemorySpanExporter()
    manager = make_manager()
    manager.tracer_provider.add_span_processor(SimpleSpanProcessor(theirs))

    one_call(manager)

    assert "gen_ai.input.messages" in theirs.get_finished_spans()[0].attributes


def test_something_else_than_a_processor_is_refused():
    with pytest.raises(ConfigurationError, match=r"processors\[0\]"):
        make_manager(processors=[object()])


def test_failing_processor_of_the_program_hurts_nobody():
    class Failing(SpanProcessor):
        def on_start(self, span, parent_context=None):
            raise RuntimeError("no")

        def on_end(self, span):
            raise RuntimeError("no")

    manager = make_manager(processors=[Failing()])

    from agentops import guard

    guard.be_strict(False)
    one_call(manager)

    assert len(manager.exporters[0].spans) == 1


def test_our_processor_serves_a_provider_of_the_program():
    manager = make_manager()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(manager.span_processor)

    with provider.get_tracer("program").start_as_current_span("theirs", context=Context()):
        pass

    assert provider.force_flush()
    assert [span.name for span in manager.exporters[0].spans] == ["theirs"]


def test_stock_exporter_gets_spans():
    theirs = InMemorySpanExporter()
    manager = TelemetryManager(TelemetryConfig(exporters=[theirs]))

    one_call(manager)

    (seen,) = theirs.get_finished_spans()
    assert seen.attributes["gen_ai.input.messages"] == '[{"role":"user","parts":["***"]}]'


def test_disabled_manager_records_nothing_and_passes_the_context_on():
    manager = make_manager(disabled=True)
    remote = trace.NonRecordingSpan(trace.SpanContext(1, 2, True, trace.TraceFlags(1)))

    span = one_call(manager, set_span_in_context(remote, Context()))
    event = manager.record(LLMEvent(model="m"))

    assert span.get_span_context().span_id == 2
    assert span.is_recording() is False
    assert manager.exporters == []
    assert manager.stats().accepted == 0
    assert event.model == "m"


def test_resource_tells_service_name_and_the_environment(monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=blue,service.name=other")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-environment")

    named = TelemetryManager(service_name="given").tracer_provider.resource.attributes
    unnamed = TelemetryManager().tracer_provider.resource.attributes

    assert (named["service.name"], named["team"]) == ("given", "blue")
    assert unnamed["service.name"] == "from-environment"


def test_garbage_in_opentelemetry_variables_does_not_raise(monkeypatch):
    for name in ("COUNT", "LINK_COUNT", "EVENT_COUNT"):
        monkeypatch.setenv(f"OTEL_SPAN_{name}_LIMIT", "many")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-1")
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "x")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "dice")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", ",,=;=%zz")
    monkeypatch.setenv("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "nobody")

    manager = make_manager()
    one_call(manager)

    assert len(manager.exporters[0].spans) == 1


def test_random_state_of_the_program_is_left_alone():
    import random

    random.seed(1)
    expected = random.random()
    random.seed(1)
    manager = make_manager()

    first, second = one_call(manager), one_call(manager)

    assert random.random() == expected
    assert first.get_span_context().trace_id != second.get_span_context().trace_id


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_children_make_ids_of_their_own():
    code = (
        "import os\n"
        "from opentelemetry.context import Context\n"
        "from agentops.telemetry.manager import TelemetryManager\n"
        "m = TelemetryManager()\n"
        "new = lambda: format(m.create_span('x', parent=Context()).get_span_context().trace_id, 'x')\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n"
        "        os.write(1, (new() + '\\n').encode()); os._exit(0)\n"
        "for _ in range(3): os.wait()\n"
        "os.write(1, (new() + '\\n').encode())\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)

    assert len(set(done.stdout.split())) == 4, done.stderr


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import os, subprocess, sys
import gevent
from agentops.telemetry.config import ExporterConfig, SpoolConfig, TelemetryConfig
from agentops.telemetry.manager import TelemetryManager

receiver = ExporterConfig(type="otlp", endpoint="http://127.0.0.1:9", signals=("traces", "metrics"))
manager = TelemetryManager(TelemetryConfig(exporters=(receiver,), spool=SpoolConfig(enabled=False)))
parent = os.getpid()

def work():
    while True:
        if os.getpid() != parent:
            os._exit(7)
        gevent.sleep(0)

greenlets = [gevent.spawn(work) for _ in range(3)]
gevent.sleep(0)
for _ in range(3):
    subprocess.run([sys.executable, "-c", ""], check=True)
gevent.killall(greenlets)
print("fine")
os._exit(0)
"""


def test_a_fork_under_gevent_runs_no_greenlet_of_the_program_in_the_child():
    done = subprocess.run(
        [sys.executable, "-c", GREENLETS], capture_output=True, text=True, timeout=120, check=False
    )

    assert "fine\n" == done.stdout, done.stderr


def test_a_child_is_another_instance_of_the_service(monkeypatch):
    own = {"service.instance.id": "mine", "process.pid": 1, "service.name": "s"}
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    child = _of_this_process(Resource(own)).attributes
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=mine")
    named = _of_this_process(Resource(own)).attributes

    assert (os.getpid(), "s") == (child["process.pid"], child["service.name"])
    assert child["service.instance.id"] != "mine" == named["service.instance.id"]

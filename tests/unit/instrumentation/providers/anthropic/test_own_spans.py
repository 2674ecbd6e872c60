"""The SDK makes spans of its own; a call is one span in each provider, and requests stay as they were."""

import anthropic
import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.anthropic_wire import REQUEST, Wire
from support.versions import needs

from agentops.telemetry.ambient import set_ambient

pytestmark = needs(anthropic=1)
OURS, THEIRS = "agentops", "com.anthropic.sdk.python"


@pytest.fixture
def program(monkeypatch):
    """The program's own provider; ``trace.set_tracer_provider`` works once in a process, this again."""
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.exporter = exporter
    return provider


def _set_global(monkeypatch, provider):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)


def _scopes(exporter):
    return [span.instrumentation_scope.name for span in exporter.get_finished_spans()]


def _calls(client):
    client.messages.create(**REQUEST)
    list(client.messages.create(**REQUEST, stream=True))
    with client.messages.stream(**REQUEST) as stream:
        stream.until_done()


def _headers(wire):
    return [sorted(request.headers) for request in wire.requests]


def _trace_headers(wire):
    told = [request.headers for request in wire.requests]
    return [[headers.get(name) for name in ("traceparent", "baggage")] for headers in told]


def _bare(**options):
    wire = Wire()
    _calls(wire.client(**options))
    return wire


def test_private_spans_alone_change_no_request(provider, manager, wire):
    provider.uninstall()
    bare = _bare()
    provider.install()
    client = wire.client()
    session = manager.create_span("session")
    context = trace.set_span_in_context(session, set_ambient(None, {"session.id": "s"}))
    token = otel.attach(context)
    _calls(client)
    otel.detach(token)

    assert _headers(wire) == _headers(bare)
    assert [r.content for r in wire.requests] == [r.content for r in bare.requests]
    assert all("traceparent" not in request.headers for request in wire.requests)
    assert len(manager.ended) == 3
    assert {ended.span.parent.span_id for ended in manager.ended} == {
        session.get_span_context().span_id
    }


async def test_baggage_of_the_program_goes_out_within_a_session_as_without_us(
    provider, manager, wire
):
    provider.uninstall()
    token = otel.attach(baggage.set_baggage("crew", "7"))
    bare = _bare()
    await bare.async_client().messages.create(**REQUEST)
    provider.install()
    session = manager.create_span("session")
    otel.attach(trace.set_span_in_context(session, set_ambient(None, {"session.id": "s"})))
    _calls(wire.client())
    await wire.async_client().messages.create(**REQUEST)
    otel.detach(token)

    assert _trace_headers(bare) == _trace_headers(wire)
    assert [OURS] * 4 == _scopes(manager.exporter)


def test_beside_a_provider_of_the_program_each_has_one_span(
    provider, manager, wire, program, monkeypatch
):
    _set_global(monkeypatch, program)
    _calls(wire.client())

    assert [THEIRS] * 3 == _scopes(program.exporter)
    assert [OURS] * 3 == _scopes(manager.exporter)


def test_beside_a_provider_of_the_program_requests_carry_the_context_of_its_span(
    provider, wire, program, monkeypatch
):
    _set_global(monkeypatch, program)
    wire.client().messages.create(**REQUEST)

    [span] = program.exporter.get_finished_spans()
    context = span.get_span_context()
    expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-"
    assert wire.requests[0].headers["traceparent"].startswith(expected)
    assert span.parent is None


def test_a_span_of_another_instrumentation_stands_in_requests_as_without_us(
    provider, manager, wire, program
):
    session = manager.create_span("session")
    token = otel.attach(trace.set_span_in_context(session, set_ambient(None, {"session.id": "s"})))
    with program.get_tracer("other").start_as_current_span("chat") as span:
        wire.client().messages.create(**REQUEST)
    otel.detach(token)

    assert f"-{span.context.span_id:016x}-" in wire.requests[0].headers["traceparent"]
    assert [OURS] == _scopes(manager.exporter)


def test_in_one_provider_our_span_takes_the_place_of_the_sdks(provider, manager, wire, monkeypatch):
    _set_global(monkeypatch, manager.tracer_provider)
    _calls(wire.client())

    assert [OURS] * 3 == _scopes(manager.exporter)
    for request, span in zip(wire.requests, manager.exporter.get_finished_spans(), strict=True):
        context = span.get_span_context()
        expected = f"00-{context.trace_id:032x}-{context.span_id:016x}-"
        assert request.headers["traceparent"].startswith(expected)


def test_in_one_provider_propagation_that_is_off_stays_off(provider, manager, wire, monkeypatch):
    _set_global(monkeypatch, manager.tracer_provider)
    _calls(wire.client(open_telemetry={"propagation": False}))

    assert [OURS] * 3 == _scopes(manager.exporter)
    assert all("traceparent" not in request.headers for request in wire.requests)


def test_a_provider_given_to_the_client_gets_the_sdks_span(
    provider, manager, wire, program, monkeypatch
):
    _set_global(monkeypatch, manager.tracer_provider)
    _calls(wire.client(open_telemetry={"tracer_provider": program}))

    assert [THEIRS] * 3 == _scopes(program.exporter)
    assert [OURS] * 3 == _scopes(manager.exporter)


def test_our_provider_given_to_the_client_gets_one_span(provider, manager, wire):
    _calls(wire.client(open_telemetry={"tracer_provider": manager.tracer_provider}))

    assert [OURS] * 3 == _scopes(manager.exporter)


def test_spans_switched_off_for_the_client_stay_off(provider, manager, wire, program, monkeypatch):
    _set_global(monkeypatch, program)
    _calls(wire.client(open_telemetry=False))

    assert [] == _scopes(program.exporter)
    assert [OURS] * 3 == _scopes(manager.exporter)


def test_a_client_made_before_the_instrumentation_obeys_the_same_policy(
    provider, manager, wire, monkeypatch
):
    provider.uninstall()
    _set_global(monkeypatch, manager.tracer_provider)
    client = wire.client()
    client.messages.create(**REQUEST)
    provider.install()
    client.messages.create(**REQUEST)

    assert [THEIRS, OURS] == _scopes(manager.exporter)


def test_uninstall_puts_the_same_property_back(provider):
    base = anthropic._base_client.BaseClient
    installed = vars(base)["_tracer"]
    provider.uninstall()
    original = vars(base)["_tracer"]
    provider.install()
    provider.uninstall()

    assert installed is not original
    assert original is vars(base)["_tracer"]


async def test_async_calls_obey_the_same_policy(provider, manager, wire, program, monkeypatch):
    _set_global(monkeypatch, program)
    await wire.async_client().messages.create(**REQUEST)
    _set_global(monkeypatch, manager.tracer_provider)
    await wire.async_client().messages.create(**REQUEST)

    assert [THEIRS] == _scopes(program.exporter)
    assert [OURS, OURS] == _scopes(manager.exporter)

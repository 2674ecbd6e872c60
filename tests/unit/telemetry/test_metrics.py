"""Metrics: they follow from spans, know nothing of sampling, and reach a receiver where that is asked for."""

import socket

import pytest
from google.protobuf import json_format
from opentelemetry.context import Context
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.trace import set_span_in_context
from support.otlp_grpc import Receiver
from support.promises import assert_within, seconds

from agentops.errors import ConfigurationError
from agentops.telemetry.completion import Completion, Measurement
from agentops.telemetry.config import SpoolConfig, TelemetryConfig
from agentops.telemetry.manager import TelemetryManager


def measure(manager, operation="chat", input_tokens=100, **attributes):
    given = {"gen_ai.operation.name": operation, **attributes}
    span = manager.create_span("x", parent=Context(), attributes=given, start_ns=1_000_000_000)
    usage = {
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.response.time_to_first_chunk": 0.25,
    }
    pace = Measurement(name="gen_ai.client.inference.time_per_output_chunk", value=0.02)
    manager.end_span(
        span,
        complete=lambda: Completion(
            attributes=usage if operation == "chat" else {},
            measurements=[pace] if operation == "chat" else [],
        ),
        end_ns=3_000_000_000,
    )


def received(collector):
    """Return the metrics of the last request by name, decoded by the official messages."""
    bodies = [each for each in collector.accepted if each.path == "/v1/metrics"]
    message = ExportMetricsServiceRequest.FromString(bodies[-1].data)
    metrics = message.resource_metrics[0].scope_metrics[0].metrics
    return {metric.name: metric for metric in metrics}


def attributes_of(point):
    return {each.key: each.value.string_value for each in point.attributes}


@pytest.mark.parametrize("rate", [1.0, 0.0])
def test_metrics_reach_the_receiver_whatever_sampling_does(collector, rate):
    exporter = {"type": "otlp", "endpoint": collector.url, "signals": ["traces", "metrics"]}
    manager = TelemetryManager(
        TelemetryConfig(exporters=[exporter], sampling_rate=rate), service_name="svc"
    )
    call = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "m"}
    measure(manager, **call)
    measure(manager, **call)
    measure(manager, "execute_tool", **{"gen_ai.tool.name": "t"})

    assert manager.flush(30_000)

    metrics = received(collector)
    duration = metrics["gen_ai.client.inference.duration"]
    (point,) = duration.histogram.data_points
    assert (duration.unit, point.count, point.sum) == ("s", 2, 4.0)
    assert attributes_of(point) == {"gen_ai.operation.name": "chat", **call}
    assert point.bucket_counts[list(point.explicit_bounds).index(2.56)] == 2
    (tokens,) = metrics["gen_ai.client.inference.usage.input_tokens"].sum.data_points
    assert tokens.as_int == 200
    assert metrics["gen_ai.client.inference.usage.input_tokens"].sum.is_monotonic
    assert (
        metrics["gen_ai.client.inference.time_to_first_chunk"].histogram.data_points[0].sum == 0.5
    )
    assert (
        metrics["gen_ai.client.inference.time_per_output_chunk"].histogram.data_points[0].count == 2
    )
    assert metrics["gen_ai.execute_tool.duration"].histogram.data_points[0].count == 1
    assert bool(collector.span_names) is (rate == 1.0)


def test_tokens_are_counted_by_what_they_are_as_far_as_that_is_told(collector):
    exporter = {"type": "otlp", "endpoint": collector.url, "signals": ["metrics"]}
    manager = TelemetryManager(TelemetryConfig(exporters=[exporter]))
    parts = {"gen_ai.usage.text.input_tokens": 70, "gen_ai.usage.audio.input_tokens": 20}
    measure(manager, **parts)

    assert manager.flush(30_000)

    metrics = received(collector)
    counted = {
        name: {
            attributes_of(point)["gen_ai.token.modality"]: point.as_int
            for point in metrics[f"gen_ai.client.inference.usage.{name}"].sum.data_points
        }
        for name in ("input_tokens", "output_tokens")
    }
    assert counted["input_tokens"] == {"text": 70, "audio": 20, "unknown": 10}
    assert counted["output_tokens"] == {"unknown": 7}


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
@pytest.mark.parametrize("count", [2**63, 10**400, -1])
def test_a_number_that_can_be_no_count_keeps_no_metric_back(collector, protocol, count):
    exporter = {"type": "otlp", "endpoint": collector.url, "signals": ["metrics"]}
    manager = TelemetryManager(TelemetryConfig(exporters=[{**exporter, "protocol": protocol}]))
    measure(manager, input_tokens=count)

    assert manager.flush(30_000)

    [found] = [each for each in collector.accepted if each.path == "/v1/metrics"]
    message = (
        ExportMetricsServiceRequest.FromString(found.data)
        if protocol == "http/protobuf"
        else json_format.Parse(found.data, ExportMetricsServiceRequest())
    )
    metrics = message.resource_metrics[0].scope_metrics[0].metrics
    prefix = "gen_ai.client.inference.usage."
    counts = {
        metric.name.removeprefix(prefix): metric.sum.data_points[0]
        for metric in metrics
        if metric.name.startswith(prefix)
    }
    assert "input_tokens" not in counts
    assert counts["output_tokens"].as_int == 7


def test_metrics_to_what_is_no_otlp_receiver_are_refused():
    exporters = [{"type": "memory"}, {"type": "console", "signals": ["metrics"]}]

    with pytest.raises(ConfigurationError, match=r"exporters\[1\]\.signals"):
        TelemetryManager(TelemetryConfig(exporters=exporters))


def test_each_protocol_tells_the_same_metrics(collector):
    grpc_receiver = Receiver()
    exporters = [
        {"type": "otlp", "endpoint": collector.url, "signals": ["metrics"], "protocol": protocol}
        for protocol in ("http/protobuf", "http/json")
    ]
    target = f"127.0.0.1:{grpc_receiver.port}"
    exporters.append({"type": "otlp", "endpoint": target, "signals": ["metrics"]})
    manager = TelemetryManager(TelemetryConfig(exporters=exporters), service_name="svc")
    measure(manager, **{"gen_ai.request.model": "m"})

    assert manager.flush(20_000)

    found = [each for each in collector.accepted if each.path == "/v1/metrics"]
    text, binary = sorted(found, key=lambda each: each.headers["content-type"])
    expected = ExportMetricsServiceRequest.FromString(binary.data)
    assert "application/json" == text.headers["content-type"]
    assert expected == json_format.Parse(text.data, ExportMetricsServiceRequest())
    assert [expected] == grpc_receiver.requests
    grpc_receiver.stop()


def test_program_meter_provider_is_used(monkeypatch):
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    manager = TelemetryManager(TelemetryConfig(exporters=[{"type": "memory"}]))
    measure(manager)

    assert manager.flush(30_000)

    found = reader.get_metrics_data().resource_metrics[0].scope_metrics[0]
    assert found.scope.name == "agentops"
    assert "gen_ai.client.inference.duration" in {metric.name for metric in found.metrics}


def test_pipeline_tells_how_it_fares(collector):
    exporter = {"type": "otlp", "endpoint": collector.url, "signals": ["traces", "metrics"]}
    manager = TelemetryManager(TelemetryConfig(exporters=[exporter]))
    measure(manager)

    assert manager.flush(30_000)

    metrics = received(collector)
    (sent,) = metrics["agentops.records.sent"].sum.data_points
    (pending,) = metrics["agentops.records.pending"].sum.data_points
    assert (sent.as_int, pending.as_int) == (1, 0)
    assert attributes_of(sent) == {"agentops.destination": f"otlp {collector.url}"}
    assert metrics["agentops.records.sent"].sum.is_monotonic
    assert not metrics["agentops.records.pending"].sum.is_monotonic


def test_an_agent_tells_how_many_calls_it_made_itself(collector):
    exporter = {"type": "otlp", "endpoint": collector.url, "signals": ["metrics"]}
    manager = TelemetryManager(TelemetryConfig(exporters=[exporter]), service_name="svc")

    def run(operation, *steps, context=None, **attributes):
        """End a span after those of ``steps``, each run below it."""
        given = {"gen_ai.operation.name": operation, **attributes} if operation else {}
        span = manager.create_span("x", parent=context or Context(), attributes=given)
        for step in steps:
            step(set_span_in_context(span, Context()))
        manager.end_span(span)

    def below(operation, *steps, **attributes):
        return lambda context: run(operation, *steps, context=context, **attributes)

    model, tool = below("chat"), below("execute_tool")
    helper = below("invoke_agent", model, **{"gen_ai.agent.name": "helper"})
    inside_task = below("", model, below("execute_tool", helper))
    run("invoke_agent", model, tool, inside_task, **{"gen_ai.agent.name": "lead"})

    assert manager.flush(30_000)
    metrics = received(collector)
    told = {
        name: {
            attributes_of(p)["gen_ai.agent.name"]: p.sum
            for p in metrics[name].histogram.data_points
        }
        for name in ("gen_ai.invoke_agent.inference_calls", "gen_ai.invoke_agent.tool_calls")
    }
    assert list(told.values()) == [{"lead": 2.0, "helper": 1.0}, {"lead": 2.0, "helper": 0.0}]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("verb", ["flush", "shutdown"])
def test_flush_and_shutdown_return_at_their_deadline_when_nobody_answers(verb, protocol):
    def end():
        exporter = {
            "type": "otlp",
            "endpoint": url,
            "protocol": protocol,
            "signals": ["traces", "metrics"],
        }
        manager = TelemetryManager(
            TelemetryConfig(exporters=[exporter], spool=SpoolConfig(enabled=False))
        )
        measure(manager)
        took_s = seconds(getattr(manager, verb), 300)
        manager.shutdown(0)
        return {"took_s": took_s}

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:  # and nobody accepts
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert_within(end, took_s=0.3 + 0.3)

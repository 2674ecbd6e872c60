"""OTLP/gRPC over a real socket."""

import asyncio
import threading

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from support.ingest_server import CollectingAcceptor, settings
from support.otlp import START_NS, trace_request

from agentops.errors import StorageBusyError
from agentops.server.ingest import IngestLimits
from agentops.server.ingest.otlp_grpc import start


class Running:
    """A gRPC receiver on a loop of its own thread."""

    def __init__(self, acceptor, **changes):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self.run(start(acceptor, settings(**changes), "127.0.0.1:0"))

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def stop(self):
        self.run(self.server.stop(0))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def address(acceptor):
    running = Running(acceptor)
    yield f"127.0.0.1:{running.server.port}"
    running.stop()


@pytest.fixture
def channel(address):
    with grpc.insecure_channel(address) as opened:
        yield opened


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_traces_are_taken(channel, acceptor, compression):
    answer = TraceServiceStub(channel).Export(trace_request(3), compression=compression)

    assert not answer.HasField("partial_success")
    assert len(acceptor.spans) == 3


def test_bad_spans_are_a_partial_success(channel, acceptor):
    request = trace_request(10)
    request.resource_spans[0].scope_spans[0].spans[0].span_id = b"short"

    answer = TraceServiceStub(channel).Export(request)

    assert (1, 9) == (answer.partial_success.rejected_spans, len(acceptor.spans))


def test_logs_are_taken_and_metrics_are_told_to_be_dropped(channel, acceptor):
    logs = ExportLogsServiceRequest()
    logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=START_NS)
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.gauge.data_points.add(as_int=1)

    LogsServiceStub(channel).Export(logs)
    answer = MetricsServiceStub(channel).Export(metrics)

    assert len(acceptor.events) == 1
    assert answer.partial_success.rejected_data_points == 1


def test_overload_says_when_to_come_back(channel, acceptor):
    acceptor.errors.append(StorageBusyError("the queue is full"))

    with pytest.raises(grpc.RpcError) as caught:
        TraceServiceStub(channel).Export(trace_request())

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    trailers = dict(caught.value.trailing_metadata())
    retry = RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
    assert 1 <= retry.retry_delay.seconds <= 5
    (detail,) = Status.FromString(trailers["grpc-status-details-bin"]).details
    assert RetryInfo.FromString(detail.value) == retry


def test_bodies_that_together_hold_too_much_are_to_be_sent_again():
    began, go_on = threading.Event(), threading.Event()

    class Slow(CollectingAcceptor):
        async def accept(self, rows):
            began.set()
            await asyncio.to_thread(go_on.wait, 30)
            await super().accept(rows)

    acceptor = Slow()
    running = Running(acceptor, limits=IngestLimits(held_bytes_max=1_000))
    request = trace_request(1, note="x" * 600)
    with grpc.insecure_channel(f"127.0.0.1:{running.server.port}") as channel:
        first = TraceServiceStub(channel).Export.future(request)
        assert began.wait(30)
        with pytest.raises(grpc.RpcError) as caught:
            TraceServiceStub(channel).Export(request)
        go_on.set()

        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "google.rpc.retryinfo-bin" in dict(caught.value.trailing_metadata())
        assert not first.result(30).HasField("partial_success")
    running.stop()


def test_bytes_that_are_no_request_are_an_invalid_argument(channel):
    export = channel.unary_unary(
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        request_serializer=None,
        response_deserializer=None,
    )

    with pytest.raises(grpc.RpcError) as caught:
        export(b"\x0a\xff")

    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_the_limit_is_refused_for_good(channel, acceptor, compression):
    request = trace_request(1, large="x" * (65 << 20))

    with pytest.raises(grpc.RpcError) as caught:
        TraceServiceStub(channel).Export(request, compression=compression)

    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in dict(caught.value.trailing_metadata())
    assert acceptor.rows == []


def test_an_address_that_is_taken_is_told(address, acceptor):
    async def again():
        await start(acceptor, settings(), address)

    with pytest.raises(OSError, match="cannot listen"):
        asyncio.run(again())


def test_the_stock_exporter_delivers_and_waits_when_told(address, acceptor):
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    acceptor.errors.append(StorageBusyError("the queue is full"))
    provider = TracerProvider()
    provider.add_span_processor(
        SimpleSpanProcessor(OTLPSpanExporter(endpoint=address, insecure=True))
    )

    with provider.get_tracer("t").start_as_current_span("work") as span:
        span.set_attribute("gen_ai.request.model", "gpt-4o")
    provider.shutdown()

    assert [("work", "gpt-4o")] == [(row.name, row.request_model) for row in acceptor.spans]
    assert acceptor.calls == 2

import socket

import grpc
import pytest
from support.collector import free_port
from support.otlp_grpc import Receiver
from support.promises import assert_within, seconds
from support.records import event, span

from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.exporters import build
from agentops.telemetry.exporters.base import Batch, Outcome

_RETRY_IN_1_5_S = b"\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01"


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture
def exporter(receiver):
    made = build(ExporterConfig(type="otlp", endpoint=f"localhost:{receiver.port}"))
    yield made
    made.shutdown()


def send(exporter, record, timeout_s=30):
    encoding = exporter.encodings[0] if record.name.startswith("s") else exporter.encodings[1]
    whole = Batch([record])
    return exporter.export(Batch(parts={encoding: whole.part(encoding)}), timeout_s)


def test_spans_and_events_arrive_at_their_services(receiver, exporter):
    assert send(exporter, span(1)).outcome is Outcome.DELIVERED
    assert send(exporter, event(1)).outcome is Outcome.DELIVERED

    spans, logs = receiver.requests
    assert "s1" == spans.resource_spans[0].scope_spans[0].spans[0].name
    assert "e1" == logs.resource_logs[0].scope_logs[0].log_records[0].event_name


def test_partial_success_is_read(receiver, exporter):
    receiver.answer.partial_success.rejected_spans = 1
    receiver.answer.partial_success.error_message = "no name"
    result = send(exporter, span(1))

    assert (Outcome.DELIVERED, 1, "no name") == (result.outcome, result.rejected, result.message)


@pytest.mark.parametrize(
    ("code", "trailers", "outcome", "wait_s"),
    [
        (grpc.StatusCode.UNAVAILABLE, (), Outcome.RETRY, None),
        (
            grpc.StatusCode.UNAVAILABLE,
            (("google.rpc.retryinfo-bin", _RETRY_IN_1_5_S),),
            Outcome.RETRY,
            1.5,
        ),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, (), Outcome.REFUSED, None),
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            (
                (
                    "grpc-status-details-bin",
                    b"\x08\x08\x1a\x34\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x08"
                    b"\x0a\x06\x08\x02\x10\x80\xca\xb5",
                ),
            ),
            Outcome.REFUSED,  # a duration that ends too early is none
            None,
        ),
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            (
                (
                    "grpc-status-details-bin",
                    b"\x08\x08\x1a\x30\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04"
                    b"\x0a\x02\x08\x02",
                ),
            ),
            Outcome.RETRY,
            2.0,
        ),
        (grpc.StatusCode.DATA_LOSS, (), Outcome.RETRY, None),
        (grpc.StatusCode.ABORTED, (), Outcome.RETRY, None),
        (grpc.StatusCode.INVALID_ARGUMENT, (), Outcome.REFUSED, None),
        (grpc.StatusCode.UNAUTHENTICATED, (), Outcome.REFUSED, None),
        (grpc.StatusCode.UNIMPLEMENTED, (), Outcome.REFUSED, None),
    ],
)
def test_statuses_mean_what_the_specification_says(
    code, trailers, outcome, wait_s, receiver, exporter
):
    receiver.plan = [(code, trailers, "as planned")]
    result = send(exporter, span(1))

    assert outcome is result.outcome
    assert wait_s == result.retry_after_s
    assert "as planned" == result.message
    assert send(exporter, span(2)).outcome is Outcome.DELIVERED


def test_nobody_there_is_told_apart_and_ends_at_once():
    exporter = build(ExporterConfig(type="otlp", endpoint=f"127.0.0.1:{free_port()}"))

    def attempt():
        result = send(exporter, span(1), timeout_s=60)
        assert (Outcome.RETRY, True) == (result.outcome, result.is_unreachable)

    assert_within(lambda: {"took_s": seconds(attempt)}, took_s=1.0)
    exporter.shutdown()


def test_an_attempt_that_nobody_answers_ends_at_its_deadline():
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listener:
        port = listener.getsockname()[1]
        exporter = build(ExporterConfig(type="otlp", endpoint=f"127.0.0.1:{port}"))

        def attempt():
            assert Outcome.RETRY is send(exporter, span(1), timeout_s=0.5).outcome

        assert_within(lambda: {"took_s": seconds(attempt)}, took_s=0.5 + 0.5)
        exporter.shutdown()


def test_a_store_of_traces_alone_says_so_of_logs():
    receiver = Receiver(signals=["trace"])
    exporter = build(ExporterConfig(type="otlp", endpoint=f"127.0.0.1:{receiver.port}"))
    outcomes = [send(exporter, record).outcome for record in (span(1), event(1))]
    exporter.shutdown()
    receiver.stop()

    assert [Outcome.DELIVERED, Outcome.UNOFFERED] == outcomes


def test_a_certificate_that_cannot_be_read_costs_no_record(tmp_path):
    missing = str(tmp_path / "missing.pem")
    config = ExporterConfig(
        type="otlp", endpoint="https://localhost:1", protocol="grpc", certificate_file=missing
    )

    assert Outcome.RETRY is send(build(config), span(1)).outcome


def test_headers_are_metadata(receiver):
    config = ExporterConfig(
        type="otlp", endpoint=f"localhost:{receiver.port}", headers={"X-Tenant": "7"}
    )
    exporter = build(config)
    send(exporter, span(1))
    exporter.shutdown()

    assert "7" == receiver.metadata[0]["x-tenant"]


def test_plain_text_is_for_this_machine_only():
    def is_plain(**settings):
        return build(ExporterConfig(type="otlp", protocol="grpc", **settings))._is_plain

    assert is_plain(endpoint="localhost:4317")
    assert not is_plain(endpoint="collector.example:4317")
    assert is_plain(endpoint="collector.example:4317", insecure=True)
    assert not is_plain(endpoint="https://collector.example:4317")

"""What becomes of a batch when its receiver misbehaves. Real sockets, one test for each way to fail."""

import email.utils
import logging
import resource
import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from support.collector import Collector, Reply, free_port
from support.promises import assert_within, seconds
from support.records import event, span
from support.waiting import eventually

from agentops.telemetry.config import BatchConfig

PATIENCE_MS = 30_000  # for what happens at once where the machine is not busy with others


def record(pipeline, *numbers, **fields):
    for number in numbers:
        assert pipeline.submit(span(number, **fields))


def said(caplog, collector):
    """Return what was logged about this receiver; an earlier test's sender may still have something to say."""
    return [text for text in caplog.messages if collector.url in text]


def only(pipeline):
    [stats] = pipeline.stats().destinations.values()
    return stats


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(status, form, collector, otlp, pipeline_to):
    due = []

    def refuse_once(request):
        if due:
            return None
        date = int(time.time()) + 2
        wait_s = 1 if form == "seconds" else date - time.time()
        due.append(time.monotonic() + wait_s)
        after = "1" if form == "seconds" else email.utils.formatdate(date, usegmt=True)
        return Reply(status=status, headers={"Retry-After": after})

    collector.route(refuse_once)
    pipeline = pipeline_to(otlp(collector))
    record(pipeline, 1)

    assert pipeline.flush(PATIENCE_MS)
    _, second = collector.requests
    assert second.at >= due[0] - 0.05
    assert ["s1"] == collector.span_names


def test_a_flush_does_not_break_into_retry_after(collector, otlp, pipeline_to):
    collector.answer_always(Reply(status=503, headers={"Retry-After": "30"}))
    pipeline = pipeline_to(otlp(collector))
    record(pipeline, 1)

    assert not pipeline.flush(300)
    assert collector.wait_for_requests(1)
    assert not pipeline.flush(300)
    assert not pipeline.flush(300)
    assert 1 == len(collector.requests)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 501])
def test_permanent_failure_is_not_repeated(status, collector, otlp, pipeline_to, caplog):
    collector.answer_always(Reply(status=status, body=b'{"message": "not like this"}'))
    pipeline = pipeline_to(otlp(collector))
    record(pipeline, 1)

    assert pipeline.flush(PATIENCE_MS)
    assert 1 == len(collector.requests)
    assert {f"http {status}": 1} == only(pipeline).dropped
    assert "not like this" in caplog.text


def test_poisoned_batch_is_searched_once_and_later_batches_flow(collector, otlp, pipeline_to):
    collector.route(lambda request: Reply(status=400) if "s3" in request.span_names else None)
    pipeline = pipeline_to(otlp(collector))
    record(pipeline, *range(8))
    assert pipeline.flush(PATIENCE_MS)
    record(pipeline, 20)

    assert pipeline.flush(PATIENCE_MS)
    assert 4 == len(collector.requests)
    assert sorted(["s4", "s5", "s6", "s7", "s20"]) == sorted(collector.span_names)
    assert {"http 400": 4} == only(pipeline).dropped


def test_receiver_that_refuses_everything_is_asked_once_for_each_batch(
    collector, otlp, pipeline_to
):
    collector.answer_always(Reply(status=400))
    pipeline = pipeline_to(otlp(collector))
    for first in (0, 10, 20):
        record(pipeline, *range(first, first + 10))
        assert pipeline.flush(PATIENCE_MS)

    assert len(collector.requests) <= 3 + 2  # the first batch is searched


def test_batch_is_not_searched_where_the_other_signal_is_refused_too(collector, otlp, pipeline_to):
    collector.answer_always(Reply(status=400))
    pipeline = pipeline_to(otlp(collector))
    record(pipeline, *range(5))
    pipeline.submit(event(5))

    assert pipeline.flush(5000)
    assert ["/v1/traces", "/v1/logs"] == [request.path for request in collector.requests]
    assert {"http 400": 6} == only(pipeline).dropped


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_store_of_traces_alone_is_asked_once_for_logs_and_nothing_is_called_lost(
    status, collector, otlp, pipeline_to, caplog
):
    collector.route(lambda request: Reply(status=status) if "logs" in request.path else Reply())
    pipeline = pipeline_to(otlp(collector))
    for number in range(3):
        record(pipeline, number)
        pipeline.submit(event(number))
        assert pipeline.flush(5000)
    report = pipeline.shutdown()

    assert 1 == sum(request.path == "/v1/logs" for request in collector.requests)
    assert ["s0", "s1", "s2"] == collector.span_names
    assert (3, {"not taken here": 3}) == (only(pipeline).sent, only(pipeline).dropped)
    assert 0 == report.lost
    assert [] == [each for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_partial_success_is_counted_told_once_and_never_resent(
    protocol, collector, otlp, pipeline_to, caplog
):
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    answer.partial_success.error_message = "one had no name"
    body = answer.SerializeToString()
    if protocol == "http/json":
        body = b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"one had no name"}}'
    collector.answer_always(Reply(body=body))
    pipeline = pipeline_to(otlp(collector, protocol=protocol))
    for first in (0, 3):
        record(pipeline, *range(first, first + 3))
        assert pipeline.flush(PATIENCE_MS)

    assert 2 == len(collector.requests)
    assert (4, {"rejected": 2}) == (only(pipeline).sent, only(pipeline).dropped)
    assert 1 == caplog.text.count("one had no name")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>ok</html>",
        b"\xff\xff\xff",
        b"null",
        b"\x0a\xff\xff\xff\xff\x0f",
        b'{"partialSuccess":{"rejectedSpans":[1]}}',
        b'{"partialSuccess":{"rejectedSpans":1e400}}',
    ],
)
@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_success_with_a_body_nobody_can_read_is_success(
    body, protocol, collector, otlp, pipeline_to, caplog
):
    collector.answer_always(Reply(body=body))
    pipeline = pipeline_to(otlp(collector, protocol=protocol))
    for number in (1, 2):
        record(pipeline, number)
        assert pipeline.flush(PATIENCE_MS)

    assert ["s1", "s2"] == collector.span_names
    assert (2, {}) == (only(pipeline).sent, only(pipeline).dropped)
    assert 1 == len(said(caplog, collector))


@pytest.mark.parametrize("moment", ["now", "body", "after"])
def test_reset_connections_are_retried(moment, collector, otlp, pipeline_to):
    collector.answer(Reply(reset=moment), times=3 if moment == "body" else 1)
    pipeline = pipeline_to(otlp(collector))
    record(pipeline, *range(3), attributes={"text": "x" * 200_000})

    assert pipeline.flush(PATIENCE_MS)
    assert ["s0", "s1", "s2"] == collector.span_names


def test_outage_of_a_while_loses_nothing(otlp, pipeline_to, tmp_path, caplog):
    collector = Collector(free_port())
    pipeline = pipeline_to(otlp(collector), spool=tmp_path)
    record(pipeline, *range(100))
    pipeline.flush(100)
    record(pipeline, *range(100, 200))
    pipeline.flush(100)
    collector.start()

    try:
        assert pipeline.flush(PATIENCE_MS)
        assert sorted(f"s{number}" for number in range(200)) == sorted(collector.span_names)
    finally:
        collector.stop()
    assert len(said(caplog, collector)) <= 3
    assert not list(tmp_path.glob("*/*.seg")) or all(
        found.stat().st_size <= 8 for found in tmp_path.glob("*/*.seg")
    )


def test_flush_gives_up_early_where_nobody_listens_and_the_disk_has_it(otlp, pipeline_to, tmp_path):
    collector = Collector(free_port())
    pipeline = pipeline_to(otlp(collector), spool=tmp_path)
    record(pipeline, 1)

    assert not pipeline.flush(PATIENCE_MS)
    assert_within(lambda: {"took_s": seconds(pipeline.flush, PATIENCE_MS)}, took_s=0.5)
    assert (1, 1) == (only(pipeline).pending, only(pipeline).spooled)


def test_requests_are_few_while_the_receiver_fails(collector, otlp, pipeline_to, caplog):
    collector.answer_always(Reply(status=503))
    pipeline = pipeline_to(otlp(collector), batch=BatchConfig(delay_ms=50))
    until = time.monotonic() + 3
    number = 0
    while time.monotonic() < until:
        record(pipeline, number := number + 1)
        time.sleep(0.05)

    assert 1 <= len(collector.requests) <= 8
    assert len(said(caplog, collector)) <= 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status, collector, otlp, pipeline_to):
    with Collector() as elsewhere:
        collector.answer_always(Reply(status=status, headers={"Location": elsewhere.url}))
        pipeline = pipeline_to(otlp(collector, headers={"Authorization": "Bearer secret"}))
        record(pipeline, 1)

        assert pipeline.flush(PATIENCE_MS)
        assert [] == elsewhere.requests
        assert 0 == elsewhere.connections_count
    assert {f"http {status}": 1} == only(pipeline).dropped


@pytest.mark.parametrize("status", [200, 400])
def test_endless_answers_are_cut(status, collector, otlp, pipeline_to):
    collector.answer(Reply(status=status, body_size=300 * 1024 * 1024))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipeline = pipeline_to(otlp(collector))
    record(pipeline, 1)
    assert pipeline.flush(PATIENCE_MS)
    record(pipeline, 2)

    assert pipeline.flush(PATIENCE_MS)
    assert "s2" in collector.span_names
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 50


@pytest.mark.parametrize("how", [Reply(bytes_per_s=5), Reply(hang=True), Reply(delay_s=6)])
def test_an_attempt_ends_at_its_deadline(how, collector, otlp, pipeline_to):
    how.is_accepted = False
    collector.answer(how)
    pipeline = pipeline_to(otlp(collector, timeout_ms=1500))
    record(pipeline, 1)

    assert pipeline.flush(PATIENCE_MS)
    assert ["s1"] == collector.span_names
    assert 1 == only(pipeline).retried


def test_too_large_batches_are_split_until_they_fit(collector, otlp, pipeline_to):
    collector.route(lambda request: Reply(status=413) if len(request.body) > 1_000_000 else None)
    pipeline = pipeline_to(otlp(collector))
    record(pipeline, *range(40), attributes={"text": "x" * 100_000})

    assert pipeline.flush(PATIENCE_MS)
    assert sorted(f"s{number}" for number in range(40)) == sorted(collector.span_names)


def test_single_record_that_is_too_large_is_cut_and_marked(collector, otlp, pipeline_to):
    collector.route(lambda request: Reply(status=413) if len(request.body) > 100_000 else None)
    pipeline = pipeline_to(otlp(collector))
    texts = {"long": "x" * 500_000, "nested": ["y" * 200_000], "short": "kept"}
    record(pipeline, 1, attributes=texts)
    pipeline.submit(event(1, body="z" * 300_000))

    assert pipeline.flush(PATIENCE_MS)
    by_path = {request.path: request.message() for request in collector.accepted}
    [found] = by_path["/v1/traces"].resource_spans[0].scope_spans[0].spans
    values = {each.key: each.value for each in found.attributes}
    assert "kept" == values["short"].string_value
    assert values["long"].string_value.startswith("xxxx")
    assert "...truncated (" in values["long"].string_value
    marked = {text.string_value for text in values["agentops.truncated"].array_value.values}
    assert "long" in marked
    [log] = by_path["/v1/logs"].resource_logs[0].scope_logs[0].log_records
    assert "...truncated (" in log.body.string_value


@pytest.mark.parametrize("early", [True, False])
def test_answers_before_the_body_and_closed_connections_make_no_duplicates(
    early, collector, otlp, pipeline_to
):
    collector.answer(Reply(early=early, close=True), times=5)
    pipeline = pipeline_to(otlp(collector))
    for number in range(5):
        record(pipeline, number)
        assert pipeline.flush(PATIENCE_MS)

    collector.wait_for_requests(5)  # an early answer is sent before its request is noted
    assert [f"s{number}" for number in range(5)] == collector.span_names


def test_a_failing_signal_does_not_repeat_the_other(collector, otlp, pipeline_to):
    failures = iter([Reply(status=503)])
    collector.route(lambda request: next(failures, None) if request.path == "/v1/logs" else None)
    pipeline = pipeline_to(otlp(collector))
    pipeline.submit(span(1))
    pipeline.submit(event(1))

    assert pipeline.flush(PATIENCE_MS)
    assert ["s1"] == collector.span_names
    assert 2 == len([request for request in collector.requests if request.path == "/v1/logs"])


def test_secrets_are_in_no_log_line(otlp, pipeline_to, caplog):
    caplog.set_level(logging.DEBUG)
    collector = Collector(free_port())
    pipeline = pipeline_to(otlp(collector, headers={"x-api-key": "s3cr3t"}))
    record(pipeline, 1, attributes={"gen_ai.input.messages": "a private question"})
    pipeline.flush(300)
    pipeline.shutdown(300)

    assert "s3cr3t" not in caplog.text
    assert "private question" not in caplog.text


def test_memory_is_bounded_without_a_disk_and_losses_are_counted(collector, otlp, pipeline_to):
    collector.answer_always(Reply(status=503, headers={"Retry-After": "60"}))
    batch = BatchConfig(delay_ms=20, queue_bytes_max=4 * 1024 * 1024)
    pipeline = pipeline_to(otlp(collector), batch=batch)
    for number in range(20):
        pipeline.submit(span(number, attributes={"text": "x" * 500_000}), 500_000)
        eventually(lambda: not pipeline.stats().queued)

    stats = pipeline.stats()
    [sent] = stats.destinations.values()
    assert sent.pending * 500_000 <= 1.6 * 1024 * 1024
    assert 20 == sent.pending + sum(sent.dropped.values()) + sum(stats.dropped.values())


def test_compression_and_headers_are_sent_as_configured(collector, otlp, pipeline_to):
    pipeline = pipeline_to(otlp(collector, headers={"x-tenant": "7"}, protocol="http/json"))
    record(pipeline, 1)

    assert pipeline.flush(PATIENCE_MS)
    [request] = collector.requests
    assert "7" == request.headers["x-tenant"]
    assert "application/json" == request.headers["content-type"]
    assert request.headers["user-agent"].startswith("agentops/")


@pytest.mark.parametrize(
    ("compression", "is_here", "used"),
    [
        ("gzip", True, "gzip"),
        ("zstd", True, "zstd"),
        ("none", False, "none"),
        (None, False, "gzip"),
        (None, True, "none"),
    ],
)
def test_bodies_are_compressed_as_said_else_for_other_machines_only(
    compression, is_here, used, collector, otlp, pipeline_to, monkeypatch
):
    monkeypatch.setattr("agentops.telemetry.exporters.otlp.is_loopback", lambda host: is_here)
    pipeline = pipeline_to(otlp(collector, compression=compression))
    record(pipeline, 1, attributes={"text": "x" * 10_000})

    assert pipeline.flush(PATIENCE_MS)
    [request] = collector.requests
    assert used == request.headers.get("content-encoding", "none")
    assert ["s1"] == request.span_names
    assert (len(request.body) < 1000) == (used != "none")


def test_a_receiver_that_does_not_take_the_compression_gets_none(
    collector, otlp, pipeline_to, monkeypatch
):
    monkeypatch.setattr("agentops.telemetry.exporters.otlp.is_loopback", lambda host: False)
    collector.route(
        lambda request: Reply(status=415) if "content-encoding" in request.headers else None
    )
    pipeline = pipeline_to(otlp(collector))
    for number in (1, 2):
        record(pipeline, number)
        assert pipeline.flush(PATIENCE_MS)

    assert ["s1", "s2"] == collector.span_names
    assert 3 == len(collector.requests)

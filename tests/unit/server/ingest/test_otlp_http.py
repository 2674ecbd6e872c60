"""OTLP/HTTP over a real socket: what is taken, what is refused, and in which words."""

import gzip
import json
import socket
import zlib
from urllib.parse import urlsplit

import httpx
import pytest
import zstandard
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceResponse,
)
from support.ingest_server import CollectingAcceptor, application, serving
from support.otlp import START_NS, span_json, trace_request

from agentops.errors import StorageBusyError, StorageError
from agentops.server.ingest import IngestLimits, Refusal

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


def post(url: str, content: bytes | str, kind: str = PROTOBUF, **headers: str) -> httpx.Response:
    return httpx.post(url, content=content, headers={"content-type": kind, **headers}, timeout=60)


ENCODINGS = {
    "": lambda data: data,
    "identity": lambda data: data,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", [PROTOBUF, JSON, "application/json; charset=utf-8"])
def test_traces_are_taken_in_every_encoding(url, acceptor, kind, encoding):
    plain = (
        trace_request().SerializeToString()
        if kind == PROTOBUF
        else json.dumps(span_json(name="span 0")).encode()
    )

    answer = post(
        f"{url}/v1/traces", ENCODINGS[encoding](plain), kind, **{"content-encoding": encoding}
    )

    assert answer.status_code == 200
    assert answer.content == (b"" if kind == PROTOBUF else b"{}")
    assert answer.headers["content-type"] == kind.split(";")[0]
    assert [row.name for row in acceptor.spans] == ["span 0"]


def test_logs_become_events_with_a_stable_identity(url, acceptor):
    request = ExportLogsServiceRequest()
    record = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(time_unix_nano=START_NS, severity_number=9, event_name="session.start")
    )
    record.body.string_value = "hello"
    record.attributes.add(key="session.id").value.string_value = "s-1"
    body = request.SerializeToString()

    answers = [post(f"{url}/v1/logs", body) for _ in range(2)]

    assert [ExportLogsServiceResponse()] * 2 == [
        ExportLogsServiceResponse.FromString(answer.content) for answer in answers
    ]
    assert len(acceptor.rows) == 2
    (event,) = acceptor.events
    assert ("session.start", "s-1", "hello", 9) == (
        event.event_name,
        event.session_id,
        event.body,
        event.severity,
    )


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_metrics_are_answered_with_the_truth(url, acceptor, kind):
    request = ExportMetricsServiceRequest()
    points = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m").sum
    points.data_points.add(as_int=1)
    points.data_points.add(as_int=2)
    tree = {
        "resourceMetrics": [{"scopeMetrics": [{"metrics": [{"sum": {"dataPoints": [{}, {}]}}]}]}]
    }

    body = request.SerializeToString() if kind == PROTOBUF else json.dumps(tree)
    answer = post(f"{url}/v1/metrics", body, kind)

    assert answer.status_code == 200
    if kind == PROTOBUF:
        partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
        assert (2, True) == (
            partial.rejected_data_points,
            "not store metrics" in partial.error_message,
        )
    else:
        assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "2"
    assert acceptor.rows == []


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
@pytest.mark.parametrize(("kind", "body"), [(PROTOBUF, b""), (JSON, b"{}")])
def test_empty_requests_succeed(url, acceptor, signal, kind, body):
    answer = post(f"{url}/v1/{signal}", body, kind)

    assert (200, body) == (answer.status_code, answer.content)
    assert acceptor.calls == 0


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_bad_spans_are_a_partial_success(url, acceptor, kind):
    if kind == PROTOBUF:
        request = trace_request(10)
        request.resource_spans[0].scope_spans[0].spans[4].trace_id = bytes(16)
        body = request.SerializeToString()
    else:
        tree = span_json()
        good = tree["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
        spans = [{**good, "spanId": f"{number + 1:016x}"} for number in range(10)]
        spans[4]["traceId"] = "xyz"
        tree["resourceSpans"][0]["scopeSpans"][0]["spans"] = spans
        body = json.dumps(tree)

    answer = post(f"{url}/v1/traces", body, kind)

    assert answer.status_code == 200
    assert len(acceptor.spans) == 9
    if kind == PROTOBUF:
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
        assert (1, True) == (partial.rejected_spans, "trace_id" in partial.error_message)
    else:
        assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_a_body_that_cannot_be_read_is_refused_with_a_status(url, kind):
    answer = post(f"{url}/v1/traces", b"\x0a\xff\xff\x01{[", kind)

    assert answer.status_code == 400
    if kind == PROTOBUF:
        status = Status.FromString(answer.content)
        assert (3, True) == (status.code, "ExportTraceServiceRequest" in status.message)
    else:
        assert answer.json()["code"] == 3
    assert answer.headers["content-type"] == kind


def test_wrong_method_type_and_path_say_so(url):
    assert httpx.get(f"{url}/v1/traces").status_code == 405
    assert httpx.get(f"{url}/v1/traces").headers["allow"] == "POST"
    assert httpx.options(f"{url}/v1/traces").status_code == 405
    assert post(f"{url}/v1/traces", b"", "text/plain").status_code == 415
    assert post(f"{url}/v1/traces", b"", PROTOBUF, **{"content-encoding": "br"}).status_code == 415
    assert post(f"{url}/v1/other", b"").status_code == 404


def test_no_answer_carries_cors_headers(url):
    answer = post(f"{url}/v1/traces", b"{}", JSON, origin="https://evil.example")

    assert [name for name in answer.headers if name.startswith("access-control")] == []


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_compressed_bombs_are_refused_early(url, encoding):
    answer = post(
        f"{url}/v1/traces", ENCODINGS[encoding](bytes(65 << 20)), **{"content-encoding": encoding}
    )

    assert answer.status_code == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_broken_compression_is_refused(url, encoding):
    whole = ENCODINGS[encoding](trace_request(50).SerializeToString())
    for broken in (b"\x1f\x8bnot compressed", whole[: len(whole) // 2], b"garbage"):
        answer = post(f"{url}/v1/traces", broken, **{"content-encoding": encoding})
        assert answer.status_code == 400


def test_several_gzip_members_are_one_body(url, acceptor):
    body = trace_request(2).SerializeToString()
    members = gzip.compress(body[:20]) + gzip.compress(body[20:])

    assert post(f"{url}/v1/traces", members, **{"content-encoding": "gzip"}).status_code == 200
    assert len(acceptor.spans) == 2


def test_bodies_over_the_wire_limit_are_refused_with_and_without_their_length():
    app = application(CollectingAcceptor(), limits=IngestLimits(wire_bytes_max=1000))
    with serving(app) as url:
        assert post(f"{url}/v1/traces", bytes(1001)).status_code == 413
        chunks = (bytes(100) for _ in range(11))
        answer = httpx.post(f"{url}/v1/traces", content=chunks, headers={"content-type": PROTOBUF})
        assert answer.status_code == 413


def test_a_body_that_does_not_arrive_in_time_is_refused(acceptor):
    async def never() -> dict:
        import anyio

        await anyio.sleep_forever()
        raise AssertionError

    import anyio

    from agentops.server.ingest.bodies import read_body
    from agentops.server.ingest.budget import Budget

    async def read() -> Refusal:
        with pytest.raises(Refusal) as caught:
            await read_body(never, {}, IngestLimits(body_timeout_s=0.01), Budget(1).hold())
        return caught.value

    assert anyio.run(read).status == 408


@pytest.mark.parametrize("error", [StorageBusyError("the queue is full"), StorageError("disk")])
def test_what_cannot_be_stored_is_to_be_sent_again(url, acceptor, error):
    acceptor.errors.append(error)

    answer = post(f"{url}/v1/traces", trace_request().SerializeToString())

    assert answer.status_code == 503
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert Status.FromString(answer.content).code == 14
    assert acceptor.rows == []


def test_a_sender_that_is_not_let_in_is_told():
    def nobody(headers):
        raise Refusal(401, "no key")

    with serving(application(CollectingAcceptor(), access=nobody)) as url:
        answer = post(f"{url}/v1/traces", trace_request().SerializeToString())

    assert (401, 16) == (answer.status_code, Status.FromString(answer.content).code)


def test_the_project_comes_from_the_credential_never_from_the_data():
    acceptor = CollectingAcceptor()
    with serving(application(acceptor, access=lambda headers: headers["x-key"])) as url:
        body = trace_request(1, project_id="other").SerializeToString()
        post(f"{url}/v1/traces", body, **{"x-key": "mine"})

    assert [row.project_id for row in acceptor.spans] == ["mine"]


def test_bodies_that_together_hold_too_much_are_to_be_sent_again():
    acceptor = CollectingAcceptor()
    with serving(application(acceptor, limits=IngestLimits(held_bytes_max=1_000))) as url:
        parts = urlsplit(url)
        head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\n"
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as slow:
            slow.sendall(f"{head}Content-Length: 2000\r\n\r\n".encode() + b"x" * 900)
            while (answer := post(f"{url}/v1/traces", large_request())).status_code == 200:
                pass  # the server has not read the other sender's bytes yet
        assert (503, "2") == (answer.status_code, answer.headers["retry-after"])
        while post(f"{url}/v1/traces", large_request()).status_code != 200:
            pass  # until the server has noticed that the other sender went away


def large_request() -> bytes:
    return trace_request(1, note="x" * 500).SerializeToString()

"""OTLP requests for tests."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

START_NS = 1_795_339_149_000_000_000


def trace_request(count: int = 1, **attributes: str) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "svc"
    scoped = group.scope_spans.add()
    scoped.scope.name = "tests"
    for number in range(count):
        span = scoped.spans.add(
            trace_id=bytes([1] * 16),
            span_id=(number + 1).to_bytes(8, "big"),
            name=f"span {number}",
            kind=3,
            start_time_unix_nano=START_NS,
            end_time_unix_nano=START_NS + 1_000,
        )
        for key, text in attributes.items():
            span.attributes.add(key=key).value.string_value = text
    return request


def span_json(**fields: object) -> dict:
    span = {
        "traceId": "01" * 16,
        "spanId": "0A" * 8,
        "name": "n",
        "kind": 3,
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": START_NS + 1,
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, **fields}]}]}]}

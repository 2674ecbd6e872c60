"""OTLP to rows: every kind of value, bad neighbours, hostile framing."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from support.otlp import START_NS, span_json, trace_request

from agentops.server.ingest import IngestLimits, Refusal
from agentops.server.ingest.decode import decode_logs, decode_metrics, decode_traces
from agentops.server.ingest.wire import WireError, count_records, scan

LIMITS = IngestLimits()


def decode(body, limits=LIMITS, *, is_json=False):
    return decode_traces(body, is_json=is_json, limits=limits, project_id="default")


def decode_span(span: dict):
    return decode(json.dumps(span_json(**span)).encode(), is_json=True).rows[0]


VALUES = {
    "text": ({"stringValue": "hé"}, "hé", None),
    "empty text": ({"stringValue": ""}, "", None),
    "whole": ({"intValue": "9223372036854775807"}, "9223372036854775807", "int"),
    "whole as number": ({"intValue": -5}, "-5", "int"),
    "real": ({"doubleValue": 0.5}, "0.5", "double"),
    "not a number": ({"doubleValue": "NaN"}, '"NaN"', "double"),
    "endless": ({"doubleValue": "-Infinity"}, '"-Infinity"', "double"),
    "yes": ({"boolValue": True}, "true", "bool"),
    "no": ({"boolValue": False}, "false", "bool"),
    "bytes": ({"bytesValue": "AAH/"}, '"AAH/"', "bytes"),
    "nothing": ({}, "null", "empty"),
    "list": (
        {"arrayValue": {"values": [{"intValue": 1}, {}, {"stringValue": "x"}]}},
        '[1,null,"x"]',
        "array",
    ),
    "empty list": ({"arrayValue": {}}, "[]", "array"),
    "map": (
        {"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": []}}}]}},
        '{"a":[]}',
        "kvlist",
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_every_kind_of_value_is_kept_with_its_type(name):
    value, text, kind = VALUES[name]

    row = decode_span({"attributes": [{"key": "k", "value": value}]})

    assert ({"k": text}, {"k": kind} if kind else {}) == (row.attributes, row.attribute_types)


def test_json_and_protobuf_say_the_same():
    request = trace_request(2, **{"gen_ai.request.model": "gpt-4o"})
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.events.add(name="e", time_unix_nano=START_NS).attributes.add(key="n").value.int_value = 3
    span.links.add(trace_id=b"\2" * 16, span_id=b"\3" * 8)
    span.status.code = 2
    span.status.message = "bad"
    span.parent_span_id = b"\4" * 8
    tree = {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [{"key": "service.name", "value": {"stringValue": "svc"}}]
                },
                "scopeSpans": [{"scope": {"name": "tests"}, "spans": []}],
            }
        ]
    }
    for number in range(2):
        written = {
            "traceId": "01" * 16,
            "spanId": f"{number + 1:016X}",
            "name": f"span {number}",
            "kind": 3,
            "startTimeUnixNano": str(START_NS),
            "endTimeUnixNano": str(START_NS + 1000),
            "attributes": [{"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}}],
            "unknownField": {"deep": [1]},
            "snake_case": 1,
        }
        tree["resourceSpans"][0]["scopeSpans"][0]["spans"].append(written)
    first = tree["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    first |= {
        "parentSpanId": "04" * 8,
        "status": {"code": 2, "message": "bad"},
        "links": [{"traceId": "02" * 16, "spanId": "03" * 8}],
        "events": [
            {
                "name": "e",
                "timeUnixNano": START_NS,
                "attributes": [{"key": "n", "value": {"intValue": "3"}}],
            }
        ],
    }

    assert (
        decode(request.SerializeToString()).rows
        == decode(json.dumps(tree).encode(), is_json=True).rows
    )


def test_null_means_unset_in_json():
    names = [
        "parentSpanId",
        "traceState",
        "attributes",
        "events",
        "links",
        "status",
        "kind",
        "flags",
    ]

    row = decode_span(dict.fromkeys(names))

    assert ("", {}, "unspecified", "unset") == (
        row.parent_span_id,
        row.attributes,
        row.kind,
        row.status_code,
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"traceId": "00" * 16}, "trace_id"),
        ({"traceId": "01"}, "trace_id"),
        ({"spanId": ""}, "span_id"),
        ({"spanId": "zz" * 8}, "hexadecimal"),
        ({"attributes": [{"key": "a", "value": {"doubleValue": "1,5"}}]}, "is not a number"),
        ({"startTimeUnixNano": "1"}, "outside the years"),
        ({"endTimeUnixNano": "18446744073709551615"}, "outside the years"),
        ({"name": 5}, "Expected"),
        ({"attributes": [{"key": "k", "value": {"intValue": "x"}}]}, "Expected"),
    ],
)
def test_a_bad_span_is_counted_with_its_reason(change, reason):
    decoded = decode(json.dumps(span_json(**change)).encode(), is_json=True)

    assert ([], 1, True) == (decoded.rows, decoded.rejected, reason in decoded.message)


def test_a_span_that_ends_before_it_starts_lasts_nothing():
    row = decode_span({"endTimeUnixNano": str(START_NS - 5)})

    assert (START_NS, START_NS) == (row.start_ns, row.end_ns)


def test_text_that_is_not_utf8_is_repaired_and_costs_no_neighbour():
    body = trace_request(3, note="good").SerializeToString()
    broken = body.replace(b"span 1", b"sp\xff\xfe 1", 1).replace(b"good", b"g\xc3od", 1)

    rows = decode(broken).rows

    assert ["span 0", "sp\ufffd\ufffd 1", "span 2"] == [row.name for row in rows]
    assert "g\ufffdod" == rows[0].attributes["note"]


def test_halves_of_surrogate_pairs_in_json_are_repaired():
    tree = json.dumps(span_json(name="NAME")).encode()
    name = rb"a\ud83d\ude00 \ud800\udfff \ud800 \\ud800 \udc00\udc00"

    (row,) = decode(tree.replace(b"NAME", name), is_json=True).rows

    assert "a\U0001f600 \U000103ff \ufffd \\ud800 \ufffd\ufffd" == row.name


def nested(depth: int) -> AnyValue:
    value = AnyValue(string_value="x")
    for _ in range(depth):
        outer = AnyValue()
        outer.array_value.values.append(value)
        value = outer
    return value


def length_field(number: int, value: bytes) -> bytes:
    size, out = len(value), bytearray([number << 3 | 2])
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    return bytes(out) + bytes([size]) + value


def test_values_are_taken_to_depth_32_and_refused_beyond():
    request = trace_request(2)
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[0].attributes.add(key="deep").value.CopyFrom(nested(31))
    spans[1].attributes.add(key="deeper").value.CopyFrom(nested(32))

    decoded = decode(request.SerializeToString())

    assert (1, 1, "nested too deep") == (
        len(decoded.rows),
        decoded.rejected,
        decoded.message[-15:],
    )


def test_protobuf_nested_ten_thousand_deep_is_refused():
    value = b"\x0a\x01x"
    for _ in range(10_000):
        value = length_field(5, length_field(1, value))
    span = length_field(9, length_field(1, b"k") + length_field(2, value))

    with pytest.raises(Refusal) as caught:
        decode(length_field(1, length_field(2, length_field(2, span))))

    assert caught.value.status == 400


@pytest.mark.parametrize("inner", ['{"arrayValue":{"values":[', "[", '{"a":'])
def test_json_nested_ten_thousand_deep_is_refused(inner):
    closing = "".join({"[": "]", "{": "}"}[c] for c in reversed(inner) if c in "[{")
    text = json.dumps(span_json(name="n"))
    deep = text[:-1] + ',"x":' + inner * 10_000 + "null" + closing * 10_000 + "}"

    with pytest.raises(Refusal) as caught:
        decode(deep.encode(), is_json=True)

    assert caught.value.status == 400


def test_brackets_inside_text_are_not_nesting():
    name = '[{"\\' * 200

    assert name == decode_span({"name": name}).name


def test_floods_are_cut_and_counted():
    limits = IngestLimits(attributes_max=2, events_max=2, links_max=2, key_chars_max=5)
    request = trace_request(1, a="1", b="2", c="3")
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.dropped_attributes_count = 7
    for _ in range(5):
        span.events.add(name="e")
        span.links.add(trace_id=b"\1" * 16, span_id=b"\1" * 8)

    (row,) = decode(request.SerializeToString(), limits).rows

    assert ({"a": "1", "b": "2"}, 8, 3, 3, 2, 2) == (
        row.attributes,
        row.dropped_attributes,
        row.dropped_events,
        row.dropped_links,
        len(row.events),
        len(row.links),
    )


def test_long_values_are_cut_with_size_and_hash():
    limits = IngestLimits(value_chars_max=10)

    (row,) = decode(trace_request(1, k="x" * 100).SerializeToString(), limits).rows

    assert row.attributes["k"].startswith("x" * 10 + "...truncated, 100 characters, sha256 ")


def test_too_many_spans_are_refused_before_they_are_parsed():
    body = length_field(1, length_field(2, b"\x12\x00" * 101))

    assert count_records(body) == 101
    with pytest.raises(Refusal) as caught:
        decode(body, IngestLimits(records_max=100))
    assert caught.value.status == 413


def test_element_floods_are_refused_before_they_are_parsed():
    request = trace_request(1)
    values = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="k").value
    values.array_value.values.extend(AnyValue() for _ in range(1000))
    body = request.SerializeToString()

    with pytest.raises(Refusal):
        decode(body, IngestLimits(scan_bytes_min=0, elements_max=500))
    assert decode(body, IngestLimits(scan_bytes_min=0, elements_max=5000)).rejected == 0
    with pytest.raises(WireError, match="deeper"):
        scan(body, ExportTraceServiceRequest.DESCRIPTOR, 5000, 3)


def test_hostile_keys_are_kept_literally():
    keys = [
        "__proto__",
        "constructor",
        "a.b",
        "a",
        "a" + ".a" * 400,
        "\U0001f600",
        "x\0y",
        "'; DROP--",
    ]
    keys += ["gen_ai.prompt." + "0." * 300 + "role", "gen_ai.prompt.-1.role", "gen_ai.prompt..."]

    (row,) = decode(trace_request(1, **dict.fromkeys(keys, "v")).SerializeToString()).rows

    assert dict.fromkeys(keys, "v") == row.attributes


def test_a_span_that_only_announces_another_is_left_out():
    body = trace_request(1, **{"logfire.span_type": "pending_span"}).SerializeToString()

    decoded = decode(body)

    assert ([], 0) == (decoded.rows, decoded.rejected)


def test_a_log_record_keeps_its_own_identity():
    request = ExportLogsServiceRequest()
    record = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(time_unix_nano=START_NS, trace_id=b"\1" * 16, span_id=b"\2" * 8)
    )
    record.attributes.add(key="agentops.event.id").value.string_value = "e-1"
    record.attributes.add(key="agentops.event.type").value.string_value = "llms"
    record.body.kvlist_value.values.add(key="a").value.int_value = 1

    (row,) = decode_logs(
        request.SerializeToString(), is_json=False, limits=LIMITS, project_id="default"
    ).rows

    assert ("e-1", "llms", '{"a":1}', "01" * 16, "02" * 8) == (
        row.event_id,
        row.event_type,
        row.body,
        row.trace_id,
        row.span_id,
    )


DECODERS = [decode_traces, decode_logs, decode_metrics]
GOOD = trace_request(3, note="text", **{"gen_ai.prompt.0.content": "x"}).SerializeToString()
GOOD_JSON = json.dumps(
    span_json(attributes=[{"key": "k", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}}])
).encode()


def judge(body: bytes, *, is_json: bool) -> None:
    """Whatever the bytes: rows, or a refusal that says 4xx."""
    statuses = set()
    for decoder in DECODERS:
        try:
            decoder(body, is_json=is_json, limits=LIMITS, project_id="default")
        except Refusal as refusal:
            statuses.add(refusal.status)

    assert statuses <= {400, 413}


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=300), is_json=st.booleans())
def test_random_bytes_are_rows_or_a_refusal(body, is_json):
    judge(body, is_json=is_json)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), is_json=st.booleans())
def test_damaged_requests_are_rows_or_a_refusal(data, is_json):
    body = bytearray(GOOD_JSON if is_json else GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(body)))

    judge(bytes(body), is_json=is_json)
    judge(bytes(body[:cut]), is_json=is_json)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["resourceSpans", "scopeSpans", "spans", "traceId", "attributes", "key", "value", "stringValue",
             "arrayValue", "values", "resourceLogs", "scopeLogs", "logRecords", "body", "status", "x"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(tree=JSON_VALUES)
def test_any_json_is_rows_or_a_refusal(tree):
    judge(json.dumps(tree).encode(), is_json=True)

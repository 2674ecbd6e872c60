"""Our encoders mean the same as the encoder of the OpenTelemetry exporters, for whatever they are given."""

import base64
import json
import math
import string

from google.protobuf import json_format
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common._internal import _encode_value
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from support.records import event, span

from agentops.telemetry.encoder import ENCODINGS, Part, encode
from agentops.telemetry.exporters.stock import readable_span
from agentops.telemetry.records import EventRecord, LinkRecord, Scope, SpanEventRecord, SpanRecord

LIGHT = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)
keys = st.text(string.ascii_lowercase + "._é", min_size=1, max_size=12)
int64s = st.integers(-(1 << 63), (1 << 63) - 1)
scalars = st.none() | st.booleans() | int64s | st.floats() | texts | st.binary(max_size=40)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
attributes = st.dictionaries(keys, values, max_size=4)
counts = st.integers(0, 2**31)
times = st.integers(1, 1 << 62)
trace_ids = st.integers(1, (1 << 128) - 1)
span_ids = st.integers(1, (1 << 64) - 1)

span_events = st.builds(SpanEventRecord, name=texts, time_ns=times, attributes=attributes)
links = st.builds(LinkRecord, trace_id=trace_ids, span_id=span_ids, attributes=attributes)
scopes = st.builds(
    Scope, name=texts.filter(bool), version=texts, schema_url=st.sampled_from(["", "https://a/1"])
)
spans = st.builds(
    SpanRecord,
    name=texts,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_span_id=st.just(0) | span_ids,
    start_ns=times,
    end_ns=times,
    kind=st.integers(1, 5),
    flags=st.sampled_from([0, 1, 3, 0x101, 0x301]),
    trace_state=st.sampled_from(["", "a=b", "a=b,ot=th:8"]),
    attributes=attributes,
    events=st.lists(span_events, max_size=2),
    links=st.lists(links, max_size=2),
    status_code=st.integers(0, 2),
    status_message=texts,
    scope=scopes,
    resource=st.sampled_from([{"service.name": "a"}, {"service.name": "b", "n": 1}]),
)
events = st.builds(
    EventRecord,
    name=texts,
    time_ns=times,
    trace_id=st.just(0) | trace_ids,
    span_id=st.just(0) | span_ids,
    flags=st.integers(0, 3),
    severity=st.integers(1, 24),
    body=values,
    attributes=attributes,
    scope=scopes,
    resource=st.sampled_from([{"service.name": "a"}]),
    dropped_attributes=counts,
)


def traces(records):
    part, failed = encode("traces_protobuf", records)
    assert failed == 0
    return ExportTraceServiceRequest.FromString(part.body())


def stock_traces(records):
    made = []
    for record in records:
        scope = record.scope
        made.append(
            readable_span(
                record,
                Resource(record.resource),
                InstrumentationScope(scope.name, scope.version, scope.schema_url),
            )
        )
    return encode_spans(made)


def flat_spans(message):
    return [
        (resource.resource.SerializeToString(), scope.scope, scope.schema_url, found)
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for found in scope.spans
    ]


def without_what_stock_leaves_out(message):
    """The stock encoder leaves out the W3C flags and a link's trace state, and knows messages of errors only."""
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for found in scope.spans:
                found.flags = 0
                if found.status.code != 2:
                    found.status.message = ""
                for link in found.links:
                    link.flags = 0
    return message


def by_identity(message):
    return sorted(
        (entry[0], str(entry[1]), entry[2], entry[3].SerializeToString(deterministic=True))
        for entry in flat_spans(without_what_stock_leaves_out(message))
    )


@LIGHT
@given(st.lists(spans, min_size=1, max_size=4))
def test_spans_mean_what_the_stock_encoder_says(records):
    assert by_identity(stock_traces(records)) == by_identity(traces(records))


@LIGHT
@given(spans)
def test_flags_and_dropped_counts_are_kept(record):
    record.dropped_attributes, record.dropped_events, record.dropped_links = 1, 300, 70_000

    [(_, _, _, found)] = flat_spans(traces([record]))

    assert record.flags == found.flags
    assert (1, 300, 70_000) == (
        found.dropped_attributes_count,
        found.dropped_events_count,
        found.dropped_links_count,
    )


@LIGHT
@given(values)
def test_every_value_means_what_the_stock_encoder_says(value):
    [(_, _, _, found)] = flat_spans(traces([span(1, attributes={"k": value})]))

    expected = KeyValue(key="k", value=_encode_value(value))
    assert expected.SerializeToString() == found.attributes[0].SerializeToString()


@LIGHT
@given(st.lists(events, min_size=1, max_size=3))
def test_events_become_log_records(records):
    part, failed = encode("logs_protobuf", records)
    message = ExportLogsServiceRequest.FromString(part.body())
    found = [
        record
        for resource in message.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]

    assert failed == 0
    assert len(records) == len(found)
    by_name = sorted(records, key=lambda record: (record.name, record.time_ns, record.trace_id))
    found.sort(key=lambda record: (record.event_name, record.time_unix_nano, record.trace_id))
    for record, log in zip(by_name, found, strict=True):
        if [r.name for r in records].count(record.name) > 1:
            continue
        assert record.name == log.event_name
        assert record.time_ns == log.time_unix_nano == log.observed_time_unix_nano
        assert record.severity == log.severity_number
        assert record.flags == log.flags
        assert (record.trace_id.to_bytes(16, "big") if record.trace_id else b"") == log.trace_id
        assert (record.span_id.to_bytes(8, "big") if record.span_id else b"") == log.span_id
        assert _encode_value(record.body).SerializeToString() == log.body.SerializeToString()
        assert record.dropped_attributes == log.dropped_attributes_count
        assert len(record.attributes) == len(log.attributes)


def _ids_in_base64(node):
    if isinstance(node, list):
        return [_ids_in_base64(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: base64.b64encode(bytes.fromhex(value)).decode()
        if key in ("traceId", "spanId", "parentSpanId")
        else _ids_in_base64(value)
        for key, value in node.items()
    }


def _parsed(part, message):
    return json_format.ParseDict(_ids_in_base64(json.loads(part.body())), message())


@LIGHT
@given(st.lists(spans, min_size=1, max_size=3), st.lists(events, min_size=1, max_size=3))
def test_json_means_the_same_as_protobuf(span_records, event_records):
    for signal, records, message in (
        ("traces", span_records, ExportTraceServiceRequest),
        ("logs", event_records, ExportLogsServiceRequest),
    ):
        as_json, _ = encode(f"{signal}_json", records)
        as_protobuf, _ = encode(f"{signal}_protobuf", records)

        expected = message.FromString(as_protobuf.body())
        found = _parsed(as_json, message)

        assert str(expected) == str(found)  # as text: JSON does not know the sign of a NaN


@LIGHT
@given(st.lists(spans, min_size=2, max_size=6))
def test_halves_and_merging_keep_every_record(records):
    for encoding in ("traces_protobuf", "traces_json"):
        part, _ = encode(encoding, records)
        left, right = part.halves()
        items = sorted(item for group in part.groups for item in group.items)
        merged = Part.merged([left, right])

        assert left.count >= 1
        assert right.count >= 1
        assert part.count == left.count + right.count == merged.count
        assert items == sorted(item for group in merged.groups for item in group.items)
        assert part.body() == Part.load(b"".join(part.dump())).body()


def value_of(value):
    [(_, _, _, found)] = flat_spans(traces([span(1, attributes={"k": value})]))
    return found.attributes[0].value


def test_lone_surrogates_are_replaced():
    assert value_of("a\ud800b").string_value == "a\ufffdb"


def test_integers_beyond_64_bits_become_text():
    assert value_of(2**70).string_value == str(2**70)
    assert value_of(-(2**63) - 1).string_value == str(-(2**63) - 1)
    assert value_of(1 << 20_000).string_value == hex(1 << 20_000)


def test_nan_and_infinities_stay_numbers():
    assert math.isnan(value_of(math.nan).double_value)
    assert value_of(-math.inf).double_value == -math.inf


def test_cycles_end():
    loop = []
    loop.append(loop)
    loop_map = {}
    loop_map["again"] = [loop_map]

    assert value_of(loop).WhichOneof("value") == "array_value"
    assert value_of(loop_map).WhichOneof("value") == "kvlist_value"


def test_nodes_of_one_value_are_bounded():
    assert len(value_of(list(range(50_000))).array_value.values) == 10_000


def test_objects_that_are_no_value_are_named_only():
    class Secretive:
        def __repr__(self):
            raise RuntimeError("asked for its text")

    assert value_of(Secretive()) == AnyValue(string_value="<Secretive>")


def test_empty_batches_have_no_part():
    assert encode("logs_protobuf", [span(1)]) == (None, 0)
    assert encode("traces_protobuf", [event(1)]) == (None, 0)


def test_every_encoding_reads_back_what_it_dumped():
    for encoding in ENCODINGS:
        part, failed = encode(encoding, [span(1), event(1)])
        if part is not None:
            assert failed == 0
            assert Part.load(b"".join(part.dump())).body() == part.body()

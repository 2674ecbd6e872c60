"""Finishing and encoding in one walk gives the very bytes that doing one after the other gives."""

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs
from support.records import event, span

from agentops.events import ErrorEvent, LLMEvent, ToolEvent
from agentops.telemetry import protobuf
from agentops.telemetry.ambient import set_ambient
from agentops.telemetry.completion import Completion
from agentops.telemetry.config import ExporterConfig, LimitsConfig, TelemetryConfig
from agentops.telemetry.exporters.base import DELIVERED, Exporter
from agentops.telemetry.manager import TelemetryManager
from agentops.telemetry.masking import Masks
from agentops.telemetry.processors import Finisher
from agentops.telemetry.recording import REPEATED, call_event_record
from agentops.telemetry.records import LinkRecord, PlainMessages, SpanEventRecord
from agentops.telemetry.writing import Writer

KEY = "sk-proj-abcdefghijklmnopqrstuvwx"
LIMITS = [
    LimitsConfig(),
    LimitsConfig(attribute_bytes_max=100, attributes_max=80, nodes_max=6, depth_max=3),
    LimitsConfig(attributes_max=3, events_max=1, links_max=1),
]
MASKS = [(), ("a+b", KEY[:6]), (str.upper,), (lambda _: 1 / 0,)]

keys = st.sampled_from(
    [
        "session.id",
        "gen_ai.input.messages",
        "gen_ai.request.model",
        "error.type",
        "exception.message",
        "é" * 20,
        "k" * 300,
        "k" * 301,
    ]
) | st.text(max_size=6)
texts = st.sampled_from(
    [
        "",
        "stop",
        KEY,
        f'say "{KEY}" ',
        "x" * 47,
        "y" * 130,
        "z" * 5000,
        "é" * 60,
        "aab \ud800",
        "\n\x00",
    ]
) | st.text(max_size=60)
scalars = (
    texts
    | st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(0, 5000)
    | st.floats()
    | st.binary(max_size=9)
)
nested = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
values = (
    nested | st.lists(texts, max_size=18) | st.lists(st.sampled_from([1, 1.0, True]), max_size=2)
)
attributes = st.dictionaries(keys, values, max_size=8)
span_events = st.builds(SpanEventRecord, name=texts, time_ns=st.just(1), attributes=attributes)
links = st.builds(LinkRecord, trace_id=st.just(1), span_id=st.just(2), attributes=attributes)
spans = st.builds(
    span,
    st.just(1),
    name=texts,
    attributes=attributes,
    events=st.lists(span_events, max_size=2),
    links=st.lists(links, max_size=2),
    kind=st.integers(1, 5),
    flags=st.sampled_from([0, 1, 0x101]),
    parent_span_id=st.sampled_from([0, 7]),
    status_code=st.integers(0, 2),
    status_message=texts,
)
events = st.builds(event, st.just(1), name=texts, attributes=attributes, body=nested)


def pair_of(limits, mode, masks):
    return (
        Finisher(limits, mode, Masks(masks), keeps_events=False),
        Writer(limits, mode, Masks(masks)),
    )


settled = settings(max_examples=40, deadline=None)
wishes = (
    st.sampled_from(LIMITS),
    st.sampled_from(["full", "metadata", "none"]),
    st.sampled_from(MASKS),
)


@settled
@given(*wishes, st.lists(spans, max_size=4))
def test_a_written_span_is_the_finished_span_encoded(limits, mode, masks, records):
    finish, writer = pair_of(limits, mode, masks)
    for record in [*records, *deepcopy(records)]:
        expected = deepcopy(record)
        finish(expected)
        if writer.takes(record):
            writer.span(record)

            assert protobuf.span(expected) == record.encoded
            assert record.attributes == {}


parts = st.fixed_dictionaries({"type": st.just("text"), "content": texts}) | st.fixed_dictionaries(
    {
        "type": st.just("tool_call"),
        "name": texts,
        "arguments": texts
        | st.dictionaries(
            st.text(max_size=256),
            texts | st.none() | st.booleans() | st.integers(1 - 2**63, 2**63 - 1),
            max_size=3,
        ),
    }
)
plain_messages = st.lists(
    st.fixed_dictionaries(
        {"role": texts, "parts": st.lists(parts, max_size=3)}, optional={"finish_reason": texts}
    ),
    max_size=5,
)


@settled
@given(*wishes, plain_messages)
def test_plain_messages_are_written_as_any_list_is(limits, mode, masks, messages):
    _, writer = pair_of(limits, mode, masks)
    told = []
    for kind in (list, PlainMessages):
        record = span(1, attributes={"gen_ai.input.messages": kind(deepcopy(messages))})
        writer.span(record)
        told.append(record.encoded)

    assert told[0] == told[1]


@settled
@given(*wishes, st.lists(events, max_size=4))
def test_a_written_event_is_the_finished_event_encoded(limits, mode, masks, records):
    finish, writer = pair_of(limits, mode, masks)
    for record in [*records, *deepcopy(records)]:
        expected = deepcopy(record)
        finish(expected)
        writer.event(record)

        assert protobuf.event(expected) == (record.encoded or protobuf.event(record))


told = st.dictionaries(
    st.sampled_from(REPEATED), st.one_of(texts, st.integers(), st.lists(texts), nested)
)
calls = st.builds(
    span,
    st.just(1),
    attributes=told,
    start_ns=st.integers(0, 2**62),
    end_ns=st.integers(0, 2**62),
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
)


def as_told(encoded):
    """Return what a log record says, whatever the order of its attributes."""
    (record,) = ScopeLogs.FromString(encoded).log_records
    found = {each.key: each.value.SerializeToString() for each in record.attributes}
    assert len(found) == len(record.attributes)
    del record.attributes[:]
    return record.SerializeToString(), found


@settled
@given(st.sampled_from(LIMITS), st.sampled_from(["full", "metadata", "none"]), calls)
def test_a_written_event_of_a_call_is_the_finished_event_encoded(limits, mode, call):
    finish, writer = pair_of(limits, mode, [])
    if not (writer.writes_calls and writer.takes(call)):
        return
    expected = call_event_record(call, {}, keeps_event=False)
    finish(expected)

    record = writer.call_event(call, writer.span(call))

    assert as_told(protobuf.event(expected)) == as_told(record.encoded)


class Keeping(Exporter):
    """Keeps the bodies it is given."""

    name = "keeping"
    encodings = ("traces_protobuf", "logs_protobuf")

    def __init__(self):
        self.bodies = {}

    def export(self, batch, timeout_s):
        (part,) = batch.parts()
        self.bodies[part.encoding] = part.body()
        return DELIVERED


def told_by(limits=None, **settings):
    """Return what arrives of a call, a failed tool with an event and an event, but for ids and times."""
    keeping = Keeping()
    exporter = ExporterConfig(type="instance", instance=keeping, **settings)
    manager = TelemetryManager(
        TelemetryConfig(exporters=(exporter,), content_on="both", limits=limits or LimitsConfig())
    )
    context = set_ambient(Context(), {"session.id": "5e55", "agentops.tags": ["a", "b"]})
    start = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "server.address": "localhost",
    }
    call = manager.create_span("chat m", attributes=start, parent=context)
    told = {
        "gen_ai.request.model": "m" * 60,
        "gen_ai.usage.input_tokens": 70_000,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": KEY}]}],
        "agentops.cost.usd": 0.5,
    }
    manager.end_span(call, complete=lambda: Completion(attributes=told, is_model_call=True))
    step = manager.create_span("tool", attributes={"gen_ai.tool.name": "t"}, parent=context)
    made = Completion(events=[ToolEvent(name="t", params={"x": 1}), ErrorEvent(details="no")])
    manager.end_span(step, complete=lambda: made, error=ValueError("no"))
    manager.record(LLMEvent(prompt=[{"role": "user"}], completion="x", cost=0.1), context=context)
    assert manager.flush(30_000)
    manager.shutdown()
    spans = ExportTraceServiceRequest.FromString(keeping.bodies["traces_protobuf"]).resource_spans
    logs = ExportLogsServiceRequest.FromString(keeping.bodies["logs_protobuf"]).resource_logs
    return [
        (each.name, each.attributes, each.status, [event.name for event in each.events])
        for group in spans[0].scope_spans
        for each in group.spans
    ] + [
        (each.event_name, each.attributes, each.severity_number, each.body)
        for group in logs[0].scope_logs
        for each in group.log_records
    ]


def plain(records):
    varying = (
        "agentops.event.id",
        "agentops.event.start",
        "agentops.event.end",
        "agentops.event.duration_s",
    )
    return [
        (name, {a.key: str(a.value) for a in found if a.key not in varying}, *rest)
        for name, found, *rest in records
    ]


def test_spans_and_events_say_the_same_whichever_way_they_are_made():
    short, long = plain(told_by()), plain(told_by(content="full"))

    assert 6 == len(short)
    assert long == short


def test_an_event_beyond_the_limit_of_attributes_loses_none_that_it_may_keep():
    limits = LimitsConfig(attributes_max=64)

    assert plain(told_by(limits)) == plain(told_by(limits, content="full"))


@pytest.mark.parametrize(
    ("taken", "times"), [(("traces_protobuf",), 1), (("traces_protobuf", "logs_protobuf"), 2)]
)
def test_an_event_that_no_destination_takes_is_not_made(taken, times):
    seen = []

    def look(text):
        seen.append(text)
        return text

    keeping = Keeping()
    keeping.encodings = taken
    exporter = ExporterConfig(type="instance", instance=keeping)
    manager = TelemetryManager(
        TelemetryConfig(exporters=(exporter,), content_on="both", mask=(look,))
    )
    told = {"gen_ai.input.messages": [{"role": "user", "parts": [{"content": "asked"}]}]}
    call = manager.create_span("chat m")
    manager.end_span(call, complete=lambda: Completion(attributes=told, is_model_call=True))
    step = manager.create_span("tool", attributes={"gen_ai.tool.name": "t"})
    made = Completion(events=[ErrorEvent(details="failed")])
    manager.end_span(step, complete=lambda: made)
    manager.record(ToolEvent(name="t", params="by hand"))
    assert manager.flush(30_000)
    manager.shutdown()

    assert times == seen.count("asked")
    assert times - 1 == seen.count("failed") == seen.count("by hand")
    assert set(taken) == set(keeping.bodies)


def test_what_is_remembered_is_bounded():
    writer = Writer(LimitsConfig(), "full", Masks())
    for number in range(3000):
        writer.span(span(number, attributes={f"key {number}": "x", "id": f"{number}"}))

    assert len(writer._keys) <= 1024
    assert len(writer._keys["id"].pairs) <= 64
    for number in range(100):
        writer.event(event(number, attributes={"params": {"x": number}, "mixed": ["a", 1]}))
    assert writer._nested == []

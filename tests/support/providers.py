"""What provider tests share: a manager that resolves completions at once, and servers at the wire."""

import json
import time

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentops.pricing import Prices
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.pending import Place
from agentops.telemetry.provider import global_provider
from agentops.telemetry.recording import call_event_record
from agentops.telemetry.records import SpanRecord


class Ended:
    """A span that ended, with everything its completion brought."""

    def __init__(self, span, completion, error):
        self.span = span
        self.completion = completion
        self.name = span.name
        self.kind = span.kind
        self.attributes = {
            **span.attributes,
            **{k: v for k, v in completion.attributes.items() if v is not None},
        }
        self.events = [*completion.events, *_event_of_call(self)]
        self.measurements = list(completion.measurements)
        self.error = error
        self.fault = completion.error

    def __getitem__(self, name):
        return self.attributes[name]


def _event_of_call(ended):
    if not ended.completion.is_model_call:
        return []
    record = SpanRecord("", 1, 2, 0, 0, 0, attributes=ended.attributes)
    return [call_event_record(record, {}, keeps_event=True).event]


class DirectManager:
    """Stands where the telemetry manager stands; completes each call when its span ends.

    With ``is_late`` spans are made after their end, as they are where nobody looks at them before.
    """

    def __init__(self, content_mode="full", *, is_late=True, stream_usage=False):
        self.is_late = is_late
        self.content_mode = content_mode
        self.priced_hosts = ()
        self.config = TelemetryConfig(stream_usage=stream_usage)
        self.prices = Prices()
        self.exporter = InMemorySpanExporter()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.ended = []

    def create_span(self, name, *, kind=trace.SpanKind.INTERNAL, attributes=None, parent=None, **_):
        tracer = self.tracer_provider.get_tracer("agentops")
        return tracer.start_span(name, context=parent, kind=kind, attributes=attributes)

    def end_span(self, span, *, complete=None, error=None, end_ns=None):
        self.ended.append(Ended(span, complete(), error))
        span.end(end_ns)

    def note_place(self, provider, address, context):
        if not self.is_late or self.tracer_provider is global_provider():
            return None
        return Place(context, None, {}, None, time.time_ns(), time.monotonic_ns())

    def create_span_at(self, place, name, kind, attributes):
        tracer = self.tracer_provider.get_tracer("agentops")
        start = place.start_ns
        return tracer.start_span(
            name, context=place.context, kind=kind, attributes=attributes, start_time=start
        )

    def end_late(self, span, weight_bytes):
        assert weight_bytes > 0
        _, completion = span.ended()
        self.ended.append(Ended(self._made, completion, None))
        self._made.end()

    def record_at(self, place, name, attributes, ended_ns):
        assert place.began_ns < ended_ns <= time.monotonic_ns()
        self._made = self.create_span_at(place, name, trace.SpanKind.CLIENT, attributes)
        return SpanRecord(name, 1, 2, 0, 0, 0, attributes=dict(attributes))

    def record(self, event, *, span=None, context=None):
        return event


def sse(*events):
    """Return server-sent events; a pair is (event name, data), a text is sent as it is."""
    lines = []
    for event in events:
        name, data = event if isinstance(event, tuple) else ("", event)
        text = data if isinstance(data, str) else json.dumps(data)
        lines.append((f"event: {name}\n" if name else "") + f"data: {text}\n\n")
    return "".join(lines).encode()

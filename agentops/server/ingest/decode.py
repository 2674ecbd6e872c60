"""How do OTLP requests become rows? Protobuf or JSON in, rows and the count of what was refused out.

A request that cannot be read at all is refused; inside a request every span and log record is judged
on its own.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from agentops.clock import now_ns
from agentops.server.ingest import otlp_json
from agentops.server.ingest.limits import IngestLimits
from agentops.server.ingest.mapping import fill_event, fill_span
from agentops.server.ingest.refusal import Refusal
from agentops.server.ingest.values import (
    TIME_MAX_NS,
    TIME_MIN_NS,
    Attributes,
    BadRecord,
    Value,
    Wire,
    json_text,
    read_attributes,
    read_value,
    text_of,
)
from agentops.server.ingest.wire import WireError, count_records, repair_text, scan
from agentops.server.rows import EventRow, Row, SpanEvent, SpanLink, SpanRow

__all__ = ["Decoded", "decode_logs", "decode_metrics", "decode_traces"]

_KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES: Final = ("unset", "ok", "error")
_PROTOBUF_DEPTH_MAX: Final = 100
_REASONS_MAX: Final = 3


class Decoded:
    """What one request held.

    Attributes:
        rows: Everything that can be kept.
        rejected: How many spans, log records or data points were refused.
        reasons: Up to three different reasons, in words.
    """

    __slots__ = ("reasons", "rejected", "rows")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.rejected = 0
        self.reasons: list[str] = []

    def reject(self, reason: str) -> None:
        """Count one refused record."""
        self.rejected += 1
        if reason not in self.reasons and len(self.reasons) < _REASONS_MAX:
            self.reasons.append(reason)

    @property
    def message(self) -> str:
        """The reasons as one sentence for the sender; ``""`` when nothing was refused."""
        return "; ".join(self.reasons)


class _Origin:
    """The resource and scope that records share, read once."""

    __slots__ = ("project_id", "resource", "scope_name", "scope_version", "service_name")

    def __init__(self, project_id: str, resource: Attributes) -> None:
        self.project_id = project_id
        self.resource = resource
        self.service_name = resource.texts.get("service.name", "")
        self.scope_name = ""
        self.scope_version = ""


def decode_traces(data: bytes, *, is_json: bool, limits: IngestLimits, project_id: str) -> Decoded:
    """Decode an ``ExportTraceServiceRequest``.

    Raises:
        Refusal: 400, the bytes are no such request; 413, it holds too many spans.
    """
    if is_json:
        request = otlp_json.read_traces(data)
    else:
        request = _parse(ExportTraceServiceRequest, data, limits)
    decoded = Decoded()
    for group in request.resource_spans or ():
        origin = _origin(group.resource, project_id, limits)
        for scoped in group.scope_spans or ():
            _enter_scope(origin, scoped.scope)
            _decode_each(scoped.spans or (), _span_row, origin, limits, decoded)
    return decoded


def decode_logs(data: bytes, *, is_json: bool, limits: IngestLimits, project_id: str) -> Decoded:
    """Decode an ``ExportLogsServiceRequest``.

    Raises:
        Refusal: 400, the bytes are no such request; 413, it holds too many records.
    """
    if is_json:
        request = otlp_json.read_logs(data)
    else:
        request = _parse(ExportLogsServiceRequest, data, limits)
    decoded = Decoded()
    for group in request.resource_logs or ():
        origin = _origin(group.resource, project_id, limits)
        for scoped in group.scope_logs or ():
            _enter_scope(origin, scoped.scope)
            _decode_each(scoped.log_records or (), _event_row, origin, limits, decoded)
    return decoded


def decode_metrics(
    data: bytes,
    *,
    is_json: bool,
    limits: IngestLimits,
    project_id: str,  # noqa: ARG001
) -> Decoded:
    """Count the data points of an ``ExportMetricsServiceRequest``: metrics are not stored yet.

    Raises:
        Refusal: 400, the bytes are no such request.
    """
    decoded = Decoded()
    if is_json:
        decoded.rejected = otlp_json.count_data_points(data)
    else:
        request = _parse(ExportMetricsServiceRequest, data, limits)
        decoded.rejected = sum(
            len(getattr(metric, kind).data_points)
            for group in request.resource_metrics
            for scoped in group.scope_metrics
            for metric in scoped.metrics
            if (kind := metric.WhichOneof("data"))
        )
    if decoded.rejected:
        decoded.reasons.append("this backend does not store metrics; traces and logs are stored")
    return decoded


def _parse(kind: Wire, data: bytes, limits: IngestLimits) -> Wire:
    try:
        if count_records(data) > limits.records_max:
            raise Refusal(413, f"a request may hold at most {limits.records_max} records")
        if len(data) >= limits.scan_bytes_min:
            scan(data, kind.DESCRIPTOR, limits.elements_max, _PROTOBUF_DEPTH_MAX)
        try:
            return kind.FromString(data)
        except DecodeError:
            return kind.FromString(repair_text(data, kind.DESCRIPTOR))
    except (DecodeError, WireError) as error:
        raise Refusal(400, f"the body is not a valid {kind.__name__}: {str(error)[:200]}") from None


def _origin(resource: Wire, project_id: str, limits: IngestLimits) -> _Origin:
    try:
        return _Origin(
            project_id, read_attributes((resource and resource.attributes) or (), limits)
        )
    except BadRecord as error:
        raise Refusal(400, f"resource: {error}") from None


def _enter_scope(origin: _Origin, scope: Wire) -> None:
    origin.scope_name = (scope and scope.name) or ""
    origin.scope_version = (scope and scope.version) or ""


def _decode_each(
    records: Iterable[Wire],
    to_row: Callable[[Wire, _Origin, IngestLimits], Row],
    origin: _Origin,
    limits: IngestLimits,
    decoded: Decoded,
) -> None:
    for record in records:
        try:
            row = to_row(record, origin, limits)
            if row.attributes.get("logfire.span_type") != "pending_span":
                decoded.rows.append(row)  # the other kind announces a span that will come by itself
        except BadRecord as error:
            decoded.reject(str(error))


def _id(value: bytes, size: int, name: str) -> str:
    """Return an id as hex text, or say what is wrong with it."""
    if len(value) != size or not any(value):
        raise BadRecord(f"{name} {value[:32].hex()!r} is not {size} bytes or all zero")
    return value.hex()


def _optional_id(value: bytes, size: int) -> str:
    return value.hex() if len(value) == size and any(value) else ""


def _enum(value: Wire, names: tuple[str, ...]) -> str:
    """Return the name of an enum given by number, or by its protobuf name as some senders do."""
    if isinstance(value, str):
        tail = value.rsplit("_", 1)[-1].lower()
        return tail if tail in names else names[0]
    return names[value] if value and 0 <= value < len(names) else names[0]


def _span_row(span: Wire, origin: _Origin, limits: IngestLimits) -> SpanRow:
    if type(span).__name__ == "Raw":
        span = otlp_json.read_record(span, is_span=True)
    trace_id = _id(span.trace_id, 16, "trace_id")
    span_id = _id(span.span_id, 8, "span_id")
    start_ns, end_ns = _times(span.start_time_unix_nano or 0, span.end_time_unix_nano or 0)
    read = read_attributes(span.attributes or (), limits)
    events, event_values = _events(span, limits)
    links = _links(span, limits)
    row = SpanRow(
        project_id=origin.project_id,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=_optional_id(span.parent_span_id, 8),
        trace_state=(span.trace_state or "")[:1024],
        flags=(span.flags or 0) & 0xFFFFFFFF,
        name=(span.name or "")[: limits.key_chars_max],
        kind=_enum(span.kind, _KINDS),
        start_ns=start_ns,
        end_ns=end_ns,
        status_code=_enum(span.status.code, _STATUSES),
        status_message=(span.status.message or "")[: limits.value_chars_max],
        service_name=origin.service_name,
        scope_name=origin.scope_name,
        scope_version=origin.scope_version,
        resource_attributes=origin.resource.texts,
        attributes=read.texts,
        attribute_types=read.types,
        dropped_attributes=_count(span.dropped_attributes_count) + read.dropped,
        dropped_events=_count(span.dropped_events_count)
        + max(0, len(span.events or ()) - limits.events_max),
        dropped_links=_count(span.dropped_links_count)
        + max(0, len(span.links or ()) - limits.links_max),
        events=events,
        links=links,
    )
    fill_span(row, read.values, event_values, origin.resource.values)
    return row


def _count(value: int | None) -> int:
    return min(max(value or 0, 0), 0xFFFFFFFF)


def _times(start_ns: int, end_ns: int) -> tuple[int, int]:
    """Return start and end in order; a span without an end has not ended and lasts nothing."""
    if not start_ns:
        start_ns = end_ns or now_ns()
    if not TIME_MIN_NS <= start_ns <= TIME_MAX_NS or end_ns > TIME_MAX_NS:
        raise BadRecord(f"a time outside the years 2000 to 2099: {start_ns} to {end_ns}")
    return start_ns, max(start_ns, end_ns)


def _events(span: Wire, limits: IngestLimits) -> tuple[list[SpanEvent], list[dict[str, Value]]]:
    """Return the events of a span as rows, and their attribute values beside them."""
    rows: list[SpanEvent] = []
    values: list[dict[str, Value]] = []
    for event in (span.events or ())[: limits.events_max]:
        read = read_attributes(event.attributes or (), limits)
        time_ns = min(max(event.time_unix_nano or 0, 0), TIME_MAX_NS)
        rows.append(SpanEvent(time_ns, event.name or "", json_text(read.values)))
        values.append(read.values)
    return rows, values


def _links(span: Wire, limits: IngestLimits) -> list[SpanLink]:
    rows: list[SpanLink] = []
    for link in (span.links or ())[: limits.links_max]:
        read = read_attributes(link.attributes or (), limits)
        trace_id, span_id = _optional_id(link.trace_id, 16), _optional_id(link.span_id, 8)
        if trace_id and span_id:
            rows.append(SpanLink(trace_id, span_id, json_text(read.values)))
    return rows


def _event_row(record: Wire, origin: _Origin, limits: IngestLimits) -> EventRow:
    if type(record).__name__ == "Raw":
        record = otlp_json.read_record(record, is_span=False)
    read = read_attributes(record.attributes or (), limits)
    body = read_value(record.body, limits.depth_max)
    time_ns = record.time_unix_nano or record.observed_time_unix_nano or now_ns()
    if not TIME_MIN_NS <= time_ns <= TIME_MAX_NS:
        raise BadRecord(f"a time outside the years 2000 to 2099: {time_ns}")
    row = EventRow(
        project_id=origin.project_id,
        event_id="",
        trace_id=_optional_id(record.trace_id, 16),
        span_id=_optional_id(record.span_id, 8),
        event_name=record.event_name or "",
        time_ns=time_ns,
        severity=_severity(record.severity_number),
        body="" if body is None else body if isinstance(body, str) else text_of(body),
        service_name=origin.service_name,
        scope_name=origin.scope_name,
        resource_attributes=origin.resource.texts,
        attributes=read.texts,
        attribute_types=read.types,
    )
    fill_event(row, read.values, origin.resource.values)
    if not row.event_id:
        row.event_id = _content_id(row)
    return row


def _severity(value: Wire) -> int:
    return value if isinstance(value, int) and 0 <= value <= 24 else 0


def _content_id(row: EventRow) -> str:
    """Make an identity from what a record says, so that a resent one is known again."""
    said = (row.time_ns, row.trace_id, row.span_id, row.event_name, row.body, row.scope_name)
    content = json_text([*said, row.service_name, row.attributes])
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

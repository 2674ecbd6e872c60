"""How is OTLP/JSON read? As structs that look like the protobuf messages, so that one decoder walks both.

Mapping of the OTLP specification, "JSON Protobuf Encoding": ids are hex text, 64-bit numbers are
numbers or text, ``null`` means unset, unknown fields are ignored, names are lowerCamelCase. Each span
and log record is read on its own, so that a bad one does not take its neighbours along.
"""

from typing import Final

import msgspec

from agentops.server.ingest.documents import read_json, repair
from agentops.server.ingest.values import BadRecord, Wire

__all__ = ["count_data_points", "read_logs", "read_record", "read_traces"]


class _Struct(msgspec.Struct, rename="camel", gc=False):
    pass


class _Array(_Struct):
    values: "list[_AnyValue] | None" = None


class _Map(_Struct):
    values: "list[_KeyValue] | None" = None


class _AnyValue(_Struct):
    string_value: str | None = None
    int_value: int | None = None
    double_value: float | str | None = None
    bool_value: bool | None = None
    bytes_value: bytes | None = None
    array_value: _Array | None = None
    kvlist_value: _Map | None = None

    def WhichOneof(self, _: str) -> str | None:
        """Return the name of the field that is set, as a protobuf message does."""
        if self.string_value is not None:
            return "string_value"
        for name in _KINDS:
            if getattr(self, name) is not None:
                return name
        return None


_KINDS: Final = tuple(name for name in _AnyValue.__struct_fields__ if name != "string_value")
_EMPTY: Final = _AnyValue()


class _KeyValue(_Struct):
    key: str = ""
    wire_value: _AnyValue | None = msgspec.field(default=None, name="value")

    @property
    def value(self) -> _AnyValue:
        """The value; an empty one where none was sent."""
        return self.wire_value or _EMPTY


class _Resource(_Struct):
    attributes: list[_KeyValue] | None = None
    dropped_attributes_count: int | None = 0


class _Scope(_Struct):
    name: str | None = ""
    version: str | None = ""
    attributes: list[_KeyValue] | None = None


class _Status(_Struct):
    message: str | None = ""
    code: int | str | None = 0


class _Event(_Struct):
    time_unix_nano: int | None = 0
    name: str | None = ""
    attributes: list[_KeyValue] | None = None
    dropped_attributes_count: int | None = 0


class _Identified(_Struct):
    hex_trace_id: str | None = msgspec.field(default=None, name="traceId")
    hex_span_id: str | None = msgspec.field(default=None, name="spanId")

    @property
    def trace_id(self) -> bytes:
        """The trace id as bytes, whatever their number."""
        return _unhex(self.hex_trace_id)

    @property
    def span_id(self) -> bytes:
        """The span id as bytes, whatever their number."""
        return _unhex(self.hex_span_id)


class _Link(_Identified):
    trace_state: str | None = ""
    attributes: list[_KeyValue] | None = None
    dropped_attributes_count: int | None = 0
    flags: int | None = 0


class _Span(_Identified):
    hex_parent_span_id: str | None = msgspec.field(default=None, name="parentSpanId")
    trace_state: str | None = ""
    flags: int | None = 0
    name: str | None = ""
    kind: int | str | None = 0
    start_time_unix_nano: int | None = 0
    end_time_unix_nano: int | None = 0
    attributes: list[_KeyValue] | None = None
    dropped_attributes_count: int | None = 0
    events: list[_Event] | None = None
    dropped_events_count: int | None = 0
    links: list[_Link] | None = None
    dropped_links_count: int | None = 0
    wire_status: _Status | None = msgspec.field(default=None, name="status")

    @property
    def parent_span_id(self) -> bytes:
        """The parent's id as bytes, whatever their number."""
        return _unhex(self.hex_parent_span_id)

    @property
    def status(self) -> _Status:
        """The status; unset where none was sent."""
        return self.wire_status or _UNSET


_UNSET: Final = _Status()


class _LogRecord(_Identified):
    time_unix_nano: int | None = 0
    observed_time_unix_nano: int | None = 0
    severity_number: int | str | None = 0
    severity_text: str | None = ""
    wire_body: _AnyValue | None = msgspec.field(default=None, name="body")
    attributes: list[_KeyValue] | None = None
    dropped_attributes_count: int | None = 0
    flags: int | None = 0
    event_name: str | None = ""

    @property
    def body(self) -> _AnyValue:
        """The body; an empty value where none was sent."""
        return self.wire_body or _EMPTY


class _ScopeSpans(_Struct):
    scope: _Scope | None = None
    spans: list[msgspec.Raw] | None = None


class _ResourceSpans(_Struct):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None


class _TraceRequest(_Struct):
    resource_spans: list[_ResourceSpans] | None = None


class _ScopeLogs(_Struct):
    scope: _Scope | None = None
    log_records: list[msgspec.Raw] | None = None


class _ResourceLogs(_Struct):
    resource: _Resource | None = None
    scope_logs: list[_ScopeLogs] | None = None


class _LogsRequest(_Struct):
    resource_logs: list[_ResourceLogs] | None = None


_TRACES: Final = msgspec.json.Decoder(_TraceRequest, strict=False)
_LOGS: Final = msgspec.json.Decoder(_LogsRequest, strict=False)
_SPAN: Final = msgspec.json.Decoder(_Span, strict=False)
_LOG: Final = msgspec.json.Decoder(_LogRecord, strict=False)


def _unhex(text: str | None) -> bytes:
    try:
        return bytes.fromhex(text) if text else b""
    except ValueError:
        raise BadRecord(f"id {text[:64]!r} is not hexadecimal" if text else "no id") from None


def read_traces(data: bytes) -> Wire:
    """Read an OTLP/JSON trace export request; the spans inside are still text.

    Raises:
        Refusal: 400, the body is not JSON, too deep, or not such a request.
    """
    return read_json(data, _TRACES)


def read_logs(data: bytes) -> Wire:
    """Read an OTLP/JSON logs export request; the records inside are still text.

    Raises:
        Refusal: 400, the body is not JSON, too deep, or not such a request.
    """
    return read_json(data, _LOGS)


def read_record(raw: Wire, *, is_span: bool) -> Wire:
    """Read one span or log record of a request.

    Raises:
        BadRecord: It is JSON but not such a record.
    """
    decoder = _SPAN if is_span else _LOG
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        if isinstance(error, msgspec.ValidationError):
            raise BadRecord(str(error)[:200]) from None
    try:
        return decoder.decode(repair(bytes(raw)))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRecord(str(error)[:200]) from None


class _Points(_Struct):
    data_points: list[msgspec.Raw] | None = None


class _Metric(_Struct):
    gauge: _Points | None = None
    sum: _Points | None = None
    histogram: _Points | None = None
    exponential_histogram: _Points | None = None
    summary: _Points | None = None


class _ScopeMetrics(_Struct):
    metrics: list[_Metric] | None = None


class _ResourceMetrics(_Struct):
    scope_metrics: list[_ScopeMetrics] | None = None


class _MetricsRequest(_Struct):
    resource_metrics: list[_ResourceMetrics] | None = None


_METRICS: Final = msgspec.json.Decoder(_MetricsRequest, strict=False)


def count_data_points(data: bytes) -> int:
    """Return how many data points an OTLP/JSON metrics request holds.

    Raises:
        Refusal: 400, the body is not JSON, too deep, or not such a request.
    """
    return sum(
        len(points.data_points or ())
        for group in read_json(data, _METRICS).resource_metrics or ()
        for scoped in group.scope_metrics or ()
        for metric in scoped.metrics or ()
        for points in (getattr(metric, name) for name in _Metric.__struct_fields__)
        if points is not None
    )

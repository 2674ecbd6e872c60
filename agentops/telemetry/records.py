"""What travels down the street? Spans and events as the pipeline's worker sees them.

Telemetry floor. A record is made on the pipeline's worker from a span that ended or an event that was
recorded; processors change it in place; the encoder reads it. Ids are integers as in OpenTelemetry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from agentops.events import Event

__all__ = [
    "INT_MAX",
    "KEY_MAX",
    "MESSAGE_VALUES_MAX",
    "AnyValue",
    "EventRecord",
    "LinkRecord",
    "PlainMessages",
    "Record",
    "Scope",
    "SpanEventRecord",
    "SpanRecord",
]

AnyValue: TypeAlias = object
"""An OTLP AnyValue: None, bool, int, float, str, bytes, sequence of AnyValue, mapping of str to AnyValue."""


class PlainMessages(list[dict[str, AnyValue]]):
    """Messages with nothing in them but what JSON has, in dicts and lists of ours: nobody has to look before they are written.

    Each is ``{"role": str, "parts": [{...}], "finish_reason"?: str}``. Its parts hold texts, and the arguments of a
    call: a flat dict with short keys, of texts, 64-bit integers, booleans and ``None``. With all its keys it has at
    most :data:`MESSAGE_VALUES_MAX` values.
    """

    __slots__ = ()


INT_MAX: Final = 2**63 - 1
"""Largest integer that OTLP carries; the smallest one taken is its negative."""

KEY_MAX: Final = 256
"""Characters of a key inside a nested value."""

MESSAGE_VALUES_MAX: Final = 32
"""Values in a message of :class:`PlainMessages`, itself and what holds others counted too."""


@dataclass(slots=True, frozen=True)
class Scope:
    """The instrumentation scope a record comes from."""

    name: str
    version: str = ""
    schema_url: str = ""


@dataclass(slots=True)
class SpanEventRecord:
    """A point in time inside a span."""

    name: str
    time_ns: int
    attributes: dict[str, AnyValue] = field(default_factory=dict)
    dropped_attributes: int = 0


@dataclass(slots=True)
class LinkRecord:
    """A reference from a span to another span."""

    trace_id: int
    span_id: int
    trace_state: str = ""
    flags: int = 0
    attributes: dict[str, AnyValue] = field(default_factory=dict)
    dropped_attributes: int = 0


@dataclass(slots=True)
class SpanRecord:
    """A span that ended.

    Attributes:
        kind: OTLP number: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
        flags: W3C trace flags in bits 0-7, bits 8-9 as OTLP defines them (parent is remote).
        parent_span_id: 0 for a root.
        status_code: OTLP number: 0 unset, 1 ok, 2 error.
        session_id: Session the span belongs to, or ``""``.
        encoded: The finished span as OTLP protobuf, where it was finished and encoded in one walk; then it has
            no attributes any more. Empty: it is encoded from its fields.
        resource: Resource attributes; shared by all spans of a provider, never changed in place.
    """

    name: str
    trace_id: int
    span_id: int
    parent_span_id: int
    start_ns: int
    end_ns: int
    kind: int = 1
    flags: int = 0
    trace_state: str = ""
    attributes: dict[str, AnyValue] = field(default_factory=dict)
    events: Sequence[SpanEventRecord] = ()
    links: Sequence[LinkRecord] = ()
    status_code: int = 0
    status_message: str = ""
    scope: Scope = Scope("agentops")
    resource: Mapping[str, AnyValue] = field(default_factory=dict)
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0
    session_id: str = ""
    encoded: bytes = b""


@dataclass(slots=True)
class EventRecord:
    """An event on its way out: an OTel log record on OTLP destinations, an AgentOps event on AgentOps ones.

    Attributes:
        name: OTel ``event_name``: ``agentops.llm``, ``agentops.action``, ``session.start`` ...
        severity: OTel severity number; 9 is INFO, 17 ERROR.
        body: Free value; ``None`` when everything stands in the attributes.
        event: The AgentOps event it carries, for AgentOps destinations; ``None`` for a bridged log record.
        encoded: As of :class:`SpanRecord`.
    """

    name: str
    time_ns: int
    trace_id: int = 0
    span_id: int = 0
    flags: int = 0
    severity: int = 9
    body: AnyValue = None
    attributes: dict[str, AnyValue] = field(default_factory=dict)
    event: Event | None = None
    scope: Scope = Scope("agentops")
    resource: Mapping[str, AnyValue] = field(default_factory=dict)
    dropped_attributes: int = 0
    session_id: str = ""
    encoded: bytes = b""


Record: TypeAlias = SpanRecord | EventRecord

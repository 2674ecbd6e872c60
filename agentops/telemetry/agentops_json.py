"""How does an event become AgentOps v2 JSON? Telemetry floor; for AgentOps destinations."""

import json
from collections.abc import Mapping, Sequence, Set

from agentops import semconv
from agentops.clock import iso_from_ns
from agentops.events import ErrorEvent, Event
from agentops.telemetry.protobuf import DEPTH_MAX, NODES_MAX, clean_text
from agentops.telemetry.records import EventRecord, Record

__all__ = ["event", "session", "tells_session"]


def event(value: EventRecord) -> bytes:
    """Return the event of ``value`` as one JSON object, as ``POST /v2/create_events`` takes it."""
    source = value.event
    if source is None:
        raise ValueError("the record carries no AgentOps event")
    fields = {
        name: content for name, content in source.to_fields().items() if name != "trigger_event"
    }
    if isinstance(source, ErrorEvent):
        fields |= _trigger_fields(source)
    fields["session_id"] = value.session_id
    plain = _plain(fields, DEPTH_MAX, [NODES_MAX])
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode()


def tells_session(record: Record) -> bool:
    """Return whether a record says that a session started or ended."""
    names = (semconv.EVENT_SESSION_START, semconv.EVENT_SESSION_END)
    return isinstance(record, EventRecord) and record.name in names and bool(record.session_id)


def session(value: EventRecord) -> bytes:
    """Return what a session's start or end tells, as fields of ``POST /v2/create_session``."""
    told = value.attributes
    at = iso_from_ns(value.time_ns)
    is_end = value.name == semconv.EVENT_SESSION_END
    fields = {
        "session_id": value.session_id,
        "end_timestamp" if is_end else "init_timestamp": at,
        "end_state": told.get(semconv.AGENTOPS_SESSION_END_STATE) or "Indeterminate",
        "end_state_reason": told.get(semconv.AGENTOPS_SESSION_END_REASON),
        "tags": told.get(semconv.AGENTOPS_TAGS) or [],
    }
    plain = _plain(fields, DEPTH_MAX, [NODES_MAX])
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False).encode()


def _trigger_fields(source: ErrorEvent) -> dict[str, object]:
    trigger: Event | None = source.trigger_event
    return {
        "timestamp": source.timestamp,
        "trigger_event_id": None if trigger is None else trigger.id,
        "trigger_event_type": None if trigger is None else trigger.event_type,
    }


def _plain(value: object, depth: int, budget: list[int]) -> object:
    """Return ``value`` as JSON types: depth and number of elements bounded, other objects by their text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None  # JSON has no NaN and no infinity
    if isinstance(value, str):
        return clean_text(value).decode()
    if isinstance(value, Mapping):
        return _mapping(value, depth, budget) if depth else "..."
    if isinstance(value, (Sequence, Set)) and not isinstance(value, (bytes, bytearray, memoryview)):
        return _elements(value, depth, budget) if depth else "..."
    return clean_text(str(value)).decode()


def _mapping(value: Mapping[object, object], depth: int, budget: list[int]) -> dict[str, object]:
    out: dict[str, object] = {}
    for key, content in value.items():
        if budget[0] <= 0:
            break
        budget[0] -= 1
        out[clean_text(str(key)).decode()] = _plain(content, depth - 1, budget)
    return out


def _elements(value: Sequence[object] | Set[object], depth: int, budget: list[int]) -> list[object]:
    out: list[object] = []
    for content in value:
        if budget[0] <= 0:
            break
        budget[0] -= 1
        out.append(_plain(content, depth - 1, budget))
    return out

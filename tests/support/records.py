"""Records with fixed ids for tests below the manager."""

from agentops.telemetry.records import EventRecord, Scope, SpanRecord

__all__ = ["RESOURCE", "event", "span"]

RESOURCE = {"service.name": "test"}
_START_NS = 1_700_000_000_000_000_000


def span(number, **fields):
    """Return the span ``s{number}``, 1 ms long."""
    return SpanRecord(
        **{
            "name": f"s{number}",
            "trace_id": 0xA0 + number,
            "span_id": 0xB0 + number,
            "parent_span_id": 0,
            "start_ns": _START_NS,
            "end_ns": _START_NS + 1_000_000,
            "attributes": {"number": number},
            "resource": RESOURCE,
            **fields,
        }
    )


def event(number, **fields):
    """Return the event ``e{number}``."""
    return EventRecord(
        **{
            "name": f"e{number}",
            "time_ns": _START_NS,
            "trace_id": 0xA0 + number,
            "span_id": 0xB0 + number,
            "scope": Scope("agentops"),
            "resource": RESOURCE,
            "session_id": "5e55",
            **fields,
        }
    )

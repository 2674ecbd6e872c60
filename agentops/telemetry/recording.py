"""How does what the caller left become records? Telemetry floor; runs on the worker.

A span that ended becomes a :class:`SpanRecord` and the records of the events of its completion; an
event becomes an :class:`EventRecord`. Values are still as the program gave them: processors clean,
hide and limit them afterwards.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import StatusCode

from agentops import __version__, semconv
from agentops.clock import iso_from_ns, now_ns
from agentops.events import Event, EventType, LLMEvent
from agentops.guard import guarded
from agentops.telemetry.completion import Completion
from agentops.telemetry.content import CONTENT_FIELDS, event_with, is_content_field
from agentops.telemetry.pending import PendingEvent
from agentops.telemetry.records import (
    AnyValue,
    EventRecord,
    Scope,
    SpanEventRecord,
    SpanRecord,
)
from agentops.telemetry.spans import DeferredSpan, link_record, wire_flags

__all__ = [
    "EVENT_DURATION",
    "EVENT_END",
    "EVENT_START",
    "OWN_SCOPE",
    "REPEATED",
    "call_event_frame",
    "call_event_id",
    "call_event_record",
    "complete_record",
    "completed_event_record",
    "copied_attributes",
    "duration_s",
    "event_record",
    "span_record",
    "take_completion",
]

_EVENT_NAMES: Final = {
    EventType.LLM.value: semconv.EVENT_AGENTOPS_LLM,
    EventType.ACTION.value: semconv.EVENT_AGENTOPS_ACTION,
    EventType.TOOL.value: semconv.EVENT_AGENTOPS_TOOL,
    EventType.ERROR.value: semconv.EVENT_AGENTOPS_ERROR,
}
OWN_SCOPE: Final = Scope("agentops", __version__, semconv.SCHEMA_URL)
"""Who makes the spans of calls and the events: this package."""

_ERROR: Final = 2
_UNSET: Final = StatusCode.UNSET
_SEVERITY_INFO: Final = 9
_SEVERITY_ERROR: Final = 17


def take_completion(span: ReadableSpan) -> Completion | None:
    """Call a span's completion, once; ``None`` if it has none or it failed."""
    if not isinstance(span, DeferredSpan):
        return None
    complete, span.completion = span.completion, None
    if complete is not None:
        with guarded("completing a span"):
            return complete()
    return None


def span_record(span: ReadableSpan, completion: Completion | None) -> SpanRecord:
    """Return the record of a span that ended, its completion's attributes merged in."""
    record = span.to_record() if isinstance(span, DeferredSpan) else _stock_record(span)
    complete_record(record, completion)
    return record


def complete_record(record: SpanRecord, completion: Completion | None) -> None:
    """Merge a completion into the record of its span."""
    attributes = record.attributes
    if completion is not None:
        attributes.update(completion.attributes)
        if completion.error is not None and not record.status_code:
            record.status_code, record.status_message = _ERROR, completion.error
    if semconv.SESSION_ID in attributes:
        record.session_id = str(attributes[semconv.SESSION_ID] or "")


def _stock_record(span: ReadableSpan) -> SpanRecord:
    context, parent = span.get_span_context(), span.parent
    assert context is not None
    flags = wire_flags(context.trace_flags, parent)
    scope, status = span.instrumentation_scope, span.status
    started = span.start_time or 0
    record = SpanRecord(
        span.name,
        context.trace_id,
        context.span_id,
        0 if parent is None else parent.span_id,
        started,
        max(span.end_time or started, started),
        span.kind.value + 1,
        flags,
        attributes=copied_attributes(span.attributes),
        scope=_scope(scope) if scope else OWN_SCOPE,
        resource=span.resource.attributes,
        dropped_attributes=span.dropped_attributes,
        dropped_events=span.dropped_events,
        dropped_links=span.dropped_links,
    )
    if context.trace_state:
        record.trace_state = context.trace_state.to_header()
    if status.status_code is not _UNSET or status.description:
        record.status_code = status.status_code.value
        record.status_message = status.description or ""
    if events := span.events:
        record.events = [
            SpanEventRecord(each.name, each.timestamp, copied_attributes(each.attributes))
            for each in events
        ]
    if links := span.links:
        record.links = [link_record(link) for link in links]
    return record


def copied_attributes(attributes: Mapping[str, Any] | None) -> dict[str, AnyValue]:
    """Return a copy of attributes; those of stock spans take a lock for each one, unless asked for all at once."""
    copy = getattr(attributes, "copy", None)
    copied = attributes or {} if copy is None else copy()
    return copied if type(copied) is dict else dict(copied)


@lru_cache(maxsize=256)
def _scope(scope: InstrumentationScope) -> Scope:
    return Scope(scope.name, scope.version or "", scope.schema_url or "")


def event_record(pending: PendingEvent, *, keeps_event: bool = True) -> EventRecord:
    """Return the record of an event or log record, stamped with what rode in its context.

    Args:
        pending: The event as it was recorded.
        keeps_event: Whether a destination wants the AgentOps event itself, and not only its attributes.
    """
    attributes: dict[str, AnyValue] = dict(pending.ambient)
    event = pending.event
    name, severity = pending.name, pending.severity
    if event is not None:
        name = _EVENT_NAMES.get(str(event.event_type), semconv.EVENT_AGENTOPS_CUSTOM)
        severity = _SEVERITY_ERROR if event.event_type == EventType.ERROR.value else severity
        attributes.update(event_attributes(event, pending.is_full))
        if event.session_id is not None:
            attributes[semconv.SESSION_ID] = str(event.session_id)
        if not keeps_event:
            event = None
        elif not pending.is_full:
            event = event_with(event, _without_content)
    attributes.update(pending.attributes)
    return EventRecord(
        name=name,
        time_ns=pending.time_ns,
        trace_id=pending.trace_id,
        span_id=pending.span_id,
        flags=pending.flags,
        severity=severity,
        body=pending.body,
        attributes={key: value for key, value in attributes.items() if value is not None},
        event=event,
        resource=pending.resource,
        scope=OWN_SCOPE,
        session_id=str(attributes.get(semconv.SESSION_ID) or ""),
    )


def call_event_record(
    span: SpanRecord, content: Mapping[str, AnyValue], *, keeps_event: bool
) -> EventRecord:
    """Return the record of the AgentOps event that a model call is: it repeats what the span tells.

    Args:
        span: The record of the call, its values not yet cleaned.
        content: What of the span's content goes on the event too.
        keeps_event: Whether a destination wants the AgentOps event itself, and not only its attributes.
    """
    given = span.attributes
    attributes = {name: value for name in REPEATED if (value := given.get(name)) is not None}
    attributes[semconv.AGENTOPS_EVENT_ID] = call_event_id(span)
    attributes[semconv.AGENTOPS_EVENT_TYPE] = EventType.LLM.value
    attributes[EVENT_START] = iso_from_ns(span.start_ns)
    attributes[EVENT_END] = iso_from_ns(span.end_ns)
    attributes[EVENT_DURATION] = duration_s(span)
    if given.get(semconv.GEN_AI_RESPONSE_MODEL) is None:
        model = given.get(semconv.GEN_AI_REQUEST_MODEL)
        if model is not None:
            attributes[semconv.GEN_AI_RESPONSE_MODEL] = model
    record = call_event_frame(span)
    record.attributes = attributes
    record.event = _call_event(span, attributes) if keeps_event else None
    attributes.update(content)
    return record


def call_event_frame(span: SpanRecord) -> EventRecord:
    """Return the record of the event of a model call but for its attributes."""
    return EventRecord(
        semconv.EVENT_AGENTOPS_LLM,
        span.end_ns,
        span.trace_id,
        span.span_id,
        span.flags & 0xFF,
        resource=span.resource,
        scope=OWN_SCOPE,
        session_id=span.session_id,
    )


def duration_s(span: SpanRecord) -> float:
    """Return how long a span took, in seconds to the microsecond."""
    return (span.end_ns - span.start_ns + 500) // 1000 / 1e6


def _call_event(span: SpanRecord, told: Mapping[str, Any]) -> LLMEvent:
    """Return the AgentOps event of a model call, without content: that rides on the span."""
    return LLMEvent(
        id=UUID(told[semconv.AGENTOPS_EVENT_ID]),
        init_timestamp=told[EVENT_START],
        end_timestamp=told[EVENT_END],
        session_id=span.session_id or None,
        trace_id=f"{span.trace_id:032x}",
        span_id=f"{span.span_id:016x}",
        model=told.get(semconv.GEN_AI_RESPONSE_MODEL),
        prompt_tokens=told.get(semconv.GEN_AI_USAGE_INPUT_TOKENS),
        completion_tokens=told.get(semconv.GEN_AI_USAGE_OUTPUT_TOKENS),
        cost=told.get(semconv.AGENTOPS_COST_USD),
    )


def call_event_id(span: SpanRecord) -> str:
    """Return the id of a call's event: a UUID made of the random ids of its span."""
    bits = ((span.trace_id >> 64 << 64) + span.span_id).to_bytes(16, "big").hex()
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}"


def _without_content(name: str, value: object) -> object:
    return value if name == "details" or not is_content_field(name) else None


def event_attributes(event: Event, is_full: bool) -> dict[str, AnyValue]:
    """Return the attributes of an AgentOps event.

    Args:
        event: The event.
        is_full: Whether its content (parameters, results, prompt, completion, logs) is included;
            the text of an error always is.
    """
    attributes: dict[str, AnyValue] = {
        semconv.AGENTOPS_EVENT_ID: str(event.id),
        semconv.AGENTOPS_EVENT_TYPE: str(event.event_type),
    }
    plain, content = _told_by(type(event))  # type: ignore[arg-type] # a class has a hash
    for field_name, attribute in plain:
        if (value := getattr(event, field_name)) is not None:
            attributes[attribute] = value
    for field_name, attribute in content:
        value = getattr(event, field_name) if is_full or field_name == "details" else None
        if value is not None:
            attributes[attribute] = value
    if event.agent_id is not None:
        attributes[semconv.AGENTOPS_AGENT_ID] = str(event.agent_id)
    seconds = _seconds_between(event.init_timestamp, event.end_timestamp)
    if seconds is not None:
        attributes[EVENT_DURATION] = seconds
    trigger = getattr(event, "trigger_event", None)
    if isinstance(trigger, Event):
        attributes["agentops.event.trigger_id"] = str(trigger.id)
    return attributes


@lru_cache(maxsize=256)
def _told_by(kind: type[Event]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the fields that a type of events has, with the attributes they become: plain ones, and content."""
    fields = kind.__dataclass_fields__
    plain = [(name, attribute) for name, attribute in _PLAIN_FIELDS.items() if name in fields]
    return plain, [
        (name, attribute) for name, attribute in CONTENT_FIELDS.items() if name in fields
    ]


EVENT_START: Final = "agentops.event.start"
"""When what the event tells of began: ISO 8601 in UTC."""

EVENT_END: Final = "agentops.event.end"
"""When it was over."""

EVENT_DURATION: Final = "agentops.event.duration_s"
"""Seconds between the two."""

_PLAIN_FIELDS: Final = {
    "init_timestamp": EVENT_START,
    "end_timestamp": EVENT_END,
    "action_type": "agentops.action.type",
    "name": semconv.GEN_AI_TOOL_NAME,
    "model": semconv.GEN_AI_RESPONSE_MODEL,
    "prompt_tokens": semconv.GEN_AI_USAGE_INPUT_TOKENS,
    "completion_tokens": semconv.GEN_AI_USAGE_OUTPUT_TOKENS,
    "cost": semconv.AGENTOPS_COST_USD,
    "error_type": semconv.ERROR_TYPE,
    "code": "agentops.error.code",
}
"""Event field to attribute, where the value tells nothing of what was said."""


def _seconds_between(start: str | None, end: str | None) -> float | None:
    if not start or not end:
        return None
    try:
        return max(0.0, (_time(end) - _time(start)).total_seconds())
    except (ValueError, TypeError):  # not a time, or one with and one without a zone
        return None


def _time(text: str) -> datetime:
    # Python 3.10 does not know the Z.
    return datetime.fromisoformat(f"{text[:-1]}+00:00" if text[-1] == "Z" else text)


def completed_event_record(
    event: Event, span: SpanRecord, content: Mapping[str, AnyValue], *, keeps_event: bool
) -> EventRecord:
    """Return the record of an event of a completion.

    Args:
        event: The event.
        span: The record of its span, whose ids and session it gets.
        content: What of the span's content goes on the event too.
        keeps_event: Whether a destination wants the AgentOps event itself, and not only its attributes.
    """
    given = span.attributes
    attributes = {name: value for name in _SHARED if (value := given.get(name)) is not None}
    attributes.update(event_attributes(event, is_full=False))
    session_id = span.session_id
    if event.session_id is not None:
        session_id = attributes[semconv.SESSION_ID] = str(event.session_id)
    elif session_id:
        event.session_id = session_id
    attributes.update(content)
    kept = None
    if keeps_event:
        event.trace_id, event.span_id = f"{span.trace_id:032x}", f"{span.span_id:016x}"
        kept = event_with(event, _without_content)
    kind = str(event.event_type)
    return EventRecord(
        name=_EVENT_NAMES.get(kind, semconv.EVENT_AGENTOPS_CUSTOM),
        time_ns=span.end_ns or now_ns(),
        trace_id=span.trace_id,
        span_id=span.span_id,
        flags=span.flags & 0xFF,
        severity=_SEVERITY_ERROR if kind == EventType.ERROR.value else _SEVERITY_INFO,
        attributes=attributes,
        event=kept,
        resource=span.resource,
        scope=OWN_SCOPE,
        session_id=session_id,
    )


_SHARED: Final = (
    semconv.SESSION_ID,
    semconv.AGENTOPS_TAGS,
    semconv.GEN_AI_AGENT_NAME,
    semconv.GEN_AI_CONVERSATION_ID,
    semconv.GEN_AI_OPERATION_NAME,
    semconv.GEN_AI_PROVIDER_NAME,
    semconv.GEN_AI_REQUEST_MODEL,
    semconv.GEN_AI_RESPONSE_ID,
    semconv.GEN_AI_RESPONSE_FINISH_REASONS,
    semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    semconv.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    semconv.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    semconv.USER_ID,
)
"""What the event of an instrumented call repeats from its span: who and how much, never what was said."""

REPEATED: Final = (
    *_SHARED,
    semconv.GEN_AI_RESPONSE_MODEL,
    semconv.GEN_AI_USAGE_INPUT_TOKENS,
    semconv.GEN_AI_USAGE_OUTPUT_TOKENS,
    semconv.AGENTOPS_COST_USD,
)
"""The same for the event of a model call, with what its fields of their own tell."""

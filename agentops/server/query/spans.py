"""What are the spans of a session, and what is one span?"""

from collections.abc import Iterable
from typing import Final

from agentops.server.query.content import (
    json_objects,
    json_value,
    messages,
    typed_attributes,
)
from agentops.server.query.sessions import UnknownIdError
from agentops.server.query.tree import parents
from agentops.server.rows import SpanRow
from agentops.server.schemas import (
    ErrorBrief,
    Skeleton,
    SpanDetail,
    SpanEventDetail,
    SpanLinkDetail,
    TraceLocation,
)
from agentops.server.storage.base import SpanReader

__all__ = ["SPANS_MAX", "skeleton", "span_detail", "trace_location"]

SPANS_MAX: Final = 200_000
"""Spans of one session that are shown."""

_STATUSES: Final = {"unset": 0, "ok": 1, "error": 2}


def skeleton(reader: SpanReader, project_id: str, session_id: str) -> Skeleton:
    """Return every span of a session by columns."""
    spans = reader.span_briefs(project_id, session_id, SPANS_MAX)
    origin_us = spans[0].start_ns // 1000 if spans else 0
    strings, types = _Index(), _Index()
    return Skeleton(
        session_id=session_id,
        origin_us=origin_us,
        strings=strings.values,
        types=types.values,
        span_id=[span.span_id for span in spans],
        trace_id=[span.trace_id for span in spans],
        parent=parents(spans),
        start_us=[span.start_ns // 1000 - origin_us for span in spans],
        duration_us=[max(span.end_ns - span.start_ns, 0) // 1000 for span in spans],
        type=types.all(span.span_type for span in spans),
        name=strings.all(span.name for span in spans),
        service=strings.all(span.service_name for span in spans),
        model=strings.all(span.model for span in spans),
        agent=strings.all(span.agent_name for span in spans),
        status=[_STATUSES.get(span.status_code, 0) for span in spans],
        input_tokens=[span.input_tokens for span in spans],
        output_tokens=[span.output_tokens for span in spans],
        cost_usd=[span.cost_usd for span in spans],
    )


def span_detail(reader: SpanReader, project_id: str, trace_id: str, span_id: str) -> SpanDetail:
    """Return one span with its content.

    Raises:
        UnknownIdError: There is none.
    """
    found = reader.span(project_id, trace_id, span_id)
    if found is None:
        raise UnknownIdError(f"no span {span_id!r} in trace {trace_id!r}")
    row, session_id = found
    first_chunk_ns = row.time_to_first_chunk_ns
    return SpanDetail(
        trace_id=row.trace_id,
        span_id=row.span_id,
        parent_span_id=row.parent_span_id,
        session_id=session_id,
        name=row.name,
        type=row.span_type,
        kind=row.kind,
        start_us=row.start_ns // 1000,
        duration_us=max(row.end_ns - row.start_ns, 0) // 1000,
        status_code=row.status_code,
        status_message=row.status_message,
        service_name=row.service_name,
        scope_name=row.scope_name,
        scope_version=row.scope_version,
        operation=row.operation,
        provider=row.provider,
        request_model=row.request_model,
        response_model=row.response_model,
        agent_name=row.agent_name,
        tool_name=row.tool_name,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cache_read_tokens=row.cache_read_tokens,
        cache_write_tokens=row.cache_write_tokens,
        reasoning_tokens=row.reasoning_tokens,
        cost_usd=row.cost_usd,
        time_to_first_chunk_us=None if first_chunk_ns is None else first_chunk_ns // 1000,
        finish_reasons=row.finish_reasons,
        error=_error(row),
        system_instructions=json_objects(row.system_instructions),
        input_messages=messages(row.input_messages),
        output_messages=messages(row.output_messages),
        tool_definitions=json_objects(row.tool_definitions),
        attributes=typed_attributes(row.attributes, row.attribute_types),
        resource_attributes=typed_attributes(row.resource_attributes, {}),
        dropped_attributes=row.dropped_attributes,
        events=_events(row),
        links=_links(row),
    )


def _events(row: SpanRow) -> list[SpanEventDetail]:
    return [
        SpanEventDetail(
            time_us=event.time_ns // 1000, name=event.name, attributes=_object(event.attributes)
        )
        for event in row.events
    ]


def _links(row: SpanRow) -> list[SpanLinkDetail]:
    return [
        SpanLinkDetail(
            trace_id=link.trace_id, span_id=link.span_id, attributes=_object(link.attributes)
        )
        for link in row.links
    ]


def trace_location(reader: SpanReader, project_id: str, trace_id: str) -> TraceLocation:
    """Return where a trace is shown.

    Raises:
        UnknownIdError: Nothing of the trace has been received.
    """
    session_id = reader.session_of_trace(project_id, trace_id)
    if session_id is None:
        raise UnknownIdError(f"no trace {trace_id!r}")
    return TraceLocation(trace_id=trace_id, session_id=session_id)


class _Index:
    """Numbers distinct texts in the order in which they are first seen."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._places: dict[str, int] = {}

    def all(self, texts: Iterable[str]) -> list[int]:
        return [self._place(text) for text in texts]

    def _place(self, text: str) -> int:
        place = self._places.get(text)
        if place is None:
            place = self._places[text] = len(self.values)
            self.values.append(text)
        return place


def _error(row: SpanRow) -> ErrorBrief | None:
    if row.status_code != "error" and not row.error_type:
        return None
    return ErrorBrief(
        span_id=row.span_id,
        trace_id=row.trace_id,
        span_name=row.name,
        type=row.error_type,
        message=row.error_message or row.status_message,
        location=row.error_location,
    )


def _object(text: str) -> dict[str, object]:
    value = json_value(text)
    return value if isinstance(value, dict) else {}

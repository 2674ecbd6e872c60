"""Which sessions are there, and what is one session? Questions of the list and of the session page."""

import base64
from dataclasses import replace
from typing import Final

from agentops import clock
from agentops.errors import AgentOpsError
from agentops.server.query.content import json_value, typed_attributes
from agentops.server.query.filter import compile_terms, parse
from agentops.server.query.tree import critical_path
from agentops.server.rows import EventRow
from agentops.server.schemas import (
    EventDetail,
    EventList,
    SessionDetail,
    SessionList,
    SessionRow,
    SessionsSummary,
)
from agentops.server.storage.base import EventReader, SessionQuery, Sort, SpanReader

__all__ = [
    "COUNT_MAX",
    "AmbiguousIdError",
    "CursorError",
    "UnknownIdError",
    "event_list",
    "resolve",
    "session_detail",
    "session_list",
    "session_query",
    "session_rows",
    "summary",
]

COUNT_MAX: Final = 10_000
"""Totals are exact up to here."""

PREFIX_MIN: Final = 6
_PATH_SPANS_MAX: Final = 20_000


class UnknownIdError(AgentOpsError):
    """Nothing has this id."""


class AmbiguousIdError(AgentOpsError):
    """A prefix fits more than one session."""


class CursorError(AgentOpsError, ValueError):
    """A cursor was not made by this API for this order."""


def session_query(
    project_id: str, q: str = "", *, from_us: int | None = None, to_us: int | None = None
) -> SessionQuery:
    """Return the query for a filter text.

    Raises:
        FilterError: The text was not understood.
    """
    return SessionQuery(
        project_id=project_id,
        condition=compile_terms(parse(q)),
        from_us=from_us,
        to_us=to_us,
        now_us=clock.now_ns() // 1000,
    )


def session_list(
    reader: SpanReader, query: SessionQuery, *, sort: Sort, cursor: str, limit: int
) -> SessionList:
    """Return one page of sessions; ``cursor`` is ``""`` for the first.

    Raises:
        CursorError: The cursor belongs to another order, or to nothing.
    """
    after = _read_cursor(cursor, sort) if cursor else None
    page = replace(query, sort=sort, after=after, limit=limit + 1)
    rows = reader.sessions(page)
    has_more = len(rows) > limit
    is_all = after is None and not has_more  # then there is nothing left to count
    total = len(rows) if is_all else reader.count_sessions(query, COUNT_MAX + 1)
    rows = rows[:limit]
    return SessionList(
        sessions=rows,
        next_cursor=_cursor(sort, _sort_value(rows[-1], sort), rows[-1].session_id)
        if has_more
        else None,
        total=min(total, COUNT_MAX),
        total_is_exact=total <= COUNT_MAX,
    )


def session_rows(
    reader: SpanReader, project_id: str, session_ids: list[str], q: str = ""
) -> list[SessionRow]:
    """Return the lines of those of the given sessions that match a filter text; unknown ones are left out.

    Raises:
        FilterError: The text was not understood.
    """
    query = replace(session_query(project_id, q), session_ids=session_ids, limit=len(session_ids))
    return reader.sessions(query) if session_ids else []


def summary(reader: SpanReader, query: SessionQuery) -> SessionsSummary:
    """Return totals over the sessions that match."""
    return reader.summarize(query)


def resolve(reader: SpanReader, project_id: str, told: str) -> str:
    """Return the id of the session that ``told``, an id or a unique prefix, names.

    Raises:
        UnknownIdError: There is none.
        AmbiguousIdError: The prefix fits several.
    """
    found = reader.session_ids(project_id, told, limit=2)
    if told in found:
        return told
    if not found or len(told) < PREFIX_MIN:
        raise UnknownIdError(f"no session {told!r}")
    if len(found) > 1:
        raise AmbiguousIdError(f"{told!r} fits several sessions; give more of the id")
    return found[0]


def session_detail(reader: SpanReader, project_id: str, session_id: str) -> SessionDetail:
    """Return one session.

    Raises:
        UnknownIdError: There is none.
    """
    rows = session_rows(reader, project_id, [session_id])
    facts = reader.session_facts(project_id, session_id)
    if not rows or facts is None:
        raise UnknownIdError(f"no session {session_id!r}")
    older, newer = reader.neighbours(project_id, session_id, rows[0].start_us)
    return SessionDetail(
        summary=rows[0],
        end_state=facts.end_state,
        trace_ids=facts.trace_ids,
        service_names=facts.service_names,
        agents=facts.agents,
        cache_read_tokens=facts.cache_read_tokens,
        reasoning_tokens=facts.reasoning_tokens,
        critical_path=critical_path(reader.span_briefs(project_id, session_id, _PATH_SPANS_MAX)),
        previous_id=older,
        next_id=newer,
    )


def event_list(
    reader: EventReader, project_id: str, session_id: str, *, cursor: str, limit: int
) -> EventList:
    """Return one page of a session's events.

    Raises:
        CursorError: The cursor was not made here.
    """
    after = _read_cursor(cursor, "event") if cursor else None
    rows = reader.events(project_id, session_id, after, limit + 1)
    has_more = len(rows) > limit
    rows = rows[:limit]
    return EventList(
        events=[_event(row) for row in rows],
        next_cursor=_cursor("event", rows[-1].time_ns, rows[-1].event_id) if has_more else None,
    )


def _event(row: EventRow) -> EventDetail:
    return EventDetail(
        event_id=row.event_id,
        session_id=row.session_id,
        trace_id=row.trace_id,
        span_id=row.span_id,
        event_name=row.event_name,
        event_type=row.event_type,
        time_us=row.time_ns // 1000,
        severity=row.severity,
        body=json_value(row.body) if row.body[:1] in ("{", "[") else row.body,
        attributes=typed_attributes(row.attributes, row.attribute_types),
    )


def _sort_value(row: SessionRow, sort: Sort) -> int:
    """The number a line was sorted by, in the unit of :class:`SessionQuery`."""
    if sort == "start":
        return row.start_us
    if sort == "duration":
        return row.duration_us
    if sort == "cost":
        return round((row.cost_usd or 0) * 1e9)
    return row.input_tokens + row.output_tokens


def _cursor(order: str, value: int, identity: str) -> str:
    return base64.urlsafe_b64encode(f"{order} {value} {identity}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str, order: str) -> tuple[int, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        told, value, identity = text.split(" ", 2)
        number = int(value)
    except ValueError as error:
        raise CursorError("the cursor is not one of this list") from error
    if told != order or not -(1 << 63) <= number < 1 << 63:
        raise CursorError(f"the cursor is not one of the order {order!r}")
    return number, identity

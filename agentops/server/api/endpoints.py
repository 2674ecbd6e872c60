"""Which endpoints does the REST API have? One table; the router and the OpenAPI document are made from it."""

from dataclasses import dataclass
from typing import Final, Literal

from agentops.server import schemas

__all__ = ["ENDPOINTS", "PREFIX", "Endpoint", "Parameter", "Scope"]

PREFIX: Final = "/api/v1"

Scope = Literal["public", "read"]
"""Who may call: anybody who passes the host allow-list, or only a holder of the browser token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One query parameter; ``type`` and ``default`` are in the words of JSON Schema."""

    name: str
    description: str
    type: Literal["string", "integer"] = "string"
    default: str | int | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One path that answers GET.

    Attributes:
        path: Below :data:`PREFIX`, with ``{name}`` for path parameters.
        operation: Name of the operation in OpenAPI and of the handler.
        answer: Type of a 200 answer; ``None`` where it is not one of ours (``content_type`` says what).
    """

    path: str
    operation: str
    summary: str
    answer: type | None
    scope: Scope = "read"
    parameters: tuple[Parameter, ...] = ()
    content_type: str = "application/json"


_QUERY: Final = Parameter(
    name="q", description='Filter, such as: status:error model:gpt-4o* cost>0.01 "free text"'
)
_FROM: Final = Parameter(
    name="from", description="Earliest session start, µs since the Unix epoch", type="integer"
)
_TO: Final = Parameter(
    name="to", description="First session start left out, µs since the Unix epoch", type="integer"
)
_CURSOR: Final = Parameter(name="cursor", description="next_cursor of the page before")
_SORT: Final = Parameter(
    name="sort",
    description="Order, highest first",
    default="start",
    choices=("start", "duration", "cost", "tokens"),
)


def _limit(default: int, maximum: int) -> Parameter:
    text = f"Entries in the answer, 1 to {maximum}"
    return Parameter(name="limit", description=text, type="integer", default=default)


ENDPOINTS: Final = (
    Endpoint(
        path="/sessions",
        operation="listSessions",
        summary="Sessions that match, newest first",
        answer=schemas.SessionList,
        parameters=(_QUERY, _FROM, _TO, _SORT, _CURSOR, _limit(50, 200)),
    ),
    Endpoint(
        path="/sessions/summary",
        operation="summarizeSessions",
        summary="Totals and a histogram over the sessions that match",
        answer=schemas.SessionsSummary,
        parameters=(_QUERY, _FROM, _TO),
    ),
    Endpoint(
        path="/sessions/{session_id}",
        operation="getSession",
        summary="One session, by its id or a unique prefix of at least 6 characters",
        answer=schemas.SessionDetail,
    ),
    Endpoint(
        path="/sessions/{session_id}/skeleton",
        operation="getSkeleton",
        summary="Every span of a session, by columns",
        answer=schemas.Skeleton,
    ),
    Endpoint(
        path="/sessions/{session_id}/messages",
        operation="getTranscript",
        summary="The session as one conversation",
        answer=schemas.Transcript,
    ),
    Endpoint(
        path="/sessions/{session_id}/events",
        operation="listEvents",
        summary="Events and log records of a session, oldest first",
        answer=schemas.EventList,
        parameters=(_CURSOR, _limit(200, 1000)),
    ),
    Endpoint(
        path="/spans/{trace_id}/{span_id}",
        operation="getSpan",
        summary="One span with its content",
        answer=schemas.SpanDetail,
    ),
    Endpoint(
        path="/traces/{trace_id}",
        operation="locateTrace",
        summary="The session that shows a trace",
        answer=schemas.TraceLocation,
    ),
    Endpoint(
        path="/status",
        operation="getStatus",
        summary="How the server is doing",
        answer=schemas.ServerStatus,
    ),
    Endpoint(
        path="/events",
        operation="streamEvents",
        summary="Live updates: session.upsert (SessionRow), span.batch (SpanBatch), reset",
        answer=None,
        parameters=(_QUERY,),
        content_type="text/event-stream",
    ),
    Endpoint(
        path="/openapi.json",
        operation="getOpenapi",
        summary="This document",
        answer=None,
        scope="public",
    ),
)

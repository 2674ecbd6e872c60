"""Which JSON does the REST API speak? One type for each answer; the OpenAPI document is made from them.

Times are microseconds since the Unix epoch and durations are microseconds, both as integers that a
JavaScript number holds exactly. Money is US dollars; ``None`` means unknown, never zero.
"""

from typing import Literal

import msgspec

__all__ = [
    "ErrorAnswer",
    "ErrorBrief",
    "EventDetail",
    "EventList",
    "Histogram",
    "Message",
    "ReceiverStatus",
    "ServerStatus",
    "SessionDetail",
    "SessionList",
    "SessionRow",
    "SessionStatus",
    "SessionsSummary",
    "Skeleton",
    "SpanBatch",
    "SpanDetail",
    "SpanEventDetail",
    "SpanLinkDetail",
    "TraceLocation",
    "Transcript",
    "TranscriptTurn",
]

SessionStatus = Literal["running", "ok", "error", "stopped"]
"""``stopped``: no end was told and nothing arrived for some minutes."""


class ErrorAnswer(msgspec.Struct, kw_only=True):
    """Why a request was not answered.

    Attributes:
        error: One sentence: what was seen, what was expected.
        position: Index into ``q`` of the character that was not understood, or ``None``.
    """

    error: str
    position: int | None = None


class SpanBatch(msgspec.Struct, kw_only=True):
    """Live message ``span.batch``: ``count`` spans of a session became visible."""

    session_id: str
    count: int


class ErrorBrief(msgspec.Struct, kw_only=True):
    """The deepest error of a session."""

    span_id: str
    trace_id: str
    span_name: str
    type: str
    message: str
    location: str


class SessionRow(msgspec.Struct, kw_only=True):
    """One line of the session list.

    Attributes:
        last_event_us: When its newest span ended.
        time_*_us: Self time by kind for the small bar; they need not add up to the duration.
        input_preview, output_preview: First input and last output, at most 200 characters each.
    """

    session_id: str
    name: str
    service_name: str
    status: SessionStatus
    start_us: int
    duration_us: int
    last_event_us: int
    span_count: int
    llm_count: int
    tool_count: int
    agent_count: int
    error_count: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    time_llm_us: int
    time_tool_us: int
    tags: list[str]
    models: list[str]
    user_id: str
    input_preview: str
    output_preview: str
    error: ErrorBrief | None


class SessionList(msgspec.Struct, kw_only=True):
    """A page of sessions, newest first.

    Attributes:
        next_cursor: Give it back as ``cursor`` for the next page; ``None`` on the last.
        total: Sessions that match, exact up to 10 000.
    """

    sessions: list[SessionRow]
    next_cursor: str | None
    total: int
    total_is_exact: bool


class Histogram(msgspec.Struct, kw_only=True):
    """Sessions over time: bucket ``i`` starts at ``start_us + i * bucket_us``."""

    start_us: int
    bucket_us: int
    counts: list[int]
    error_counts: list[int]


class SessionsSummary(msgspec.Struct, kw_only=True):
    """Totals over the sessions that match a query. Percentiles are ``None`` below 20 sessions.

    Attributes:
        oldest_us, newest_us: Range that holds data in the whole store, or ``None`` when it is empty.
    """

    session_count: int
    error_count: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    duration_p50_us: int | None
    duration_p95_us: int | None
    histogram: Histogram
    oldest_us: int | None
    newest_us: int | None


class SessionDetail(msgspec.Struct, kw_only=True):
    """One session.

    Attributes:
        summary: The same row as in the list.
        end_state: What the program said: ``Success``, ``Fail``, ``Indeterminate`` or ``""``.
        service_names: Every service that took part.
        critical_path: Span ids from the root to the span that ended last at each level.
        cache_read_tokens: Part of the input tokens that came from a cache.
        previous_id, next_id: Neighbours in time, for paging through sessions.
    """

    summary: SessionRow
    end_state: str
    trace_ids: list[str]
    service_names: list[str]
    agents: list[str]
    cache_read_tokens: int
    reasoning_tokens: int
    critical_path: list[str]
    previous_id: str | None
    next_id: str | None


class Skeleton(msgspec.Struct, kw_only=True):
    """Every span of a session by columns, ordered by start; the tree and waterfall are drawn from it.

    All lists have one entry for each span. ``parent`` is an index into the same lists, ``-1`` for a root
    and ``-2`` where the parent has not been received. ``name``, ``service``, ``model`` and ``agent`` are
    indexes into ``strings``. ``type`` is an index into ``types``. ``status``: 0 unset, 1 ok, 2 error.
    Token and cost entries are ``None`` where nothing was told.
    """

    session_id: str
    origin_us: int
    strings: list[str]
    types: list[str]
    span_id: list[str]
    trace_id: list[str]
    parent: list[int]
    start_us: list[int]
    duration_us: list[int]
    type: list[int]
    name: list[int]
    service: list[int]
    model: list[int]
    agent: list[int]
    status: list[int]
    input_tokens: list[int | None]
    output_tokens: list[int | None]
    cost_usd: list[float | None]


class SpanEventDetail(msgspec.Struct, kw_only=True):
    """A point in time inside a span."""

    time_us: int
    name: str
    attributes: dict[str, object]


class SpanLinkDetail(msgspec.Struct, kw_only=True):
    """A reference to another span."""

    trace_id: str
    span_id: str
    attributes: dict[str, object]


class Message(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One chat message in the shape of the OTel GenAI conventions.

    ``parts`` holds objects with a ``type``: ``text``, ``reasoning``, ``tool_call``,
    ``tool_call_response``, ``blob``, ``uri``, ``file``, or one not known yet.
    """

    role: str
    parts: list[dict[str, object]]
    name: str = ""
    finish_reason: str = ""


class SpanDetail(msgspec.Struct, kw_only=True):
    """One span with everything that is known of it; attribute values have their own JSON types."""

    trace_id: str
    span_id: str
    parent_span_id: str
    session_id: str
    name: str
    type: str
    kind: str
    start_us: int
    duration_us: int
    status_code: str
    status_message: str
    service_name: str
    scope_name: str
    scope_version: str
    operation: str
    provider: str
    request_model: str
    response_model: str
    agent_name: str
    tool_name: str
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    time_to_first_chunk_us: int | None
    finish_reasons: list[str]
    error: ErrorBrief | None
    system_instructions: list[dict[str, object]]
    input_messages: list[Message]
    output_messages: list[Message]
    tool_definitions: list[dict[str, object]]
    attributes: dict[str, object]
    resource_attributes: dict[str, object]
    dropped_attributes: int
    events: list[SpanEventDetail]
    links: list[SpanLinkDetail]


class TranscriptTurn(msgspec.Struct, kw_only=True):
    """New messages that one span adds to the conversation.

    Attributes:
        skipped: How many earlier messages this span repeated and that are left out here.
        depth: Nesting of agents, 0 at the session.
    """

    span_id: str
    trace_id: str
    span_name: str
    type: str
    agent_name: str
    model: str
    start_us: int
    duration_us: int
    status: str
    depth: int
    skipped: int
    messages: list[Message]
    error: ErrorBrief | None


class Transcript(msgspec.Struct, kw_only=True):
    """The whole session as one conversation, repeated history left out."""

    session_id: str
    turns: list[TranscriptTurn]


class EventDetail(msgspec.Struct, kw_only=True):
    """One AgentOps event or log record of a session."""

    event_id: str
    session_id: str
    trace_id: str
    span_id: str
    event_name: str
    event_type: str
    time_us: int
    severity: int
    body: object
    attributes: dict[str, object]


class EventList(msgspec.Struct, kw_only=True):
    """Events of a session in time order; ``next_cursor`` as in :class:`SessionList`."""

    events: list[EventDetail]
    next_cursor: str | None


class TraceLocation(msgspec.Struct, kw_only=True):
    """Where a trace is shown."""

    trace_id: str
    session_id: str


class ReceiverStatus(msgspec.Struct, kw_only=True):
    """One port the server listens on: ``protocol`` is ``http``, ``otlp/http`` or ``otlp/grpc``."""

    protocol: str
    endpoint: str
    is_listening: bool
    note: str


class ServerStatus(msgspec.Struct, kw_only=True):
    """How the server is doing.

    Attributes:
        last_rejected: Newest request that was refused, with the reason in words; ``None`` if none was.
    """

    version: str
    project_id: str
    storage: str
    is_empty: bool
    session_count: int
    span_count: int
    requests_received: int
    spans_received: int
    requests_rejected: int
    last_rejected: str | None
    receivers: list[ReceiverStatus]

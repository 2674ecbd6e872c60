"""What must a place that keeps rows be able to do? The comments here are the specification.

Stands above rows and schemas; the pipeline writes through :class:`Writer`, queries read through
:class:`SpanReader` and :class:`EventReader`. The conformance suite in ``tests/contracts/storage`` holds
every implementation to these words.

All methods may be called from any thread and block. They raise :class:`agentops.errors.StorageBusyError`
when the same call may succeed later, and :class:`agentops.errors.StorageError` otherwise.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from agentops.server.rows import EventRow, SpanRow
from agentops.server.schemas import SessionRow, SessionsSummary

__all__ = [
    "Capabilities",
    "Condition",
    "EventReader",
    "Limits",
    "SessionFacts",
    "SessionQuery",
    "Sort",
    "SpanBrief",
    "SpanContent",
    "SpanReader",
    "Storage",
    "StoredChange",
    "Totals",
    "Writer",
]

Sort = Literal["start", "duration", "cost", "tokens"]
"""Order of a session list, always highest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a place can do beyond the specification.

    Attributes:
        name: For people: ``chdb`` or ``clickhouse``.
        is_durable: Whether rows outlive the process.
        is_shared: Whether several servers may use it at once.
    """

    name: str
    is_durable: bool
    is_shared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one read may use.

    Attributes:
        seconds_max: Run time.
        memory_bytes_max: Memory of the engine.
        result_rows_max: Rows in the answer.
    """

    seconds_max: int = 10
    memory_bytes_max: int = 1 << 30
    result_rows_max: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Condition:
    """A predicate over the columns of a session line.

    Attributes:
        sql: Fixed text only; every value that a user typed stands as ``{name:Type}``. ``$spans`` stands
            for the table of spans.
        parameters: Values by name.
    """

    sql: str = "1"
    parameters: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionQuery:
    """Which sessions, in which order.

    Attributes:
        from_us, to_us: Range of the session start, half open; ``None`` is unbounded.
        after: Sort value and id of the last line of the page before. The value is in µs for start and
            duration, in 1e-9 US dollars for cost, and the sum of input and output for tokens.
        session_ids: Only these, when given.
        now_us: The present; decides between ``running`` and ``stopped``.
    """

    project_id: str = "default"
    condition: Condition = field(default_factory=Condition)
    from_us: int | None = None
    to_us: int | None = None
    sort: Sort = "start"
    after: tuple[int, str] | None = None
    session_ids: Sequence[str] | None = None
    limit: int = 50
    now_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """What the page of one session shows beyond its line."""

    end_state: str
    trace_ids: list[str]
    service_names: list[str]
    agents: list[str]
    cache_read_tokens: int
    reasoning_tokens: int


class SpanBrief(msgspec.Struct, frozen=True, kw_only=True):
    """One span without content. ``model`` is the response's, or else the request's."""

    span_id: str
    trace_id: str
    parent_span_id: str
    start_ns: int
    end_ns: int
    span_type: str
    name: str
    service_name: str
    model: str
    agent_name: str
    status_code: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    received_ns: int = 0


class SpanContent(msgspec.Struct, frozen=True, kw_only=True):
    """One span with the messages that a transcript shows; texts as in :class:`SpanRow`.

    Attributes:
        tool_call_id: Id that the model gave the call, or ``""``.
        tool_input, tool_output: What a tool span was called with and what it returned, or ``""``.
    """

    span_id: str
    trace_id: str
    parent_span_id: str
    start_ns: int
    end_ns: int
    span_type: str
    name: str
    model: str
    agent_name: str
    tool_name: str
    status_code: str
    error_type: str
    error_message: str
    error_location: str
    input_messages: str
    output_messages: str
    system_instructions: str
    tool_call_id: str
    tool_input: str
    tool_output: str
    received_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChange:
    """What one write made visible: ``{session id: spans that are new or replaced}``; 0 for events only."""

    project_id: str
    sessions: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Size of a project."""

    session_count: int
    span_count: int


class Writer(ABC):
    """Where accepted rows go. One writer at a time for each process."""

    @abstractmethod
    def write(
        self, spans: Sequence[bytes], events: Sequence[bytes], *, is_replay: bool = False
    ) -> list[StoredChange]:
        """Store rows, each a line as :func:`agentops.server.storage.lines.encode_row` makes it.

        After it returns, the rows survive a crash of the process and every reader sees them.

        - A span is identified by (project, trace id, span id), an event by (project, event id). Rows
          that are stored already, byte for byte, change nothing. A row of the same identity with other
          content replaces the older one, in lists and totals too. Of several in one call the last wins.
        - A span without a session belongs to the session that another span of its trace names, whichever
          of them comes first; when none does, its trace id is its session id.
        - A model call that several spans tell of counts once: of those that another stands in, or beside another
          of the same usage, the one that came first, of those that come together the outer one of those that have
          a cost.
        - ``is_replay`` says that an earlier call with the same rows may have been cut short: whatever it
          left behind, the result is that of one complete call.

        Returns:
            For each project what changed.

        Raises:
            RowsRefusedError: The engine cannot take these rows, ever. Nothing was stored.
        """


class SpanReader(ABC):
    """Questions about sessions and spans. Unknown projects and ids give empty answers, not errors."""

    @abstractmethod
    def sessions(self, query: SessionQuery) -> list[SessionRow]:
        """Return at most ``query.limit`` lines after ``query.after`` in the order asked for."""

    @abstractmethod
    def count_sessions(self, query: SessionQuery, maximum: int) -> int:
        """Return how many sessions match, at most ``maximum``; page and order are ignored."""

    @abstractmethod
    def summarize(self, query: SessionQuery) -> SessionsSummary:
        """Return totals and a histogram of at most 60 buckets over all matching sessions."""

    @abstractmethod
    def session_ids(self, project_id: str, prefix: str, limit: int) -> list[str]:
        """Return at most ``limit`` session ids that begin with ``prefix``, shortest first."""

    @abstractmethod
    def neighbours(
        self, project_id: str, session_id: str, start_us: int
    ) -> tuple[str | None, str | None]:
        """Return the ids of the sessions that started just before and just after."""

    @abstractmethod
    def session_facts(self, project_id: str, session_id: str) -> SessionFacts | None:
        """Return what is known of one session, ``None`` if nothing is."""

    @abstractmethod
    def span_briefs(self, project_id: str, session_id: str, maximum: int) -> list[SpanBrief]:
        """Return the first ``maximum`` spans of a session by (start, longest first, span id)."""

    @abstractmethod
    def span_contents(self, project_id: str, session_id: str, maximum: int) -> list[SpanContent]:
        """Return the first ``maximum`` spans of a session in the same order, with their messages."""

    @abstractmethod
    def span(self, project_id: str, trace_id: str, span_id: str) -> tuple[SpanRow, str] | None:
        """Return a span as it was accepted and the id of the session that shows it."""

    @abstractmethod
    def session_of_trace(self, project_id: str, trace_id: str) -> str | None:
        """Return the id of the session that shows a trace."""

    @abstractmethod
    def totals(self, project_id: str) -> Totals:
        """Return how much a project holds; approximate while rows are being replaced."""


class EventReader(ABC):
    """Questions about events."""

    @abstractmethod
    def events(
        self, project_id: str, session_id: str, after: tuple[int, str] | None, limit: int
    ) -> list[EventRow]:
        """Return events of a session by (time, event id), beginning after the given pair."""


class Storage(Writer, SpanReader, EventReader):
    """One place that does it all.

    Attributes:
        capabilities: What it can do beyond the specification.
    """

    capabilities: Capabilities

    @abstractmethod
    def open(self) -> None:
        """Make tables that are missing. Call once, before anything else; takes up to seconds."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections. May be called twice."""

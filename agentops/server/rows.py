"""What does ingest write and storage keep? The row types of the backend. Lowest floor of the server.

A row is plain data: ingest makes it from any dialect, the writer stores it, queries read it back.
Times are nanoseconds since the Unix epoch; ids are lower-case hex text.
"""

from typing import TypeAlias

import msgspec

__all__ = ["EventRow", "Row", "SpanEvent", "SpanLink", "SpanRow"]


class SpanEvent(msgspec.Struct, frozen=True):
    """A point in time inside a span; ``attributes`` is one JSON object as text."""

    time_ns: int
    name: str
    attributes: str = "{}"


class SpanLink(msgspec.Struct, frozen=True):
    """A reference from a span to another span; ``attributes`` is one JSON object as text."""

    trace_id: str
    span_id: str
    attributes: str = "{}"


class SpanRow(msgspec.Struct, kw_only=True):
    """One span, with its raw attributes untouched and the uniform columns computed at ingest.

    Attributes:
        kind: ``internal``, ``server``, ``client``, ``producer``, ``consumer`` or ``unspecified``.
        status_code: ``unset``, ``ok`` or ``error``.
        attributes: Raw attributes: strings as they are, every other value as JSON text.
        attribute_types: OTLP type of each attribute that is not a string: ``int``, ``double``, ``bool``,
            ``array``, ``kvlist``, ``bytes``, ``empty``.
        dropped_*: What the sender or our own limits left out.
        session_id: ``""`` when the span belongs to no session; then its trace stands alone.
        span_type: What it is for a person: ``session``, ``workflow``, ``agent``, ``task``, ``tool``,
            ``llm``, ``guardrail``, ``embedding``, ``retrieval``, ``http`` or ``other``.
        operation: ``gen_ai.operation.name``, or ``""``.
        counts_usage: False on a container span that repeats its children's usage, and on a stored model call that
            another span tells of too.
        cost_usd: ``None`` means unknown, never zero.
        error_location: ``file.py:42 in function`` of the innermost frame told, or ``""``.
        input_messages, output_messages, system_instructions, tool_definitions: JSON text in the shape of
            the OTel GenAI conventions, or ``""``.
        weight: How many spans this one stands for after sampling; at least 1.
    """

    project_id: str = "default"
    trace_id: str
    span_id: str
    parent_span_id: str = ""
    trace_state: str = ""
    flags: int = 0
    name: str
    kind: str = "internal"
    start_ns: int
    end_ns: int
    status_code: str = "unset"
    status_message: str = ""
    service_name: str = ""
    scope_name: str = ""
    scope_version: str = ""
    resource_attributes: dict[str, str] = {}
    attributes: dict[str, str] = {}
    attribute_types: dict[str, str] = {}
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0
    events: list[SpanEvent] = []
    links: list[SpanLink] = []
    # uniform columns
    session_id: str = ""
    session_name: str = ""
    span_type: str = "other"
    operation: str = ""
    provider: str = ""
    request_model: str = ""
    response_model: str = ""
    agent_name: str = ""
    tool_name: str = ""
    user_id: str = ""
    conversation_id: str = ""
    tags: list[str] = []
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    counts_usage: bool = True
    cost_usd: float | None = None
    time_to_first_chunk_ns: int | None = None
    finish_reasons: list[str] = []
    error_type: str = ""
    error_message: str = ""
    error_location: str = ""
    input_messages: str = ""
    output_messages: str = ""
    system_instructions: str = ""
    tool_definitions: str = ""
    end_state: str = ""
    weight: float = 1.0


class EventRow(msgspec.Struct, kw_only=True):
    """One AgentOps event or OTel log record.

    Attributes:
        event_id: Identity given by the sender, or made from its content; the key for deduplication.
        event_name: OTel event name, ``agentops.llm`` and the like, or ``""`` for a plain log record.
        severity: OTel severity number, 0 unspecified.
        body: Text, or JSON text when the body is not a string.
    """

    project_id: str = "default"
    event_id: str
    session_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    event_name: str = ""
    event_type: str = ""
    time_ns: int
    end_ns: int = 0
    severity: int = 0
    body: str = ""
    service_name: str = ""
    scope_name: str = ""
    resource_attributes: dict[str, str] = {}
    attributes: dict[str, str] = {}
    attribute_types: dict[str, str] = {}


Row: TypeAlias = SpanRow | EventRow

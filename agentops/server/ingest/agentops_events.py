"""How do sessions and events of the AgentOps v2 protocol become rows?

A session is one trace: its id as hex is the trace id, and the ids of its spans are made from the ids of
its events, so that an event that is sent again replaces itself. An event that names a span of another
protocol (``trace_id`` and ``span_id``) makes no span of its own.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from agentops import semconv
from agentops.clock import now_ns
from agentops.server.ingest.limits import IngestLimits
from agentops.server.ingest.mapping import fill_span
from agentops.server.ingest.refusal import Refusal
from agentops.server.ingest.values import Attributes, Value, attributes_of, json_text, time_ns_of
from agentops.server.rows import EventRow, Row, SpanEvent, SpanRow

__all__ = [
    "SessionState",
    "agent_key",
    "end_rows",
    "event_rows",
    "log_row",
    "session_uuid",
    "start_row",
]

SCOPE: Final = "agentops.v2"
_EVENT_NAMES: Final = {
    "llms": semconv.EVENT_AGENTOPS_LLM,
    "actions": semconv.EVENT_AGENTOPS_ACTION,
    "tools": semconv.EVENT_AGENTOPS_TOOL,
    "errors": semconv.EVENT_AGENTOPS_ERROR,
}
_KINDS: Final = {"llms": "llm", "tools": "tool", "apis": "http", "errors": "text"}
_HEX_TRACE: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
_HEX_SPAN: Final = re.compile(r"(?!0{16})[0-9a-f]{16}")
_CONTENT: Final = (
    "params",
    "returns",
    "prompt",
    "completion",
    "logs",
    "screenshot",
    "trigger_event",
)
_STANDARD: Final = frozenset(
    {"id", "event_type", "init_timestamp", "end_timestamp", "session_id", "trace_id", "span_id"}
)
_INFO, _ERROR = 9, 17
_COSTS_MAX: Final = 1_000


class SessionState:
    """What the backend remembers of a session between requests; good to have, never needed.

    Attributes:
        agents: Names by :func:`agent_key`.
    """

    __slots__ = ("_costs", "_settled_usd", "agents")

    def __init__(self) -> None:
        self.agents: dict[str, str] = {}
        self._costs: dict[str, float] = {}
        self._settled_usd = 0.0

    @property
    def cost_usd(self) -> float:
        """What its model calls have cost so far, as far as it is known."""
        return self._settled_usd + sum(self._costs.values())

    def add_cost(self, event_id: str, cost_usd: float) -> None:
        """Count a model call; the same event again replaces its cost, unless that was long ago."""
        if len(self._costs) >= _COSTS_MAX:
            self._settled_usd += sum(self._costs.values())
            self._costs.clear()
        self._costs[event_id] = cost_usd


def agent_key(agent_id: Value) -> str:
    """Return under what a session remembers an agent: its id, cut to what an honest one needs."""
    return str(agent_id)[:128]


def session_uuid(value: Value) -> UUID:
    """Return a session id as UUID.

    Raises:
        Refusal: 400, it is none.
    """
    try:
        return UUID(str(value))
    except ValueError:
        raise Refusal(400, f"session_id {str(value)[:80]!r} is not a UUID") from None


def _span_id(identity: str) -> str:
    return hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()


def _text(value: Value) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)


def _resource(session: Mapping[str, Value]) -> dict[str, str]:
    """Read what the old SDK tells of its host into attributes of the core conventions."""
    host = session.get("host_env")
    found: dict[str, str] = {"telemetry.sdk.name": "agentops", "telemetry.sdk.language": "python"}
    names = {
        ("SDK", "AgentOps SDK Version"): "telemetry.sdk.version",
        ("SDK", "Python Version"): "process.runtime.version",
        ("OS", "Hostname"): "host.name",
        ("OS", "OS"): "os.name",
        ("OS", "OS Release"): "os.version",
    }
    for (part, key), name in names.items():
        section = host.get(part) if isinstance(host, dict) else None
        if isinstance(section, dict) and isinstance(section.get(key), str):
            found[name] = section[key]
    return found


def _tags(session: Mapping[str, Value]) -> list[str]:
    tags = session.get("tags")
    return [str(tag)[:1024] for tag in tags[:64]] if isinstance(tags, list) else []


def start_row(session: Mapping[str, Value], project_id: str) -> EventRow:
    """Return the event that announces a session; the same one again replaces it, with new tags."""
    identity = session_uuid(session.get("session_id"))
    return EventRow(
        project_id=project_id,
        event_id=f"start-{identity}",
        session_id=str(identity),
        trace_id=identity.hex,
        span_id=_span_id(str(identity)),
        event_name=semconv.EVENT_SESSION_START,
        time_ns=time_ns_of(session.get("init_timestamp")) or now_ns(),
        severity=_INFO,
        scope_name=SCOPE,
        resource_attributes=_resource(session),
        attributes={
            semconv.SESSION_ID: str(identity),
            semconv.AGENTOPS_TAGS: json_text(_tags(session)),
        },
        attribute_types={semconv.AGENTOPS_TAGS: "array"},
    )


def end_rows(session: Mapping[str, Value], project_id: str, limits: IngestLimits) -> list[Row]:
    """Return the root span of a session that has ended."""
    identity = session_uuid(session.get("session_id"))
    start_ns = time_ns_of(session.get("init_timestamp")) or now_ns()
    values: dict[str, Value] = {
        semconv.SESSION_ID: str(identity),
        semconv.AGENTOPS_SPAN_KIND: "session",
        semconv.AGENTOPS_TAGS: _tags(session),
        semconv.AGENTOPS_SESSION_END_STATE: session.get("end_state") or "Indeterminate",
    }
    if session.get("end_state_reason"):
        values[semconv.AGENTOPS_SESSION_END_REASON] = session["end_state_reason"]
    for name in ("video", "event_counts", "host_env"):
        if session.get(name):
            values[f"agentops.session.{name}"] = session[name]
    read = attributes_of(values, limits)
    resource = _resource(session)
    row = SpanRow(
        project_id=project_id,
        trace_id=identity.hex,
        span_id=_span_id(str(identity)),
        name="session",
        start_ns=start_ns,
        end_ns=max(time_ns_of(session.get("end_timestamp")), start_ns),
        scope_name=SCOPE,
        resource_attributes=resource,
        attributes=read.texts,
        attribute_types=read.types,
    )
    fill_span(row, values, (), resource)
    if row.end_state == "Fail":
        row.status_code = "error"
        row.status_message = row.error_message = _text(session.get("end_state_reason"))[:8192]
    return [row]


def event_rows(
    event: Mapping[str, Value],
    session: tuple[str, UUID],
    state: SessionState,
    limits: IngestLimits,
) -> list[Row]:
    """Return the rows of one event: an event row, and a span unless the event belongs to one already.

    Args:
        event: As sent by agentops 0.2, 0.3 or this SDK.
        session: Project id and session id.
        state: Remembers agents and costs; changed in place.
        limits: Bounds of attributes.
    """
    project_id, identity = session
    trace_id, span_id = str(event.get("trace_id") or ""), str(event.get("span_id") or "")
    is_linked = bool(_HEX_TRACE.fullmatch(trace_id) and _HEX_SPAN.fullmatch(span_id))
    event_id = str(event.get("id") or "")[:128]
    if not event_id:
        event_id = hashlib.blake2b(json_text(event).encode(), digest_size=16).hexdigest()
    kind = str(event.get("event_type") or "actions")[:1024]
    start_ns = time_ns_of(event.get("init_timestamp") or event.get("timestamp")) or now_ns()
    row = EventRow(
        project_id=project_id,
        event_id=event_id,
        session_id=str(identity),
        trace_id=trace_id if is_linked else identity.hex,
        span_id=span_id if is_linked else _span_id(event_id),
        event_name=_EVENT_NAMES.get(kind, semconv.EVENT_AGENTOPS_CUSTOM),
        event_type=kind,
        time_ns=start_ns,
        end_ns=max(time_ns_of(event.get("end_timestamp")), start_ns),
        severity=_ERROR if kind == "errors" else _INFO,
        scope_name=SCOPE,
    )
    plain = {
        name: value
        for name, value in event.items()
        if name not in _STANDARD and name not in _CONTENT and value not in (None, "")
    }
    read = attributes_of(plain, limits)
    row.attributes, row.attribute_types = read.texts, read.types
    content = {name: event[name] for name in _CONTENT if event.get(name) not in (None, "")}
    if is_linked:
        row.body = json_text(content) if content else ""
        return [row]
    return [row, _span(row, event, read, state, limits)]


def _span(
    told: EventRow,
    event: Mapping[str, Value],
    read: Attributes,
    state: SessionState,
    limits: IngestLimits,
) -> SpanRow:
    """Make the span that stands for an event."""
    kind = told.event_type
    values = _values(kind, event)
    values[semconv.SESSION_ID] = told.session_id
    agent_id = event.get("agent_id")
    if isinstance(agent_id, str) and agent_id:
        values[semconv.AGENTOPS_AGENT_ID] = agent_id
        values[semconv.GEN_AI_AGENT_NAME] = state.agents.get(agent_key(agent_id), agent_id)
    raw = attributes_of(values, limits)
    extra = {f"agentops.event.{name}": text for name, text in read.texts.items()}
    row = SpanRow(
        project_id=told.project_id,
        trace_id=told.trace_id,
        span_id=told.span_id,
        parent_span_id=_parent(event, told),
        name=_name(kind, event),
        kind="client" if kind in ("llms", "apis") else "internal",
        start_ns=told.time_ns,
        end_ns=told.end_ns,
        scope_name=SCOPE,
        attributes={**extra, **raw.texts},
        attribute_types={
            **{f"agentops.event.{name}": kind for name, kind in read.types.items()},
            **raw.types,
        },
    )
    exceptions: Sequence[Mapping[str, Value]] = ()
    if kind == "errors":
        row.status_code = "error"
        row.status_message = _text(event.get("details"))[:8192]
        exceptions = [
            {
                semconv.EXCEPTION_TYPE: _text(event.get("error_type")),
                semconv.EXCEPTION_MESSAGE: row.status_message,
                semconv.EXCEPTION_STACKTRACE: _text(event.get("logs")),
            }
        ]
        row.events = [SpanEvent(told.time_ns, "exception", json_text(exceptions[0]))]
    fill_span(row, values, exceptions, {})
    if row.cost_usd is not None:
        state.add_cost(told.event_id, row.cost_usd)
    return row


def _parent(event: Mapping[str, Value], told: EventRow) -> str:
    """Return the span of the event that triggered an error where it is told, else the session's root."""
    trigger = event.get("trigger_event_id")
    if not trigger and isinstance(event.get("trigger_event"), dict):
        trigger = event["trigger_event"].get("id")
    return _span_id(str(trigger)[:128] if trigger else told.session_id)


def _name(kind: str, event: Mapping[str, Value]) -> str:
    if kind == "llms":
        return f"chat {event.get('model') or ''}".strip()[:1024]
    if kind == "errors":
        return _text(event.get("error_type"))[:1024] or "error"
    told = event.get("name") or event.get("action_type") or event.get("tool_name") or kind
    return f"execute_tool {told}"[:1024] if kind == "tools" else str(told)[:1024]


def _values(kind: str, event: Mapping[str, Value]) -> dict[str, Value]:
    """Say an event in the names of the current conventions."""
    values: dict[str, Value] = {semconv.AGENTOPS_SPAN_KIND: _KINDS.get(kind, "task")}
    wanted: dict[str, Value] = {}
    if kind == "llms":
        wanted = {
            semconv.GEN_AI_OPERATION_NAME: "chat",
            semconv.GEN_AI_REQUEST_MODEL: event.get("model"),
            semconv.GEN_AI_USAGE_INPUT_TOKENS: event.get("prompt_tokens"),
            semconv.GEN_AI_USAGE_OUTPUT_TOKENS: event.get("completion_tokens"),
            semconv.GEN_AI_INPUT_MESSAGES: event.get("prompt"),
            semconv.GEN_AI_OUTPUT_MESSAGES: event.get("completion"),
            semconv.AGENTOPS_COST_USD: event.get("cost"),
            "agentops.event.params": event.get("params"),
        }
    elif kind == "tools":
        wanted = {
            semconv.GEN_AI_TOOL_NAME: event.get("name") or event.get("tool_name"),
            semconv.GEN_AI_TOOL_CALL_ARGUMENTS: event.get("params"),
            semconv.GEN_AI_TOOL_CALL_RESULT: event.get("returns"),
        }
    else:
        wanted = {
            semconv.AGENTOPS_INPUT: event.get("params"),
            semconv.AGENTOPS_OUTPUT: event.get("returns"),
        }
    for name in ("logs", "screenshot"):
        wanted[f"agentops.event.{name}"] = event.get(name)
    values.update({name: value for name, value in wanted.items() if value not in (None, "")})
    return values


def log_row(trace_id: str, body: str, name: str, project_id: str) -> EventRow:
    """Return the event for text that agentops 0.4 uploads; its session is the trace."""
    digest = hashlib.blake2b(f"{trace_id}\n{body}".encode(), digest_size=16)
    return EventRow(
        project_id=project_id,
        event_id=digest.hexdigest(),
        session_id=trace_id,
        trace_id=trace_id,
        event_name=name,
        time_ns=now_ns(),
        severity=_INFO,
        body=body,
        scope_name="agentops.v4",
    )

"""What did agentops 0.4 call it? Its traces, its states and its attribute names, on today's sessions.

A trace of 0.4 is a session. Unlike there, every one is a true root.
"""

import functools
import json
import logging
from collections.abc import Iterable, Mapping
from contextvars import Token
from types import TracebackType
from typing import Any, TypeVar

from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode

from agentops import client, semconv
from agentops.decorators import session, tool
from agentops.errors import AgentOpsError
from agentops.session.session import Session, SessionOptions, is_orderly
from agentops.session.state import EndState, TraceState

__all__ = [
    "ERROR",
    "SUCCESS",
    "UNSET",
    "AgentAttributes",
    "CoreAttributes",
    "SpanAttributes",
    "SpanKind",
    "StatusCode",
    "ToolAttributes",
    "TraceHandle",
    "ValidationError",
    "WorkflowAttributes",
    "end_trace",
    "start_trace",
    "trace",
    "track_tool",
    "update_trace_metadata",
]

logger = logging.getLogger("agentops")
T = TypeVar("T")

SUCCESS = TraceState.SUCCESS
ERROR = TraceState.ERROR
UNSET = TraceState.UNSET


class ValidationError(AgentOpsError):
    """Kept for ``except`` clauses of older programs; nothing raises it."""


class TraceHandle:
    """What :func:`start_trace` returns: a session under the names that 0.4 gave it.

    Args:
        session: The session it stands for.

    Attributes:
        session: As given.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def span(self) -> Span:
        """The root span."""
        return self.session.span

    @property
    def token(self) -> Token[Context] | None:
        """Token of the attached context; ``None`` once the trace has ended."""
        return self.session.token

    @property
    def is_init_trace(self) -> bool:
        """Whether ``init`` started it by itself."""
        return self.session.is_automatic

    def __enter__(self) -> "TraceHandle":
        """Return itself: the trace runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the trace; an exception ends it as failed and passes on."""
        self.session.end(error=None if is_orderly(error) else error)


def start_trace(
    trace_name: str = "session", tags: Iterable[str] | Mapping[str, object] | None = None
) -> TraceHandle:
    """Start a session that is current here until :func:`end_trace`.

    Args:
        trace_name: Name of the session.
        tags: Labels; a mapping becomes attributes of the root span.
    """
    return TraceHandle(client.required().sessions.start(trace_name, _options(tags)))


def end_trace(
    trace_context: TraceHandle | Session | None = None, end_state: object = EndState.SUCCESS
) -> None:
    """End a trace.

    Args:
        trace_context: What :func:`start_trace` returned; ``None``: every running one.
        end_state: A :class:`TraceState`, ``StatusCode``, :class:`EndState` or its text.
    """
    if trace_context is None:
        active = client.active()
        if active is not None:
            active.sessions.end_all(end_state)
        return
    ended = trace_context.session if isinstance(trace_context, TraceHandle) else trace_context
    ended.end(end_state)


def trace(target: Any = None, /, **options: Any) -> Any:  # noqa: ANN401 - see agentops.session
    """Do what :func:`agentops.session` does; ``tags`` may be a mapping of attributes.

    Of the other keywords of 0.4 ``version`` is recorded; the rest has nothing to say of a session.
    """
    for name in ("cost", "spec", "capture_request", "capture_response"):
        options.pop(name, None)
    version = options.pop("version", None)
    if version is not None:
        options["attributes"] = {
            semconv.AGENTOPS_STEP_VERSION: str(version),
            **options.get("attributes", {}),
        }
    tags = options.pop("tags", None)
    if isinstance(tags, Mapping):
        options["attributes"] = {**tags, **options.get("attributes", {})}
    elif tags:
        options["tags"] = tags
    return session(target, **options)


def track_tool(name: Any = None, **_options: object) -> Any:  # noqa: ANN401 - with or without parentheses
    """Make a tool of a function or class; see :func:`agentops.tool`."""
    return tool(name)


def update_trace_metadata(metadata: Mapping[str, object], prefix: str = "trace.metadata") -> bool:
    """Set attributes on the root span of the current session.

    Args:
        metadata: Names to values: text, number, truth value, or a list of these. ``tags`` replaces the
            session's tags; a name that is an attribute name of AgentOps is used as it is, any other is
            put behind ``prefix``.
        prefix: In front of names of the program's own.

    Returns:
        Whether anything was set.
    """
    current = client.current_session()
    span = current.span if current is not None else otel_trace.get_current_span()
    if not span.is_recording():
        return False
    written = 0
    for name, value in metadata.items():
        if name == "tags" and current is not None and isinstance(value, (str, list, tuple)):
            current.set_tags(value)
        elif isinstance(value, (str, bool, int, float)):
            span.set_attribute(_attribute_name(name, prefix), value)
        elif isinstance(value, (list, tuple)):
            span.set_attribute(_attribute_name(name, prefix), json.dumps(value, default=str))
        else:
            logger.warning(
                "agentops.update_trace_metadata: %r is left out, its value is a %s",
                name,
                type(value),
            )
            continue
        written += 1
    return written > 0


@functools.cache
def _known_names() -> dict[str, str]:
    values = [value for name, value in vars(semconv).items() if name.isupper()]
    return {alias: value for value in values for alias in (value, value.replace(".", "_"))}


def _attribute_name(name: str, prefix: str) -> str:
    known = _known_names().get(name)
    return known if known and not known.startswith("gen_ai.") else f"{prefix}.{name}"


def _options(tags: Iterable[str] | Mapping[str, object] | None) -> SessionOptions:
    if isinstance(tags, Mapping):
        return SessionOptions(attributes=tags)
    return SessionOptions(tags=tags or ())


class _Names(type):
    """Makes a namespace of constants say clearly which of them are not there."""

    def __getattr__(cls, name: str) -> str:
        raise AttributeError(f"{cls.__name__} has no {name}; write the attribute's name as text")


class CoreAttributes(metaclass=_Names):
    """Attribute names of 0.4."""

    ERROR_TYPE = "error.type"
    ERROR_MESSAGE = "error.message"
    TAGS = "agentops.tags"
    TRACE_ID = "trace.id"
    SPAN_ID = "span.id"
    PARENT_ID = "parent.id"
    GROUP_ID = "group.id"


class AgentAttributes(metaclass=_Names):
    """Attribute names of 0.4 for agents."""

    AGENT_ID = "agent.id"
    AGENT_NAME = "agent.name"
    AGENT_ROLE = "agent.role"
    AGENT_TOOLS = "agent.tools"
    AGENT_MODELS = "agent.models"
    AGENT_REASONING = "agent.reasoning"
    FROM_AGENT = "from_agent"
    TO_AGENT = "to_agent"
    HANDOFFS = "handoffs"
    TOOLS = "tools"


class ToolAttributes(metaclass=_Names):
    """Attribute names of 0.4 for tools."""

    TOOL_ID = "tool.id"
    TOOL_NAME = "tool.name"
    TOOL_DESCRIPTION = "tool.description"
    TOOL_PARAMETERS = "tool.parameters"
    TOOL_RESULT = "tool.result"
    TOOL_STATUS = "tool.status"


class WorkflowAttributes(metaclass=_Names):
    """Attribute names of 0.4 for workflows."""

    WORKFLOW_NAME = "workflow.name"
    WORKFLOW_TYPE = "workflow.type"
    WORKFLOW_INPUT = "workflow.input"
    WORKFLOW_OUTPUT = "workflow.output"


class SpanAttributes(metaclass=_Names):
    """Attribute names of 0.4 for model calls."""

    AGENTOPS_SPAN_KIND = semconv.AGENTOPS_SPAN_KIND
    LLM_SYSTEM = "gen_ai.system"
    LLM_REQUEST_MODEL = semconv.GEN_AI_REQUEST_MODEL
    LLM_REQUEST_MAX_TOKENS = semconv.GEN_AI_REQUEST_MAX_TOKENS
    LLM_REQUEST_TEMPERATURE = semconv.GEN_AI_REQUEST_TEMPERATURE
    LLM_REQUEST_TOP_P = semconv.GEN_AI_REQUEST_TOP_P
    LLM_RESPONSE_MODEL = semconv.GEN_AI_RESPONSE_MODEL
    LLM_RESPONSE_ID = semconv.GEN_AI_RESPONSE_ID
    LLM_USAGE_PROMPT_TOKENS = "gen_ai.usage.prompt_tokens"
    LLM_USAGE_COMPLETION_TOKENS = "gen_ai.usage.completion_tokens"
    LLM_USAGE_TOTAL_TOKENS = "gen_ai.usage.total_tokens"


class SpanKind(metaclass=_Names):
    """Values of ``agentops.span.kind`` in 0.4."""

    WORKFLOW = "workflow"
    SESSION = "session"
    TASK = "task"
    OPERATION = "operation"
    AGENT = "agent"
    TOOL = "tool"
    LLM = "llm"
    CHAIN = "chain"
    TEXT = "text"
    GUARDRAIL = "guardrail"
    HTTP = "http"
    UNKNOWN = "unknown"

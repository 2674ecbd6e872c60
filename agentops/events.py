"""What is an AgentOps event? First floor of the SDK; shared with the server, imports no OpenTelemetry.

The field names and their positional order are those of agentops 0.3, so that programs written for it
keep working; ``trace_id`` and ``span_id`` are new and are stamped by
:meth:`agentops.telemetry.manager.TelemetryManager.record`.
"""

import sys
import traceback
from dataclasses import dataclass, field
from enum import Enum
from uuid import UUID, uuid4

from agentops.clock import iso_from_ns, now_ns

__all__ = [
    "ActionEvent",
    "ErrorEvent",
    "Event",
    "EventType",
    "LLMEvent",
    "ToolEvent",
]


class EventType(Enum):
    """The kinds of event that AgentOps tells apart; any other text is kept as it is."""

    LLM = "llms"
    ACTION = "actions"
    API = "apis"
    TOOL = "tools"
    ERROR = "errors"


def _text(error: object) -> str:
    """Return the exception's own text; a placeholder where its ``__str__`` fails."""
    if not isinstance(error, BaseException):  # programs of 0.3 may give anything
        return repr(error)
    return str(traceback.TracebackException(type(error), error, None))


def _now() -> str:
    return iso_from_ns(now_ns())


@dataclass
class Event:
    """Something that happened in a session.

    Attributes:
        event_type: One of :class:`EventType`, or a text of the program's own.
        params: What went in; any value, made JSON on the way out.
        returns: What came out; any value.
        init_timestamp: Start, ISO 8601 in UTC with microseconds.
        end_timestamp: End, same form; ``None`` until recorded.
        agent_id: Id of the agent it belongs to; ``None`` means the current agent.
        id: Identity of the event.
        session_id: Session it belongs to; ``None`` means the current one.
        trace_id: 32 lower-case hex digits; empty until recorded.
        span_id: 16 lower-case hex digits; empty until recorded.
    """

    event_type: str
    params: object = None
    returns: object = None
    init_timestamp: str = field(default_factory=_now)
    end_timestamp: str | None = None
    agent_id: UUID | str | None = None
    id: UUID = field(default_factory=uuid4)
    session_id: UUID | str | None = None
    trace_id: str = field(default="", kw_only=True)
    span_id: str = field(default="", kw_only=True)

    def to_fields(self) -> dict[str, object]:
        """Return the event's own fields as ``{name: value}``, values by reference, not copied."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass
class ActionEvent(Event):
    """A step the agent took.

    Attributes:
        action_type: Name of the action.
        logs: Free text.
        screenshot: URL or base64 image.
    """

    event_type: str = EventType.ACTION.value
    action_type: str | None = None
    logs: object = None
    screenshot: str | None = None


@dataclass
class LLMEvent(Event):
    """One call of a language model.

    Attributes:
        thread_id: Conversation the call belongs to.
        prompt: Text, or a list of chat messages.
        prompt_tokens: Input tokens, as the provider counted them; ``None`` means not told.
        completion: Text or chat message.
        completion_tokens: Output tokens.
        cost: US dollars; ``None`` means unknown, never zero.
        model: Model that answered.
    """

    event_type: str = EventType.LLM.value
    thread_id: UUID | str | None = None
    prompt: object = None
    prompt_tokens: int | None = None
    completion: object = None
    completion_tokens: int | None = None
    cost: float | None = None
    model: str | None = None


@dataclass
class ToolEvent(Event):
    """One use of a tool.

    Attributes:
        name: Name of the tool.
        logs: Free text or structure.
    """

    event_type: str = EventType.TOOL.value
    name: str | None = None
    logs: object = None


@dataclass
class ErrorEvent(Event):
    """Something that went wrong.

    Attributes:
        trigger_event: Event during which it happened.
        exception: The exception; its type and text move to ``error_type`` and ``details`` when the
            event is made, and the reference is dropped.
        error_type: Class name of the exception, or a text of the program's own.
        code: Error code of the program's own.
        details: Text of the error.
        logs: Traceback text; by default that of ``exception``, else of the exception being handled.
    """

    event_type: str = EventType.ERROR.value
    trigger_event: Event | None = None
    exception: BaseException | None = None
    error_type: str | None = None
    code: str | None = None
    details: object = None
    logs: str | None = None

    def __post_init__(self) -> None:
        """Read the exception, then let go of it: it would keep its frames alive."""
        error = self.exception
        traced = sys.exc_info()[1] if error is None else error
        if self.logs is None and isinstance(traced, BaseException):
            self.logs = "".join(traceback.format_exception(traced))
        if error is not None:
            self.error_type = self.error_type or type(error).__name__
            self.details = self.details or _text(error)
            self.exception = None
        if self.end_timestamp is None:
            self.end_timestamp = _now()

    @property
    def timestamp(self) -> str:
        """When it happened: another name of ``init_timestamp``, kept from agentops 0.3."""
        return self.init_timestamp

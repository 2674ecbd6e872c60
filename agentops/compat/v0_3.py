"""What did agentops 0.3 call it? Its functions and decorators, on today's sessions.

Where 0.3 warned and dropped when more than one session ran, the session that is current in the
calling task or thread is meant here.
"""

import functools
import inspect
import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from uuid import UUID

from agentops import client, semconv
from agentops.compat.options import configure
from agentops.decorators import agent, task, tool
from agentops.guard import tolerated
from agentops.session.session import Session, SessionOptions, stable_agent_id
from agentops.session.state import EndState

__all__ = [
    "add_tags",
    "create_agent",
    "end_all_sessions",
    "end_session",
    "get_api_key",
    "get_session",
    "record_action",
    "record_function",
    "record_tool",
    "set_api_key",
    "set_tags",
    "start_session",
    "stop_instrumenting",
    "track_agent",
]

logger = logging.getLogger("agentops")
T = TypeVar("T")


def start_session(
    name: str | Iterable[str] | None = None,
    tags: Iterable[str] | str | None = None,
    inherited_session_id: UUID | str | None = None,
    *,
    session_id: UUID | str | None = None,
) -> Session:
    """Start a session that is current here until it ends.

    Args:
        name: Name of the session. A list is understood as the tags, which came first in 0.3.
        tags: Labels.
        inherited_session_id: Another name of ``session_id``.
        session_id: UUID to take over from another process.
    """
    if name is not None and not isinstance(name, str):
        # 0.3: start_session(tags, inherited_session_id)
        inherited_session_id = inherited_session_id or (tags if isinstance(tags, str) else None)
        name, tags = None, name
    options = SessionOptions(tags=tags or (), session_id=session_id or inherited_session_id)
    return client.required().sessions.start(name or "session", options)


def end_session(
    session: object = None,
    end_state_reason: str | None = None,
    video: str | None = None,
    is_auto_end: bool = False,
    *,
    end_state: object = None,
) -> None:
    """End a session.

    Args:
        session: The :class:`Session` (0.4) or what stands for one, or the end state of the current one (0.3).
        end_state_reason: Why, in words.
        video: Address of a recording of the session.
        is_auto_end: Whether a framework does this by itself; nothing happens then where the program
            set ``skip_auto_end_session``.
        end_state: How it ended; ``Success`` when neither this nor the first argument says.
    """
    active = client.active()
    if active is None or (is_auto_end and active.behaviour.skips_auto_end):
        return
    session = getattr(session, "session", session)  # a trace handle of 0.4 stands for one
    if not isinstance(session, Session):
        end_state = session if end_state is None else end_state
        session = active.sessions.current()
    if session is None:
        logger.warning("agentops.end_session: no session is running here")
        return
    if video is not None:
        session.span.set_attribute(semconv.AGENTOPS_SESSION_VIDEO, video)
    session.end(EndState.SUCCESS if end_state is None else end_state, end_state_reason)


def end_all_sessions() -> None:
    """End every running session as ``Indeterminate``."""
    active = client.active()
    if active is not None:
        active.sessions.end_all()


def get_session(session_id: UUID | str) -> Session | None:
    """Return the running session with this id, or ``None``."""
    active = client.active()
    return active.sessions.get(session_id) if active else None


def add_tags(tags: Iterable[str] | str) -> None:
    """Add labels to the current session."""
    session = _current("add_tags")
    if session is not None:
        session.add_tags(tags)


def set_tags(tags: Iterable[str] | str) -> None:
    """Replace the labels of the current session."""
    session = _current("set_tags")
    if session is not None:
        session.set_tags(tags)


def create_agent(name: str, agent_id: str | None = None) -> str:
    """Return the id under which the agent ``name`` is known; events may bear it as ``agent_id``."""
    return str(agent_id or stable_agent_id(name))


def get_api_key() -> str | None:
    """Return the key in use; ``None`` when there is none or AgentOps is not running."""
    active = client.active()
    return active.config.api_key if active else None


def set_api_key(api_key: str) -> None:
    """Set the key before ``init``; the same as ``configure(api_key=...)``."""
    configure(api_key=api_key)


def stop_instrumenting() -> None:
    """Undo the instrumentation of the providers; what is decorated goes on being recorded."""
    active = client.active()
    if active is not None:
        active.uninstall()


def record_action(event_name: str | None = None) -> Callable[[T], T]:
    """Return a decorator that makes each call a task span and an action event.

    The decorated function takes ``session=`` besides its own arguments: the session it belongs to.

    Args:
        event_name: Name of the action; by default that of the function.
    """
    return lambda function: _with_session(task(name=event_name)(function), function)


def record_tool(tool_name: str | None = None) -> Callable[[T], T]:
    """Return a decorator that makes each call a tool span and a tool event; see :func:`record_action`."""
    return lambda function: _with_session(tool(name=tool_name)(function), function)


def record_function(event_name: str | None = None) -> Callable[[T], T]:
    """Do the same as :func:`record_action`, of which it is the older name."""
    logger.warning("agentops.record_function is an older name of record_action; use agentops.task")
    return record_action(event_name)


def track_agent(name: Any = None) -> Any:  # noqa: ANN401 - a decorator with or without parentheses
    """Make an agent of a class or function; with or without parentheses.

    Instances get ``agentops_agent_id`` and ``agentops_agent_name``, and their constructor takes
    ``agentops_name=`` besides its own arguments.

    Args:
        name: Name of the agent; by default the ``role`` of the instance, else that of the class or function.
    """
    if name is not None and not isinstance(name, str):
        return track_agent()(name)

    def decorate(target: Any) -> Any:  # noqa: ANN401 - whatever is decorated
        named = name or target.__name__
        decorated = agent(name=named)(target)
        if isinstance(decorated, type):
            _name_instances(decorated, name)
        else:
            decorated.agentops_agent_name = named
            decorated.agentops_agent_id = stable_agent_id(named)
        return decorated

    return decorate


def _name_instances(cls: Any, name: str | None) -> None:  # noqa: ANN401 - its __init__ is replaced
    original = cls.__init__

    @functools.wraps(original)
    def initialise(self: Any, *args: Any, **options: Any) -> None:  # noqa: ANN401
        given = options.pop("agentops_name", None)
        original(self, *args, **options)
        tolerated("naming an agent", name_instance, self, given, otherwise=None)

    def name_instance(self: Any, given: str | None) -> None:  # noqa: ANN401
        named = str(given or name or getattr(self, "role", None) or cls.__name__)
        self.agentops_agent_name = named
        self.agentops_agent_id = stable_agent_id(named)

    cls.__init__ = initialise


def _with_session(decorated: Any, function: Any) -> Any:  # noqa: ANN401 - any callable
    """Let ``decorated`` take ``session=``, unless the function itself does."""
    if "session" in inspect.signature(function).parameters:
        return decorated

    @functools.wraps(decorated)
    def call(*args: Any, session: Session | None = None, **options: Any) -> Any:  # noqa: ANN401
        return (decorated if session is None else session.patch(decorated))(*args, **options)

    if not inspect.iscoroutinefunction(function):
        return call

    @functools.wraps(decorated)
    async def call_and_wait(*args: Any, **options: Any) -> Any:  # noqa: ANN401
        return await call(*args, **options)

    return call_and_wait


def _current(verb: str) -> Session | None:
    session = client.current_session()
    if session is None:
        logger.warning("agentops.%s: no session is running here", verb)
    return session

"""How is a connection that lives on followed? Stands beside the engine.

A proxy stands around the WebSocket below the vendor's own connection object and keeps references to the
messages that pass. The connection is one span; each answer on it is a span below that one. What is a
beginning and what an end is asked of the instrumentation.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from agentops import clock
from agentops.guard import guarded
from agentops.providers.patching import ObjectProxy

if TYPE_CHECKING:
    from agentops.instrumentation.providers.base import ProviderInstrumentation, Target
    from agentops.providers.instrumented_provider import ActiveCall, InstrumentedProvider

__all__ = ["AsyncSocketProxy", "SocketProxy", "SocketSession", "follow_socket"]

_MESSAGES_MAX = 1024
_MESSAGE_BYTES_MAX = 1024 * 1024

_Message = str | bytes


class SocketSession:
    """One connection: its span, and that of the answer under way.

    Args:
        provider: The engine.
        active: The connection's own call, begun.
    """

    def __init__(self, provider: "InstrumentedProvider", active: "ActiveCall") -> None:
        self._provider = provider
        self._active = active
        self._instrumentation: ProviderInstrumentation = provider.instrumentation
        self._turn: ActiveCall | None = None
        self._said: list[_Message] = []
        self._heard: list[object] = []
        self._setup: _Message = ""

    def say(self, message: object) -> None:
        """Note what the program sent."""
        with guarded("following a connection"):
            if isinstance(message, str | bytes) and self._is_kept(message):
                self._note(self._said, message)

    def hear(self, message: object) -> None:
        """Note what came, and begin or end the span of an answer."""
        with guarded("following a connection"):
            if not isinstance(message, str | bytes):
                return
            step = self._instrumentation.socket_step(message)
            if step == "begin":
                self._begin()
            turn = self._turn
            if turn is not None:
                turn.last_chunk_ns = clock.monotonic_ns()
                turn.first_chunk_ns = turn.first_chunk_ns or turn.last_chunk_ns
            if step == "session":
                self._setup = message
            elif step != "audio":
                self._note(self._heard, message)
            if step == "end" and turn is not None:
                self._turn = None
                self._heard = []
                turn.finish()

    def finish(self, error: BaseException | None = None, end: str = "closed") -> None:
        """End what is open; the first of several calls counts."""
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.finish(error, "closed" if error is None else end)
        self._active.finish(error, end)

    def _begin(self) -> None:
        if self._turn is not None:
            self._turn.finish(end="closed")
        call = self._instrumentation.socket_turn(self._active.call, self._said, self._setup)
        parent = trace.set_span_in_context(self._active.span, self._active.context)
        self._turn = self._provider.begin(call, parent)
        self._said = []
        self._heard = self._turn.chunks = list(self._heard)

    def _is_kept(self, message: _Message) -> bool:
        return self._instrumentation.socket_step(message) != "audio"

    @staticmethod
    def _note(messages: list[Any], message: _Message) -> None:
        if len(messages) < _MESSAGES_MAX and len(message) <= _MESSAGE_BYTES_MAX:
            messages.append(message)


class SocketProxy(ObjectProxy):
    """Stands around a sync connection of the ``websockets`` package; everything else is its own."""

    def __init__(self, connection: object, session: SocketSession) -> None:
        super().__init__(connection)
        self._self_session = session

    def recv(self, *args: object, **kwargs: object) -> object:
        """Receive a message."""
        try:
            message = self.__wrapped__.recv(*args, **kwargs)
        except Exception as error:
            _end(self._self_session, error)
            raise
        self._self_session.hear(message)
        return message

    def send(self, message: object, *args: object, **kwargs: object) -> object:
        """Send a message."""
        self._self_session.say(message)
        return self.__wrapped__.send(message, *args, **kwargs)

    def close(self, *args: object, **kwargs: object) -> object:
        """Close the connection and end its span."""
        try:
            return self.__wrapped__.close(*args, **kwargs)
        finally:
            self._self_session.finish(end="complete")

    def __del__(self) -> None:
        self._self_session.finish(end="abandoned")


class AsyncSocketProxy(ObjectProxy):
    """The same around an async connection."""

    def __init__(self, connection: object, session: SocketSession) -> None:
        super().__init__(connection)
        self._self_session = session

    async def recv(self, *args: object, **kwargs: object) -> object:
        """Receive a message."""
        try:
            message = await self.__wrapped__.recv(*args, **kwargs)
        except Exception as error:
            _end(self._self_session, error)
            raise
        self._self_session.hear(message)
        return message

    async def send(self, message: object, *args: object, **kwargs: object) -> object:
        """Send a message."""
        self._self_session.say(message)
        return await self.__wrapped__.send(message, *args, **kwargs)

    async def close(self, *args: object, **kwargs: object) -> object:
        """Close the connection and end its span."""
        try:
            return await self.__wrapped__.close(*args, **kwargs)
        finally:
            self._self_session.finish(end="complete")

    def __del__(self) -> None:
        self._self_session.finish(end="abandoned")


def follow_socket(
    provider: "InstrumentedProvider",
    target: "Target",
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> tuple[tuple[object, ...], dict[str, object]]:
    """Return the arguments of a connection's constructor with the WebSocket in a proxy.

    A connection that reconnects makes its next WebSocket by ``make_ws``: that one is followed too.
    """
    changed = dict(kwargs)

    def proxy(connection: Any) -> object:  # noqa: ANN401 - a websockets connection of either kind
        call = provider.instrumentation.read_socket(target, connection)
        if call is None:
            return connection
        active = provider.begin(call, None)
        kind = AsyncSocketProxy if target.is_async else SocketProxy
        return kind(connection, SocketSession(provider, active))

    make = kwargs.get("make_ws")
    if callable(make):
        changed["make_ws"] = _following(make, proxy, target.is_async)
    if args:
        return (proxy(args[0]), *args[1:]), changed
    if "connection" in changed:
        changed["connection"] = proxy(changed["connection"])
    return args, changed


def _following(make: Any, proxy: Any, is_async: bool) -> object:  # noqa: ANN401 - the vendor's own
    def follow(*args: object, **kwargs: object) -> object:
        return _followed(proxy, make(*args, **kwargs))

    async def follow_async(*args: object, **kwargs: object) -> object:
        return _followed(proxy, await make(*args, **kwargs))

    return follow_async if is_async else follow


def _followed(proxy: Any, connection: object) -> object:  # noqa: ANN401
    with guarded("following a connection"):
        return proxy(connection)
    return connection


def _end(session: SocketSession, error: Exception) -> None:
    """End a session whose connection is gone; a close that both sides agreed on is no error."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "ConnectionClosedOK" in kinds:
        session.finish(end="complete")
    elif "ConnectionClosed" in kinds:
        session.finish(error, "error")

"""How is a connection that lives on followed? Stands beside the engine.

A proxy stands around the WebSocket below the vendor's own connection object and keeps references to the
messages that pass. The connection is one span; each answer on it is a span below that one. What is a
beginning and what an end is asked of the instrumentation.
"""

import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from opentelemetry import trace

from agentops import clock, semconv
from agentops.guard import guarded
from agentops.providers.patching import ObjectProxy, hide_frames

if TYPE_CHECKING:
    from agentops.instrumentation.providers.base import ProviderInstrumentation, Target
    from agentops.providers.active_call import ActiveCall
    from agentops.providers.instrumented_provider import InstrumentedProvider

__all__ = ["AsyncSocketProxy", "SocketProxy", "SocketSession", "follow_socket"]

_KEPT_BYTES_MAX = 8 * 1024 * 1024

_Message = str | bytes


class _Kept(list[Any]):
    """Messages that were kept; from a total size on only those that must be."""

    def __init__(self, messages: Iterable[_Message] = ()) -> None:
        super().__init__(messages)
        self._size = sum(map(len, self))

    def add(self, message: _Message, *, is_needed: bool = False) -> None:
        if is_needed or self._size + len(message) <= _KEPT_BYTES_MAX:
            self.append(message)
            self._size += len(message)


class SocketSession:
    """One connection: its span, and those of the answers under way, several at once where lanes differ.

    Args:
        provider: The engine.
        active: The connection's own call, begun.
        is_resumable: Whether the vendor's connection may open a WebSocket in place of a lost one.
    """

    def __init__(
        self, provider: "InstrumentedProvider", active: "ActiveCall", *, is_resumable: bool
    ) -> None:
        self._provider = provider
        self._active = active
        self._instrumentation: ProviderInstrumentation = provider.instrumentation
        self._turns: dict[str, ActiveCall] = {}
        self._said = _Kept()
        self._taken: list[_Message] = []
        self._heard = _Kept()
        self._told = _Kept()
        self._last: dict[str, _Message] = {}
        self._asked_ns: dict[int, int] = {}
        self._is_refused = False
        self._is_resumable = is_resumable
        self._lost: BaseException | None = None
        self._is_lost = False
        self._is_over = False
        self._generation = 0
        # One thread may send while another reads. Not to be waited for by finalisers.
        self._lock = threading.RLock()
        active.chunks = self._told

    def say(self, message: object) -> None:
        """Note what the program sent."""
        with guarded("following a connection"), self._lock:
            if not isinstance(message, str | bytes):
                return
            step = self._step(message)
            if step == "ask" and self._is_refused:
                # What is asked for anew was not answered.
                self._said = _Kept(each for each in self._said if self._step(each) != "ask")
                self._asked_ns = {}
                self._is_refused = False
            if step == "ask":
                self._asked_ns[id(message)] = clock.monotonic_ns()
            if step != "audio":
                self._said.add(message)

    def hear(self, message: object) -> None:
        """Note what came, and begin or end the span of an answer."""
        with guarded("following a connection"), self._lock:
            if isinstance(message, str | bytes) and not self._is_over:
                self._hear(message, self._step(message))
            if self._is_over:  # also by another thread in the meantime
                self._end_turns(None)

    def _step(self, message: _Message) -> str:
        return self._instrumentation.socket_step(self._active.call, message)

    def _hear(self, message: _Message, step: str) -> None:
        if step == "audio":
            key = self._key(self._instrumentation.socket_lane(message, step))
            if key is not None:
                _tick(self._turns[key])
            return
        self._last.pop("fault", None)
        if step == "refusal":
            self._take_back()
            step = "fault"
        self._is_refused |= step == "fault"
        if step in ("session", "state", "fault"):
            self._last[step] = message
            return
        if step == "note":
            self._told.add(message)
            return
        if step == "whole":
            self._begin(list(self._said), message, _Kept([message])).finish()
        lane = self._instrumentation.socket_lane(message, step)
        if step == "begin" or (step == "error" and self._is_asked(lane)):
            self._take_up(lane, message)
        key = self._key(lane)
        if key is None or step == "given":
            self._heard.add(message)
            return
        turn = self._turns[key]
        _tick(turn)
        cast("_Kept", turn.chunks).add(message, is_needed=step != "")
        if step in ("end", "error"):
            del self._turns[key]
            turn.finish()

    def _is_asked(self, lane: str) -> bool:
        """Tell whether an answer was asked for and has not begun."""
        return self._key(lane) is None and any(self._step(each) == "ask" for each in self._said)

    def _key(self, lane: str) -> str | None:
        """Return the key of the answer on ``lane``: where none is told, of the one that began last."""
        if lane:
            return next((key for key in (lane, "") if key in self._turns), None)
        return next(reversed(self._turns), None)

    def _take_up(self, lane: str, message: _Message) -> None:
        """Begin an answer with what was said for it; another one that is open on its lane is over."""
        before = self._turns.pop(lane, None)
        if before is not None:
            before.finish(end="closed")
        mine: list[_Message] = []
        others = _Kept()
        is_asked, asked_ns = False, 0
        for each in self._said:
            if is_asked or self._instrumentation.socket_lane(each, "") not in ("", lane):
                others.add(each)  # for another lane, or for the next answer on this one
            else:
                mine.append(each)
                is_asked = self._step(each) == "ask"
                asked_ns = self._asked_ns.pop(id(each), 0)
        self._said = others
        waiting = set(map(id, others))
        self._asked_ns = {key: ns for key, ns in self._asked_ns.items() if key in waiting}
        turn = self._turns[lane] = self._begin(mine, message, self._heard)
        turn.call.started_ns = asked_ns  # 0: the service began by itself
        self._taken = mine
        self._heard = _Kept()

    def _take_back(self) -> None:
        """Forget what was asked for: a response that the service began by itself was in its way."""
        waiting = next((each for each in self._said if self._step(each) == "ask"), None)
        if waiting is not None:
            self._said.remove(waiting)
        elif self._turns and self._taken and self._step(self._taken[-1]) == "ask":
            self._taken.pop()
            next(reversed(self._turns.values())).call.started_ns = 0

    def _begin(self, said: list[_Message], message: _Message, heard: _Kept) -> "ActiveCall":
        setup = self._last.get("session", "")
        call = self._instrumentation.socket_turn(self._active.call, said, setup, message)
        parent = trace.set_span_in_context(self._active.span, self._active.context)
        turn = self._provider.begin(call, parent)
        turn.chunks = heard
        return turn

    def lose(self, error: BaseException, *, is_orderly: bool) -> None:
        """Hear that the WebSocket is gone; where another may be opened, the connection lives on."""
        fault = None if is_orderly else error
        if self._is_resumable:
            self._lost, self._is_lost, self._is_refused = fault, True, True
            self._end_turns(fault)
        elif is_orderly:
            self.finish(end="complete")
        else:
            self.finish(error, "error")

    def resume(self) -> None:
        """Hear that another WebSocket has taken the place of the last."""
        self._lost, self._is_lost = None, False
        self._generation += 1
        retries = cast("int", self._active.call.attributes.get(semconv.AGENTOPS_RETRY_COUNT, 0))
        self._active.call.attributes[semconv.AGENTOPS_RETRY_COUNT] = retries + 1

    @property
    def generation(self) -> int:
        """How often the WebSocket was replaced."""
        return self._generation

    def leave(self, generation: int, end: str, *, is_asked: bool = True) -> None:
        """Hear that a WebSocket was closed or dropped by this side; one that was replaced does not count.

        Nor does one that the SDK, which was not asked to, closes before it opens another.
        """
        if generation != self._generation or (self._is_lost and generation and not is_asked):
            return
        if self._lost is not None:
            self.finish(self._lost, "error")
        else:
            self.finish(end="complete" if self._is_lost else end)

    def finish(self, error: BaseException | None = None, end: str = "closed") -> None:
        """End what is open; the first of several calls counts.

        What is still read after it begins nothing: nothing would end that.
        """
        self._is_over = True
        self._end_turns(error)
        for message in list(self._last.values()):
            self._told.add(message, is_needed=True)
        self._last = {}
        self._active.finish(error, end)

    def _end_turns(self, error: BaseException | None) -> None:
        turns, self._turns = self._turns, {}
        for turn in list(turns.values()):
            turn.finish(error, "closed" if error is None else "error")


def _tick(turn: "ActiveCall") -> None:
    turn.last_chunk_ns = clock.monotonic_ns()
    turn.first_chunk_ns = turn.first_chunk_ns or turn.last_chunk_ns
    turn.call.chunk_count += 1


class SocketProxy(ObjectProxy):
    """Stands around a sync connection of the ``websockets`` package; everything else is its own."""

    def __init__(self, connection: object, session: SocketSession) -> None:
        super().__init__(connection)
        self._self_session = session
        self._self_generation = session.generation

    def recv(self, *args: object, **kwargs: object) -> object:
        """Receive a message."""
        try:
            message = self.__wrapped__.recv(*args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            _lose(self._self_session, error)
            raise
        self._self_session.hear(message)
        return message

    def send(self, message: object, *args: object, **kwargs: object) -> object:
        """Send a message."""
        self._self_session.say(message)
        try:
            return self.__wrapped__.send(message, *args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            _lose(self._self_session, error)
            raise

    def close(self, *args: object, **kwargs: object) -> object:
        """Close the connection and end its span."""
        try:
            return self.__wrapped__.close(*args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            raise
        finally:
            _close(self, kwargs)

    def __del__(self) -> None:
        self._self_session.leave(self._self_generation, "abandoned")


class AsyncSocketProxy(ObjectProxy):
    """The same around an async connection."""

    def __init__(self, connection: object, session: SocketSession) -> None:
        super().__init__(connection)
        self._self_session = session
        self._self_generation = session.generation

    async def recv(self, *args: object, **kwargs: object) -> object:
        """Receive a message."""
        try:
            message = await self.__wrapped__.recv(*args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            _lose(self._self_session, error)
            raise
        self._self_session.hear(message)
        return message

    async def send(self, message: object, *args: object, **kwargs: object) -> object:
        """Send a message."""
        self._self_session.say(message)
        try:
            return await self.__wrapped__.send(message, *args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            _lose(self._self_session, error)
            raise

    async def close(self, *args: object, **kwargs: object) -> object:
        """Close the connection and end its span."""
        try:
            return await self.__wrapped__.close(*args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            raise
        finally:
            _close(self, kwargs)

    def __del__(self) -> None:
        self._self_session.leave(self._self_generation, "abandoned")


def follow_socket(
    provider: "InstrumentedProvider",
    target: "Target",
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> tuple[tuple[object, ...], dict[str, object]]:
    """Return the arguments of a connection's constructor with the WebSocket in a proxy.

    A connection that reconnects makes its next WebSocket by ``make_ws``: it goes on with the same span.
    """
    changed = dict(kwargs)
    connection = args[0] if args else changed.get("connection")
    call = provider.instrumentation.read_socket(target, connection)
    if connection is None or call is None:
        return args, changed
    make = kwargs.get("make_ws")
    active = provider.begin(call, None)
    session = SocketSession(provider, active, is_resumable=callable(make))
    kind = AsyncSocketProxy if target.is_async else SocketProxy
    if callable(make):
        changed["make_ws"] = _following(make, session, target.is_async)
    proxy = kind(connection, session)
    if args:
        return (proxy, *args[1:]), changed
    return args, {**changed, "connection": proxy}


def _following(make: Any, session: SocketSession, is_async: bool) -> object:  # noqa: ANN401 - the vendor's own
    def follow(*args: object, **kwargs: object) -> object:
        connection = make(*args, **kwargs)
        session.resume()
        return SocketProxy(connection, session)

    async def follow_async(*args: object, **kwargs: object) -> object:
        connection = await make(*args, **kwargs)
        session.resume()
        return AsyncSocketProxy(connection, session)

    return follow_async if is_async else follow


def _close(proxy: SocketProxy | AsyncSocketProxy, kwargs: Mapping[str, object]) -> None:
    """Tell a session whose WebSocket was closed; the SDK hands on the code that a program closes with."""
    session: SocketSession = proxy._self_session
    session.leave(proxy._self_generation, "complete", is_asked="code" in kwargs)


def _lose(session: SocketSession, error: BaseException) -> None:
    """Tell a session whose WebSocket is gone; a close that both sides agreed on is no error."""
    with guarded("losing a connection"):
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if "ConnectionClosed" in kinds:
            session.lose(error, is_orderly="ConnectionClosedOK" in kinds)

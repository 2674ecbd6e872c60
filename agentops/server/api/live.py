"""How does a page learn at once that something changed? Server-sent events, resumable, bounded.

A change wakes the publisher, which reads the new lines of the sessions concerned once for all pages.
A page that was away asks with ``Last-Event-ID``; if what it missed is no longer kept, it is told
``reset`` and reads everything again. A page may follow only the sessions that match a filter.

What changes after a page has read and before its stream stands reaches nobody: so each stream begins with
``connected``, which says how long nothing has changed, and the page can tell whether to read anew.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from agentops import clock
from agentops.errors import StorageError
from agentops.guard import guarded
from agentops.server.schemas import SessionRow, SpanBatch

__all__ = ["Lines", "Live"]

Lines: TypeAlias = dict[str, list[SessionRow]]
"""Lines of sessions by the filter text that they match; ``""`` matches all."""

_KEPT: Final = 1_000
_WAITING_MAX: Final = 500
_TICK_S: Final = 0.05
_HEARTBEAT_S: Final = 15.0
_SESSIONS_MAX: Final = 500


class Live:
    """All pages that follow. Everything runs on the event loop but :meth:`changed`.

    Args:
        read: Returns the lines of those of the given sessions that match a filter text; blocks, so it is
            called through ``run``.
        run: Runs a blocking function on a thread.
        clients_max: Pages that may follow at once.
    """

    def __init__(
        self,
        read: Callable[[list[str], str], list[SessionRow]],
        run: "Callable[[Callable[[], Lines]], asyncio.Future[Lines]]",
        clients_max: int,
    ) -> None:
        self._read = read
        self._run = run
        self._clients_max = clients_max
        self._epoch = secrets.token_hex(4)
        self._number = 0
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=_KEPT)
        self._clients: set[_Client] = set()
        self._changed: dict[str, int] = {}
        # What was before the start of the server is not known.
        self._changed_ns = clock.monotonic_ns()
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._is_closed = False

    @property
    def is_full(self) -> bool:
        """Whether no further page may follow."""
        return len(self._clients) >= self._clients_max

    def changed(self, sessions: dict[str, int]) -> None:
        """Tell that sessions have new spans. Call from any thread."""
        if not self._is_closed:
            self._loop.call_soon_threadsafe(self._note, sessions)

    async def publish_forever(self) -> None:
        """Send what changed to every page until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(_TICK_S)  # changes that come together are read together
            self._wake.clear()
            changed, self._changed = self._changed, {}
            with guarded("publishing live updates"):
                await self._publish(changed)

    async def follow(self, last_id: str, q: str = "") -> AsyncIterator[bytes]:
        """Yield the stream for one page.

        Args:
            last_id: The message that it saw last; ``""``: none.
            q: Only sessions that match this filter text; ``""``: all.
        """
        client = _Client(q)
        missed = self._missed(last_id, q)
        self._clients.add(client)
        try:
            quiet_ms = (clock.monotonic_ns() - self._changed_ns) // 1_000_000
            told = f'event: connected\ndata: {{"quiet_ms": {quiet_ms}}}'
            yield f"retry: 1000\nid: {self._id(self._number)}\n{told}\n\n".encode()
            for message in missed:
                yield message
            while not (self._is_closed and client.is_empty):
                message = await client.next(_HEARTBEAT_S)
                if message:
                    yield message
        finally:
            self._clients.discard(client)

    def close(self) -> None:
        """End every stream. Call on the event loop; may be called twice."""
        self._is_closed = True
        for client in self._clients:
            client.put(b": the server is stopping\n\n")

    def _note(self, sessions: dict[str, int]) -> None:
        self._changed_ns = clock.monotonic_ns()
        for session, count in sessions.items():
            self._changed[session] = self._changed.get(session, 0) + count
        self._wake.set()

    async def _publish(self, changed: dict[str, int]) -> None:
        if not self._clients and not self._kept:
            self._number += 1  # a page that comes later with an older id must read anew
            return
        if len(changed) > _SESSIONS_MAX:
            self._send("reset", b"{}")
            return
        filters = {"", *(client.q for client in self._clients)}
        try:
            lines = await self._run(lambda: {q: self._read(list(changed), q) for q in filters})
        except StorageError:
            self._send("reset", b"{}")
            return
        matching = {q: {row.session_id for row in rows} for q, rows in lines.items()}
        for row in lines[""]:
            self._send("session.upsert", msgspec.json.encode(row), row.session_id, matching)
        for row in lines[""]:
            batch = SpanBatch(session_id=row.session_id, count=changed[row.session_id])
            if batch.count:
                self._send("span.batch", msgspec.json.encode(batch), row.session_id, matching)

    def _send(
        self,
        event: str,
        data: bytes,
        session_id: str = "",
        matching: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """Send a message to every page, or to those in whose filter ``matching`` has the session."""
        self._number += 1
        head = f"id: {self._id(self._number)}\nevent: {event}\ndata: ".encode()
        message = head + data + b"\n\n"
        self._kept.append((self._number, message))
        for client in self._clients:
            if matching is None or session_id in matching.get(client.q, ()):
                client.put(message)

    def _missed(self, last_id: str, q: str) -> Sequence[bytes]:
        if not last_id:
            return []
        epoch, _, number = last_id.partition("-")
        if epoch == self._epoch and number.isascii() and number.isdigit():
            last = int(number)
            oldest = self._kept[0][0] if self._kept else self._number + 1
            if q:  # what is kept does not say which filter it matched
                oldest = self._number + 1
            if oldest - 1 <= last <= self._number:
                return [message for number, message in self._kept if number > last]
        return [f"id: {self._id(self._number)}\nevent: reset\ndata: {{}}\n\n".encode()]

    def _id(self, number: int) -> str:
        return f"{self._epoch}-{number}"


class _Client:
    """Messages that wait for one page; one that reads too slowly is told to read anew."""

    def __init__(self, q: str) -> None:
        self.q = q
        self._messages: deque[bytes] = deque()
        self._arrived = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        return not self._messages

    def put(self, message: bytes) -> None:
        if len(self._messages) >= _WAITING_MAX:
            self._messages.clear()
            self._messages.append(b"event: reset\ndata: {}\n\n")
        self._messages.append(message)
        self._arrived.set()

    async def next(self, timeout_s: float) -> bytes:
        """The next message, or a heartbeat comment when none came in time."""
        if not self._messages:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout_s)
            except (asyncio.TimeoutError, TimeoutError):
                return b": heartbeat\n\n"
        return self._messages.popleft()

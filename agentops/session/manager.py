"""Which sessions are live? Session floor: starts them, ends them, and keeps their register."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from agentops import semconv
from agentops.forking import in_children
from agentops.session.context import context_session
from agentops.session.session import Session, SessionOptions
from agentops.session.state import EndState
from agentops.session.summary import Tally
from agentops.telemetry.ambient import get_ambient

if TYPE_CHECKING:
    from agentops.telemetry.manager import TelemetryManager

__all__ = ["SessionManager"]

_LIVE_MAX = 10_000


class SessionManager:
    """The register of live sessions: many at once, each current only where it was entered.

    Safe for use from any thread. Ended sessions are not kept, and of those that never end at most
    10,000: the oldest are then ended as ``Indeterminate``.

    Args:
        telemetry_manager: Given to every session.
        link: Makes the address of a session's page; ``None`` means there is none.

    Attributes:
        tally: Counts of the sessions that ended.
    """

    def __init__(
        self,
        telemetry_manager: "TelemetryManager",
        link: Callable[[Session], str | None] | None = None,
    ) -> None:
        self._telemetry_manager = telemetry_manager
        self._link = link
        self._live: dict[Session, None] = {}  # by themselves: several may bear one id
        # A signal handler may start a session in the midst of a start.
        self._lock = threading.RLock()
        self.tally = Tally()
        self._automatic: Session | None = None
        in_children(self._after_fork)

    def start(
        self, name: str = "session", options: SessionOptions | None = None, *, enter: bool = True
    ) -> Session:
        """Start a session, by default one that is current from here on in this task or thread.

        Args:
            name: Name of the session.
            options: Tags and the rest. An automatic session is never entered: it is current wherever
                no other is.
            enter: Whether it becomes current; ``False`` for callers that attach its context themselves.
        """
        options = replace(options or SessionOptions(), on_end=self._ended, link=self._link)
        session = Session(self._telemetry_manager, name, options)
        with self._lock:
            self._live[session] = None
            if session.is_automatic:
                self._automatic = session
        if session.is_automatic:
            self._telemetry_manager.on_default_use = session.announce
            self._telemetry_manager.default_context = session.context
        elif enter:
            session.enter()
        self._end_forgotten()
        return session

    def _end_forgotten(self) -> None:
        """End the oldest sessions beyond the bound: nobody has so many at once and ends them."""
        if len(self._live) <= _LIVE_MAX:
            return
        explicit = [session for session in self.all() if not session.is_automatic]
        for session in explicit[: len(explicit) - _LIVE_MAX]:
            session.end(EndState.INDETERMINATE, "too many sessions at once")

    def end(
        self,
        session: Session | None = None,
        end_state: object = EndState.SUCCESS,
        reason: str | None = None,
    ) -> bool:
        """End ``session`` (``None``: the current one).

        Returns:
            ``False`` when there was none to end.
        """
        session = session or self.current()
        if session is None or not session.is_running:
            return False
        session.end(end_state, reason)
        return True

    def end_all(self, end_state: object = EndState.INDETERMINATE, reason: str | None = None) -> int:
        """End every live session, the newest first; return how many there were."""
        sessions = self.all()[::-1]
        for session in sessions:
            session.end(end_state, reason)
        return len(sessions)

    def current(self) -> Session | None:
        """Return the session that calls made here belong to, or ``None``.

        That is the running one entered here or in a context this one was copied from; else the
        automatic one; else the only one that is live. Where the work belongs to a session of another
        process, as a request with its context does, there is none.
        """
        session = context_session()
        if session is not None and session.is_running:
            return session
        joined = get_ambient().get(semconv.SESSION_ID)
        if session is None and joined is not None:
            return self.get(str(joined))
        with self._lock:
            if self._automatic is not None:
                return self._automatic
            return next(iter(self._live)) if len(self._live) == 1 else None

    @property
    def automatic(self) -> Session | None:
        """The running automatic session, or ``None``."""
        return self._automatic

    def all(self) -> list[Session]:
        """Return the live sessions, the oldest first; the list is the caller's."""
        with self._lock:
            return list(self._live)

    def get(self, session_id: UUID | str) -> Session | None:
        """Return the live session with this id, the newest where several bear it, or ``None``."""
        try:
            wanted = session_id if isinstance(session_id, UUID) else UUID(str(session_id))
        except ValueError:
            return None
        return next((each for each in reversed(self.all()) if each.id == wanted), None)

    def _after_fork(self) -> None:
        self._lock = threading.RLock()
        for session in self._live:
            session.after_fork()

    def _ended(self, session: Session) -> None:
        with self._lock:
            self._live.pop(session, None)
            self.tally.add(session)
            if self._automatic is session:
                self._automatic = None
        if session.is_automatic:
            self._telemetry_manager.default_context = None
            self._telemetry_manager.on_default_use = None

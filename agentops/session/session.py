"""What is one run of an agent? Session floor: holds a telemetry manager, owns no pipeline."""

import html
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextvars import Token
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode

from agentops import semconv
from agentops.clock import iso_from_ns, monotonic_ns, now_ns
from agentops.events import Event
from agentops.guard import guarded
from agentops.instrumentation.context import TraceContext
from agentops.session.context import attach, bind_session, context_session, detach
from agentops.session.state import EndState
from agentops.telemetry.ambient import Shared, get_ambient, leave_ended, set_ambient
from agentops.telemetry.completion import Completion
from agentops.telemetry.totals import SessionTotals

if TYPE_CHECKING:
    from agentops.telemetry.manager import TelemetryManager

__all__ = ["Session", "SessionOptions", "is_orderly", "stable_agent_id", "tag_list"]

logger = logging.getLogger("agentops")
P = ParamSpec("P")
R = TypeVar("R")
_COUNT_MS = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionOptions:
    """What a session may be told when it starts.

    Attributes:
        tags: Labels, shown and searchable; a single text counts as one tag.
        session_id: Identity to take over, a UUID or its text; ``None`` makes a new one. A text that is
            no UUID is refused with a warning and a new one is made.
        attributes: Further attributes of the root span.
        automatic: ``True`` for the session that ``init`` starts by itself.
        on_end: Called once with the session when it ended.
        link: Makes the address of the session's page from the session; ``None`` means there is none.
    """

    tags: Iterable[str] | str = ()
    session_id: UUID | str | None = None
    attributes: Mapping[str, object] | None = None
    automatic: bool = False
    on_end: "Callable[[Session], None] | None" = None
    link: "Callable[[Session], str | None] | None" = None


class Session:
    """One run of an agent: a root span with a trace of its own, and everything that happens in it.

    A session starts when it is made. As a context manager (``with`` or ``async with``) it is current
    inside the block and ends with it: ``Success``, or ``Fail`` when an exception leaves the block.
    Every method may be called from any thread, and none raises because of telemetry.

    Args:
        telemetry_manager: Where spans and events go; the session only holds it.
        name: Name of the session and of its root span.
        options: Everything else; see :class:`SessionOptions`.

    Attributes:
        name: Name given at the start.
        id: Identity, stamped as ``session.id`` on every record of the session.
        span: The root span.
        context: OpenTelemetry context of the session, for code that attaches contexts itself.
        started_ns: Wall clock at the start, nanoseconds since the Unix epoch.
        end_state: How it ended; ``INDETERMINATE`` while it runs.
        end_state_reason: Why, in the words given to :meth:`end`.
    """

    def __init__(
        self,
        telemetry_manager: "TelemetryManager",
        name: str = "session",
        options: SessionOptions | None = None,
    ) -> None:
        self._options = options = options or SessionOptions()
        self._manager = telemetry_manager
        self.name = name
        self.id = _uuid(options.session_id)
        self._tags = tag_list(options.tags)
        self.end_state = EndState.INDETERMINATE
        self.end_state_reason: str | None = None
        self.started_ns = now_ns()
        self._started_monotonic_ns = monotonic_ns()
        self._duration_ns: int | None = None
        self._outers: tuple[Context, ...] = ()  # around the first entering and the last
        self._shared = Shared()
        self._token: Token[Context] | None = None
        self._running = True
        self._announced = False
        self._lock = threading.RLock()
        self.span: Span = trace.INVALID_SPAN
        self.context: Context = otel.get_current()
        with guarded("starting a session"):
            self._start()

    def _start(self) -> None:
        # A true root: whatever span is current here is not the parent of a session. Values of the
        # program's own (baggage and the like) stay; our ambient attributes start afresh.
        base = trace.set_span_in_context(trace.INVALID_SPAN)
        fresh = {**dict.fromkeys(get_ambient(base)), **self._ambient()}
        base = set_ambient(bind_session(self, base), fresh, self._shared)
        attributes = {
            semconv.AGENTOPS_SPAN_KIND: "session",
            semconv.AGENTOPS_SESSION_NAME: self.name,
            **(self._options.attributes or {}),
        }
        self.span = self._manager.create_span(self.name, attributes=attributes, parent=base)
        self.context = trace.set_span_in_context(self.span, base)
        if not self.is_automatic:
            self.announce()

    def announce(self) -> None:
        """Tell the destinations that the session has started; done by itself, once.

        An automatic session is announced when something first falls to it: a program that does all
        its work in sessions of its own shall not leave an empty one beside them.
        """
        with self._lock:
            announced, self._announced = self._announced, True
        if not announced:
            self._manager.emit(
                semconv.EVENT_SESSION_START, attributes=self._described(), context=self.context
            )

    def _ambient(self) -> dict[str, object]:
        ambient: dict[str, object] = {semconv.SESSION_ID: str(self.id)}
        if self._tags:
            ambient[semconv.AGENTOPS_TAGS] = tuple(self._tags)
        return ambient

    def _described(self) -> dict[str, object]:
        return {**self._ambient(), semconv.AGENTOPS_SESSION_NAME: self.name}

    @property
    def tags(self) -> tuple[str, ...]:
        """Labels of the session, in the order they were given."""
        return tuple(self._tags)

    @property
    def trace_id(self) -> str:
        """Trace of the session: 32 hexadecimal digits; all zero when it is not recorded."""
        return trace.format_trace_id(self.span.get_span_context().trace_id)

    @property
    def is_running(self) -> bool:
        """Whether the session has not ended yet."""
        return self._running

    @property
    def is_automatic(self) -> bool:
        """Whether ``init`` started it by itself."""
        return self._options.automatic

    @property
    def duration_ns(self) -> int:
        """How long it ran, or has been running, in nanoseconds."""
        if self._duration_ns is not None:
            return self._duration_ns
        return monotonic_ns() - self._started_monotonic_ns

    @property
    def token(self) -> Token[Context] | None:
        """Token of the attached context; ``None`` where the session was not made current."""
        return self._token

    @property
    def url(self) -> str | None:
        """Address of the session's page; ``None`` when no AgentOps destination is configured."""
        return self._options.link(self) if self._options.link else None

    def record(self, event: Event) -> Event:
        """Record something that happened in this session.

        The event belongs to the span that is current, when that span is of this session, otherwise to
        the root span. An event that comes after the end is still delivered.

        Args:
            event: Any of the event classes; it is stamped in place.

        Returns:
            The same event, with ``session_id``, ``trace_id`` and ``span_id`` filled in.
        """
        with guarded("recording an event"):
            self.announce()
            here = self._here()
            span = None if self._running else trace.get_current_span(here)  # it is left otherwise
            self._manager.record(event, context=here, span=span)
        return event

    def propagate_context(
        self, carrier: MutableMapping[str, str] | None = None
    ) -> MutableMapping[str, str]:
        """Write the session's trace context into ``carrier``, for a request to another process.

        Args:
            carrier: Mapping that receives the headers; ``None`` makes a new one.

        Returns:
            The carrier.
        """
        carrier = {} if carrier is None else carrier
        with guarded("propagating the context"):
            self.announce()
            TraceContext(self._here()).inject(carrier)
        return carrier

    def _here(self) -> Context:
        """Return the current context where it is of this session, else that of its root span."""
        is_here = get_ambient().get(semconv.SESSION_ID) == str(self.id)
        return otel.get_current() if is_here or context_session() is self else self.context

    def add_tags(self, tags: Iterable[str] | str) -> None:
        """Add labels; those it has already are not repeated."""
        added = tag_list(tags)
        with self._lock:
            self.set_tags([*self._tags, *added])

    def set_tags(self, tags: Iterable[str] | str) -> None:
        """Replace the labels. The root span bears the new ones, and so does all that follows in the session."""
        with guarded("setting tags"):
            listed = tag_list(tags)
            with self._lock:
                self._tags = listed
                self.span.set_attribute(semconv.AGENTOPS_TAGS, listed)
                self._shared.changes = {semconv.AGENTOPS_TAGS: tuple(listed) or None}

    def end(
        self,
        end_state: object = EndState.SUCCESS,
        reason: str | None = None,
        *,
        error: BaseException | None = None,
        complete: Callable[[], Completion] | None = None,
    ) -> None:
        """End the session; a second call does nothing.

        Args:
            end_state: An :class:`EndState`, or any spelling that agentops 0.3 or 0.4 took. One that
                means nothing is warned about and counts as ``INDETERMINATE``.
            reason: Why, in words.
            error: Exception that ended the session: the state is then ``FAIL``.
            complete: Resolved on the worker: what else belongs on the root span.
        """
        with self._lock:
            if not self._running:
                return
            self._running = False
        self._duration_ns = monotonic_ns() - self._started_monotonic_ns
        self.leave()
        with guarded("ending a session"):
            self.announce()
            self._end(end_state, reason, error, complete)
        self._shared.span = self.span
        self._shared.outer = self._outers[-1] if self._outers else None
        if self._options.on_end is not None:
            self._options.on_end(self)

    def discard(self) -> bool:
        """End the session without a trace, if nothing has been told of it; say whether that was so."""
        with self._lock:
            if self._announced or not self._running:
                return False
            self._running = False
        if self._options.on_end is not None:
            self._options.on_end(self)
        return True

    def after_fork(self) -> None:
        """Take a new lock in a child process."""
        self._lock = threading.RLock()

    def _end(
        self,
        end_state: object,
        reason: str | None,
        error: BaseException | None,
        complete: Callable[[], Completion] | None,
    ) -> None:
        state = EndState.FAIL if error is not None else EndState.read(end_state)
        if state is None:
            logger.warning(
                "agentops: end state %r is not known; expected Success, Fail or Indeterminate",
                end_state,
            )
            state, reason = EndState.INDETERMINATE, reason or str(end_state)
        self.end_state, self.end_state_reason = state, reason
        outcome = {semconv.AGENTOPS_SESSION_END_STATE: state.value}
        if reason:
            outcome[semconv.AGENTOPS_SESSION_END_REASON] = reason
        self.span.set_attributes(outcome)
        if state is EndState.FAIL and error is None:
            self.span.set_status(Status(StatusCode.ERROR, reason))
        self._manager.emit(
            semconv.EVENT_SESSION_END,
            attributes={**self._described(), **outcome},
            context=self.context,
        )
        self._manager.end_span(self.span, complete=complete, error=error)

    def enter(self) -> None:
        """Make the session current in this task or thread, until :meth:`leave` or :meth:`end`, unless it is."""
        here = otel.get_current()
        if context_session(here) is not self:
            self._outers = (*self._outers[:1], leave_ended(here))
            self._token = attach(self.context)

    def leave(self) -> None:
        """Make current again what was current before :meth:`enter`, if this session still is.

        Sessions may end in any order and in another task than they began in: where this one is not
        current, nothing changes, and where the one outside it has ended too, the next one out counts.
        """
        token, self._token = self._token, None
        if not self._outers:
            return
        # Kept from here on is what still runs: sessions that overlap would else hold all before them.
        self._outers = tuple(_running(context) for context in self._outers)
        outer = self._outers[-1]
        if context_session() is not self:
            return
        if token is not None:
            detach(token)
        if otel.get_current() != outer:
            attach(outer)

    def __enter__(self) -> "Session":
        """Make the session current."""
        self.enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the session; an exception ends it as ``Fail`` and passes on."""
        self.end(error=None if is_orderly(error) else error)

    async def __aenter__(self) -> "Session":
        """Make the session current."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the session; an exception ends it as ``Fail`` and passes on."""
        self.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        """Return name, id and state."""
        state = "running" if self._running else self.end_state.value
        return f"<Session {self.name!r} {self.id} {state}>"

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        """Return what a notebook shows."""
        link = f' <a href="{html.escape(self.url)}">open</a>' if self.url else ""
        state = "running" if self._running else self.end_state.value
        told = f"<b>{html.escape(self.name)}</b> {state}, {self.duration_ns / 1e9:.3g} s"
        return {"text/plain": repr(self), "text/html": f"{told} <code>{self.id}</code>{link}"}

    # Names of the older releases that programs read from a session.

    @property
    def session_id(self) -> UUID:
        """Another name of ``id``."""
        return self.id

    @property
    def session_url(self) -> str | None:
        """Another name of ``url``."""
        return self.url

    @property
    def init_timestamp(self) -> str:
        """Start of the session, ISO 8601 in UTC."""
        return iso_from_ns(self.started_ns)

    @property
    def end_timestamp(self) -> str | None:
        """End of the session, ISO 8601 in UTC; ``None`` while it runs."""
        return None if self._running else iso_from_ns(self.started_ns + self.duration_ns)

    def end_session(
        self,
        end_state: object = EndState.INDETERMINATE,
        end_state_reason: str | None = None,
        **_ignored: object,
    ) -> None:
        """End the session, as agentops 0.3 spelled it; prefer :meth:`end`."""
        self.end(end_state, end_state_reason)

    @property
    def event_counts(self) -> dict[str, int]:
        """How many events of each sort there were: ``llms``, ``tools``, ``actions``, ``errors``, ``apis``."""
        counts = self._totals().events.copy()  # the worker may go on counting
        sorts = {sort: counts[sort] for sort in ("llms", "tools", "errors", "apis")}
        return {**sorts, "actions": sum(counts.values()) - sum(sorts.values())}

    @property
    def token_cost(self) -> Decimal:
        """US dollars spent so far, as far as prices are known."""
        return Decimal(str(round(self._totals().cost_usd, 12)))

    def _totals(self) -> SessionTotals:
        self._manager.flush(_COUNT_MS)  # what has not been read yet is not counted yet
        return self._manager.totals.sessions.get(str(self.id)) or SessionTotals()

    def get_analytics(self) -> dict[str, int | str]:
        """Return counts, duration and cost; waits up to 2 s for what is on its way.

        Returns:
            ``LLM calls``, ``Tool calls``, ``Actions`` and ``Errors`` as ``int``; ``Duration`` as text such as
            ``1m 2.5s``; ``Cost`` as text, US dollars as far as prices are known.
        """
        counts, cost = self.event_counts, self.token_cost
        minutes, seconds = divmod(self.duration_ns / 1e9, 60)
        hours, minutes = divmod(int(minutes), 60)
        parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{seconds:.1f}s"]
        return {
            "LLM calls": counts["llms"],
            "Tool calls": counts["tools"],
            "Actions": counts["actions"],
            "Errors": counts["errors"],
            "Duration": " ".join(filter(None, parts)),
            "Cost": f"{cost:.6f}" if cost else f"{cost:.2f}",
        }

    def patch(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return ``function`` so that each call of it belongs to this session, wherever it is made.

        This is also how a call of a model is given to a session: ``session.patch(create)(...)``.
        """
        return TraceContext(self.context).wrap(function)

    def create_agent(self, name: str, agent_id: str | None = None) -> str:
        """Return the id under which the agent ``name`` is known; events may bear it as ``agent_id``."""
        return agent_id or stable_agent_id(name)

    def set_video(self, video: str) -> None:
        """Set the address of a recording of the session."""
        self.span.set_attribute(semconv.AGENTOPS_SESSION_VIDEO, video)


def _running(context: Context) -> Context:
    """Return ``context``, or what is around its session where that has ended."""
    found = _around(context, set())
    return Context() if found is None else found


def _around(context: Context, seen: "set[Session]") -> Context | None:
    """Do the same; ``None`` where that leads in a circle, as sessions that were entered by turns do."""
    session = context_session(context)
    if session is None or session.is_running or not session._outers:
        return context
    if session in seen:
        return None
    seen.add(session)
    outers = (_around(outer, seen) for outer in reversed(session._outers))
    return next((outer for outer in outers if outer is not None), None)


def stable_agent_id(name: str) -> str:
    """Return the id of the agent called ``name``: the same in every run and every process."""
    return str(uuid5(NAMESPACE_OID, f"agentops:agent:{name}"))


def is_orderly(error: BaseException | None) -> bool:
    """Whether ``error`` is no failure: nothing, a generator being closed, or ``sys.exit`` with success."""
    if isinstance(error, SystemExit):
        return error.code is None or (type(error.code) is int and error.code == 0)
    return error is None or isinstance(error, GeneratorExit)


def tag_list(tags: Iterable[object] | str | None) -> list[str]:
    """Return ``tags`` as texts, in order, each once; a text alone is one tag."""
    if tags is None:
        return []
    if isinstance(tags, str):
        return [tags]
    return list(dict.fromkeys(str(tag) for tag in tags))


def _uuid(value: UUID | str | None) -> UUID:
    if isinstance(value, UUID):
        return value
    if value is None:
        return uuid4()
    try:
        return UUID(str(value))
    except ValueError:
        logger.warning("agentops: session id %r is not a UUID; a new one is used", value)
        return uuid4()

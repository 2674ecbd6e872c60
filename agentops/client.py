"""Who puts the parts together? The composition root of the SDK, and the only holder of global state."""

import atexit
import logging
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

from agentops.errors import ConfigurationError
from agentops.events import Event
from agentops.forking import in_children
from agentops.guard import guarded

if TYPE_CHECKING:
    from uuid import UUID

    from agentops.config import Config
    from agentops.providers.instrumented_provider import InstrumentedProvider
    from agentops.providers.libraries import Libraries
    from agentops.providers.threads import ThreadPropagation
    from agentops.session.session import Session
    from agentops.telemetry.config import TelemetryConfig

__all__ = [
    "Behaviour",
    "Client",
    "InitOptions",
    "active",
    "begin",
    "current_session",
    "flush",
    "get_client",
    "merged",
    "prepare",
    "record",
    "required",
    "shutdown",
]

logger = logging.getLogger("agentops")

_EXIT_MS = 2_000
_AT_EXIT_MS = 1_500  # the interpreter's own end comes on top
_HOSTED_API = "api.agentops.ai"
_HOSTED_PAGES = "https://app.agentops.ai"


class InitOptions(TypedDict, total=False):
    """Keywords of :func:`agentops.init`; ``docs/reference/configuration.md`` describes each.

    Attributes:
        config: Path of the configuration file; by default it is looked for.
        service_name: Name of the program.
        instrument: Providers to instrument; ``None``: every one that is installed; empty: none.
        session: ``{"auto_start": bool, "tags": [...]}``.
        telemetry: :class:`TelemetryConfig` or a mapping of its keys.
    """

    config: str | None
    service_name: str | None
    instrument: Sequence[str] | None
    session: Mapping[str, object] | None
    telemetry: "TelemetryConfig | Mapping[str, object] | None"


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """How a client behaves where the configuration has no word for it.

    Attributes:
        auto_start: Whether the automatic session starts; ``None``: as configured.
        session_name: Name of the automatic session; ``None``: that of the service.
        session_id: UUID it takes over; ``None``: a new one.
        skips_auto_end: Whether ``end_session(is_auto_end=True)`` of a framework is ignored.
        pages_url: Where the pages are that links point to; ``None``: where the data goes.
    """

    auto_start: bool | None = None
    session_name: str | None = None
    session_id: "UUID | str | None" = None
    skips_auto_end: bool = False
    pages_url: str | None = None


class Client:
    """AgentOps in one process: one configuration, one pipeline, the sessions and the providers.

    Args:
        config: What the program wants, complete.
        behaviour: The rest.

    Attributes:
        config: As given.
        behaviour: As given.
        telemetry: Owner of spans, events and destinations.
        sessions: The register of live sessions.
        providers: The providers that are instrumented.
        pages_url: Address of the web pages, without a slash at the end; ``None``: there are none.
        has_warned: Whether it was said that a second ``init`` changes nothing.

    Raises:
        ConfigurationError: A setting is not usable.
    """

    def __init__(self, config: "Config", behaviour: Behaviour | None = None) -> None:
        # Imported here: decorators import this module in programs that may never initialise, and
        # these bring the OpenTelemetry SDK.
        from agentops.instrumentation.context import configure_propagation
        from agentops.session.manager import SessionManager
        from agentops.telemetry.manager import TelemetryManager
        from agentops.telemetry.schema import at

        self.config = config
        self.behaviour = behaviour or Behaviour()
        make = partial(TelemetryManager, config.telemetry, service_name=config.service_name)
        self.telemetry: TelemetryManager = at("telemetry", make)
        configure_propagation(config.telemetry.context, self.telemetry.in_session)
        self.pages_url = self.behaviour.pages_url or _pages_url(config)
        self.sessions = SessionManager(self.telemetry, self._link)
        self.has_warned = False
        self.providers: Sequence[InstrumentedProvider] = ()
        self._libraries: Libraries | None = None
        self._threads: ThreadPropagation | None = None
        self._pid = os.getpid()

    def install(self) -> None:
        """Instrument the providers.

        Raises:
            ConfigurationError: One of the names in ``instrument`` is not known.
        """
        # Imported here: it loads the engine, which only a running client needs.
        from agentops.instrumentation.providers import LIBRARIES
        from agentops.providers import install_all

        self.providers = install_all(self.telemetry, self.config.instrument)
        libraries = LIBRARIES.keys() & set(self.config.instrument or ())
        if libraries:
            from agentops.providers.libraries import Libraries  # only for those who ask

            self._libraries = Libraries(self.telemetry, logger)
            self._libraries.install(sorted(libraries))
        if self.config.telemetry.context.threads:
            from agentops.providers.threads import ThreadPropagation  # only for those who ask

            self._threads = ThreadPropagation()
            self._threads.install()

    def uninstall(self) -> None:
        """Undo the instrumentation of the providers."""
        providers, self.providers = self.providers, ()
        for provider in providers:
            with guarded("undoing an instrumentation"):
                provider.uninstall()
        for each in (self._libraries, self._threads):
            if each is not None:
                each.uninstall()

    def join_parent(self) -> bool:
        """Join what the parent process left in the environment; ``False``: it is not asked for, or not there."""
        if not self.config.telemetry.context.environment:
            return False
        # As in the constructor.
        from agentops.config import process_environment
        from agentops.instrumentation.context import TraceContext

        context = TraceContext.extract_environment(process_environment())
        if context.is_valid:
            self.telemetry.default_context = context.context
        return context.is_valid

    def start_automatic(self) -> None:
        """Start the session that everything outside of any other belongs to."""
        from agentops.session.session import SessionOptions  # as in the constructor

        options = SessionOptions(
            automatic=True,
            tags=self.config.session.tags,
            session_id=self.behaviour.session_id,
        )
        name = self.behaviour.session_name or self.config.service_name or "session"
        self.sessions.start(name, options)

    def flush(self, timeout_ms: int = 5_000) -> bool:
        """Deliver what was recorded; see :meth:`TelemetryManager.flush`."""
        return self.telemetry.flush(timeout_ms)

    def shutdown(self, timeout_ms: int = _EXIT_MS, error: BaseException | None = None) -> None:
        """End the sessions, undo the instrumentation, deliver and stop.

        Args:
            timeout_ms: Upper bound of the whole, milliseconds.
            error: What ended the program; the sessions still running have failed then.
        """
        if os.getpid() == self._pid:  # a forked child has no part in the sessions of its parent
            for session in self.sessions.all()[::-1]:
                if error is not None or not session.discard():
                    session.end(None, error=error)
        self.uninstall()
        self.telemetry.shutdown(timeout_ms)

    def summary(self) -> str | None:
        """Return one line about what was recorded; ``None`` when there is nothing to tell."""
        from agentops.session.summary import summary  # as in the constructor

        if not self.config.session.print_summary or os.getpid() != self._pid:
            return None
        pages = f"{self.pages_url}/sessions" if self.pages_url else None
        return summary(self.sessions.tally, self.telemetry.totals, pages)

    def _link(self, session: "Session") -> str | None:
        if self.pages_url is None:
            return None
        if self.pages_url.startswith(_HOSTED_PAGES):
            return f"{self.pages_url}/sessions?trace_id={session.trace_id}"
        return f"{self.pages_url}/s/{session.id}"


class _State:
    """The client of the process, and what was configured before there is one."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.client: Client | None = None
        self.closed: Client | None = None
        self.options: dict[str, Any] = {}
        self.behaviour: dict[str, Any] = {}
        in_children(self._after_fork)

    def _after_fork(self) -> None:
        self.lock = threading.RLock()


_state = _State()


def active() -> Client | None:
    """Return the running client, or ``None`` before ``init`` and after ``shutdown``."""
    return _state.client


get_client = active
"""The name of :func:`active` for programs that need the parts of the client."""


def required() -> Client:
    """Return the running client; start one from file and environment where there is none.

    A client started this way has no automatic session. After ``shutdown`` it is the closed one, in
    which sessions begin and end and nothing is delivered.
    """
    client = _state.client
    if client is not None:
        return client
    with _state.lock:  # another thread may be about to put one in the place of the other
        return _state.client or _state.closed or begin({}, {"auto_start": False})


def prepare(options: Mapping[str, Any], behaviour: Mapping[str, Any]) -> bool:
    """Keep what :func:`begin` takes for the next time, when it takes precedence over this.

    Returns:
        ``False`` when a client runs already: nothing is kept then.
    """
    with _state.lock:
        if _state.client is not None:
            return False
        _state.options = merged(_state.options, options)
        _state.behaviour.update(behaviour)
        return True


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``over`` laid upon ``under``, mappings inside as well; ``None`` means not given."""
    result = dict(under)
    for name, value in over.items():
        if isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            result[name] = merged(result[name], value)
        elif value is not None:
            result[name] = value
    return result


def begin(options: Mapping[str, Any], behaviour: Mapping[str, Any] | None = None) -> Client:
    """Return the running client, or make one.

    Args:
        options: ``api_key`` and the keys of :class:`InitOptions`; ``None`` as a value means not given.
        behaviour: Fields of :class:`Behaviour`.

    Raises:
        ConfigurationError: A setting is not usable; nothing runs then.
    """
    # Reads files and environment: only when there is a need.
    from agentops.config import load, usable_environment

    with _state.lock:
        if _state.client is not None:
            _compare(_state.client, options, behaviour or {})
            return _state.client
        config = load(**merged(_state.options, options))
        with usable_environment():
            config = _attachable(config)
            client = Client(config, Behaviour(**{**_state.behaviour, **(behaviour or {})}))
        is_on = not config.telemetry.disabled
        if is_on:
            _install(client)
        _state.client, _state.closed = client, None
        # Anew for each client: what is registered last runs first, and the pipeline has registered its end.
        atexit.unregister(_at_exit)
        atexit.register(_at_exit)
        wants = client.behaviour.auto_start
        has_joined = is_on and client.join_parent()
        if is_on and not has_joined and (config.session.auto_start if wants is None else wants):
            client.start_automatic()
        return client


def _attachable(config: "Config") -> "Config":
    """Return ``config``, with a provider of our own where the environment asks for one that is not there."""
    # As in the constructor of Client.
    from agentops.telemetry.provider import foreign_provider

    origin = config.origins.get("telemetry.provider", "code")
    if config.telemetry.provider != "attach" or not origin.isupper():
        return config
    try:
        foreign_provider()
    except ConfigurationError as error:
        logger.warning("agentops: %s=attach is not possible, private is used: %s", origin, error)
        return replace(config, telemetry=replace(config.telemetry, provider="private"))
    return config


def _install(client: Client) -> None:
    """Instrument what ``client`` names, or all there is where the environment names what cannot be loaded."""
    try:
        client.install()
    except ConfigurationError as error:
        origin = client.config.origins.get("instrument", "code")
        if not origin.isupper():
            client.shutdown(0)
            raise
        logger.warning("agentops ignores %s: %s", origin, error)
        client.uninstall()
        client.config = replace(client.config, instrument=None)
        client.install()


def _compare(running: Client, options: Mapping[str, Any], behaviour: Mapping[str, Any]) -> None:
    """Say, once for each client, that settings which differ from those in use are not applied.

    Raises:
        ConfigurationError: A setting is not usable, whether or not something runs.
    """
    from agentops.config import differing, load  # as in begin

    others = [
        name for name, value in behaviour.items() if getattr(running.behaviour, name) != value
    ]
    if any(value is not None for value in options.values()):
        others += differing(running.config, load(**merged(_state.options, options)))
    if others and not running.has_warned:
        running.has_warned = True
        logger.warning(
            "agentops runs already; not applied: %s (call agentops.shutdown() first)",
            ", ".join(others),
        )


def current_session() -> "Session | None":
    """Return the session that calls made here belong to; ``None`` when there is none."""
    client = _state.client  # once: another thread may shut it down
    return client.sessions.current() if client else None


def record(event: Event) -> Event:
    """Record ``event`` in the current session and return it, stamped.

    Outside of any session it bears the ids of the current span only.
    """
    client = required()
    session = client.sessions.current()
    return client.telemetry.record(event) if session is None else session.record(event)


def flush(timeout_ms: int = 5_000) -> bool:
    """Deliver what was recorded so far.

    Args:
        timeout_ms: How long to wait, milliseconds.

    Returns:
        ``True`` when nothing waits any more: delivered, or refused for good and counted as lost. Also when
        AgentOps does not run. ``False`` when some of it still waits; with a spool it waits on disk.
    """
    client = _state.client  # once: another thread may shut it down
    return client.flush(timeout_ms) if client else True


def shutdown(timeout_ms: int = _EXIT_MS) -> None:
    """End the sessions, deliver, undo the instrumentation and stop; ``init`` starts afresh.

    Args:
        timeout_ms: Upper bound, milliseconds.
    """
    with _state.lock:
        client, _state.client = _state.client, None
        _state.closed = client or _state.closed
    if client is not None:
        client.shutdown(timeout_ms)


def _at_exit() -> None:
    with guarded("closing at exit"):
        error = _last_error()
        client = _state.client
        if client is not None:
            client.shutdown(_AT_EXIT_MS, error=error)
            if type(error) is KeyboardInterrupt:  # of others made from it Python exits with 1
                _remember_interrupt()
        client = client or _state.closed
        line = client.summary() if client is not None else None
        # For a person at a terminal; in a log or a pipe the program's own output stays as it is.
        if line and sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write(line + "\n")


def _remember_interrupt() -> None:
    """Have Python end by SIGINT, as it does after an interrupt: it forgets where code is run from text since.

    That is how ``dataclass`` and ``namedtuple`` make methods in whatever the worker has imported at the end.
    """
    with suppress(KeyboardInterrupt):
        exec("raise KeyboardInterrupt")


def _last_error() -> BaseException | None:
    """Return the exception that ends the program; an interactive shell ends of none."""
    error = getattr(sys, "last_value", None)
    is_interactive = hasattr(sys, "ps1") or "IPython" in sys.modules
    return None if is_interactive or not isinstance(error, BaseException) else error


def _pages_url(config: "Config") -> str | None:
    """Return where the pages are of the first AgentOps destination; ``None`` where there is none."""
    for exporter in config.telemetry.exporters:
        if exporter.type == "agentops" and exporter.endpoint:
            parts = urlsplit(exporter.endpoint)
            if parts.hostname == _HOSTED_API:
                return _HOSTED_PAGES
            return f"{parts.scheme}://{parts.netloc}"
    return None

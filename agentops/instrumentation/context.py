"""How does a trace go from one process to the next? Context BETWEEN processes.

Instrumentation floor. (Context INSIDE the process, the current session, is :mod:`agentops.session.context`.)
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Token
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar, cast

from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.propagators import textmap
from opentelemetry.trace import get_current_span

from agentops import semconv
from agentops.guard import guarded
from agentops.instrumentation.carriers import ENVIRONMENT, HEADERS
from agentops.instrumentation.propagators import compose
from agentops.telemetry.ambient import get_ambient, set_ambient
from agentops.telemetry.config import ContextConfig

__all__ = [
    "ConfiguredPropagator",
    "TraceContext",
    "Within",
    "attach",
    "configure_propagation",
    "detach",
    "forwarding",
]

C = TypeVar("C")
P = ParamSpec("P")
R = TypeVar("R")

_META = "_meta"
_SESSION_ID_CHARACTERS_MAX = 128


_FORWARD: Final = otel_context.create_key("agentops-forward")


class Within(Protocol):
    """Puts a context into the session that everything outside of any session belongs to."""

    def __call__(self, context: Context, *, is_use: bool = True) -> Context:
        """Return the context, within that session if it is in none."""


def _nowhere(context: Context, *, is_use: bool = True) -> Context:  # noqa: ARG001 - see Within
    return context


class _Configured:
    """The formats this process reads and writes, and its session; set once by ``agentops.init``."""

    propagator: textmap.TextMapPropagator = compose(ContextConfig().propagation)
    within: Within = staticmethod(_nowhere)


def configure_propagation(config: ContextConfig, within: Within = _nowhere) -> None:
    """Set what :class:`TraceContext` reads and writes in this process.

    Args:
        config: The formats.
        within: Puts a context into the automatic session where it is in none.
    """
    _Configured.propagator = compose(config.propagation)
    _Configured.within = within


def attach(context: Context) -> Token[Context]:
    """Make ``context`` current in this task or thread; give the token to :func:`detach`."""
    return otel_context.attach(context)


def detach(token: Token[Context]) -> None:
    """Restore what was current before the matching :func:`attach`; never raises, never logs.

    A generator or coroutine that is finalised by the garbage collector may be closed in another task
    than the one it ran in. There is nothing to restore there, and OpenTelemetry's own ``detach`` would
    log a traceback into the host's log.
    """
    try:
        token.var.reset(token)
    except (ValueError, RuntimeError):
        return


def forwarding(context: Context, next_request: Callable[[Context], Context]) -> Context:
    """Return the context of a request that is served, from which further requests may go out.

    W3C Trace Context wants an id of its own for every outgoing request (3.2.2.4); where the program makes
    no span for it, ``next_request`` does.

    Args:
        context: Context in which the request is served; its current span is the server's.
        next_request: Called when the context is written into a carrier while that span is current; returns
            the context to write.
    """
    span_id = get_current_span(context).get_span_context().span_id
    return otel_context.set_value(_FORWARD, (span_id, next_request), context)


class TraceContext:
    """Where in which trace and session a piece of work stands; immutable, safe to hand to any thread.

    Args:
        context: The OpenTelemetry context it stands for; ``None`` means an empty one.
    """

    __slots__ = ("_context",)

    def __init__(self, context: Context | None = None) -> None:
        self._context = Context() if context is None else context

    @classmethod
    def current(cls) -> "TraceContext":
        """Return the context of the running task or thread, in the automatic session if in no other."""
        return cls(_Configured.within(otel_context.get_current(), is_use=False))

    @classmethod
    def extract(cls, carrier: object) -> "TraceContext":
        """Return what a carrier brings, over nothing: the caller's own context plays no part.

        Args:
            carrier: HTTP headers in any shape, gRPC metadata, message headers, a WSGI environ, an ASGI scope,
                or the parameters of an MCP request (a mapping with ``_meta``).

        Returns:
            An empty context (``is_valid`` false) when the carrier brings no valid trace. Never raises for what
            a stranger may have sent.
        """
        context = Context()
        with guarded("reading trace headers"):
            meta = carrier.get(_META) if isinstance(carrier, Mapping) else None
            headers = meta if isinstance(meta, Mapping) else carrier
            context = _with_session(_Configured.propagator.extract(headers, context, HEADERS))
        return cls(context)

    @classmethod
    def extract_environment(cls, environment: Mapping[str, str]) -> "TraceContext":
        """Return what a parent process left in ``TRACEPARENT``, ``TRACESTATE``, ``BAGGAGE``, ``B3`` ..."""
        context = Context()
        with guarded("reading trace variables"):
            context = _with_session(
                _Configured.propagator.extract(environment, context, ENVIRONMENT)
            )
        return cls(context)

    @property
    def context(self) -> Context:
        """The OpenTelemetry context; give it as ``context=`` or ``parent=`` to OpenTelemetry's API."""
        return self._context

    @property
    def is_valid(self) -> bool:
        """Whether there is a trace."""
        return get_current_span(self._context).get_span_context().is_valid

    @property
    def is_sampled(self) -> bool:
        """Whether the trace is recorded, as far as its sender has decided."""
        return get_current_span(self._context).get_span_context().trace_flags.sampled

    @property
    def trace_id(self) -> str:
        """Trace id as 32 lower-case hex digits; ``""`` without a trace."""
        span = get_current_span(self._context).get_span_context()
        return f"{span.trace_id:032x}" if span.is_valid else ""

    @property
    def span_id(self) -> str:
        """Id of the span that is the parent from here, as 16 lower-case hex digits; ``""`` without a trace."""
        span = get_current_span(self._context).get_span_context()
        return f"{span.span_id:016x}" if span.is_valid else ""

    @property
    def session_id(self) -> str:
        """Id of the session, or ``""``."""
        return str(get_ambient(self._context).get(semconv.SESSION_ID, ""))

    def inject(self, carrier: C) -> C:
        """Write this context into a carrier and return the same carrier.

        Args:
            carrier: A mutable mapping of headers, an ASGI scope, or a list of header pairs (text or bytes).
        """
        with guarded("writing trace headers"):
            _Configured.propagator.inject(carrier, self._outgoing(), HEADERS)
        return carrier

    def inject_environment(self, environment: dict[str, str]) -> dict[str, str]:
        """Write this context into the environment for a child process and return the same mapping."""
        with guarded("writing trace variables"):
            _Configured.propagator.inject(environment, self._outgoing(), ENVIRONMENT)
        return environment

    def inject_mcp(self, params: dict[str, Any]) -> dict[str, Any]:
        """Write this context into ``_meta`` of an MCP request's parameters (SEP-414) and return the same mapping.

        Keys that stand there already are left: newer MCP SDKs write them themselves.
        """
        with guarded("writing trace keys of MCP"):
            if params.get(_META) is None:
                params[_META] = {}
            meta = params[_META]
            if "traceparent" not in meta:
                _Configured.propagator.inject(meta, self._outgoing(), HEADERS)
        return params

    @contextmanager
    def attach(self) -> Iterator["TraceContext"]:
        """Make this the current context inside a ``with`` block; do not ``yield`` out of the block."""
        token = attach(self._context)
        try:
            yield self
        finally:
            detach(token)

    def wrap(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function, made to run in this context: for threads, executors and callbacks.

        Coroutine functions stay coroutine functions. What is made of other functions can be pickled if
        the function can, also into a process that has just been spawned.
        """
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run(*args: P.args, **kwargs: P.kwargs) -> object:
                token = attach(self._context)
                try:
                    return await function(*args, **kwargs)
                finally:
                    detach(token)

            return cast("Callable[P, R]", run)
        return _Bound(self, function)

    def __repr__(self) -> str:
        return f"TraceContext(trace_id={self.trace_id!r}, span_id={self.span_id!r}, session_id={self.session_id!r})"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle what can leave the process: the ids, the baggage and the ambient attributes."""
        carrier: dict[str, str] = {}
        _PICKLED.inject(carrier, self._context)
        return _restored, (carrier, dict(get_ambient(self._context)))

    def _outgoing(self) -> Context:
        """Return the context to write: with the session in its baggage, and an id for this request."""
        context = _Configured.within(self._context) if self._context else self._context
        span_id, next_request = cast(
            "tuple[int, Callable[[Context], Context]]",
            otel_context.get_value(_FORWARD, context) or (0, None),
        )
        if span_id and get_current_span(context).get_span_context().span_id == span_id:
            context = next_request(context)
        session_id = self.session_id or str(get_ambient(context).get(semconv.SESSION_ID, ""))
        return (
            baggage.set_baggage(semconv.SESSION_ID, session_id, context) if session_id else context
        )


class _Bound(Generic[P, R]):
    """A function that runs in a context; unlike a closure it can be pickled."""

    def __init__(self, context: TraceContext, function: Callable[P, R]) -> None:
        self._trace_context = context
        self._function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        token = attach(self._trace_context.context)
        try:
            return self._function(*args, **kwargs)
        finally:
            detach(token)

    def __reduce__(self) -> tuple[object, ...]:
        return _Bound, (self._trace_context, self._function)


class ConfiguredPropagator(textmap.TextMapPropagator):
    """What ``agentops.init`` has configured, session included, as a propagator for other libraries.

    Registered as ``agentops``: ``OTEL_PROPAGATORS=agentops``.
    """

    def extract(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        getter: textmap.Getter[textmap.CarrierT] = HEADERS,
    ) -> Context:
        """Return ``context`` with trace, baggage and session that the carrier brings."""
        found = Context() if context is None else context
        return _with_session(_Configured.propagator.extract(carrier, found, getter))

    def inject(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        setter: textmap.Setter[textmap.CarrierT] = HEADERS,
    ) -> None:
        """Write trace, baggage and session."""
        told = TraceContext.current() if context is None else TraceContext(context)
        _Configured.propagator.inject(carrier, told._outgoing(), setter)

    @property
    def fields(self) -> set[str]:
        """Names of the headers that may be written."""
        return _Configured.propagator.fields


_PICKLED: Final = compose(("w3c",))


def _restored(carrier: Mapping[str, str], ambient: Mapping[str, Any]) -> TraceContext:
    return TraceContext(set_ambient(_PICKLED.extract(carrier), ambient))


def _with_session(context: Context) -> Context:
    """Let the session that came in the baggage ride in the context."""
    session_id = baggage.get_baggage(semconv.SESSION_ID, context)
    if not isinstance(session_id, str) or not 0 < len(session_id) <= _SESSION_ID_CHARACTERS_MAX:
        return context
    return set_ambient(context, {semconv.SESSION_ID: session_id})

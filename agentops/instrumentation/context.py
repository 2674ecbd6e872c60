"""How does a trace go from one process to the next? Context BETWEEN processes.

Instrumentation floor. (Context INSIDE the process, the current session, is :mod:`agentops.session.context`.)
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

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

__all__ = ["TraceContext", "configure_propagation", "propagator"]

C = TypeVar("C")
P = ParamSpec("P")
R = TypeVar("R")

_META = "_meta"
_SESSION_ID_CHARACTERS_MAX = 128


class _Configured:
    """The formats this process reads and writes; set once by ``agentops.init``."""

    propagator: textmap.TextMapPropagator = compose(ContextConfig().propagation)


def configure_propagation(config: ContextConfig) -> None:
    """Set the formats that :class:`TraceContext` reads and writes in this process."""
    _Configured.propagator = compose(config.propagation)


def propagator() -> textmap.TextMapPropagator:
    """Return the propagator for the configured formats, as OpenTelemetry's own API takes it."""
    return _Configured.propagator


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
        """Return the context of the running task or thread."""
        return cls(otel_context.get_current())

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
            meta = params.setdefault(_META, {})
            if "traceparent" not in meta:
                _Configured.propagator.inject(meta, self._outgoing(), HEADERS)
        return params

    @contextmanager
    def attach(self) -> Iterator["TraceContext"]:
        """Make this the current context inside a ``with`` block; do not ``yield`` out of the block."""
        token = otel_context.attach(self._context)
        try:
            yield self
        finally:
            otel_context.detach(token)

    def wrap(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function, made to run in this context: for threads, executors and callbacks."""

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            token = otel_context.attach(self._context)
            try:
                return function(*args, **kwargs)
            finally:
                otel_context.detach(token)

        return run

    def __repr__(self) -> str:
        return f"TraceContext(trace_id={self.trace_id!r}, span_id={self.span_id!r}, session_id={self.session_id!r})"

    def _outgoing(self) -> Context:
        """Return the context with the session in its baggage."""
        session_id = self.session_id
        if not session_id:
            return self._context
        return baggage.set_baggage(semconv.SESSION_ID, session_id, self._context)


def _with_session(context: Context) -> Context:
    """Let the session that came in the baggage ride in the context."""
    session_id = baggage.get_baggage(semconv.SESSION_ID, context)
    if not isinstance(session_id, str) or not 0 < len(session_id) <= _SESSION_ID_CHARACTERS_MAX:
        return context
    return set_ambient(context, {semconv.SESSION_ID: session_id})

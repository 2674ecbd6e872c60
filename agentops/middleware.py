"""How does an incoming request continue the caller's trace? ASGI and WSGI middleware.

Each request becomes one SERVER span, a child of the caller's span; spans, events and model calls inside it belong to
the caller's trace and, when the request's baggage names one, to the caller's session. Before ``agentops.init`` (or
after ``shutdown``) nothing is recorded and the context is still passed on.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any, Literal, TypeAlias

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from agentops import client, semconv
from agentops.guard import guarded
from agentops.instrumentation.context import TraceContext

__all__ = ["ASGIMiddleware", "Trust", "WSGIMiddleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
WSGIApp: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""The application types of the ASGI and WSGI (PEP 3333) specifications."""

Trust: TypeAlias = Literal["continue", "link", "refuse"]
"""What becomes of a caller's context: its trace goes on; a new trace links to it; it is left unread."""

_SERVER_ERROR = 500


class _Incoming:
    """One request: its context, its span, and how both end.

    Args:
        carrier: Where the headers stand.
        trust: What becomes of the caller's context.
        method: HTTP method, or ``WEBSOCKET``.
        path: URL path, without the query.
    """

    def __init__(self, carrier: object, trust: Trust, method: str, path: str) -> None:
        told = TraceContext() if trust == "refuse" else TraceContext.extract(carrier)
        parent = told.context if trust == "continue" else Context()
        self.span: Span = INVALID_SPAN
        self._manager = active.telemetry if (active := client.active()) is not None else None
        if self._manager is None:
            self.span = _passed_on(parent)
        with guarded("starting the span of a request"):
            if self._manager is not None:
                links = (
                    [Link(get_current_span(told.context).get_span_context())]
                    if trust == "link"
                    else []
                )
                self.span = self._manager.create_span(
                    method,
                    kind=SpanKind.SERVER,
                    attributes={semconv.HTTP_REQUEST_METHOD: method, semconv.URL_PATH: path},
                    parent=parent,
                    links=[link for link in links if link.context.is_valid],
                    scope="agentops.middleware",
                )
        self.context = set_span_in_context(self.span, parent)

    def end(self, status: int | None, error: BaseException | None = None) -> None:
        """End the span with the response's status, or the exception that left the application."""
        if self._manager is None:
            return
        with guarded("ending the span of a request"):
            if status is not None:
                self.span.set_attribute(semconv.HTTP_RESPONSE_STATUS_CODE, status)
                if status >= _SERVER_ERROR and error is None:
                    self.span.set_attribute(semconv.ERROR_TYPE, str(status))
            self._manager.end_span(self.span, error=error)


def _passed_on(parent: Context) -> Span:
    """Return a span that records nothing and carries the caller's trace, or a new one, to those we call."""
    told = get_current_span(parent).get_span_context()
    return NonRecordingSpan(
        SpanContext(
            trace_id=told.trace_id if told.is_valid else secrets.randbits(128) or 1,
            span_id=secrets.randbits(64) or 1,
            is_remote=False,
            trace_flags=told.trace_flags if told.is_valid else TraceFlags(0x02),
            trace_state=told.trace_state,
        )
    )


class ASGIMiddleware:
    """Continues trace and session of HTTP requests and WebSockets in an ASGI application.

    Args:
        app: The application.
        trust: ``continue`` for callers you know; ``link`` or ``refuse`` at the edge to the world.
    """

    def __init__(self, app: ASGIApp, *, trust: Trust = "continue") -> None:
        self.app = app
        self._trust = trust

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        method = str(scope.get("method", "WEBSOCKET"))
        incoming = _Incoming(scope, self._trust, method, str(scope.get("path", "")))
        status: int | None = None

        async def watch(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message.get("status")
            await send(message)

        failure: BaseException | None = None
        token = otel_context.attach(incoming.context)
        try:
            await self.app(scope, receive, watch)
        except BaseException as error:
            failure = error
            raise
        finally:
            otel_context.detach(token)
            incoming.end(status, failure)
            failure = None


class WSGIMiddleware:
    """Continues trace and session of requests in a WSGI application.

    Args:
        app: The application.
        trust: ``continue`` for callers you know; ``link`` or ``refuse`` at the edge to the world.
    """

    def __init__(self, app: WSGIApp, *, trust: Trust = "continue") -> None:
        self.app = app
        self._trust = trust

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Serve one request; the body is passed on as the application yields it."""
        method, path = str(environ.get("REQUEST_METHOD", "")), str(environ.get("PATH_INFO", ""))
        incoming = _Incoming(environ, self._trust, method, path)
        status: list[int] = []

        def watch(line: str, *rest: Any) -> Any:  # noqa: ANN401 - passed through as PEP 3333 has it
            status[:] = [int(line[:3])] if line[:3].isdigit() else []
            return start_response(line, *rest)

        token = otel_context.attach(incoming.context)
        try:
            body = self.app(environ, watch)
        except BaseException as error:
            incoming.end(status[0] if status else None, error)
            raise
        finally:
            otel_context.detach(token)
        return _Body(body, incoming, status)


class _Body:
    """The application's response, which ends the span when the server closes it."""

    def __init__(self, body: Iterable[bytes], incoming: _Incoming, status: list[int]) -> None:
        self._body = body
        self._incoming = incoming
        self._status = status
        self._parts: Iterator[bytes] = iter(())
        self._error: BaseException | None = None
        self._closed = False

    def __iter__(self) -> "_Body":
        self._parts = iter(self._body)
        return self

    def __next__(self) -> bytes:
        token = otel_context.attach(self._incoming.context)
        try:
            return next(self._parts)
        except StopIteration:
            raise
        except BaseException as error:
            self._error = error
            raise
        finally:
            otel_context.detach(token)

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]  # as the wrapped body: TypeError where it has none

    def close(self) -> None:
        """Close the application's body, then end the span; servers call it once, whatever happened (PEP 3333)."""
        if self._closed:
            return
        self._closed = True
        close = getattr(self._body, "close", None)
        try:
            if close is not None:
                close()
        finally:
            self._incoming.end(self._status[0] if self._status else None, self._error)
            self._error = None

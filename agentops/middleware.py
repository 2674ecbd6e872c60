"""How does an incoming request continue the caller's trace? ASGI and WSGI middleware.

Each request becomes one SERVER span, a child of the caller's span; spans, events and model calls inside it belong to
the caller's trace and, when the request's baggage names one, to the caller's session. Before ``agentops.init`` (or
after ``shutdown``) nothing is recorded and the context is still passed on.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any, TypeAlias

from opentelemetry.context import get_current

from agentops import semconv
from agentops.incoming import Arrival, Incoming, Trust
from agentops.instrumentation.context import attach, detach

__all__ = ["ASGIMiddleware", "Trust", "WSGIMiddleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
WSGIApp: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""The application types of the ASGI and WSGI (PEP 3333) specifications."""

_SERVER_ERROR = 500


def _incoming(carrier: object, trust: Trust, method: str, path: str) -> Incoming:
    """Return the request as it comes in; ``path`` is without the query."""
    attributes = {semconv.HTTP_REQUEST_METHOD: method, semconv.URL_PATH: path}
    arrival = Arrival(name=method, scope="agentops.middleware", attributes=attributes)
    return Incoming(carrier, trust, arrival)


def _end(incoming: Incoming, status: int | None, error: BaseException | None = None) -> None:
    """End a request with the response's status, or the exception that left the application."""
    attributes = {} if status is None else {semconv.HTTP_RESPONSE_STATUS_CODE: status}
    failure = str(status) if status is not None and status >= _SERVER_ERROR else None
    incoming.end(attributes, error, failure)


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
        incoming = _incoming(scope, self._trust, method, str(scope.get("path", "")))
        status: int | None = None

        async def watch(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message.get("status")
            await send(message)

        failure: BaseException | None = None
        token = attach(incoming.context)
        try:
            await self.app(scope, receive, watch)
        except BaseException as error:
            failure = error
            raise
        finally:
            detach(token)
            _end(incoming, status, failure)
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
        incoming = _incoming(environ, self._trust, method, path)
        status: list[int] = []

        def watch(line: str, *rest: Any) -> Any:  # noqa: ANN401 - passed through as PEP 3333 has it
            status[:] = [int(line[:3])] if line[:3].isdigit() else []
            return start_response(line, *rest)

        token = attach(incoming.context)
        try:
            body = self.app(environ, watch)
        except BaseException as error:
            _end(incoming, status[0] if status else None, error)
            raise
        finally:
            detach(token)
        return (_SizedBody if hasattr(body, "__len__") else _Body)(body, incoming, status)


class _Body:
    """The application's response, which ends the span when the server closes it."""

    def __init__(self, body: Iterable[bytes], incoming: Incoming, status: list[int]) -> None:
        self._body = body
        self._incoming = incoming
        self._context = incoming.context
        self._status = status
        self._parts: Iterator[bytes] = iter(())
        self._error: BaseException | None = None
        self._closed = False

    def __iter__(self) -> "_Body":
        self._parts = iter(self._body)
        return self

    def __next__(self) -> bytes:
        token = attach(self._context)
        try:
            return next(self._parts)
        except StopIteration:
            raise
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._context = get_current()  # what one part makes current stays so for the next
            detach(token)

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
            _end(self._incoming, self._status[0] if self._status else None, self._error)
            self._error = None


class _SizedBody(_Body):
    """The same of a body that tells how many parts it has: servers look for that."""

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]  # it has a length, see WSGIMiddleware

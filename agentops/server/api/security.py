"""Who may ask for what? Host and Origin allow-lists, the browser token, and the headers of every answer.

Every route is a :class:`ScopedRoute`: one that declares no scope cannot be mounted.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentops.errors import StorageError

__all__ = ["Gate", "RouteScope", "ScopedRoute", "Tokens", "load_token"]

RouteScope = Literal["public", "page", "read", "ingest"]
"""``public``: no secret in it. ``page``: public, and takes ``?token=``. ``read``: token needed.
``ingest``: open on loopback, and the only scope on the standard OTLP port."""

_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'; require-trusted-types-for 'script'"
)
_HEADERS: Final = (
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
_COOKIE_AGE_S: Final = 180 * 86_400


class Tokens:
    """The browser token and the cookie made from it.

    The cookie holds a value derived from the token, under a name with the port in it, because browsers
    send cookies of ``127.0.0.1`` to every port.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._cookie = hmac.new(self._token, b"cookie", hashlib.sha256).hexdigest().encode()

    def is_token(self, told: str) -> bool:
        """Whether ``told`` is the token; takes the same time for every wrong one."""
        return hmac.compare_digest(told.encode(), self._token)

    def allows(self, headers: dict[bytes, bytes], port: int) -> bool:
        """Whether a request with these headers may read."""
        kind, _, told = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() == b"bearer" and hmac.compare_digest(told.strip(), self._token):
            return True
        name = self.cookie_name(port).encode()
        for pair in headers.get(b"cookie", b"").split(b";"):
            key, _, value = pair.strip().partition(b"=")
            if key == name and hmac.compare_digest(value, self._cookie):
                return True
        return False

    def cookie_name(self, port: int) -> str:
        """Name of the cookie for a server on ``port``."""
        return f"agentops_token_{port}"

    def set_cookie(self, response: Response, port: int) -> None:
        """Let the browser that gets this answer read from now on."""
        response.set_cookie(
            self.cookie_name(port),
            self._cookie.decode(),
            max_age=_COOKIE_AGE_S,
            httponly=True,
            samesite="strict",
        )


class ScopedRoute(Route):
    """A route that says who may use it.

    Args:
        path: Starlette path pattern.
        app: ASGI application that answers.
        scope: Who may use it.
        methods: Accepted methods; ``None`` leaves that to ``app``.
    """

    def __init__(
        self, path: str, app: ASGIApp, scope: RouteScope, methods: Iterable[str] | None = None
    ) -> None:
        super().__init__(path, _Unnamed(app), methods=list(methods) if methods else None)
        self.declared_scope = scope

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, unless the gate's rules for the declared scope forbid it."""
        gate: Gate = scope["agentops.gate"]
        refusal = gate.refusal(scope, self.declared_scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await super().handle(scope, receive, send)


class _Unnamed:
    """Hides a function from Starlette, which would otherwise call it with a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class Gate:
    """Middleware before the router: what holds for every request.

    Args:
        app: The router; its routes are :class:`ScopedRoute`.
        tokens: Who may read.
        hosts: Names under which the server may be called, without port.
        header_bytes_max: Size of all headers of one request.
        ingest_ports: Ports that serve ingest only.
    """

    def __init__(
        self,
        app: ASGIApp,
        tokens: Tokens,
        *,
        hosts: Iterable[str],
        header_bytes_max: int,
        ingest_ports: Iterable[int] = (),
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._hosts = frozenset(host.lower() for host in hosts)
        self._header_bytes_max = header_bytes_max
        self._ingest_ports = frozenset(ingest_ports)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        scope["agentops.gate"] = self

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message["headers"]}
                missing = [pair for pair in _HEADERS if pair[0] not in names]
                message = {**message, "headers": [*message["headers"], *missing]}
            await send(message)

        refusal = self._first_refusal(scope)
        await (refusal or self._app)(scope, receive, send_protected)

    def refusal(self, scope: Scope, declared: RouteScope) -> Response | None:
        """Return the answer that forbids a request to a route of this scope, or ``None``."""
        port = _port(scope)
        if declared == "ingest":
            return None
        if port in self._ingest_ports:
            return _error(404, "this port takes OTLP only")
        headers = dict(scope["headers"])
        if declared == "page":
            return self._login(scope, port)
        if declared == "public" or self._tokens.allows(headers, port):
            return None
        response = _error(401, "the token is missing or wrong; open the address the server printed")
        response.headers["www-authenticate"] = "Bearer"
        return response

    def _login(self, scope: Scope, port: int) -> Response | None:
        """Turn ``?token=`` into a cookie and an address without it."""
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        told = [value for key, value in pairs if key == "token"]
        if not told:
            return None
        rest = urlencode([pair for pair in pairs if pair[0] != "token"])
        path = "/" + scope["path"].lstrip("/\\")
        response = RedirectResponse(path + (f"?{rest}" if rest else ""), status_code=303)
        if self._tokens.is_token(told[0]):
            self._tokens.set_cookie(response, port)
        response.headers["cache-control"] = "no-store"
        return response

    def _first_refusal(self, scope: Scope) -> Response | None:
        if sum(len(k) + len(v) for k, v in scope["headers"]) > self._header_bytes_max:
            return _error(431, f"headers exceed {self._header_bytes_max} bytes")
        headers = dict(scope["headers"])
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or not self._is_own(hosts[0].decode("latin-1")):
            return _error(421, "this server is not known under that host name")
        origin = headers.get(b"origin")
        if origin is not None and not self._is_own_page(origin.decode("latin-1")):
            return _error(403, "requests from pages of other sites are not taken")
        site, mode = headers.get(b"sec-fetch-site"), headers.get(b"sec-fetch-mode")
        if site == b"cross-site" and (mode != b"navigate" or scope["method"] != "GET"):
            return _error(403, "requests from pages of other sites are not taken")
        return None

    def _is_own_page(self, origin: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and self._is_own(parts.netloc)

    def _is_own(self, netloc: str) -> bool:
        name, _, port = netloc.rpartition(":") if not netloc.endswith("]") else (netloc, "", "")
        if not name:
            name, port = port, ""
        return name.lower() in self._hosts and (port == "" or port.isdigit())


def load_token(path: Path) -> str:
    """Return the browser token in a file; make both when missing, readable by this user only.

    Raises:
        StorageError: The file belongs to somebody else or is not a plain file.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        told = path.lstat()
        if not path.is_file() or path.is_symlink() or told.st_uid != os.getuid():
            raise StorageError(f"{path} is not a file of this user") from None
        token = path.read_text(encoding="ascii").strip()
        if len(token) >= 32:
            return token
        file = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    token = secrets.token_urlsafe(32)
    with os.fdopen(file, "w", encoding="ascii") as stream:
        stream.write(token + "\n")
    return token


def _port(scope: Scope) -> int:
    server = scope.get("server")
    return int(server[1]) if server and server[1] is not None else 0


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message, "position": None}, status_code=status)

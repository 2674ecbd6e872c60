"""How is a request sent so that nothing can hold it up? Telemetry floor: HTTP with a total deadline.

``urllib3`` does the pooling, TLS and proxies. On top: one deadline for the whole exchange and not one for
each read, a bounded answer, no redirects, no retries (the destination retries).
"""

import codecs
import io
import ipaddress
import logging
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from agentops.clock import monotonic_ns
from agentops.errors import ConfigurationError

if TYPE_CHECKING:
    import socket

    from agentops.telemetry.config import ExporterConfig

# urllib3 encodes host names with it. Were it loaded by the first request, on a thread of ours, a fork in that moment
# would leave the child with a lock that nobody opens.
codecs.lookup("idna")

__all__ = [
    "ANSWER_BYTES_MAX",
    "Answer",
    "HttpTransport",
    "TransportError",
    "is_loopback",
    "warn_of_plain_headers",
]

logger = logging.getLogger("agentops")

ANSWER_BYTES_MAX = 1024 * 1024
"""Bytes of an answer's body that are read; the connection is closed on more."""


class TransportError(Exception):
    """No answer came.

    Args:
        reason: One or two words: ``timeout``, ``no connection``, ``tls``, ``connection lost``.
        is_unreachable: Nobody listens there.
    """

    def __init__(self, reason: str, *, is_unreachable: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_unreachable = is_unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a receiver answered.

    Attributes:
        status: HTTP status code.
        headers: Case-insensitive mapping.
        body: At most :data:`ANSWER_BYTES_MAX` bytes, not decompressed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def is_loopback(host: str) -> bool:
    """Return whether ``host`` names this machine itself."""
    host = host.strip("[]").lower()
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def warn_of_plain_headers(config: "ExporterConfig") -> None:
    """Say that headers, which mostly hold secrets, leave this machine in plain text, unless that is meant."""
    parts = urlsplit(config.endpoint or "")
    is_plain = parts.scheme == "http" and not is_loopback(parts.hostname or "")
    if is_plain and config.headers and not config.insecure:
        logger.warning(
            "agentops: the headers for http://%s leave this machine in plain text; "
            "use https, or insecure: true if that is meant",
            parts.hostname,
        )


class _Deadline:
    """Seconds left of the exchange under way; shared by a transport and its connections."""

    def __init__(self) -> None:
        self._at_s = 0.0

    def start(self, timeout_s: float) -> None:
        self._at_s = monotonic_ns() / 1e9 + timeout_s

    def left_s(self) -> float:
        left = self._at_s - monotonic_ns() / 1e9
        if left <= 0:
            raise TimeoutError("the exchange took too long")
        return left


class _RawSocket(io.RawIOBase):
    """Reads from a socket until the deadline, however slowly the bytes come."""

    def __init__(self, sock: "socket.socket", deadline: _Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - the signature of io.RawIOBase
        self._sock.settimeout(self._deadline.left_s())
        return self._sock.recv_into(buffer)


class _DeadlineSocket:
    """A connected socket whose reads and writes end with the exchange's deadline."""

    def __init__(self, sock: "socket.socket", deadline: _Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else is the socket's own
        return getattr(self._sock, name)

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._deadline.left_s())
        self._sock.sendall(data)

    def makefile(self, mode: str, *_: object, **__: object) -> io.BufferedReader:
        if mode != "rb":
            raise ValueError(f"got {mode!r}; expected 'rb'")
        return io.BufferedReader(_RawSocket(self._sock, self._deadline), 65536)


def _with_deadline(base: type[HTTPConnection], deadline: _Deadline) -> Any:  # noqa: ANN401 - no type for it
    """Return a class of connections; a class, since recorders of HTTP (vcrpy) compare connections with it."""
    # What a recorder has put in its place keeps to its cassette: nothing of ours belongs there.
    own = next((kind for kind in base.__mro__ if kind.__module__ == "urllib3.connection"), base)

    class Connection(own):  # type: ignore[misc,valid-type]  # a class made for each of the two bases
        def connect(self) -> None:
            super().connect()
            self.sock: Any = _DeadlineSocket(self.sock, deadline)

    return Connection


class HttpTransport:
    """Sends requests to one origin, one at a time; credentials never go anywhere else.

    Args:
        origin: ``scheme://host:port``; a path is ignored.
        config: Certificates.
    """

    def __init__(self, origin: str, config: "ExporterConfig | None" = None) -> None:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError("endpoint", origin, "a URL such as https://collector:4318")
        self._scheme = parts.scheme
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._config = config
        self._deadline = _Deadline()
        self._pool: urllib3.HTTPConnectionPool | None = None

    def post(self, path: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """Send a POST request.

        Args:
            path: Path and query.
            body: Request body, as it goes on the wire.
            headers: Request headers.
            timeout_s: Seconds for everything: connecting, sending, waiting, reading.

        Raises:
            TransportError: no answer came in time.
        """
        self._deadline.start(timeout_s)
        try:
            return self._exchange(path, body, headers, timeout_s)
        except (TimeoutError, HTTPError, OSError, ValueError) as error:
            self.close()
            raise _as_transport_error(error) from error

    def _exchange(
        self, path: str, body: bytes, headers: Mapping[str, str], timeout_s: float
    ) -> Answer:
        if self._pool is None:
            self._pool = self._open()
        response = self._pool.urlopen(
            "POST",
            path,
            body=body,
            headers=dict(headers),
            redirect=False,
            retries=False,
            timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
            preload_content=False,
            decode_content=False,
        )
        data = bytearray()
        try:
            while len(data) <= ANSWER_BYTES_MAX:
                chunk = response.read(65536)
                if not chunk:
                    response.release_conn()
                    break
                data += chunk
            else:
                response.close()
        except (TimeoutError, HTTPError, OSError):
            # The status has come: what it says counts, the rest of the body does not.
            response.close()
        return Answer(status=response.status, headers=response.headers, body=bytes(data))

    def _open(self) -> urllib3.HTTPConnectionPool:
        if self._scheme == "http":
            # Never through a proxy: it would read the credentials.
            plain = urllib3.HTTPConnectionPool(self._host, self._port, maxsize=1, block=False)
            plain.ConnectionCls = _with_deadline(HTTPConnection, self._deadline)
            return plain
        proxy = _proxy_for(self._host)
        context = _tls_context(self._config)
        pool: urllib3.HTTPSConnectionPool
        if proxy is None:
            pool = urllib3.HTTPSConnectionPool(
                self._host, self._port, maxsize=1, block=False, ssl_context=context
            )
        else:
            manager = urllib3.ProxyManager(proxy, maxsize=1, block=False, ssl_context=context)
            found = manager.connection_from_host(self._host, self._port, "https")
            if not isinstance(found, urllib3.HTTPSConnectionPool):
                raise ValueError("the proxy gives no tunnel")
            pool = found
        pool.ConnectionCls = _with_deadline(HTTPSConnection, self._deadline)
        return pool

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def after_fork(self) -> None:
        """Leave the connection to the parent process."""
        self._pool = None
        self._deadline = _Deadline()


def _proxy_for(host: str) -> str | None:
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get("https") or proxies.get("all") or None


def _tls_context(config: "ExporterConfig | None") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=config.certificate_file if config else None)
    if config is not None and config.client_certificate_file:
        context.load_cert_chain(config.client_certificate_file, config.client_key_file)
    return context


def _as_transport_error(error: Exception) -> TransportError:
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and len(causes) < 8:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    if any(isinstance(found, ssl.SSLError) for found in causes):
        return TransportError("tls")
    if any(isinstance(found, ConnectionRefusedError) for found in causes):
        return TransportError("connection refused", is_unreachable=True)
    if any(isinstance(found, urllib3.exceptions.NameResolutionError) for found in causes):
        return TransportError("unknown host", is_unreachable=True)
    # urllib3 calls every connection that cannot be made one that took too long.
    no_socket = any(isinstance(found, urllib3.exceptions.NewConnectionError) for found in causes)
    if no_socket and not any(isinstance(found, TimeoutError) for found in causes):
        return TransportError("no connection")
    if any(isinstance(found, (TimeoutError, urllib3.exceptions.TimeoutError)) for found in causes):
        return TransportError("timeout")
    if isinstance(error, ValueError):
        return TransportError("proxy or address not usable")
    return TransportError("connection lost")

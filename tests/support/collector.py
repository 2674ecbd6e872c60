"""A real OTLP/HTTP receiver on loopback whose answers a test writes in advance.

    with Collector() as collector:
        collector.answer(Reply(status=503, headers={"Retry-After": "2"}), times=2)
        ...
        collector.wait_for_spans(3)

Requests are kept as they came, whatever is answered; only those answered 2xx count as *accepted*.
"""

import gzip
import itertools
import json
import os
import socket
import threading
import time
import zlib
from collections import deque
from dataclasses import dataclass, field

import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["Collector", "Reply", "Request", "free_port"]


# Below the ports that systems hand out by themselves (Linux: from 32768 on): whoever asks for "any free port" gets
# none of these, and no connection starts from one. Processes that run side by side begin at different places.
_PORTS = range(20_000, 32_000)
_START = os.getpid() * 997 % len(_PORTS)
_ports = itertools.cycle((*_PORTS[_START:], *_PORTS[:_START]))


def free_port():
    """Return a port of loopback that nobody listens on, and that nobody is given unless he asks for it."""
    for port in itertools.islice(_ports, len(_PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no port of {_PORTS} is free")


@dataclass
class Reply:
    """What to answer.

    Attributes:
        status: HTTP status.
        headers: Besides Content-Length.
        body: Body bytes.
        delay_s: Wait before answering.
        hang: Never answer.
        reset: ``"now"``: RST before reading the body; ``"body"``: in the middle of it; ``"after"``: after
            reading all of it.
        bytes_per_s: Send the answer this slowly, from its first byte on.
        body_size: Send so many zero bytes as body.
        early: Answer before reading the body.
        close: Close the connection after answering.
        is_accepted: Whether the request counts as accepted; ``None``: if the status is 2xx.
    """

    status: int = 200
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0
    hang: bool = False
    reset: str = ""
    bytes_per_s: float = 0
    body_size: int = 0
    early: bool = False
    close: bool = False
    is_accepted: bool | None = None


@dataclass
class Request:
    """What came. ``at`` is ``time.monotonic()``, ``connection`` the number of its connection."""

    method: str
    path: str
    headers: dict
    body: bytes
    at: float
    reply: Reply
    connection: int = 0

    @property
    def data(self):
        """The body without its compression."""
        way = self.headers.get("content-encoding", "")
        if way == "gzip":
            return gzip.decompress(self.body)
        if way == "zstd":
            return zstandard.ZstdDecompressor().decompress(self.body)
        return zlib.decompress(self.body) if way == "deflate" else self.body

    def message(self):
        """The body as an OTLP message, or as JSON."""
        if "json" in self.headers.get("content-type", ""):
            return json.loads(self.data)
        is_logs = self.path.endswith("/logs")
        return (ExportLogsServiceRequest if is_logs else ExportTraceServiceRequest).FromString(
            self.data
        )

    @property
    def span_names(self):
        """Names of the spans in it."""
        if not self.path.endswith("/traces"):
            return []
        found = self.message()
        if isinstance(found, dict):
            return [
                span["name"]
                for resource in found.get("resourceSpans", [])
                for scope in resource["scopeSpans"]
                for span in scope["spans"]
            ]
        return [
            span.name
            for resource in found.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def is_accepted(self):
        """Whether the receiver took it."""
        if self.reply.is_accepted is not None:
            return self.reply.is_accepted
        return 200 <= self.reply.status < 300 and not self.reply.hang and not self.reply.reset


class Collector:
    """The receiver. Answers 200 with an empty body unless told otherwise.

    Args:
        port: ``0`` takes a free one.
        tls: An ``ssl.SSLContext`` for the server side.
    """

    def __init__(self, port=0, tls=None):
        self._changed = threading.Condition()
        self._planned = deque()
        self._always = None
        self._route = None
        self._tls = tls
        self._port = port
        self._listener = None
        self._connections = set()
        self.requests = []
        self.connections_count = 0

    # ----- what the test says

    def answer(self, reply, times=1):
        """Plan the answers of the next requests."""
        with self._changed:
            self._planned.extend([reply] * times)

    def answer_always(self, reply):
        """Answer every unplanned request like this; ``None`` goes back to 200."""
        self._always = reply

    def route(self, function):
        """Ask ``function(request) -> Reply | None`` for each unplanned request."""
        self._route = function

    def start(self):
        """Listen."""
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=256)
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def stop(self):
        """Close the port and every connection: an outage. :meth:`start` ends it."""
        with self._changed:
            listener, self._listener = self._listener, None
            connections, self._connections = self._connections, set()
        if listener is None:
            return
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            _reset(connection)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # ----- what the test asks

    @property
    def port(self):
        return self._port

    @property
    def url(self):
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def accepted(self):
        """The requests it took."""
        return [request for request in self.requests if request.is_accepted]

    @property
    def span_names(self):
        """Names of all accepted spans, in order of arrival."""
        return [name for request in self.accepted for name in request.span_names]

    def wait(self, claim, timeout_s=30.0):
        """Wait until ``claim(self)`` is true, looking after each request; return whether it became so."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not claim(self):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def wait_for_spans(self, count, timeout_s=30.0):
        """Wait for ``count`` accepted spans; return all their names."""
        self.wait(lambda found: len(found.span_names) >= count, timeout_s)
        return self.span_names

    def wait_for_requests(self, count, timeout_s=30.0):
        """Wait for ``count`` requests of any outcome; return all of them."""
        self.wait(lambda found: len(found.requests) >= count, timeout_s)
        return list(self.requests)

    # ----- how it works

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._changed:
                if self._listener is not listener:  # it was stopped a moment ago
                    _reset(connection)
                    return
                self._connections.add(connection)
                self.connections_count += 1
            arguments = (connection, self.connections_count)
            threading.Thread(target=self._serve, args=arguments, daemon=True).start()

    def _serve(self, connection, number):
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            reader = connection.makefile("rb")
            while self._serve_one(connection, reader, number):
                pass
        except (OSError, ValueError):
            pass
        finally:
            with self._changed:
                self._connections.discard(connection)
            connection.close()

    def _serve_one(self, connection, reader, number):
        line = reader.readline()
        if not line:
            return False
        method, path, _ = line.decode("latin-1").split(" ", 2)
        headers = {}
        while (line := reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        request = Request(method, path, headers, b"", time.monotonic(), Reply(), number)
        size = int(headers.get("content-length", 0))
        with self._changed:
            early = bool(self._planned) and self._planned[0].early
            planned = self._planned.popleft() if self._planned else None
        if planned is not None and planned.reset in ("now", "body"):
            if planned.reset == "body":
                reader.read(size // 2)
            self._note(request, planned)
            _reset(connection)
            return False
        if planned is not None and early:
            self._send(connection, planned)
        request.body = reader.read(size)
        if len(request.body) < size:  # the sender died, or gave up: that was no request
            return False
        reply = planned or (self._route and self._route(request)) or self._always or Reply()
        if early:
            self._note(request, reply)
            return not reply.close
        return self._finish(connection, request, reply)

    def _finish(self, connection, request, reply):
        if reply.reset:
            self._note(request, reply)
            _reset(connection)
            return False
        if reply.hang:
            self._note(request, reply)
            while connection.recv(1):  # until the other side gives up
                pass
            return False
        time.sleep(reply.delay_s)
        self._note(request, reply)
        self._send(connection, reply)
        return not reply.close

    def _note(self, request, reply):
        request.reply = reply
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def _send(self, connection, reply):
        size = reply.body_size or len(reply.body)
        headers = {"Content-Length": size, **reply.headers}
        head = f"HTTP/1.1 {reply.status} Planned\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        data = head.encode() + reply.body
        if reply.bytes_per_s:
            for byte in data:
                connection.sendall(bytes([byte]))
                time.sleep(1 / reply.bytes_per_s)
            return
        connection.sendall(data)
        for _ in range(0, reply.body_size, 65536):
            connection.sendall(bytes(65536))


def _reset(connection):
    """Close with RST instead of FIN."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    except OSError:
        pass

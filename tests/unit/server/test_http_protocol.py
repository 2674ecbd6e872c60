import contextlib
import select
import socket
import time
import urllib.parse
from pathlib import Path

import pytest
from support.backend import BackendProcess, otlp_span
from support.promises import assert_within, seconds

LIMITS = {
    "header_seconds_max": 1.0,
    "body_seconds_max": 1.0,
    "write_seconds_max": 1.0,
    "connections_max": 40,
}


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    directory = tmp_path_factory.mktemp("protocol") / "data"
    with BackendProcess(directory, **LIMITS) as backend:
        yield backend


def connect(backend):
    parts = urllib.parse.urlsplit(backend.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=60)


def is_closed(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "])
def test_client_that_does_not_say_what_it_wants_is_hung_up_on(backend, said):
    def wait():
        with connect(backend) as connection:
            connection.sendall(said)
            took_s = seconds(is_closed, connection)
        assert took_s > 0.5
        return {"took_s": took_s}

    assert_within(wait, took_s=1.0 + 1.0)


def test_second_request_of_a_connection_has_the_same_deadline(backend):
    with connect(backend) as connection:
        connection.sendall(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while not received.endswith(b"}}}}"):
            received += connection.recv(1 << 16)
        connection.sendall(b"GET / HTTP/1.1\r\nHos")

        assert is_closed(connection)


def test_slow_clients_do_not_keep_a_quick_one_out(backend):
    slow = [connect(backend) for _ in range(30)]
    for connection in slow:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\n")

    assert 200 == backend.send(otlp_span("5" * 32, "5" * 16))
    for connection in slow:
        assert is_closed(connection)
        connection.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"\x16\x03\x01 no http at all\r\n\r\n",
    ],
)
def test_request_that_two_servers_could_read_differently_is_refused(backend, request_bytes):
    with connect(backend) as connection:
        connection.sendall(request_bytes)

        assert connection.recv(1 << 12)[9:10] == b"4"


def test_body_that_dribbles_is_refused_and_hung_up_on(backend):
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\n"
    )

    def dribble():
        with connect(backend) as connection:
            connection.sendall(head)
            began = time.monotonic()
            while not select.select([connection], [], [], 0.1)[0]:
                connection.sendall(b"\n")
            took_s = time.monotonic() - began
            assert took_s > 0.9
            assert b"HTTP/1.1 408" == connection.recv(12)
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(1 << 12):
                    pass
        return {"took_s": took_s}

    assert_within(dribble, took_s=1.0 + 1.0)


def sockets(backend):
    """How many sockets the server holds."""
    folder = Path(f"/proc/{backend.process.pid}/fd")
    links = []
    for file in folder.iterdir():
        with contextlib.suppress(OSError):
            links.append(str(file.readlink()))
    return sum(link.startswith("socket:") for link in links)


def sockets_at_rest(backend):
    """Those that stay for a second: a connection of the test before may still be closing."""
    counts = []
    for _ in range(10):
        counts.append(sockets(backend))
        time.sleep(0.1)
    return min(counts)


def test_client_that_never_reads_is_hung_up_on(backend):
    asked, count = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n", 2_000
    at_rest = sockets_at_rest(backend)
    with connect(backend) as connection:
        connection.sendall(asked * count)
        assert 200 == backend.send(otlp_span("6" * 32, "6" * 16))
        began = time.monotonic()
        while sockets(backend) > at_rest:
            assert time.monotonic() < began + 60
            time.sleep(0.05)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(1 << 20):
                received += chunk

        assert 0 < received.count(b"HTTP/1.1 200") < count


def test_client_that_reads_slowly_gets_everything(backend):
    asked = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(backend) as connection:
        connection.sendall(asked * 100)
        received, size = b"", 0
        while received.count(b"HTTP/1.1 200") < 100:
            received += connection.recv(1 << 14)
            size += 1

        assert size > 20

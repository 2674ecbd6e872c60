import socket
import time
import urllib.parse

import pytest
from support.backend import BackendProcess, otlp_span


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    directory = tmp_path_factory.mktemp("protocol") / "data"
    with BackendProcess(directory, header_seconds_max=1.0, connections_max=40) as backend:
        yield backend


def connect(backend):
    parts = urllib.parse.urlsplit(backend.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def is_closed(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "])
def test_client_that_does_not_say_what_it_wants_is_hung_up_on(backend, said):
    with connect(backend) as connection:
        connection.sendall(said)
        began = time.monotonic()

        assert is_closed(connection)
        assert 0.5 < time.monotonic() - began < 8


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

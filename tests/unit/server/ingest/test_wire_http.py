"""HTTP/1.1 as senders and attackers write it, byte by byte over a real socket."""

import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest
from support.otlp import trace_request

BODY = trace_request().SerializeToString()
HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)


def exchange(url: str, *pieces: bytes, answers: int = 1) -> bytes:
    """Send pieces, each after something came back for the one before; return all that was answered."""
    parts = urlsplit(url)
    received = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        for piece in pieces[:-1]:
            connection.sendall(piece)
            received += connection.recv(65536)
        connection.sendall(pieces[-1])
        while received.count(b"HTTP/1.1 ") < answers or not received.endswith(b"\r\n\r\n"):
            chunk = connection.recv(65536)
            if not chunk:
                break
            received += chunk
    return received


def test_a_sender_may_ask_before_it_sends_the_body(url, acceptor):
    received = exchange(url, HEAD + LENGTH + b"Expect: 100-continue\r\n\r\n", BODY, answers=2)

    assert received.startswith(b"HTTP/1.1 100 ")
    assert b"HTTP/1.1 200 " in received
    assert len(acceptor.spans) == 1


def test_requests_may_follow_each_other_without_waiting(url, acceptor):
    received = exchange(url, (HEAD + LENGTH + b"\r\n" + BODY) * 3, answers=3)

    assert received.count(b"HTTP/1.1 200 ") == 3
    assert acceptor.calls == 3


def test_bodies_in_chunks_are_taken(url, acceptor):
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, BODY[at : at + 1]) for at in range(len(BODY)))

    received = exchange(url, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 200 ")
    assert len(acceptor.spans) == 1


@pytest.mark.parametrize(
    "framing",
    [
        LENGTH + b"Transfer-Encoding: chunked\r\n",
        LENGTH + b"Content-Length: 3\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 1x\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
    ],
)
def test_a_body_that_can_be_read_in_two_ways_is_refused(url, acceptor, framing):
    received = exchange(url, HEAD + framing + b"\r\n" + b"0\r\n\r\n" + BODY)

    assert received.startswith(b"HTTP/1.1 400 ")
    assert acceptor.rows == []


def test_many_senders_at_once_are_all_served(url, acceptor):
    def send(number: int) -> int:
        request = trace_request()
        request.resource_spans[0].scope_spans[0].spans[0].span_id = (number + 1).to_bytes(8, "big")
        headers = {"content-type": "application/x-protobuf"}
        body = request.SerializeToString()
        return httpx.post(f"{url}/v1/traces", content=body, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(send, range(64)))

    assert [200] * 64 == statuses
    assert len(acceptor.spans) == 64

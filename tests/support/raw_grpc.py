"""A gRPC receiver at the level of HTTP/2 frames: says what no gRPC library would let it say.

    with RawGrpc() as receiver:
        receiver.plan += ["goaway", "trailer"]

Each planned word is what the next call gets: ``goaway``: the connection is given up before an answer; ``drop``: it is
reset; ``trailer``: a hundred megabytes of trailers; ``ok``: an empty answer, as every call that nothing is planned for.
"""

import socket
import struct
import threading
from contextlib import suppress

__all__ = ["RawGrpc"]

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = 0, 1, 4, 6, 7, 8, 9
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_TRAILER_BYTES = 100 * 1024 * 1024


def _frame(kind, flags, stream, payload=b""):
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes((kind, flags))
        + struct.pack(">I", stream)
        + payload
    )


def _text(value):
    """A string of HPACK without Huffman coding."""
    size = len(value)
    if size < 127:
        return bytes((size,)) + value
    out = b"\x7f"
    size -= 127
    while size >= 128:
        out += bytes((size & 127 | 128,))
        size >>= 7
    return out + bytes((size,)) + value


def _field(name, value):
    return b"\x00" + _text(name) + _text(value)


_HEAD = b"\x88" + _field(b"content-type", b"application/grpc")  # \x88: ":status: 200"
_DONE = _field(b"grpc-status", b"0")


class RawGrpc:
    """The receiver; ``calls`` counts calls whose whole request came, ``accepted`` those answered with OK."""

    def __init__(self):
        self.plan = []
        self.calls = 0
        self.accepted = 0

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as reader, suppress(OSError):
            assert reader.read(len(_PREFACE)) == _PREFACE
            connection.sendall(_frame(_SETTINGS, 0, 0))
            while self._serve_frame(connection, reader):
                pass

    def _serve_frame(self, connection, reader):
        head = reader.read(9)
        if len(head) < 9:
            return False
        size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
        payload = reader.read(size)
        if kind == _SETTINGS and not flags & _ACK:
            connection.sendall(_frame(_SETTINGS, _ACK, 0))
        elif kind == _PING and not flags & _ACK:
            connection.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind == _DATA:
            if size:
                more = struct.pack(">I", size)
                connection.sendall(_frame(_WINDOW_UPDATE, 0, 0, more))
                if not flags & _END_STREAM:
                    connection.sendall(_frame(_WINDOW_UPDATE, 0, stream, more))
            if flags & _END_STREAM:
                self.calls += 1
                return self._answer(connection, stream, self.plan.pop(0) if self.plan else "ok")
        return True

    def _answer(self, connection, stream, word):
        if word == "goaway":
            connection.sendall(_frame(_GOAWAY, 0, 0, struct.pack(">II", 0, 11) + b"enough"))
            return False
        if word == "drop":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        connection.sendall(_frame(_HEADERS, _END_HEADERS, stream, _HEAD))
        if word == "trailer":
            self._trailer(connection, stream)
            return False
        self.accepted += 1
        connection.sendall(_frame(_DATA, 0, stream, bytes(5)))
        connection.sendall(_frame(_HEADERS, _END_HEADERS | _END_STREAM, stream, _DONE))
        return True

    def _trailer(self, connection, stream):
        block = _field(b"grpc-status", b"14") + b"\x00" + _text(b"x")
        size = b"\x7f"
        left = _TRAILER_BYTES - 127
        while left >= 128:
            size += bytes((left & 127 | 128,))
            left >>= 7
        connection.sendall(_frame(_HEADERS, _END_STREAM, stream, block + size + bytes((left,))))
        chunk = b"y" * 16384
        for _ in range(_TRAILER_BYTES // len(chunk) - 1):
            connection.sendall(_frame(_CONTINUATION, 0, stream, chunk))
        connection.sendall(_frame(_CONTINUATION, _END_HEADERS, stream, chunk))

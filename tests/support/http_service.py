"""A real HTTP service in a thread, and a client that sends headers byte for byte."""

import json
import socket
import threading
from http.client import HTTPResponse
from wsgiref.simple_server import WSGIRequestHandler, make_server

import uvicorn

__all__ = ["AsgiService", "WsgiService", "ask"]


class AsgiService:
    """Serves an ASGI application on a free port of loopback inside a ``with`` block."""

    def __init__(self, app):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(app, log_level="error", lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._socket.listen()
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_args):
        pass


class WsgiService:
    """Serves a WSGI application on a free port of loopback inside a ``with`` block."""

    def __init__(self, app):
        self._server = make_server("127.0.0.1", 0, app, handler_class=_Quiet)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


def ask(port, headers=(), path="/"):
    """GET ``path`` with exactly these header lines; return the status and the parsed body."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    lines += [f"{name}:{value}" for name, value in headers]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        with HTTPResponse(connection) as response:
            response.begin()
            body = response.read()
            is_json = "application/json" in response.getheader("content-type", "")
            return response.status, json.loads(body) if is_json else body

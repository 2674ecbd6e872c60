"""Where do the demo's model calls go without a key? A loopback server that speaks both vendors' wire formats.

Run it by itself for your own offline tests: ``python -m agentops.demo.model_server --port 8089``, then point
``OPENAI_BASE_URL`` at ``http://127.0.0.1:8089/v1`` and ``ANTHROPIC_BASE_URL`` at ``http://127.0.0.1:8089``.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

from agentops.demo import anthropic_wire, openai_wire
from agentops.demo.replies import answer

__all__ = ["ModelServer"]

Json: TypeAlias = dict[str, object]

_BODY_BYTES_MAX = 16 * 1024 * 1024


class ModelServer:
    """A stand-in for both model services on one loopback port; a context manager.

    Args:
        port: 0 takes any free port.
        think_ms: Time before the first byte of an answer.
        chunk_ms: Time between two chunks of a stream.
    """

    def __init__(self, port: int = 0, *, think_ms: float = 0, chunk_ms: float = 0) -> None:
        self._http = _Server(("127.0.0.1", port), _Handler)
        self._http.think_s = think_ms / 1000
        self._http.chunk_s = chunk_ms / 1000
        self._thread = threading.Thread(
            target=self._http.serve_forever, name="model-server", daemon=True
        )

    @property
    def url(self) -> str:
        """Base URL for Anthropic; OpenAI's is the same with ``/v1`` behind it."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def start(self) -> "ModelServer":
        """Answer requests from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> "ModelServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024  # many programs of a test may connect at once
    think_s: float = 0
    chunk_s: float = 0

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver has it
        """Print what went wrong, but not that a client has hung up."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Answer one request of either vendor's SDK."""
        body = self._body()
        if body is None:
            return
        time.sleep(self.server.think_s)
        path = self.path.partition("?")[0]
        model = str(body.get("model", ""))
        stream = body.get("stream") is True
        if path == "/v1/chat/completions":
            self._chat(model, body, stream)
        elif path == "/v1/responses":
            conversation = openai_wire.read_responses(body)
            reply = answer(conversation)
            if stream:
                self._events(openai_wire.response_events(model, conversation, reply))
            else:
                self._send(200, openai_wire.response(model, conversation, reply))
        elif path == "/v1/messages":
            conversation = anthropic_wire.read_messages(body)
            reply = answer(conversation)
            if stream:
                self._events(anthropic_wire.message_events(model, conversation, reply))
            else:
                self._send(200, anthropic_wire.message(model, conversation, reply))
        elif path == "/v1/embeddings":
            self._send(200, openai_wire.embeddings(body))
        else:
            self._refuse(404, f"the stand-in model server has no {path}")

    def do_GET(self) -> None:
        """Refuse what is not asked of a model, a list of them for example."""
        self._refuse(404, f"the stand-in model server has no GET {self.path.partition('?')[0]}")

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: the demo's terminal belongs to the demo."""

    def _chat(self, model: str, body: Mapping[str, object], stream: bool) -> None:
        conversation = openai_wire.read_chat(body)
        reply = answer(conversation)
        if not stream:
            self._send(200, openai_wire.chat_completion(model, conversation, reply))
            return
        options = body.get("stream_options")
        with_usage = isinstance(options, Mapping) and options.get("include_usage") is True
        chunks = openai_wire.chat_chunks(model, conversation, reply, with_usage=with_usage)
        self._stream(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)

    def _events(self, events: Iterator[tuple[str, Json]]) -> None:
        self._stream(f"event: {kind}\ndata: {json.dumps(data)}\n\n" for kind, data in events)

    def _body(self) -> Mapping[str, object] | None:
        length = int(self.headers.get("content-length") or 0)
        if length > _BODY_BYTES_MAX:
            self.close_connection = True  # the body is left unread
            self._refuse(413, f"{length} bytes; the limit is {_BODY_BYTES_MAX}")
            return None
        try:
            body = json.loads(self.rfile.read(length) or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, Mapping):
            self._refuse(400, "the body is not a JSON object")
            return None
        return body

    def _refuse(self, status: int, message: str) -> None:
        """Send an error that both vendors' SDKs can read."""
        error = {"type": "invalid_request_error", "message": message, "code": None, "param": None}
        self._send(status, {"type": "error", "error": error})

    def _send(self, status: int, answer_body: Json) -> None:
        data = json.dumps(answer_body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self._identify()
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, lines: Iterator[str]) -> None:
        """Send server-sent events in HTTP chunks."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self._identify()
        self.end_headers()
        is_openai = self.path.startswith("/v1/chat")
        for line in lines:
            self._chunk(line)
            time.sleep(self.server.chunk_s)
        if is_openai:
            self._chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _identify(self) -> None:
        """Send the request id under both vendors' names."""
        identity = f"req_{id(self):016x}"
        self.send_header("x-request-id", identity)
        self.send_header("request-id", identity)
        # As the real services: calls to them have a price.
        self.send_header("openai-processing-ms", "1")
        self.send_header("anthropic-organization-id", "org_demo")


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(
        description="A stand-in for the OpenAI and Anthropic services."
    )
    parser.add_argument("--port", type=int, default=8089)
    parser.add_argument("--think-ms", type=float, default=0)
    parser.add_argument("--chunk-ms", type=float, default=0)
    arguments = parser.parse_args()
    server = ModelServer(
        arguments.port, think_ms=arguments.think_ms, chunk_ms=arguments.chunk_ms
    ).start()
    print(f"stand-in model server on {server.url}", flush=True)  # noqa: T201 - a program of its own
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()

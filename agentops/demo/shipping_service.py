"""The second process of the demo: a web service that continues the trace of whoever calls it.

``GET /shipments/{tracking}`` reads a parcel's scan history and lets a model put it into one sentence. The
middleware joins the caller's trace and session; nothing else here knows of tracing.
"""

import argparse
import json
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import openai

import agentops
from agentops.middleware import WSGIMiddleware

__all__ = ["ShippingService", "main"]

MODEL = "gpt-5.4-mini"

SCANS = (
    "2026-11-20 18:02 Gothenburg terminal: sorted",
    "2026-11-21 03:40 Malmö depot: arrived",
    "2026-11-22 07:15 Malmö depot: loaded on van 14",
)

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class ShippingService:
    """A WSGI application."""

    def __init__(self) -> None:
        self._openai = openai.OpenAI()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = str(environ.get("PATH_INFO", ""))
        if not path.startswith("/shipments/"):
            start_response("404 Not Found", [("content-type", "application/json")])
            return [b"{}"]
        tracking = path.removeprefix("/shipments/")
        body = json.dumps({"tracking": tracking, "summary": self.summary(tracking)}).encode()
        start_response(
            "200 OK", [("content-type", "application/json"), ("content-length", str(len(body)))]
        )
        return [body]

    @agentops.task
    def summary(self, tracking: str) -> str:
        """Put the scan history of a parcel into one sentence."""
        events = self._openai.responses.create(
            model=MODEL,
            instructions="Turn the scan history of a parcel into one sentence for a customer.",
            input=f"{tracking}:\n" + "\n".join(SCANS),
            stream=True,
        )
        return "".join(
            event.delta for event in events if event.type == "response.output_text.delta"
        )


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Stay quiet: the demo's terminal belongs to the demo."""


def main() -> None:
    """Serve on any free port until stdin closes; print the URL first."""
    parser = argparse.ArgumentParser(description="The shipping service of the AgentOps demo.")
    parser.add_argument("--endpoint", default="http://127.0.0.1:4320", help="AgentOps backend")
    arguments = parser.parse_args()
    agentops.init(
        service_name="shipping-service",
        session={"auto_start": False},
        telemetry={"exporters": [{"type": "agentops", "endpoint": arguments.endpoint}]},
    )
    application = WSGIMiddleware(ShippingService())
    with make_server("127.0.0.1", 0, application, handler_class=_QuietHandler) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
        server.serve_forever(poll_interval=0.1)
    agentops.shutdown()


def _stop_with_stdin(server: WSGIServer) -> None:
    """Stop the server when the process that started it goes away."""
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()

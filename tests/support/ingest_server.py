"""A real HTTP server on loopback with the ingest routes and a collecting acceptor."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence

import uvicorn
from starlette.applications import Starlette

from agentops.server.ingest import IngestSettings, routes
from agentops.server.rows import EventRow, Row, SpanRow

SECRET = b"0123456789abcdef0123456789abcdef"


class CollectingAcceptor:
    """Keeps rows in a list; raises ``error`` instead for as many calls as told."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.errors: list[Exception] = []
        self.calls = 0

    async def accept(self, rows: Sequence[Row]) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        self.rows.extend(rows)

    @property
    def spans(self) -> list[SpanRow]:
        """The newest row of each span, as a store would show them."""
        newest = {(row.trace_id, row.span_id): row for row in self.rows if isinstance(row, SpanRow)}
        return list(newest.values())

    @property
    def events(self) -> list[EventRow]:
        """The newest row of each event."""
        return list({row.event_id: row for row in self.rows if isinstance(row, EventRow)}.values())


def settings(**changes: object) -> IngestSettings:
    return IngestSettings(**{"secret": SECRET, **changes})


def application(acceptor: CollectingAcceptor, **changes: object) -> Starlette:
    return Starlette(routes=routes(acceptor, settings(**changes)))


@contextlib.contextmanager
def serving(app: object) -> Iterator[str]:
    """Serve an ASGI application on a free port; yields its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", lifespan="off", http="httptools", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()

"""How long may a client take to say what it wants? Uvicorn's HTTP protocol with a deadline for headers."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["http_protocol"]


def http_protocol(header_seconds_max: float) -> type[asyncio.Protocol]:
    """Return a protocol that closes a connection whose request headers are late.

    Uvicorn 0.54 has a time limit between requests, but none for a client that connects and says nothing,
    or one header byte a second.
    """

    class Protocol(HttpToolsProtocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
            super().connection_made(transport)
            self._start()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._start()

        def on_headers_complete(self) -> None:
            self._stop()
            super().on_headers_complete()

        def _start(self) -> None:
            if self._deadline is None:
                self._deadline = self.loop.call_later(header_seconds_max, self.transport.abort)

        def _stop(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Protocol

"""How long may a client take to speak and to listen? Uvicorn's HTTP protocol with two deadlines."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["http_protocol"]


def http_protocol(header_seconds_max: float, write_seconds_max: float) -> type[asyncio.Protocol]:
    """Return a protocol that hangs up where request headers are late, or the answer is not read.

    Uvicorn 0.54 has a time limit between requests, but none for a client that connects and says nothing,
    or one header byte a second, and none for one that takes nothing of what it asked for.
    """

    class Protocol(_TimedProtocol):
        _header_seconds_max = header_seconds_max
        _write_seconds_max = write_seconds_max

    return Protocol


class _TimedProtocol(HttpToolsProtocol):
    _header_seconds_max: float
    _write_seconds_max: float
    _header_deadline: asyncio.TimerHandle | None = None
    _write_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_headers()
        self._end_write()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_headers()

    def on_headers_complete(self) -> None:
        self._end_headers()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.call_later(self._write_seconds_max, self.transport.abort)

    def resume_writing(self) -> None:
        self._end_write()
        super().resume_writing()

    def _await_headers(self) -> None:
        if self._header_deadline is None:
            self._header_deadline = self.loop.call_later(
                self._header_seconds_max, self.transport.abort
            )

    def _end_headers(self) -> None:
        if self._header_deadline is not None:
            self._header_deadline.cancel()
            self._header_deadline = None

    def _end_write(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

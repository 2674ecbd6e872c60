"""From acknowledged rows to stored rows: group commit to the write-ahead log, then one batch writer.

Two threads. The committer makes waiting requests durable, all that have come together, with one
``fdatasync``, and only then lets them be answered. The storer takes closed segments, writes their rows to
the storage in large inserts and deletes them. Whatever a crash leaves is stored at the next start.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from agentops import clock
from agentops.errors import RowsRefusedError, StorageBusyError, StorageError
from agentops.guard import guarded
from agentops.server.rows import Row, SpanRow
from agentops.server.storage.base import StoredChange, Writer
from agentops.server.storage.lines import encode_row
from agentops.server.wal import Segment, WriteAheadLog, read_segment

__all__ = ["Pipeline", "PipelineConfig", "PipelineStats"]

logger = logging.getLogger("agentops.server")

_ROWS_MAX: Final = 20_000
_BYTES_MAX: Final = 32 << 20
# An insert costs tens of milliseconds however small: so it is a quarter of the time.
_REST: Final = 3
_SPAN: Final = b"S"
_EVENT: Final = b"E"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """Bounds of the pipeline.

    Attributes:
        directory: Of the write-ahead log.
        waiting_bytes_max: Rows in memory that are not durable yet.
        log_bytes_max: Rows on disk that are not stored yet.
        segment_bytes: Size of one file of them; three times as much memory is needed to store it.
        gather_ms: How long the storer waits for more once there is something.
        gather_ms_max: How long it waits for more at most while it is busy, see :meth:`Pipeline._gather`.
        gather_bytes: With so many bytes at hand it waits no longer.
        retry_ms_max: Longest pause after the storage could not take a segment.
    """

    directory: Path
    waiting_bytes_max: int = 64 << 20
    log_bytes_max: int = 1 << 30
    segment_bytes: int = 32 << 20
    gather_ms: int = 30
    gather_ms_max: int = 500
    gather_bytes: int = 16 << 20
    retry_ms_max: int = 5_000


@dataclass(slots=True, kw_only=True)
class PipelineStats:
    """Counts since the start; read them without a lock.

    Attributes:
        spans, events: Accepted, which is durable.
        refused: Rows that the storage cannot take; kept aside in ``refused.jsonl``.
        waiting_bytes: Not durable yet.
        log_bytes: Durable, not stored yet.
    """

    spans: int = 0
    events: int = 0
    refused: int = 0
    waiting_bytes: int = 0
    log_bytes: int = 0


@dataclass(slots=True, eq=False)
class _Request:
    payload: bytes
    spans: int
    events: int
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class Pipeline:
    """Takes rows from ingest, answers when they are durable, stores them soon after.

    Args:
        writer: Where rows go in the end; used by the storer's thread only.
        config: Bounds.
        notify: Called on the storer's thread with each change that readers can see now.
    """

    def __init__(
        self,
        writer: Writer,
        config: PipelineConfig,
        notify: Callable[[StoredChange], None] = lambda change: None,  # noqa: ARG005
    ) -> None:
        self.stats = PipelineStats()
        self._writer = writer
        self._config = config
        self._notify = notify
        self._log = WriteAheadLog(config.directory, config.segment_bytes)
        self._lock = threading.Lock()
        self._log_lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._durable = threading.Condition(self._lock)
        self._stored = threading.Condition(self._lock)
        self._waiting: list[_Request] = []
        # Requests are numbered as they come; a failed one counts as durable and stored.
        self._accepted = 0
        self._durable_up_to = 0
        self._stored_up_to = 0
        self._has_leftover = bool(self._log.leftover)
        self._flushes = 0
        self._rests_until_ns = 0
        self._is_stopping = False
        self._is_abandoned = threading.Event()
        self._threads = [
            threading.Thread(target=self._commit_all, name="agentops-committer", daemon=True),
            threading.Thread(target=self._store_all, name="agentops-storer", daemon=True),
        ]

    def start(self) -> None:
        """Begin; rows that an earlier process left are stored first."""
        self.stats.log_bytes = sum(segment.size for segment in self._log.leftover)
        for thread in self._threads:
            thread.start()

    async def accept(self, rows: Sequence[Row]) -> None:
        """Keep rows; return when they survive a crash.

        Raises:
            StorageBusyError: Nothing was kept; the same rows may be offered again later.
        """
        loop = asyncio.get_running_loop()
        lines = [(_SPAN if isinstance(row, SpanRow) else _EVENT) + encode_row(row) for row in rows]
        spans = sum(isinstance(row, SpanRow) for row in rows)
        request = _Request(b"\n".join(lines), spans, len(lines) - spans, loop, loop.create_future())
        with self._lock:
            self._refuse_if_full(len(request.payload))
            self._waiting.append(request)
            self._accepted += 1
            self.stats.waiting_bytes += len(request.payload)
            self._arrived.notify()
        await request.done

    def flush(self, timeout_ms: int) -> bool:
        """Wait until everything accepted so far is stored; say whether that happened in time."""
        deadline_ns = clock.monotonic_ns() + timeout_ms * 1_000_000
        with self._lock:
            target = self._accepted
            self._flushes += 1
            self._durable.notify_all()
            try:
                while self._has_leftover or self._stored_up_to < target:
                    left_ns = deadline_ns - clock.monotonic_ns()
                    if left_ns <= 0:
                        return False
                    self._stored.wait(left_ns / 1e9)
            finally:
                self._flushes -= 1
        return True

    def stop(self, timeout_ms: int) -> bool:
        """Store what was accepted and end; say whether all was stored. The rest stays in the log.

        May be called twice. Rows offered meanwhile are refused.
        """
        with self._lock:
            self._is_stopping = True
            self._arrived.notify_all()
            self._durable.notify_all()
        is_stored = self.flush(timeout_ms)
        self._is_abandoned.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=max(timeout_ms, 1_000) / 1e3)
        with self._log_lock:
            self._log.close()
        return is_stored

    def _refuse_if_full(self, size: int) -> None:
        if self._is_stopping:
            raise StorageBusyError("the server is stopping")
        if self.stats.waiting_bytes + size > max(self._config.waiting_bytes_max, size):
            raise StorageBusyError("too much is waiting for the disk")
        if self.stats.log_bytes > self._config.log_bytes_max:
            raise StorageBusyError("too much is waiting to be stored")

    # the committer's thread

    def _commit_all(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._is_stopping:
                    self._arrived.wait()
                requests, self._waiting = self._waiting, []
            if not requests:
                return
            self._commit(requests)

    def _commit(self, requests: list[_Request]) -> None:
        failure: StorageBusyError | None = None
        added = 0
        with self._log_lock:
            try:
                added = self._log.append([request.payload for request in requests])
            except OSError as error:
                logger.warning("the write-ahead log cannot be written: %s", error.strerror)
                failure = StorageBusyError(f"the disk cannot take more: {error.strerror}")
            with self._lock:
                self._durable_up_to += len(requests)
                self.stats.waiting_bytes -= sum(len(request.payload) for request in requests)
                if failure is None:
                    self.stats.log_bytes += added
                    self.stats.spans += sum(request.spans for request in requests)
                    self.stats.events += sum(request.events for request in requests)
                self._durable.notify()
        for request in requests:
            request.loop.call_soon_threadsafe(_settle, request.done, failure)

    # the storer's thread

    def _store_all(self) -> None:
        for segment in self._log.leftover:
            self._store(segment, is_replay=True)
        with self._lock:
            self._has_leftover = False
            self._stored.notify_all()
        while self._wait_for_work():
            self._gather()
            with self._log_lock:
                closed, up_to = self._log.rotate(), self._durable_up_to
            began_ns = clock.monotonic_ns()
            for segment in closed:
                self._store(segment, is_replay=False)
            ended_ns = clock.monotonic_ns()
            self._rests_until_ns = ended_ns + _REST * (ended_ns - began_ns)
            with self._lock:
                self._stored_up_to = up_to
                self._stored.notify_all()

    def _wait_for_work(self) -> bool:
        """Wait until something is durable and not stored; ``False`` when there will be no more."""
        with self._lock:
            while self._durable_up_to == self._stored_up_to:
                if self._is_stopping and self._accepted == self._stored_up_to:
                    return False
                self._durable.wait(0.5 if self._is_stopping else None)
        return not self._is_abandoned.is_set()

    def _gather(self) -> None:
        """Wait for more to store together: a moment when it is quiet, longer right after an insert.

        Few large inserts cost a third of many small ones. The wait ends early when there is enough, and
        when somebody waits for the rows.
        """
        now_ns = clock.monotonic_ns()
        least, most = self._config.gather_ms * 1_000_000, self._config.gather_ms_max * 1_000_000
        until_ns = now_ns + max(least, min(self._rests_until_ns - now_ns, most))
        with self._lock:
            while not (self._is_stopping or self._flushes):
                left_ns = until_ns - clock.monotonic_ns()
                if left_ns <= 0 or self.stats.log_bytes >= self._config.gather_bytes:
                    return
                self._durable.wait(left_ns / 1e9)

    def _store(self, segment: Segment, *, is_replay: bool) -> None:
        """Store a segment and delete it; try until it works or the server gives up waiting."""
        pause_ms = 100
        while not self._is_abandoned.is_set():
            try:
                self._store_once(segment, is_replay=is_replay)
            except (StorageError, OSError, msgspec.MsgspecError) as error:
                logger.warning("a segment cannot be stored yet, trying again: %s", error)
            else:
                with self._lock:
                    self.stats.log_bytes -= segment.size
                return
            is_replay = True
            self._is_abandoned.wait(pause_ms / 1e3)
            pause_ms = min(pause_ms * 2, self._config.retry_ms_max)

    def _store_once(self, segment: Segment, *, is_replay: bool) -> None:
        payloads, is_damaged = read_segment(segment.path)
        lines = [line for payload in payloads for line in payload.split(b"\n") if line]
        for chunk in _chunks(lines):
            self._write(chunk, is_replay=is_replay)
        if is_damaged:
            kept = segment.path.with_suffix(".damaged")
            logger.warning("the end of %s is damaged; the file is kept as %s", segment.path, kept)
            segment.path.rename(kept)
        else:
            segment.path.unlink()

    def _write(self, lines: list[bytes], *, is_replay: bool) -> None:
        """Store lines; those that the storage can never take are put aside, so that others go on."""
        spans = [line[1:] for line in lines if line[:1] == _SPAN]
        events = [line[1:] for line in lines if line[:1] == _EVENT]
        try:
            changes = self._writer.write(spans, events, is_replay=is_replay)
        except RowsRefusedError as error:
            if len(lines) == 1:
                self._put_aside(lines[0][1:], error)
                return
            middle = len(lines) // 2
            self._write(lines[:middle], is_replay=True)
            self._write(lines[middle:], is_replay=True)
            return
        for change in changes:
            with guarded("telling readers of stored rows"):
                self._notify(change)

    def _put_aside(self, line: bytes, error: RowsRefusedError) -> None:
        path = self._config.directory / "refused.jsonl"
        self.stats.refused += 1
        logger.warning("a row cannot be stored and is kept in %s: %s", path, str(error)[:200])
        with path.open("ab") as file:
            file.write(line + b"\n")


def _settle(done: asyncio.Future[None], failure: StorageBusyError | None) -> None:
    if done.done():  # the sender went away while it waited
        return
    if failure is None:
        done.set_result(None)
    else:
        done.set_exception(failure)


def _chunks(lines: list[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        if chunk and (len(chunk) >= _ROWS_MAX or size + len(line) > _BYTES_MAX):
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += len(line)
    if chunk:
        yield chunk

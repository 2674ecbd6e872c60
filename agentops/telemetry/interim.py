"""A plain pipeline for the time before the real one: one thread, destinations that are called in turn."""

import queue
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from agentops.guard import guarded
from agentops.telemetry.records import EventRecord, Record, SpanRecord


class MemoryExporter:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    @property
    def spans(self) -> list[SpanRecord]:
        """Spans so far."""
        return [record for record in self.records if isinstance(record, SpanRecord)]

    @property
    def events(self) -> list[EventRecord]:
        """Events so far."""
        return [record for record in self.records if isinstance(record, EventRecord)]

    def export(self, batch: SimpleNamespace, timeout_s: float = 0) -> None:  # noqa: ARG002
        """Keep the records."""
        self.records.extend(batch.records)


class Pipeline:
    """Prepares and delivers on one daemon thread."""

    def __init__(
        self, destinations: Sequence[object], prepare: Callable[[Any], list[Record]]
    ) -> None:
        self._destinations = destinations
        self._prepare = prepare
        self._queue: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._count = 0

    def submit(self, item: object) -> bool:
        """Queue an item."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._count += 1
        self._queue.put(item)
        return True

    def flush(self, timeout_ms: int = 5000) -> bool:
        """Wait until everything queued so far is delivered."""
        if self._thread is None:
            return True
        done = threading.Event()
        self._queue.put(done)
        return done.wait(timeout_ms / 1000)

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if isinstance(item, threading.Event):
                item.set()
                continue
            with guarded("exporting"):
                records = self._prepare(item)
                for destination in self._destinations:
                    destination.export(SimpleNamespace(records=records), 1.0)  # type: ignore[attr-defined]

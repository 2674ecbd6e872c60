"""How does a batch reach one receiver? Telemetry floor: the queue, the sender thread and its patience.

Each exporter has a destination of its own, so that a receiver that is down holds up nobody else. A
batch put here is written to the destination's spool first and removed from it when the receiver has
acknowledged it.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Sequence
from contextvars import Token
from dataclasses import dataclass

from opentelemetry import context as otel_context

from agentops.clock import monotonic_ns
from agentops.guard import guarded
from agentops.telemetry.backoff import Backoff
from agentops.telemetry.config import BatchConfig, ExporterConfig, SpoolConfig
from agentops.telemetry.encoder import EncodingName, Part
from agentops.telemetry.exporters import build
from agentops.telemetry.exporters.base import Batch, Exporter, ExportResult, Outcome
from agentops.telemetry.schema import at
from agentops.telemetry.spool import Place, Spool
from agentops.telemetry.stats import DestinationStats

__all__ = ["Destination", "Limits", "connect"]

logger = logging.getLogger("agentops")

_FAILED = ExportResult(outcome=Outcome.REFUSED, reason="exporter failed")
_IDLE_S = 30.0
_DRAIN_PAUSE_S = 0.5
_LOG_PAUSE_S = 60.0


def _now_s() -> float:
    return monotonic_ns() / 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a destination may hold and send.

    Attributes:
        items_max: Records in one request.
        bytes_max: Encoded bytes in one request.
        memory_bytes_max: Encoded bytes kept in memory; what is on disk needs none.
        timeout_s: Seconds for one attempt.
    """

    items_max: int = 512
    bytes_max: int = 4 * 1024 * 1024
    memory_bytes_max: int = 16 * 1024 * 1024
    timeout_s: float = 10.0


@dataclass(slots=True, eq=False)
class _Pending:
    """A batch that waits.

    Attributes:
        number: Grows with each batch put; the halves of a split batch keep it.
        batch: What to send; ``None``: it has to be read back from ``place``.
        place: Where it stands on disk; ``None``: in memory only.
        is_half: It comes from a refused batch and is not cut a second time.
    """

    number: int
    encoding: EncodingName | None
    count: int
    size_bytes: int
    batch: Batch | None
    place: Place | None = None
    is_half: bool = False


class Destination:
    """The way to one receiver.

    Args:
        exporter: Sends the batches; called from this destination's sender thread only.
        limits: Bounds.
        spool: Where batches wait on disk; ``None``: in memory only.
        content: The exporter's own content mode, when it is narrower than everybody else's.
    """

    def __init__(
        self,
        exporter: Exporter,
        *,
        limits: Limits | None = None,
        spool: Spool | None = None,
        content: str | None = None,
    ) -> None:
        self.exporter = exporter
        self.name = exporter.name
        self.content = content
        self._limits = limits or Limits()
        self._spool = spool
        self._backoff = Backoff()
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._queue: deque[_Pending] = deque()
        self._flying: list[_Pending] = []
        self._number = 0
        self._memory_bytes = 0
        self._counts: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._not_before_s = 0.0
        self._is_asked_to_wait = False
        self._is_hurried = False
        self._is_refusing = False
        self._is_gone = False
        self._attempts = 0
        self._stop_at_s: float | None = None
        self._thread: threading.Thread | None = None
        self._is_threadless = False
        self._said: dict[str, float] = {}
        self._leftovers_seen_s = -1e9 if self._spool is None else 0.0
        self._drained = 0

    # ----- worker's side

    def put(self, batch: Batch) -> None:
        """Take over a batch: to disk, to the queue, and wake the sender. Called by the worker."""
        if not self.exporter.encodings:
            self._enqueue([_Pending(0, None, len(batch.records), 0, batch)])
            return
        waiting = []
        for encoding in self.exporter.encodings:
            part = batch.part(encoding)
            failed = batch.unencodable.get(encoding, 0)
            if failed:
                with self._changed:
                    self._counts["accepted"] += failed
                    self._dropped["not encodable"] += failed
            if part is not None:
                waiting.append(self._pending(part))
        self._enqueue(waiting)

    def _pending(self, part: Part, number: int = 0, is_half: bool = False) -> _Pending:
        place = self._spool.append(part) if self._spool is not None else None
        batch = Batch(parts={part.encoding: part})
        return _Pending(number, part.encoding, part.count, part.size_bytes, batch, place, is_half)

    def _enqueue(self, waiting: list[_Pending]) -> None:
        with self._changed:
            for pending in waiting:
                self._number += 1
                pending.number = self._number
                self._counts["accepted"] += pending.count
                self._queue.append(pending)
                self._memory_bytes += pending.size_bytes
            self._trim()
            self._changed.notify_all()
        self.start()

    def _trim(self) -> None:
        """Keep memory bounded: what is on disk leaves memory, what is not is dropped, the oldest first."""
        if self._memory_bytes <= self._limits.memory_bytes_max:
            return
        for pending in list(self._queue)[1:]:
            if pending.place is not None and pending.batch is not None:
                pending.batch = None
                self._memory_bytes -= pending.size_bytes
        while self._memory_bytes > self._limits.memory_bytes_max and len(self._queue) > 1:
            oldest = self._queue.popleft()
            if oldest.batch is not None:
                self._memory_bytes -= oldest.size_bytes
            if oldest.place is None:
                self._dropped["memory full"] += oldest.count
            else:
                oldest.batch = None
                self._queue.appendleft(oldest)
                break

    def start(self) -> None:
        """Start the sender if it does not run; where no thread can start, :meth:`flush` sends instead."""
        with self._changed:
            if self._thread is not None or self._is_threadless or self._stop_at_s is not None:
                return
            thread = threading.Thread(target=self._run, name=f"agentops-{self.name}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads, or the interpreter is ending
                self._is_threadless = True
            else:
                self._thread = thread

    # ----- anybody's side

    @property
    def is_started(self) -> bool:
        """Whether there is anything to end."""
        return self._thread is not None or self._is_threadless

    @property
    def has_leftovers(self) -> bool:
        """Whether an earlier process left something on disk."""
        return self._spool is not None and self._spool.has_leftovers()

    def flush(self, deadline_s: float) -> bool:
        """Deliver what waits now, until ``deadline_s`` on the monotonic clock.

        Returns:
            Whether all of it was delivered or counted as dropped. ``False`` comes early when nobody
            listens at the other end and the spool holds everything.
        """
        with self._changed:
            last, attempts = self._number, self._attempts
            self._is_hurried = True
            self._is_gone = False
            drained = self._drained
            self._leftovers_seen_s = 0.0
            self._changed.notify_all()
        self.start()
        if self._is_threadless:
            self._send_inline(deadline_s)
        with self._changed:
            while self._waits_for(last) or (self._spool is not None and self._drained == drained):
                if self._is_gone and self._attempts > attempts and self._is_all_on_disk():
                    return False
                left = deadline_s - _now_s()
                if left <= 0 or self._is_threadless:
                    return not self._waits_for(last)
                self._changed.wait(left)
            return True

    def _waits_for(self, number: int) -> bool:
        first = self._flying[0] if self._flying else (self._queue[0] if self._queue else None)
        return first is not None and first.number <= number

    def _is_all_on_disk(self) -> bool:
        return all(pending.place is not None for pending in (*self._flying, *self._queue))

    def stop(self, deadline_s: float) -> None:
        """Begin to end: one last attempt for what waits, given up at ``deadline_s``."""
        with self._changed:
            self._stop_at_s = deadline_s
            self._is_hurried = True
            self._changed.notify_all()

    def join(self, deadline_s: float) -> tuple[int, int]:
        """Wait for the end until ``deadline_s``.

        Returns:
            How many records stay behind in memory only, and how many on disk.
        """
        thread = self._thread
        if thread is None:
            self._send_inline(deadline_s)
            self._end()
        else:
            thread.join(max(0.0, deadline_s - _now_s()))
        with self._changed:
            rest = [*self._flying, *self._queue]
            unsent = sum(pending.count for pending in rest if pending.place is None)
            return unsent, sum(pending.count for pending in rest if pending.place is not None)

    def stats(self) -> DestinationStats:
        """Return the counters."""
        with self._changed:
            rest = [*self._flying, *self._queue]
            dropped = self._dropped + (
                self._spool.dropped if self._spool is not None else Counter()
            )
            return DestinationStats(
                accepted=self._counts["accepted"],
                recovered=self._counts["recovered"],
                sent=self._counts["sent"],
                retried=self._counts["retried"],
                pending=sum(pending.count for pending in rest),
                spooled=sum(pending.count for pending in rest if pending.place is not None),
                dropped=dict(dropped),
            )

    def after_fork(self) -> None:
        """Begin anew in a child process: what waits belongs to the parent."""
        if self._spool is not None:
            self._spool.after_fork()
        self._backoff = Backoff()
        self._reset()
        with guarded("renewing an exporter after fork"):
            self.exporter.after_fork()

    # ----- sender's side

    def _run(self) -> None:
        _suppress_instrumentation()
        with guarded("sending"):
            while self._step(block=True):
                pass
        self._end()
        with self._changed:
            self._changed.notify_all()

    def _send_inline(self, deadline_s: float) -> None:
        token = _suppress_instrumentation()
        with guarded("sending"):
            while _now_s() < deadline_s and self._step(block=False, deadline_s=deadline_s):
                pass
        otel_context.detach(token)

    def _end(self) -> None:
        with guarded("ending an exporter"):
            self.exporter.shutdown()
        if self._spool is not None:
            self._spool.close()

    def _step(self, *, block: bool, deadline_s: float | None = None) -> bool:
        """Send one request, or wait for something to send; return whether to go on."""
        with self._changed:
            if not self._queue:
                if self._stop_at_s is not None or not block:
                    return False
                if not self._is_time_to_drain():
                    self._is_hurried = False
                    self._changed.notify_all()
                    self._changed.wait(_IDLE_S)
                    return True
            elif not self._may_send():
                if not block:
                    return False
                self._changed.wait(max(0.001, self._not_before_s - _now_s()))
                return True
            taken = self._take()
        if not taken:
            self._drain()
            return True
        self._attempt(taken, deadline_s)
        return not (self._stop_at_s is not None and self._backoff.failures)

    def _may_send(self) -> bool:
        wait = self._not_before_s - _now_s()
        return wait <= 0 or (self._is_hurried and not self._is_asked_to_wait)

    def _take(self) -> list[_Pending]:
        """Take what goes into the next request: the first batch, and its neighbours while they fit."""
        taken: list[_Pending] = []
        count = size = 0
        while self._queue:
            pending = self._queue[0]
            fits = (
                pending.encoding is not None
                and not pending.is_half
                and count + pending.count <= self._limits.items_max
                and size + pending.size_bytes <= self._limits.bytes_max
            )
            if taken and not (
                fits and pending.encoding == taken[0].encoding and not taken[0].is_half
            ):
                break
            taken.append(self._queue.popleft())
            count, size = count + pending.count, size + pending.size_bytes
        self._flying = taken
        return taken

    def _load(self, taken: list[_Pending]) -> Batch | None:
        """Return one batch of all that was taken; what the disk has lost is counted and left out."""
        if taken[0].encoding is None:
            return taken[0].batch
        parts = []
        for pending in list(taken):
            if pending.batch is not None:
                parts += pending.batch.parts()
                continue
            part = self._spool.read(pending.place) if self._spool and pending.place else None
            if part is None:
                taken.remove(pending)
                self._settle([pending], dropped="spool unreadable")
            else:
                parts.append(part)
        return Batch(parts={parts[0].encoding: Part.merged(parts)}) if parts else None

    def _attempt(self, taken: list[_Pending], deadline_s: float | None = None) -> None:
        batch = self._load(taken)
        if batch is None:
            return
        limit_s = self._stop_at_s if self._stop_at_s is not None else deadline_s
        timeout_s = self._limits.timeout_s
        if limit_s is not None:
            timeout_s = min(timeout_s, max(0.05, limit_s - _now_s()))
        result = _FAILED
        with guarded("exporting a batch"):
            result = self.exporter.export(batch, timeout_s)
        if result.outcome is Outcome.DELIVERED:
            self._on_delivered(taken, result)
        elif result.outcome is Outcome.RETRY:
            self._on_retry(taken, result)
        elif result.outcome is Outcome.TOO_LARGE:
            self._on_too_large(taken, batch, result)
        else:
            self._on_refused(taken, batch, result)

    def _on_delivered(self, taken: list[_Pending], result: ExportResult) -> None:
        if result.rejected or result.message:
            self._say(
                "partial",
                "agentops: %s rejected %d records: %s",
                self.name,
                result.rejected,
                result.message,
            )
        if self._backoff.failures:
            logger.info("agentops: %s is reachable again", self.name)
        self._backoff.succeed()
        self._is_refusing = False
        self._settle(taken, rejected=result.rejected)

    def _on_retry(self, taken: list[_Pending], result: ExportResult) -> None:
        wait_s = self._backoff.fail(result.retry_after_s)
        if self._backoff.failures == 1:
            kept = "on disk" if all(pending.place for pending in taken) else "in memory"
            self._say(
                "retry",
                "agentops: %s cannot be reached (%s); telemetry is kept %s and sent later",
                self.name,
                result.reason,
                kept,
            )
        with self._changed:
            self._attempts += 1
            self._counts["retried"] += 1
            self._queue.extendleft(reversed(taken))
            self._flying = []
            self._is_gone = result.is_unreachable
            self._is_hurried = False
            self._is_asked_to_wait = result.retry_after_s is not None
            self._not_before_s = _now_s() + wait_s
            self._trim()
            self._changed.notify_all()

    def _on_too_large(self, taken: list[_Pending], batch: Batch, result: ExportResult) -> None:
        if not self._split(taken, batch, is_half=False):
            self._on_dropped(taken, result)

    def _on_refused(self, taken: list[_Pending], batch: Batch, result: ExportResult) -> None:
        # One poisoned record must not take its neighbours along; but a receiver that refused the
        # batch before as well refuses everything, and searching for the culprit is of no use.
        may_search = not self._is_refusing and not taken[0].is_half and not result.retry_after_s
        self._is_refusing = not taken[0].is_half
        if not (may_search and self._split(taken, batch, is_half=True)):
            self._on_dropped(taken, result)

    def _on_dropped(self, taken: list[_Pending], result: ExportResult) -> None:
        self._backoff.succeed()
        self._say(
            result.reason,
            "agentops: %s refused %d records (%s): %s",
            self.name,
            sum(pending.count for pending in taken),
            result.reason,
            result.message or "no explanation",
        )
        self._settle(taken, dropped=result.reason or "refused")

    def _split(self, taken: list[_Pending], batch: Batch, *, is_half: bool) -> bool:
        parts = batch.parts()
        if not self.exporter.encodings or len(parts) != 1 or parts[0].count < 2:
            return False
        halves = [self._pending(half, taken[0].number, is_half) for half in parts[0].halves()]
        with self._changed:
            self._memory_bytes += sum(half.size_bytes for half in halves)
            self._queue.extendleft(reversed(halves))
            self._forget(taken)
        return True

    def _settle(self, taken: list[_Pending], *, rejected: int = 0, dropped: str = "") -> None:
        count = sum(pending.count for pending in taken)
        with self._changed:
            if dropped:
                self._dropped[dropped] += count
            else:
                rejected = min(rejected, count)
                self._counts["sent"] += count - rejected
                if rejected:
                    self._dropped["rejected"] += rejected
            self._forget(taken)
            self._changed.notify_all()

    def _forget(self, taken: list[_Pending]) -> None:
        """Let go of batches that are settled: in memory and on disk. The lock is held."""
        self._memory_bytes -= sum(
            pending.size_bytes for pending in taken if pending.batch is not None
        )
        self._flying = [pending for pending in self._flying if pending not in taken]
        places = [pending.place for pending in taken if pending.place is not None]
        if self._spool is not None and places:
            self._spool.remove(places)

    # ----- what earlier processes left

    def _is_time_to_drain(self) -> bool:
        return False

    def _drain(self) -> None:
        return

    # ----- log

    def _say(self, kind: str, text: str, *values: object) -> None:
        """Log a warning, each kind at most once a minute."""
        now = _now_s()
        if now - self._said.get(kind, -_LOG_PAUSE_S) < _LOG_PAUSE_S:
            return
        if len(self._said) < 32:
            self._said[kind] = now
        with guarded("logging"):
            logger.warning(text, *values)


def _suppress_instrumentation() -> Token[otel_context.Context]:
    """Mark this thread's requests as ours, so that instrumented HTTP clients make no spans of them."""
    key = getattr(otel_context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
    return otel_context.attach(otel_context.set_value(key, True))


def connect(
    exporters: Sequence[ExporterConfig],
    *,
    batch: BatchConfig | None = None,
    spool: SpoolConfig | None = None,  # noqa: ARG001 - the disk follows
) -> list[Destination]:
    """Make the destinations that a configuration names, in its order.

    Raises:
        ConfigurationError: with the key path, such as ``exporters[1].endpoint``.
    """
    batch = batch or BatchConfig()
    memory_bytes_max = batch.queue_bytes_max // 2 // max(1, len(exporters))
    names: Counter[str] = Counter()
    made = []
    for index, config in enumerate(exporters):
        exporter = at(f"exporters[{index}]", build, config)
        limits = Limits(
            items_max=batch.items_max,
            bytes_max=batch.bytes_max,
            memory_bytes_max=memory_bytes_max,
            timeout_s=config.timeout_ms / 1e3,
        )
        destination = Destination(exporter, limits=limits, spool=None, content=config.content)
        names[destination.name] += 1
        if names[destination.name] > 1:
            destination.name += f" #{names[destination.name]}"
        made.append(destination)
    return made

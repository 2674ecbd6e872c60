"""How does a batch reach one receiver? Telemetry floor: the sender thread and its patience.

Each exporter has a destination of its own, so that a receiver that is down holds up nobody else. A
batch put here is written to the destination's spool first and removed from it when the receiver has
acknowledged it (:mod:`agentops.telemetry.outbox`).
"""

import logging
import random
import threading
from collections import Counter
from collections.abc import Sequence
from contextvars import Token
from dataclasses import dataclass
from pathlib import Path

from opentelemetry import context as otel_context

from agentops.clock import monotonic_ns
from agentops.guard import guarded
from agentops.telemetry.backoff import Backoff
from agentops.telemetry.config import BatchConfig, ExporterConfig, SpoolConfig
from agentops.telemetry.encoder import ENCODINGS, EncodingName
from agentops.telemetry.exporters import build
from agentops.telemetry.exporters.base import Batch, Exporter, ExportResult, Outcome
from agentops.telemetry.outbox import Outbox, Pending
from agentops.telemetry.schema import at
from agentops.telemetry.shorten import shortened
from agentops.telemetry.spool import Spool, folder_name
from agentops.telemetry.stats import UNOFFERED, DestinationStats

__all__ = ["Destination", "Limits", "connect"]

logger = logging.getLogger("agentops")

_FAILED = ExportResult(outcome=Outcome.REFUSED, reason="exporter failed")
_ADOPT_PAUSE_S = 30.0
_DRAIN_PAUSE_S = 0.5
_DRAIN_JITTER_S = 1.0
_LOG_PAUSE_S = 60.0
# A request without an answer: a flush waits no longer when the disk has everything, the end of the program even less.
_STALL_FLUSH_S = 2.0
_STALL_EXIT_S = 1.0
_FAULT_PAUSE_S = 1.0
_LOOK_S = 0.25
_REQUEST_BYTES_MAX = 60 * 1024 * 1024  # OTLP specification 1.11: never send more than 64 MiB


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
        self._box = Outbox(spool, self._limits.memory_bytes_max)
        self._reset()

    def _reset(self) -> None:
        self._backoff = Backoff()
        self._bytes_max = self._limits.bytes_max
        self._too_large_bytes = _REQUEST_BYTES_MAX  # less once the receiver has refused less
        self._starting = threading.RLock()
        self._thread: threading.Thread | None = None
        self._is_threadless = False
        # A flush or the end allows one attempt before the back-off is over.
        self._is_hurried = False
        self._hurried_s = 0.0  # when; an attempt that was on its way by then is not the one
        self._is_asked_to_wait = False  # by the receiver itself: then not even they do
        self._unoffered: frozenset[EncodingName] = frozenset()
        self._refusals = 0  # whole batches refused since one was taken
        self._refused_with = _FAILED
        self._is_gone = False
        self._not_before_s = 0.0
        self._failed_s = -1.0  # when the last attempt that failed began
        self._sending_since_s: float | None = None
        self._stop_at_s: float | None = None
        self._adoptions = 0
        self._next_adopt_s = 0.0
        self._next_drain_s = 0.0
        self._said: dict[str, float] = {}

    # ----- anybody's side

    def put(self, batch: Batch) -> None:
        """Take over a batch: to disk, to the queue, and wake the sender. Called by the worker."""
        for each in self._unoffered:
            self._box.pass_over(sum(map(ENCODINGS[each].takes, batch.records)), UNOFFERED)
        offered = [each for each in self.exporter.encodings if each not in self._unoffered]
        if offered or not self.exporter.encodings:
            self._box.put(batch, offered)
            self.start()

    def start(self, *, is_last: bool = False) -> None:
        """Start the sender if it does not run; where no thread can start, :meth:`flush` sends instead.

        Args:
            is_last: Also after :meth:`stop`.
        """
        with self._starting:
            is_over = self._stop_at_s is not None and not is_last
            if self._thread is not None or self._is_threadless or is_over:
                return
            name = f"agentops-{self.name}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # no more threads, or the interpreter is ending
                self._thread = None
                self._is_threadless = True

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
            Whether all of it was delivered or counted as dropped. ``False`` comes early when the spool
            holds everything and waiting is in vain.
        """
        box = self._box
        with box.changed:
            last, adoptions = box.last_number, self._adoptions
            is_wanted = self._spool is not None or box.holds_up_to(last)
            if is_wanted:  # a thread woken in vain waits for its turn, and holds up those that work
                asked_s = self._hurry()
                self._next_adopt_s = 0.0
                box.changed.notify_all()
        if not is_wanted:
            return self._flush_exporter(deadline_s)
        if box.holds_up_to(last) or self.has_leftovers:
            self.start()
        if self._is_threadless:
            self._send_inline(deadline_s)
        with box.changed:
            while True:
                if self._adoptions > adoptions:
                    last, adoptions = box.last_number, 1 << 62
                looks = self._spool is not None and self.is_started and adoptions < 1 << 62
                if not looks and not box.holds_up_to(last):
                    break
                if box.rest()[0] == 0 and self._is_in_vain(asked_s, deadline_s):
                    return False
                left_s = deadline_s - _now_s()
                if left_s <= 0 or self._is_threadless:
                    return False
                box.changed.wait(min(left_s, _LOOK_S))
        return self._flush_exporter(deadline_s)

    def _flush_exporter(self, deadline_s: float) -> bool:
        with guarded("flushing an exporter"):
            return self.exporter.flush(max(0, int((deadline_s - _now_s()) * 1000)))
        return False

    def _hurry(self) -> float:
        """Allow one attempt before the back-off is over; return when that was. The lock is held."""
        self._is_hurried = True
        self._hurried_s = _now_s()
        return self._hurried_s

    def _is_in_vain(self, asked_s: float, deadline_s: float) -> bool:
        """Whether nobody listens, the receiver wants to be left alone for longer, or it does not answer."""
        if self._is_gone and self._failed_s >= asked_s:
            return True
        return self._is_told_to_wait_until(deadline_s) or self._is_stalled(_STALL_FLUSH_S)

    def _is_told_to_wait_until(self, deadline_s: float) -> bool:
        return self._is_asked_to_wait and self._not_before_s > deadline_s

    def _is_stalled(self, limit_s: float) -> bool:
        """Whether a request has been on its way for longer than ``limit_s``."""
        began_s = self._sending_since_s
        return began_s is not None and _now_s() - began_s > limit_s

    def stop(self, deadline_s: float) -> None:
        """Begin to end: one last attempt for what waits, given up at ``deadline_s``."""
        with self._box.changed:
            self._stop_at_s = deadline_s
            self._hurry()
            self._box.changed.notify_all()

    def join(self, deadline_s: float) -> tuple[int, int]:
        """Wait for the end until ``deadline_s``.

        Returns:
            How many records stay behind in memory only, and how many on disk.
        """
        # An exporter of the program's own may take its time: not on this thread.
        self.start(is_last=True)
        thread = self._thread
        if thread is None:
            self._send_inline(deadline_s)
            self._end()
        else:
            while thread.is_alive() and (left_s := deadline_s - _now_s()) > 0:
                if self._is_stalled(_STALL_EXIT_S) and self._box.rest()[0] == 0:
                    break
                thread.join(min(left_s, _LOOK_S))
        return self._box.rest()

    def stats(self) -> DestinationStats:
        """Return the counters."""
        return self._box.stats()

    def after_fork(self) -> None:
        """Begin anew in a child process: what waits belongs to the parent."""
        if self._spool is not None:
            self._spool.after_fork()
        self._box.reset()
        self._reset()
        with guarded("renewing an exporter after fork"):
            self.exporter.after_fork()

    # ----- sender's side

    def _run(self) -> None:
        _suppress_instrumentation()
        while self._safe_step():
            pass
        self._end()
        with self._box.changed:
            self._box.changed.notify_all()

    def _safe_step(self) -> bool:
        """Take a step; one that fails in a way nobody foresaw costs what it had taken, and no more."""
        with guarded("sending"):
            return self._step(block=True)
        self._box.drop_flying()
        with self._box.changed:
            if self._stop_at_s is None:
                self._box.changed.wait(_FAULT_PAUSE_S)
            return self._stop_at_s is None

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
        box = self._box
        if self._spool is not None and _now_s() >= self._next_adopt_s:
            self._adopt()
        with box.changed:
            is_recovered = not box.has_live
            pause_s = self._pause_s(is_recovered)
            if pause_s > 0:
                if not block or self._stop_at_s is not None:
                    return False
                box.changed.wait(pause_s)
                return True
            taken = box.take(self._limits.items_max, self._bytes_max, recovered=is_recovered)
        if is_recovered:
            self._next_drain_s = _now_s() + _DRAIN_PAUSE_S
        self._attempt(taken, is_recovered, deadline_s)
        is_over = self._stop_at_s is not None and _now_s() >= self._stop_at_s
        return not (is_over or (self._stop_at_s is not None and self._backoff.failures))

    def _pause_s(self, is_recovered: bool) -> float:
        """Return how long to wait before anything can be sent; 0: send now. The lock is held."""
        now = _now_s()
        if is_recovered and not self._box.has_recovered:
            if self._adoptions or self._spool is None:
                self._is_hurried = False
            return max(0.001, self._next_adopt_s - now) if self._spool is not None else 3600.0
        pause = self._not_before_s - now
        if self._is_hurried and not self._is_asked_to_wait:
            pause = 0.0
        if is_recovered and not self._is_hurried:
            pause = max(pause, self._next_drain_s - now)
        return max(0.0, pause)

    def _adopt(self) -> None:
        recovered = 0
        with guarded("reading the spool"):
            recovered = self._box.recover()
        with self._box.changed:
            now = _now_s()
            self._adoptions += 1
            self._next_adopt_s = now + _ADOPT_PAUSE_S
            if recovered:  # many processes may wake at once when a receiver comes back
                self._next_drain_s = now + random.uniform(0, _DRAIN_JITTER_S)
            self._box.changed.notify_all()

    def _attempt(self, taken: list[Pending], is_recovered: bool, deadline_s: float | None) -> None:
        batch = self._box.load(taken)
        if batch is None:
            return
        is_oversized = _size_bytes(batch) >= self._too_large_bytes
        if is_oversized and self._split(taken, batch, is_half=False):
            return
        if taken[0].is_half and self._refusals > 1:
            self._drop(taken, self._refused_with)
            return
        limit_s = self._stop_at_s if self._stop_at_s is not None else deadline_s
        timeout_s = self._limits.timeout_s
        if limit_s is not None:
            timeout_s = min(timeout_s, max(0.05, limit_s - _now_s()))
        result = _FAILED
        began_s = self._sending_since_s = _now_s()
        with guarded("exporting a batch"):
            result = self.exporter.export(batch, timeout_s)
        self._sending_since_s = None
        if result.outcome is Outcome.DELIVERED:
            self._on_delivered(taken, result)
        elif result.outcome is Outcome.RETRY:
            self._on_retry(taken, result, is_recovered, began_s)
        elif result.outcome is Outcome.UNOFFERED:
            self._on_unoffered(taken, batch, result)
        elif result.outcome is Outcome.TOO_LARGE:
            self._on_too_large(taken, batch, result)
        else:
            self._on_refused(taken, batch, result)

    def _on_delivered(self, taken: list[Pending], result: ExportResult) -> None:
        if result.rejected or result.message:
            text = "agentops: %s took a batch but rejected %d records of it: %s"
            words = result.message or "no explanation"
            self._say("partial", text, self.name, result.rejected, words)
        if self._backoff.failures:
            logger.info("agentops: %s is reachable again", self.name)
        self._backoff.succeed()
        self._refusals = 0
        self._box.settle(taken, rejected=result.rejected)

    def _on_retry(
        self, taken: list[Pending], result: ExportResult, is_recovered: bool, began_s: float
    ) -> None:
        wait_s = self._backoff.fail(result.retry_after_s)
        with self._box.changed:
            self._failed_s = began_s
            self._is_gone = result.is_unreachable
            self._is_hurried = self._is_hurried and began_s < self._hurried_s
            self._is_asked_to_wait = result.retry_after_s is not None
            self._not_before_s = _now_s() + wait_s
            self._box.put_back(taken, recovered=is_recovered)
        if self._backoff.failures == 1:
            kept = "in memory" if self._box.rest()[0] else "on disk"
            text = "agentops: %s does not take telemetry now (%s); it is kept %s and sent later"
            if result.is_unreachable and self.exporter.advice:
                text += f"; {self.exporter.advice}"
            self._say("retry", text, self.name, result.reason, kept)

    def _on_too_large(self, taken: list[Pending], batch: Batch, result: ExportResult) -> None:
        size_bytes = _size_bytes(batch)
        if self._split(taken, batch, is_half=False):
            self._too_large_bytes = size_bytes
            self._bytes_max = min(self._bytes_max, size_bytes // 2)
            return
        shorter = shortened(batch.parts()[0]) if self.exporter.encodings else None
        if shorter is None:
            self._drop(taken, result)
        else:
            self._box.replace(taken, [shorter], is_half=False)

    def _on_refused(self, taken: list[Pending], batch: Batch, result: ExportResult) -> None:
        # One poisoned record must not take its neighbours along; but a receiver that refused another
        # batch as well refuses everything, and searching for the culprit is of no use.
        is_half = taken[0].is_half
        self._refusals += not is_half
        self._refused_with = result
        searches = self._refusals == 1 and not is_half
        if not (searches and self._split(taken, batch, is_half=True)):
            self._drop(taken, result)

    def _on_unoffered(self, taken: list[Pending], batch: Batch, result: ExportResult) -> None:
        encodings = {part.encoding for part in batch.parts()}
        if not encodings <= self._unoffered:
            self._unoffered = self._unoffered.union(encodings)  # the worker may be going through it
            names = ", ".join(sorted({ENCODINGS[each].signal for each in encodings}))
            # No warning: nobody asked for them by name, and nothing is wrong with the traces.
            logger.info("agentops: %s takes no %s (%s)", self.name, names, result.reason)
        self._box.settle(taken, dropped=UNOFFERED)

    def _drop(self, taken: list[Pending], result: ExportResult) -> None:
        self._backoff.succeed()
        count = sum(pending.count for pending in taken)
        words = result.message or "no explanation"
        text = "agentops: %s refused %d records (%s): %s"
        self._say(result.reason, text, self.name, count, result.reason, words)
        self._box.settle(taken, dropped=result.reason or "refused")

    def _split(self, taken: list[Pending], batch: Batch, *, is_half: bool) -> bool:
        parts = batch.parts()
        if not self.exporter.encodings or len(parts) != 1 or parts[0].count < 2:
            return False
        self._box.replace(taken, parts[0].halves(), is_half=is_half)
        return True

    def _say(self, kind: str, text: str, *values: object) -> None:
        """Log a warning, each kind at most once a minute."""
        now = _now_s()
        if now - self._said.get(kind, -_LOG_PAUSE_S) < _LOG_PAUSE_S or len(self._said) >= 32:
            return
        self._said[kind] = now
        with guarded("logging"):
            logger.warning(text, *values)


def _size_bytes(batch: Batch) -> int:
    return sum(part.size_bytes for part in batch.parts())


def _suppress_instrumentation() -> Token[otel_context.Context]:
    """Mark this thread's requests as ours, so that instrumented HTTP clients make no spans of them."""
    key = getattr(otel_context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
    return otel_context.attach(otel_context.set_value(key, True))


def connect(
    exporters: Sequence[ExporterConfig],
    *,
    batch: BatchConfig | None = None,
    spool: SpoolConfig | None = None,
) -> list[Destination]:
    """Make the destinations that a configuration names, in its order.

    Args:
        exporters: What to send to.
        batch: How much is sent at once and may wait in memory.
        spool: Where remote destinations keep what waits; nothing is kept on disk when it is ``None``,
            not enabled, or names no directory.

    Raises:
        ConfigurationError: with the key path, such as ``exporters[1].endpoint``.
    """
    batch = batch or BatchConfig()
    names: Counter[str] = Counter()
    made = []
    for index, config in enumerate(exporters):
        exporter = at(f"exporters[{index}]", build, config)
        limits = Limits(
            items_max=batch.items_max,
            bytes_max=batch.bytes_max,
            # Most of the memory is the queue's; what is on disk does not have to be here as well.
            memory_bytes_max=batch.queue_bytes_max // 4 // len(exporters),
            timeout_s=config.timeout_ms / 1e3,
        )
        disk = _spool_for(exporter, spool)
        destination = Destination(exporter, limits=limits, spool=disk, content=config.content)
        names[destination.name] += 1
        if names[destination.name] > 1:
            destination.name += f" #{names[destination.name]}"
        made.append(destination)
    return made


def _spool_for(exporter: Exporter, config: SpoolConfig | None) -> Spool | None:
    if config is None or not config.enabled or not config.directory:
        return None
    if not exporter.is_remote or not exporter.encodings:
        return None
    folder = folder_name(exporter.name, exporter.identity)
    return Spool(Path(config.directory).expanduser() / folder, config.bytes_max)

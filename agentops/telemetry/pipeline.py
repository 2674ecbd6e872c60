"""How do ended spans and recorded events leave the program without delaying it? Telemetry floor.

One bounded queue takes items from any thread at once; one worker turns them into records, encodes each
batch once and hands the same bytes to every destination (:mod:`agentops.telemetry.destination`).
"""

import atexit
import logging
import os
import sys
import threading
import weakref
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from agentops.clock import monotonic_ns
from agentops.guard import failed, guarded
from agentops.telemetry.config import BatchConfig
from agentops.telemetry.destination import Destination
from agentops.telemetry.exporters.base import Batch
from agentops.telemetry.records import Record
from agentops.telemetry.stats import LATE, LossReport, Stats

__all__ = ["ITEM_OVERHEAD_BYTES", "Pipeline", "Release", "Step"]

logger = logging.getLogger("agentops")

ITEM_OVERHEAD_BYTES = 1280
"""Added to the size a caller tells: what the objects around an item weigh."""

_EXIT_MS = 1500
_EXIT_SEND_S = 0.3  # what sending has at least after that
_RELEASE_PAUSE_S = 1.0
# After work, before it sleeps, the worker looks for more: once, and once more for each few items there were.
_LOOKS_MAX = 64
_ITEMS_A_LOOK = 4
# What is worked on exists several times over. Fewer batches of large items are quicker: each write to the disk makes the
# worker wait for its turn again.
_GATHER_BYTES = 4 * 1024 * 1024
_GROUP_ITEMS = 16
_GROUP_BYTES = 128 * 1024
_PATIENCE_S = 1.0
_PATIENT_SHARE = 0.6
_LINGER_SHARE = 0.8  # the rest of the delay is for encoding and for writing to disk

Step = Callable[[Any], Any]
"""Is given an item of the queue, or what the step before returned for it; runs on the worker. The last one returns
the item's records: it may hold some back, or return none."""

Release = Callable[[bool], Sequence[Record]]
"""Returns held back records that are due; told ``True`` it is the last time. Runs on the worker."""

Narrow = Callable[[Record, str], Record]
"""Returns a copy of a record for a destination with a narrower content mode."""


def _now_s() -> float:
    return monotonic_ns() / 1e9


class Pipeline:
    """The queue, the worker and the destinations. Every method may be called from any thread.

    Args:
        destinations: Where everything goes.
        steps: Make records of an item, one after the other. Each is done for some items in a row: that is a fifth
            cheaper than all of them for one item after the other, because the code stays in the processor's cache.
        batch: How much is gathered, how long, and how much may wait.
        release: Gives back what the last step held back; ``None``: it never holds anything back.
        narrow: Reduces a record to a content mode; needed when a destination has one of its own.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        *steps: Step,
        batch: BatchConfig | None = None,
        release: Release | None = None,
        narrow: Narrow | None = None,
    ) -> None:
        self.destinations = tuple(destinations)
        self._steps = steps
        self._release = release
        self._narrow = narrow
        self._config = batch or BatchConfig()
        self._queue_bytes_max = self._config.queue_bytes_max * 3 // 4  # the rest: destinations
        self._gather_bytes_max = min(self._config.bytes_max, _GATHER_BYTES)
        self._linger_s = self._config.delay_ms / 1e3 * _LINGER_SHARE
        self._reset()
        _watch_process(self)
        for destination in self.destinations:
            if destination.has_leftovers:
                destination.start()

    def _reset(self) -> None:
        # Reentrant, as all locks a caller takes: a finaliser may end a span in the midst of a submit, a
        # signal handler may flush in the midst of a flush.
        self._entry = threading.RLock()
        self._queue: deque[object] = deque()
        self._sizes: deque[int] = deque()  # of what is in the queue
        self._queued_bytes = 0
        self._accepted = 0
        self._dropped: Counter[str] = Counter()
        self._alarm = _alarm()
        self._is_idle = True
        self._tasks: deque[Callable[[], None]] = deque()
        self._settled = threading.Condition(threading.RLock())
        self._handled = 0
        self._flushes_wanted = 0
        self._flushes_done = 0
        self._looked_s = 0.0  # when the worker last saw the queue empty, or all that was in it
        self._due_s = 0.0  # when the worker has to be through with what it has
        self._patient_until_s = 0.0  # the same for who flushes
        self._working = threading.RLock()
        self._worker: threading.Thread | None = None
        self._is_threadless = False
        self._is_closing = False
        self._is_closed = False
        self._report: LossReport | None = None
        self._closing = threading.RLock()

    # ----- the caller's side

    def submit(self, item: object, size_hint: int = 0) -> bool:
        """Hand over an item. Takes microseconds, never blocks, never raises.

        Args:
            item: What the first step will be given.
            size_hint: Bytes its texts weigh, about.

        Returns:
            Whether it was accepted; if not, it was counted.
        """
        size = size_hint + ITEM_OVERHEAD_BYTES
        with self._entry:
            if self._is_closing:
                self._dropped[LATE] += 1
                return False
            if self._queue and self._queued_bytes + size > self._queue_bytes_max:
                self._dropped["queue full"] += 1
                return False
            # In this order: a finaliser or a signal handler in between may take what is in the queue.
            self._sizes.append(size)
            self._queue.append(item)
            self._queued_bytes += size
            self._accepted += 1
            rings = (
                self._is_idle
                or len(self._queue) % self._config.items_max == 0
                or self._queued_bytes >= self._config.bytes_max
            )
            self._is_idle = False
        if rings:
            self._ring()
        if self._worker is None:
            self._start()
        return True

    def do_ahead(self, task: Callable[[], None]) -> None:
        """Have the worker do something before there is work for it: what that work will need. Never blocks or raises."""
        if self._is_closing:
            return
        self._tasks.append(task)
        self._ring()
        if self._worker is None:
            self._start()

    def _ring(self) -> None:
        try:
            self._alarm.release()
        except RuntimeError:  # it rings already
            return

    def flush(self, timeout_ms: int = 5000) -> bool:
        """Deliver everything accepted so far.

        Args:
            timeout_ms: Milliseconds after which it returns, in any case.

        Returns:
            Whether every record accepted before the call was acknowledged by each receiver or counted as
            dropped. ``False`` means that some still wait; with a spool they wait on disk. It comes before
            the time is over when the disk has everything and waiting is in vain: nobody listens, the
            receiver asked for more time than there is, or it has not answered for two seconds.
        """
        deadline_s = _now_s() + timeout_ms / 1e3
        if self._is_closed:
            return not any(destination.stats().pending for destination in self.destinations)
        if not self._hand_over(deadline_s):
            return False
        done = [destination.flush(deadline_s) for destination in self.destinations]
        return all(done)

    def _hand_over(self, deadline_s: float) -> bool:
        """Wait until the worker has passed on all that was accepted; without a worker, do it here."""
        with self._entry:
            if not self._accepted:
                return True
            self._flushes_wanted += 1
            wanted = self._flushes_wanted
            patient_s = (deadline_s - _now_s()) * _PATIENT_SHARE
            self._patient_until_s = max(self._patient_until_s, _now_s() + patient_s)
        self._ring()
        if self._worker is None:
            self._start()
        if self._is_threadless:
            self._work(deadline_s)
        with self._settled:
            while self._flushes_done < wanted:
                left = deadline_s - _now_s()
                if left <= 0 or self._is_threadless:
                    return self._flushes_done >= wanted
                self._settled.wait(left)
        return True

    def shutdown(self, timeout_ms: int = 2000) -> LossReport:
        """End: deliver what can be delivered in time, leave the rest on disk, say what is lost. Idempotent.

        Args:
            timeout_ms: Milliseconds it takes at most.
        """
        deadline_s = _now_s() + timeout_ms / 1e3
        with self._entry:
            self._is_closing = True
        if not self._closing.acquire(timeout=max(0.0, timeout_ms / 1e3)):
            return self._report or LossReport()
        try:
            if self._report is None:
                self._hand_over(deadline_s)
                self._report = self._end(deadline_s)
            return self._report
        finally:
            self._closing.release()

    def _end(self, deadline_s: float) -> LossReport:
        self._is_closed = True
        self._ring()
        for destination in self.destinations:
            destination.stop(deadline_s)
        unsent, spooled = self._accepted - self._handled, 0
        for destination in self.destinations:
            in_memory, on_disk = destination.join(deadline_s)
            unsent, spooled = unsent + in_memory, spooled + on_disk
        report = LossReport(dropped=self._all_drops(), unsent=unsent, spooled=spooled)
        if text := report.text():
            with guarded("logging"):
                logger.warning("agentops: %s", text)
        return report

    def _all_drops(self) -> dict[str, int]:
        drops = dict(self._dropped)
        for destination in self.destinations:
            for reason, count in destination.stats().dropped.items():
                drops[f"{destination.name}: {reason}"] = count
        return drops

    def stats(self) -> Stats:
        """Return the counters."""
        return Stats(
            accepted=self._accepted,
            queued=self._accepted - self._handled,
            dropped=dict(self._dropped),
            destinations={d.name: d.stats() for d in self.destinations},
        )

    # ----- the worker's side

    def _start(self) -> None:
        with self._entry:
            if self._worker is not None or self._is_threadless:
                return
            # The program may have given itself to gevent meanwhile: a worker that sleeps on a lock from before would
            # hold up everything. A ring that the old one hears is not missed: first the worker looks for work.
            self._alarm = _alarm()
            self._worker = threading.Thread(target=self._run, name="agentops-worker", daemon=True)
            try:
                self._worker.start()
            except RuntimeError:
                # No more threads, or the interpreter is ending: flush does the work.
                self._worker = None
                self._is_threadless = True
                return
        _finish_with_multiprocessing(self)

    def _run(self) -> None:
        looks_left = 0
        while True:
            if not looks_left:
                self._sleep()
            if self._is_closed:
                return
            with guarded("working"):
                self._do_tasks()
                if self._queue or looks_left:
                    self._linger()
                self._looked_s = _now_s()
                count = len(self._queue)
                looks_left = max(looks_left, 1) - 1
                if count:
                    looks_left = min(1 + count // _ITEMS_A_LOOK, _LOOKS_MAX)
                if count or self._is_flush_wanted() or self._release is not None:
                    self._work(None)

    def _sleep(self) -> None:
        """Wait until somebody rings.

        To be woken in the midst of a burst is dear: the worker asks for the interpreter's lock, and each time the
        program lets go of it for an instant, it is told in vain. So after work the worker looks by itself for a
        while, more often after more work, before it sleeps.
        """
        self._is_idle = True  # before the look at the queue: whoever submits after it rings
        if not (self._queue or self._tasks or self._is_flush_wanted() or self._is_closed):
            self._alarm.acquire(timeout=-1 if self._release is None else _RELEASE_PAUSE_S)
        self._looked_s = _now_s()
        self._is_idle = False

    def _linger(self) -> None:
        """Wait for company for what is in the queue or soon will be; none of it came before the last look."""
        self._due_s = self._looked_s + self._linger_s
        while not (self._is_flush_wanted() or self._is_closed or self._is_batch_waiting()):
            left_s = self._due_s - _now_s()
            if left_s <= 0:
                return
            self._alarm.acquire(timeout=left_s)
            self._do_tasks()

    def patience_s(self) -> float:
        """Return for how many seconds the thread that asks may wait for something; below 0: not at all.

        The worker may until what it works on should be on disk, or for a part of the time a flush has.
        """
        if threading.current_thread() is not self._worker:
            return _PATIENCE_S
        return max(self._due_s, self._patient_until_s) - _now_s()

    def _do_tasks(self) -> None:
        while self._tasks:
            with guarded("preparing for work"):
                self._tasks.popleft()()

    def _is_flush_wanted(self) -> bool:
        return self._flushes_done < self._flushes_wanted

    def _is_batch_waiting(self) -> bool:
        full = len(self._queue) >= self._config.items_max
        return full or self._queued_bytes >= self._config.bytes_max

    def _work(self, deadline_s: float | None) -> None:
        """Turn everything in the queue into batches and hand them over."""
        with self._working:
            wanted = self._flushes_wanted
            is_last = self._is_closing
            self._looked_s = _now_s()
            left = len(self._queue)
            while left > 0 and (deadline_s is None or _now_s() < deadline_s):
                records, taken = self._gather(left)
                if not taken:  # without a worker, a signal handler that flushes has done the rest
                    break
                self._pass_on(records)
                left -= taken
                self._handled += taken
            if self._release is not None:
                with guarded("releasing held back records"):
                    self._pass_on(self._release(is_last))
        with self._settled:
            self._flushes_done = max(self._flushes_done, wanted)
            self._settled.notify_all()

    def _gather(self, left: int) -> tuple[list[Record], int]:
        """Make the records of at most ``left`` items, one batch; return them and how many items they were."""
        records: list[Record] = []
        taken = size = 0
        items_max, bytes_max = self._config.items_max, self._gather_bytes_max
        while taken < left and len(records) < items_max and size < bytes_max:
            room = max(1, (items_max - len(records)) // 2)  # most calls make two records
            some, weight = self._take(min(_GROUP_ITEMS, left - taken, room))
            if not some:
                break
            taken += len(some)
            size += weight
            for step in self._steps:
                some = self._through(step, some)
            for made in some:
                records += made
        return records, taken

    def _take(self, count: int) -> tuple[list[Any], int]:
        """Take at most ``count`` items, and not much more than a few bytes, out of the queue; return their size too."""
        some: list[Any] = []
        size = 0
        with self._entry:
            with suppress(IndexError):
                while len(some) < count and size < _GROUP_BYTES:
                    some.append(self._queue.popleft())
                    size += self._sizes.popleft()
            self._queued_bytes = self._queued_bytes - size if self._queue else 0
        return some, size

    def _through(self, step: Step, some: list[Any]) -> list[Any]:
        """Give each of some items to a step and return what it makes of them; where it fails, that item is lost."""
        made = []
        for each in some:
            try:
                made.append(step(each))
            except Exception as fault:  # noqa: BLE001 - as failed() tells
                self._dropped["not prepared"] += 1
                failed("preparing a record", fault)
        return made

    def _pass_on(self, records: Sequence[Record]) -> None:
        """Hand records over in batches of the size that is allowed: one item may have made many."""
        items_max = self._config.items_max
        for start in range(0, len(records), items_max):
            self._pass_batch(records[start : start + items_max])

    def _pass_batch(self, records: Sequence[Record]) -> None:
        """Make one batch for each content mode and give it to the destinations."""
        batches: dict[str | None, Batch] = {None: Batch(records)}
        for destination in self.destinations:
            with guarded("handing over a batch"):
                mode = destination.content
                if mode not in batches:
                    batches[mode] = Batch(self._narrowed(records, mode))
                destination.put(batches[mode])

    def _narrowed(self, records: Sequence[Record], mode: str | None) -> list[Record]:
        if self._narrow is None or mode is None:
            return list(records)
        return [self._narrow(record, mode) for record in records]

    # ----- the process's life

    def after_fork(self) -> None:
        """Begin anew in a child process: what waits belongs to the parent, threads are gone."""
        self._reset()
        for destination in self.destinations:
            destination.after_fork()

    def at_exit(self) -> None:
        """End with the process, unless it has ended before."""
        if self._is_closed:
            return
        if not self._accepted and not any(d.is_started for d in self.destinations):
            self._is_closing = self._is_closed = True
            return
        deadline_s = _now_s() + _EXIT_MS / 1e3
        self._hand_over(deadline_s)
        left_s = max(_EXIT_SEND_S, deadline_s - _now_s())
        self.shutdown(int(left_s * 1e3))


def _alarm() -> threading.Lock:
    """Return a bare lock as the worker's alarm clock: unlike an Event, releasing it is safe in a finaliser."""
    alarm = threading.Lock()
    alarm.acquire()
    return alarm


def _watch_process(pipeline: Pipeline) -> None:
    """Tie a pipeline to the life of the process, without keeping it alive."""
    reference = weakref.ref(pipeline)

    def after_fork() -> None:
        found = reference()
        if found is not None:
            with guarded("starting anew after fork"):
                found.after_fork()

    def at_exit() -> None:
        found = reference()
        if found is not None:
            with guarded("ending with the process"):
                found.at_exit()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=after_fork)
    atexit.register(at_exit)


def _finish_with_multiprocessing(pipeline: Pipeline) -> None:
    """Make children that end by ``os._exit`` deliver: of ``multiprocessing``, of Celery's ``billiard``."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    with guarded("registering with multiprocessing"):
        if util is not None and process is not None and process.parent_process() is not None:
            util.Finalize(None, pipeline.at_exit, exitpriority=-100)
    signals = sys.modules.get("celery.signals")
    reference = weakref.ref(pipeline)  # Celery keeps what it is told for ever
    with guarded("registering with Celery"):
        if signals is not None:  # a pool of Celery tells nobody else that a worker ends

            def finish(**_: object) -> None:
                found = reference()
                if found is not None:
                    with guarded("ending with a worker of Celery"):
                        found.at_exit()

            name = f"agentops-{id(pipeline)}"
            signals.worker_process_shutdown.connect(finish, weak=False, dispatch_uid=name)

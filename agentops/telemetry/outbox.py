"""What waits for one receiver, in memory and on disk? Telemetry floor: bounds and books, no sending.

``accepted + recovered == sent + pending + dropped`` holds at any time for the records of an outbox.
"""

import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentops.telemetry.encoder import EncodingName, Part
from agentops.telemetry.exporters.base import Batch
from agentops.telemetry.records import Record
from agentops.telemetry.spool import Place, Spool
from agentops.telemetry.stats import DestinationStats

__all__ = ["Outbox", "Pending"]

_RECORD_BYTES = 2048
_CACHE_BYTES = 4 * 1024 * 1024  # of what is on disk as well


@dataclass(slots=True, eq=False)
class Pending:
    """A batch that waits.

    Attributes:
        number: Grows with each batch; the halves of a split batch keep it.
        encoding: Of its one part; ``None``: it is handed over as records.
        count: Records.
        size_bytes: Encoded bytes; 0 for records.
        batch: What to send; ``None``: it has to be read back from ``place``.
        place: Where it stands on disk; ``None``: in memory only.
        is_half: It comes from a refused batch and is not searched a second time.
    """

    number: int
    encoding: EncodingName | None
    count: int
    size_bytes: int
    batch: Batch | None
    place: Place | None = None
    is_half: bool = False


class Outbox:
    """The batches of one destination. Safe to use from several threads.

    Args:
        spool: Where batches stand on disk as well; ``None``: in memory only.
        memory_bytes_max: Encoded bytes held in memory.
    """

    def __init__(self, spool: Spool | None, memory_bytes_max: int) -> None:
        self._spool = spool
        self._memory_bytes_max = memory_bytes_max
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a new child process must."""
        self.changed = threading.Condition(threading.RLock())
        """Notified whenever something is put in or settled."""
        self._queue: deque[Pending] = deque()
        self._recovered: deque[Pending] = deque()
        self._flying: list[Pending] = []
        self._number = 0
        self._memory_bytes = 0
        self._counts: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    # ----- putting in

    def put(self, batch: Batch, encodings: Sequence[EncodingName]) -> None:
        """Take over a batch: to disk first, then to the queue."""
        parts = []
        for encoding in encodings:
            part = batch.part(encoding)
            self.pass_over(batch.unencodable.get(encoding, 0), "not encodable")
            if part is not None:
                parts.append(part)
        waiting = self._pending(parts)
        if not encodings:
            size_bytes = sum(map(_weigh, batch.records))
            waiting.append(Pending(0, None, len(batch.records), size_bytes, batch))
        with self.changed:
            for pending in waiting:
                self._counts["accepted"] += pending.count
                self._append(self._queue, pending)
            self._keep_bounds()
            self.changed.notify_all()

    def pass_over(self, count: int, reason: str) -> None:
        """Count records that never wait here."""
        if count:
            with self.changed:
                self._counts["accepted"] += count
                self._dropped[reason] += count

    def _pending(self, parts: Sequence[Part]) -> list[Pending]:
        places: Sequence[Place | None] = ()
        if self._spool is not None and parts:
            places = self._spool.append_all(parts)
        return [
            Pending(
                0,
                part.encoding,
                part.count,
                part.size_bytes,
                Batch(parts={part.encoding: part}),
                place,
            )
            for part, place in zip(parts, places or [None] * len(parts), strict=True)
        ]

    def _append(self, queue: deque[Pending], pending: Pending) -> None:
        self._number += 1
        pending.number = self._number
        queue.append(pending)
        if pending.batch is not None:
            self._memory_bytes += pending.size_bytes

    def recover(self) -> int:
        """Take over what dead processes left on disk; return how many records."""
        if self._spool is None:
            return 0
        places = self._spool.adopt()
        with self.changed:
            for place in places:
                self._append(
                    self._recovered,
                    Pending(0, place.encoding, place.count, place.size_bytes, None, place),
                )
                self._counts["recovered"] += place.count
            self.changed.notify_all()
        return sum(place.count for place in places)

    def _keep_bounds(self) -> None:
        """What is on disk leaves memory, what is not is dropped, the oldest first. The lock is held."""
        self._forget_evicted()
        if self._memory_bytes <= min(self._memory_bytes_max, _CACHE_BYTES):
            return
        for pending in self._queue:
            if pending.place is not None and pending.batch is not None and self._memory_bytes > 0:
                pending.batch = None
                self._memory_bytes -= pending.size_bytes
        for pending in [one for one in self._queue if one.place is None][:-1]:
            if self._memory_bytes <= self._memory_bytes_max:
                return
            self._queue.remove(pending)
            self._memory_bytes -= pending.size_bytes
            self._dropped["memory full"] += pending.count

    def _forget_evicted(self) -> None:
        evicted = self._spool.take_evicted() if self._spool is not None else None
        if not evicted:
            return
        for queue in (self._queue, self._recovered):
            gone = [one for one in queue if one.place is not None and one.place.segment in evicted]
            for pending in gone:
                queue.remove(pending)
                self._dropped["spool full"] += pending.count
                if pending.batch is not None:
                    self._memory_bytes -= pending.size_bytes

    # ----- taking out

    def take(self, items_max: int, bytes_max: int, *, recovered: bool) -> list[Pending]:
        """Take what goes into the next request: the first batch, and others like it while they fit.

        Args:
            items_max: Records in one request.
            bytes_max: Bytes in one request.
            recovered: Take of what an earlier process left, and not of this one's own.
        """
        with self.changed:
            queue = self._recovered if recovered else self._queue
            taken: list[Pending] = []
            count = size = 0
            for pending in queue:
                if taken and not _may_merge(taken[0], pending):
                    continue
                count, size = count + pending.count, size + pending.size_bytes
                if taken and (count > items_max or size > bytes_max):
                    break
                taken.append(pending)
            for pending in taken:
                queue.remove(pending)
            self._flying = list(taken)
            return taken

    def load(self, taken: list[Pending]) -> Batch | None:
        """Return one batch of what was taken; what the disk has lost is counted and leaves ``taken``."""
        if taken[0].encoding is None:
            return taken[0].batch
        parts: list[Part] = []
        for pending in list(taken):
            part = self._part(pending)
            if part is None:
                taken.remove(pending)
                self.settle([pending], dropped="spool damaged")
            else:
                parts.append(part)
        return Batch(parts={parts[0].encoding: Part.merged(parts)}) if parts else None

    def _part(self, pending: Pending) -> Part | None:
        if pending.batch is not None:
            return pending.batch.parts()[0]
        if self._spool is None or pending.place is None:
            return None
        return self._spool.read(pending.place)

    # ----- what became of it

    def put_back(self, taken: list[Pending], *, recovered: bool) -> None:
        """Return what was not delivered to the head of its queue, and to the disk where it is not yet."""
        with self.changed:
            waiting = [*taken, *self._queue]
        self._write_again(waiting)
        with self.changed:
            self._counts["retried"] += 1
            (self._recovered if recovered else self._queue).extendleft(reversed(taken))
            self._flying = []
            self._keep_bounds()
            self.changed.notify_all()

    def _write_again(self, waiting: Sequence[Pending]) -> None:
        """Bring to disk what is in memory only: the disk did not take it, or somebody deleted it there."""
        if self._spool is None:
            return
        for pending in waiting:
            is_there = pending.place is not None and self._spool.holds(pending.place)
            if not is_there and pending.batch is not None and pending.encoding is not None:
                pending.place = self._spool.append(pending.batch.parts()[0])

    def replace(self, taken: list[Pending], parts: Sequence[Part], *, is_half: bool) -> None:
        """Put parts that hold the records of what was taken in its place: at the head of the queue.

        Halves go to its end: what stands between them and the next attempt tells whether the receiver
        refuses everything, and searching is of no use.
        """
        pieces = [
            replace(each, number=taken[0].number, is_half=is_half) for each in self._pending(parts)
        ]
        with self.changed:
            self._memory_bytes += sum(piece.size_bytes for piece in pieces)
            if is_half:
                self._queue.extend(pieces)
            else:
                self._queue.extendleft(reversed(pieces))
            self._forget(taken)

    def settle(self, taken: list[Pending], *, rejected: int = 0, dropped: str = "") -> None:
        """Close the books on batches: delivered, but for ``rejected`` records, or ``dropped`` and why."""
        count = sum(pending.count for pending in taken)
        with self.changed:
            if dropped:
                self._dropped[dropped] += count
            else:
                self._counts["sent"] += count - min(rejected, count)
                self._dropped["rejected"] += min(rejected, count)
            self._forget(taken)
            self.changed.notify_all()

    def drop_flying(self) -> None:
        """Count as lost what was taken and of which nobody will say what became of it."""
        if self._flying:
            self.settle(self._flying, dropped="not sent")

    def _forget(self, taken: list[Pending]) -> None:
        self._memory_bytes -= sum(one.size_bytes for one in taken if one.batch is not None)
        self._flying = [pending for pending in self._flying if pending not in taken]
        places = [pending.place for pending in taken if pending.place is not None]
        if self._spool is not None and places:
            self._spool.remove(places)

    # ----- questions

    @property
    def last_number(self) -> int:
        """Number of the batch put in last."""
        return self._number

    @property
    def has_live(self) -> bool:
        """Whether batches of this process wait."""
        return bool(self._queue)

    @property
    def has_recovered(self) -> bool:
        """Whether batches of an earlier process wait."""
        return bool(self._recovered)

    def holds_up_to(self, number: int) -> bool:
        """Return whether a batch with this number, or a smaller one, is not settled."""
        with self.changed:
            waiting = (*self._flying, *self._queue, *self._recovered)
            return any(pending.number <= number for pending in waiting)

    def rest(self) -> tuple[int, int]:
        """Return how many records wait in memory only, and how many on disk."""
        with self.changed:
            waiting = [*self._flying, *self._queue, *self._recovered]
            on_disk = sum(pending.count for pending in waiting if pending.place is not None)
            return sum(pending.count for pending in waiting) - on_disk, on_disk

    def stats(self) -> DestinationStats:
        """Return the counters."""
        with self.changed:
            unsent, spooled = self.rest()
            dropped = +(self._dropped + (self._spool.dropped if self._spool else Counter()))
            return DestinationStats(
                accepted=self._counts["accepted"],
                recovered=self._counts["recovered"],
                sent=self._counts["sent"],
                pending=unsent + spooled,
                spooled=spooled,
                retried=self._counts["retried"],
                dropped=dict(dropped),
            )


def _weigh(record: Record) -> int:
    """Return about how many bytes a record takes that is not encoded."""
    values = record.attributes.values()
    return _RECORD_BYTES + sum(len(value) for value in values if isinstance(value, (str, bytes)))


def _may_merge(first: Pending, other: Pending) -> bool:
    """Whether two batches can share a request: same encoding, and no half of a refused one."""
    same = first.encoding is not None and first.encoding == other.encoding
    return same and not first.is_half and not other.is_half

"""What happened to what was accepted? Telemetry floor: counters and the reports made of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["LATE", "UNOFFERED", "DestinationStats", "LossReport", "Stats"]

UNOFFERED = "not taken here"
"""Reason for records of a kind that the receiver has no place for, such as logs at a store of traces."""

LATE = "after shutdown"
"""Reason for what ended when nothing was accepted any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationStats:
    """Counters of one destination since the process started, in records unless said otherwise.

    ``accepted + recovered == sent + pending + sum(dropped.values())`` once the destination is at rest.

    Attributes:
        accepted: Handed to this destination.
        recovered: Found on disk, left by an earlier process.
        sent: Acknowledged by the receiver.
        pending: Waiting here, in memory or on disk.
        spooled: Of the pending ones, those that are on disk and survive this process.
        retried: Attempts, not records, that failed and were repeated.
        dropped: Lost, ``{reason: records}``.
    """

    accepted: int = 0
    recovered: int = 0
    sent: int = 0
    pending: int = 0
    spooled: int = 0
    retried: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counters of a pipeline since the process started.

    Attributes:
        accepted: Items that entered the queue.
        queued: Items still in it.
        left_out: Records that sampling left out; not a loss.
        dropped: Items that never became records, ``{reason: items}``.
        destinations: Counters by name of the destination.
    """

    accepted: int = 0
    queued: int = 0
    left_out: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    destinations: Mapping[str, DestinationStats] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossReport:
    """What a pipeline leaves behind when it ends.

    Attributes:
        dropped: Records lost for good, ``{"destination: reason": records}``.
        unsent: Records that were still in memory only. They are lost with the process, unless they were on their way.
        spooled: Records left on disk: the next process delivers them.
    """

    dropped: Mapping[str, int] = field(default_factory=dict)
    unsent: int = 0
    spooled: int = 0

    @property
    def lost(self) -> int:
        """Accepted records that nobody will deliver though somebody takes such records, at most."""
        return sum(self.losses().values()) + self.unsent

    def text(self) -> str:
        """Return what the user is told; ``""`` when there is nothing to tell."""
        losses, told = self.losses(), []
        if losses:
            reasons = ", ".join(f"{reason}: {count}" for reason, count in losses.items())
            told.append(f"{sum(losses.values())} records were lost ({reasons})")
        if self.unsent:
            told.append(f"{self.unsent} records may be lost (no answer before the end)")
        return "; ".join(told)

    def losses(self) -> Mapping[str, int]:
        """Return those of ``dropped`` that are worth a line to the user."""
        return {
            why: n for why, n in self.dropped.items() if why != LATE and not why.endswith(UNOFFERED)
        }

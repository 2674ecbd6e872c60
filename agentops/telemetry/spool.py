"""What waits on disk for a receiver that is away? Telemetry floor."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agentops.telemetry.encoder import Part

__all__ = ["Place", "Spool"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part stands on disk."""

    segment: int
    offset: int
    size_bytes: int


class Spool:
    """The disk space of one destination."""

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()

    def append(self, _part: Part) -> Place | None:
        """Write a part."""
        return None

    def read(self, _place: Place) -> Part | None:
        """Read a part."""
        return None

    def remove(self, _places: Sequence[Place]) -> None:
        """Remove parts."""

    def has_leftovers(self) -> bool:
        """Whether there are leftovers."""
        return False

    def after_fork(self) -> None:
        """Begin anew."""

    def close(self) -> None:
        """Let go of files."""

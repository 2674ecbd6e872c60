"""How long is it waited before the next attempt? Telemetry floor."""

import random

__all__ = ["Backoff"]


class Backoff:
    """Exponential waiting with full jitter: from 0 to ``base * 2**failures`` seconds, at most ``cap``."""

    def __init__(self, base_s: float = 1.0, cap_s: float = 20.0) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._random = random.Random()
        self.failures = 0

    def fail(self, asked_s: float | None = None) -> float:
        """Count a failure and return the seconds to wait; never less than the receiver asked for."""
        ceiling = min(self._cap_s, self._base_s * 2 ** min(self.failures, 16))
        self.failures += 1
        wait = self._random.uniform(ceiling / 8, ceiling)
        return wait if asked_s is None else asked_s + wait / 8

    def succeed(self) -> None:
        """Forget the failures."""
        self.failures = 0

    def reseed(self) -> None:
        """Part ways with the parent's random numbers in a new child process."""
        self._random.seed()

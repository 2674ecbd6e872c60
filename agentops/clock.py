"""What time is it? Ground floor: the only place that reads a clock.

Durations are taken from :func:`monotonic_ns`, never from two readings of :func:`now_ns`: the wall
clock may jump.
"""

import time
from datetime import datetime, timezone
from functools import lru_cache
from typing import Final

__all__ = ["iso_from_ns", "monotonic_ns", "now_ns"]


now_ns: Final = time.time_ns
"""The wall clock as nanoseconds since the Unix epoch."""

monotonic_ns: Final = time.perf_counter_ns
"""A clock that never runs backwards, in nanoseconds from an arbitrary origin."""


def iso_from_ns(ns: int) -> str:
    """Return ``ns`` since the Unix epoch as ISO 8601 in UTC with microseconds."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{_iso_second(seconds)}.{rest // 1000:06d}+00:00"


@lru_cache(maxsize=64)
def _iso_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=timezone.utc).isoformat(timespec="seconds")[:-6]

"""How do durations, tokens and money read? Ground floor; the rules are those of the web pages.

Durations and money have three significant digits and no exponent; money is never ``<$0.01``. What is
unknown is ``?``, never zero.
"""

import math
from datetime import datetime
from typing import Final

__all__ = ["clock_time", "duration", "money", "tokens"]

_US_PER_S: Final = 1_000_000
_DAY_MINUTES: Final = 24 * 60


def duration(us: int) -> str:
    """Return microseconds as text: ``783ms``, ``4.61s``, ``2m 03s``, ``1h 02m``, ``3d 04h``; ``?`` below 0."""
    if us < 0:
        return "?"
    if us < 1_000:
        return f"{us}µs" if us else "0ms"
    if us < 999_500:
        return f"{_three_digits(us / 1_000)}ms"
    if us < 59.95 * _US_PER_S:
        return f"{_three_digits(us / _US_PER_S)}s"
    seconds = round(us / _US_PER_S)
    if seconds < 3_600:
        return f"{seconds // 60}m {seconds % 60:02d}s"
    minutes = round(seconds / 60)
    if minutes < _DAY_MINUTES:
        return f"{minutes // 60}h {minutes % 60:02d}m"
    hours = round(minutes / 60)
    return f"{hours // 24}d {hours % 24:02d}h"


def tokens(count: int | None) -> str:
    """Return a token count in full: ``1,931``; ``?`` when nothing was told."""
    return "?" if count is None else f"{count:,}"


def money(usd: float | None) -> str:
    """Return US dollars: ``$0.00870``, ``$12.4``, ``$1,234``; ``?`` when the price is unknown."""
    if usd is None:
        return "?"
    return f"${usd:,.0f}" if usd >= 1_000 else f"${_three_digits(usd)}"


def clock_time(us: int) -> str:
    """Return microseconds since the Unix epoch as local date and time, to the second."""
    return datetime.fromtimestamp(us / _US_PER_S).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _three_digits(value: float) -> str:
    """Return a number of 0 or more with three significant digits and no exponent."""
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(float(f"{value:.3g}")))
    return f"{value:.{max(0, 2 - magnitude)}f}"

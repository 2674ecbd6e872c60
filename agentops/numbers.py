"""How do durations, tokens and money read? The same rules as in the dashboard.

Durations have three significant digits and a unit, money three significant digits and never ``<$0.01``;
what is unknown is ``?``, never zero.
"""

import math

__all__ = ["clock_time", "duration", "money", "tokens"]

_US_PER_S = 1_000_000


def duration(us: int) -> str:
    """Return microseconds as text: ``783ms``, ``4.61s``, ``2m 03s``, ``1h 02m``."""
    if us < 0:
        return "?"
    if us < 1_000:
        return f"{us}µs"
    if us < 999_500:
        return f"{_three_digits(us / 1_000)}ms"
    seconds = us / _US_PER_S
    if seconds < 59.95:
        return f"{_three_digits(seconds)}s"
    whole = round(seconds)
    if whole < 3_600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3_600}h {whole % 3_600 // 60:02d}m"


def tokens(count: int | None) -> str:
    """Return a token count in full: ``1 931``; ``?`` when nothing was told."""
    return "?" if count is None else f"{count:,}".replace(",", "\u202f")


def money(usd: float | None) -> str:
    """Return US dollars: ``$0.00870``, ``$12.40``; ``?`` when the price is unknown."""
    if usd is None:
        return "?"
    if usd == 0:
        return "$0"
    if usd >= 1:
        return f"${usd:,.2f}"
    decimals = 2 - math.floor(math.log10(usd))
    if round(usd * 10**decimals) == 1_000:
        decimals -= 1
    return f"${usd:.{decimals}f}"


def clock_time(us: int) -> str:
    """Return microseconds since the Unix epoch as local date and time, to the second."""
    from datetime import datetime  # lazily: most verbs need no clock

    return datetime.fromtimestamp(us / _US_PER_S).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _three_digits(value: float) -> str:
    """Return a number from 0 to 999 with three significant digits and no exponent."""
    if value >= 99.95:
        return f"{value:.0f}"
    if value >= 9.995:
        return f"{value:.1f}".removesuffix(".0") if value >= 99.5 else f"{value:.1f}"
    return f"{value:.2f}"

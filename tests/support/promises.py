"""Figures that are promised, held to on a machine that may be busy with other things."""

import time

__all__ = ["EXIT_S", "assert_within", "seconds"]

EXIT_S = 2.0 + 0.5
"""What the end of a program takes at most; the rest is for the threads to have their turn."""

_HANG_S = 20.0


def assert_within(measure, tries=5, **promised):
    """Measure again until each figure was within its promise once.

    Other work on the machine only ever adds: the least of some tries is what the thing itself takes. What takes 20
    seconds more than promised hangs, and is not tried again.

    Args:
        measure: Returns figures by name; called ``tries`` times at most.
        promised: The most that each of them may be.
    """
    seen = []
    while len(seen) < tries:
        seen.append(measure())
        least = {name: min(each[name] for each in seen) for name in promised}
        if all(least[name] <= most for name, most in promised.items()):
            return
        if any(seen[-1][name] > most + _HANG_S for name, most in promised.items()):
            break
    raise AssertionError(f"promised: {promised}; seen: {seen}")


def seconds(function, *arguments):
    """Call a function; return how long it took."""
    began = time.monotonic()
    function(*arguments)
    return time.monotonic() - began

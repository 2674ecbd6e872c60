"""How do our own faults stay away from the program we watch? Ground floor.

This module holds the only blind ``except`` of the SDK, but for the blocks that :func:`failed` is for. Code of ours
that runs inside a call of the host program stands in ``with guarded("what it does"):``. An error there is counted, logged once for
each place, and swallowed; the host never sees it. The tests set :func:`be_strict`, so that the same
error fails them.
"""

import logging
import signal
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import PurePath
from types import TracebackType
from typing import TypeVar

__all__ = ["be_strict", "failed", "faults", "guarded", "tolerated"]

T = TypeVar("T")

logger = logging.getLogger("agentops")

_PLACES_MAX = 256
_FAILED = "agentops failed while %s (%s); your program is not affected"
_strict = False
_faults: dict[str, int] = {}


def be_strict(strict: bool = True) -> None:
    """Let errors of ours pass through (``True``: for our own tests) or swallow them (``False``)."""
    global _strict  # noqa: PLW0603 - one switch for the whole process, thrown by tests only
    _strict = strict


def faults() -> dict[str, int]:
    """Return how often each guarded place failed: a fresh ``{place: count}``."""
    return dict(_faults)


class _Guard:
    """Stands around a block of ours; holds nothing but its name, so it is used again and again."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        if _strict or _is_of_a_signal(error):
            return False
        _count(self._place, error, _FAILED)
        return True


@lru_cache(maxsize=_PLACES_MAX)
def guarded(place: str) -> _Guard:
    """Return what a block of ours stands in, so that its errors never reach the host program.

    ``KeyboardInterrupt``, ``SystemExit`` and ``GeneratorExit`` are the host's and pass through, and so does what a
    signal handler raises: a time limit, for one.

    Args:
        place: What the block does, in words; the key under which its faults are counted.
    """
    return _Guard(place)


def failed(place: str, error: Exception) -> None:
    """Do what the end of a :func:`guarded` block does with an error of ours.

    For the few blocks through which every call of the host goes, where entering and leaving a guard would be felt.
    They say ``except Exception as error: failed("what it did", error)``.
    """
    if _strict or _is_of_a_signal(error):
        raise error
    _count(place, error, _FAILED)


def tolerated(place: str, function: Callable[..., T], *arguments: object, otherwise: T) -> T:
    """Call code that is not ours (a ``__repr__``, a mask, a hook); its errors are no fault of ours.

    They are counted and logged like faults, but never passed through, not even when strict.

    Args:
        place: What is called, in words.
        function: What to call.
        *arguments: With what.
        otherwise: Returned when it fails.
    """
    try:
        return function(*arguments)
    except Exception as error:
        if _is_of_a_signal(error):
            raise
        _count(place, error, "agentops goes on although %s failed (%s)")
        return otherwise
    except SystemExit as error:
        # On the main thread a signal may have raised it; on a thread of ours it would end the thread.
        if threading.current_thread() is threading.main_thread():
            raise
        _count(place, error, "agentops goes on although %s failed (%s)")
        return otherwise


def _is_of_a_signal(error: BaseException) -> bool:
    """Tell whether a signal handler of the host, called in the midst of what we did, has raised ``error``."""
    if threading.current_thread() is not threading.main_thread():
        return False  # handlers run on the main one
    handlers = map(signal.getsignal, signal.valid_signals())
    codes = [getattr(handler, "__code__", None) for handler in handlers]
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            return True
        traceback = traceback.tb_next
    return False


def _count(place: str, error: BaseException, text: str) -> None:
    """Count a fault and log the first of each place, never with data of the host in it."""
    try:
        seen = _faults.get(place, 0)
        if seen == 0 and len(_faults) >= _PLACES_MAX:
            return
        _faults[place] = seen + 1
        if seen == 0:
            logger.warning(text, place, f"{type(error).__name__}{_line(error)}")
    except Exception:  # a logging handler of the host may fail: even that must not reach its calls
        return


def _line(error: BaseException) -> str:
    """Return the line of code that raised, in the words of a log line."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return ""
    return f" at {PurePath(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"

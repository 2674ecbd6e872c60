"""What must not be under way when the program forks? Ground floor.

A thread of ours that imports a module holds that module's lock. If the program forks in that moment, the child
inherits the lock and not the thread: its next import of the module waits for ever. So what our threads import late,
they import inside :func:`importing`, and a fork waits until they are through.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["importing"]

_WAIT_S: Final = 5.0
_lock: Final = threading.RLock()
_held: Final[list[bool]] = []


@contextmanager
def importing() -> Iterator[None]:
    """Keep forks away while a thread of ours imports."""
    with _lock:
        yield


def _before() -> None:
    _held.append(_lock.acquire(timeout=_WAIT_S))


def _after() -> None:
    if _held and _held.pop():
        _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)

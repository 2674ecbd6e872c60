"""What must not be under way when the program forks, and what has to begin anew in the child? Ground floor.

A thread of ours that imports a module holds that module's lock. If the program forks in that moment, the child
inherits the lock and not the thread: its next import of the module waits for ever. So what our threads import late,
they import inside :func:`importing`, and a fork waits until they are through.
"""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["importing", "in_children"]

_WAIT_S: Final = 5.0
_lock: Final = threading.RLock()
_held: Final[set[int]] = set()  # by threads that fork


@contextmanager
def importing() -> Iterator[None]:
    """Keep forks away while a thread of ours imports."""
    with _lock:
        yield


def in_children(renew: Callable[[], None]) -> None:
    """Have a method called in each forked child, as long as the object it is bound to lives.

    Locks above all have to be new there: a thread that is gone may hold the old ones.

    Args:
        renew: A bound method; what it raises is told to nobody.
    """
    reference = weakref.WeakMethod(renew)

    def call() -> None:
        found = reference()
        if found is not None:
            found()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=call)


def _before() -> None:
    if _lock.acquire(timeout=_WAIT_S):
        _held.add(threading.get_ident())


def _after() -> None:
    own = threading.get_ident()  # the same in the child
    if own in _held:
        _held.discard(own)
        _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)

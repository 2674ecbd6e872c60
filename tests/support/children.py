"""Children of the test's own process, made by fork."""

import os
import signal
from collections.abc import Callable


def status_of_child(work: Callable[[], bool]) -> int:
    """Fork, let the child do ``work`` and end; return its exit status, 0 where ``work`` returned true.

    Whatever happens there, the child never comes back: it would go on with the tests.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(60)
            status = 0 if work() else 2
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]

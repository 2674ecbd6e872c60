"""Waiting for what another thread or process is about to do."""

import time

__all__ = ["eventually"]


def eventually(find, timeout_s=30.0):
    """Call ``find`` until it returns something true; return that."""
    deadline = time.monotonic() + timeout_s
    while not (found := find()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
    return found

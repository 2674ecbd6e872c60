"""Waiting for what another thread or process is about to do."""

import time

import anyio

__all__ = ["eventually", "run_until"]


def eventually(find, timeout_s=30.0):
    """Call ``find`` until it returns something true; return that."""
    deadline = time.monotonic() + timeout_s
    while not (found := find()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
    return found


async def run_until(reached, function):
    """Run a coroutine function until an event is set, then cancel it; return the class of the exception it got."""
    async with anyio.create_task_group() as group:
        group.start_soon(function)
        await reached.wait()
        group.cancel_scope.cancel()
    return anyio.get_cancelled_exc_class()

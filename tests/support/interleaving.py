"""What if another thread had its turn just there? Every place is tried, without luck."""

import sys
import threading
from pathlib import PurePath

import agentops

__all__ = ["interleavings"]

_OURS = str(PurePath(agentops.__file__).parent)
_STEPS_MAX = 2_000
_BLOCKED_S = 0.01


def interleavings(first, second, *, step="line"):
    """Yield once for each step that ``first`` takes in the package's code, before which ``second`` was run.

    A step is a line, or an ``opcode``; ``second`` runs in a thread of its own, to its end or until it waits for ``first``. What
    either raises is raised. Between two turns the caller puts everything back.
    """
    for number in range(_STEPS_MAX):
        if not _interleaved(first, second, step, number):
            return
        yield number
    raise AssertionError("that is too long to be tried at every step")


def _interleaved(first, second, step, number):
    """Run both, the second one before the step of the first with that number; return whether there is such a step."""
    errors, left, others = [], number, []

    def run_second():
        try:
            second()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    def trace_calls(frame, _event, _arg):
        if not frame.f_code.co_filename.startswith(_OURS):
            return None
        frame.f_trace_opcodes = step == "opcode"
        return trace_steps

    def trace_steps(_frame, event, _arg):
        nonlocal left
        if event == step and not others:
            if left == 0:
                others.append(threading.Thread(target=run_second))
                others[0].start()
                others[0].join(_BLOCKED_S)
            left -= 1
        return trace_steps

    before = sys.gettrace()
    sys.settrace(trace_calls)
    try:
        first()
    finally:
        sys.settrace(before)
        for other in others:
            other.join()
    if errors:
        raise errors[0]
    return bool(others)

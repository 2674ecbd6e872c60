"""Programs whose stderr is a terminal, as a person would run them."""

import os
import subprocess
import sys

__all__ = ["run_at_terminal"]


def run_at_terminal(code):
    """Run a program whose stderr is a terminal; return the finished process, line ends as in a file."""
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            timeout=120,
            check=False,
        )
        os.close(theirs)
        os.set_blocking(ours, False)
        try:
            done.stderr = os.read(ours, 100_000).decode().replace("\r\n", "\n")
        except (BlockingIOError, OSError):
            done.stderr = ""
    finally:
        os.close(ours)
    return done

"""Small host programs in processes of their own, with a pipeline of ours inside."""

import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Ended", "Program", "read_to_the_end"]

_TESTS = Path(__file__).parents[1]

_PRELUDE = """
import atexit, os, signal, sys, threading, time
atexit.register(os.write, 1, b"ENDED\\n")  # the last handler: all others are registered later
sys.path.insert(0, {tests!r})
from support.records import span, event
from agentops.telemetry.config import BatchConfig, ExporterConfig, SpoolConfig
from agentops.telemetry.destination import connect
from agentops.telemetry.pipeline import Pipeline

def start(endpoint={endpoint!r}, spool={spool!r}, **settings):
    batch = BatchConfig(delay_ms={delay_ms})
    config = ExporterConfig(type="otlp", endpoint=endpoint, **settings)
    disk = SpoolConfig(directory=spool, enabled=bool(spool))
    return Pipeline(connect([config], batch=batch, spool=disk), lambda item: [item], batch=batch)

def record(pipeline, *numbers):
    for number in numbers:
        pipeline.submit(span(number), 200)

def wait_for(field, count=1):
    # until the worker is done with everything and that counter of the destination says so
    until_s = time.monotonic() + 40
    while True:
        stats = pipeline.stats()
        [sent] = stats.destinations.values()
        if not stats.queued and getattr(sent, field) >= count:
            return
        if time.monotonic() > until_s:
            sys.exit(f"no {{count}} {{field}}: {{stats}}")
        time.sleep(0.01)
"""


@dataclass
class Ended:
    """How a program ended.

    ``exit_s``: from its line ``END`` to its end, without what the interpreter then does by itself: on a busy machine
    taking the modules apart takes seconds.
    """

    status: int
    out: str
    err: str
    exit_s: float


def read_to_the_end(process, timeout_s, out=""):
    """Read what a program still says, after ``out``; wait for its end."""
    at = {}
    for line in process.stdout:
        at[line] = time.monotonic()
        if line != "ENDED\n":
            out += line
    status = process.wait(timeout_s)
    ended = at.get("ENDED\n", time.monotonic())
    return Ended(status, out, process.stderr.read(), ended - at.get("END\n", ended))


class Program:
    """A host program.

    Args:
        source: Its body; has ``start()``, ``record(pipeline, *numbers)``, ``wait_for(field, count)`` for the
            counters of its ``pipeline``, and common modules at hand.
        endpoint: Where ``start()`` sends to.
        spool: Folder for the spool; ``None``: memory only.
        delay_ms: Batch delay.
    """

    def __init__(self, source, *, endpoint, spool=None, delay_ms=500):
        prelude = _PRELUDE.format(
            tests=str(_TESTS), endpoint=endpoint, spool=str(spool or ""), delay_ms=delay_ms
        )
        self.process = subprocess.Popen(
            # Python 3.12 and later warn about every fork of a program with threads.
            [
                sys.executable,
                "-W",
                "ignore::DeprecationWarning",
                "-c",
                prelude + textwrap.dedent(source),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for_line(self, expected):
        """Read its output until a line is ``expected``."""
        for line in self.process.stdout:
            if line.strip() == expected:
                return
        raise AssertionError(f"ended without {expected!r}: {self.process.stderr.read()}")

    def end(self, timeout_s=60):
        """Wait for its end."""
        ended = read_to_the_end(self.process, timeout_s)
        self.process.stdout.close()
        self.process.stderr.close()
        return ended

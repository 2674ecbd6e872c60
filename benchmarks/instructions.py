"""Instructions that instrumentations add to calls of the openai and anthropic packages, counted by callgrind.

Unlike the CPU time of ``overhead.py`` they do not depend on what else the machine does, nor on where things lie in
memory; what the processor's caches do to a call they do not tell. Variants, workloads and blocks are those of
``overhead.py``, but under valgrind one thread runs at a time, fifty times slower.

    python benchmarks/instructions.py                          # takes minutes; needs valgrind
    python benchmarks/instructions.py --peer genai=VENV/bin/python --workload small ...
"""

import argparse
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from overhead import OWN, WORKLOADS

ROUNDS = 3
WARM_UP = 60  # calls, in which the interpreter adapts its code; not counted


# ---- the side that is measured


class Counter:
    """What callgrind counts in this process.

    Args:
        dumps: Where it writes; as it was told when it started.
    """

    def __init__(self, dumps):
        self.dumps = Path(dumps)
        self._control("-i", "on")
        self._own = 0
        self._own = min(self.count(lambda: None) for _ in range(ROUNDS))

    def count(self, function):
        """Return the instructions of a call of ``function``, on all threads."""
        self._control("-z")
        function()
        self._control("-d")
        written = max(self.dumps.iterdir(), key=lambda path: int(path.suffix[1:] or 0))
        total = re.search(r"^(?:summary|totals): (\d+)", written.read_text(), re.MULTILINE)
        return int(total[1]) - self._own

    @staticmethod
    def _control(*command):
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["callgrind_control", *command, str(os.getpid())], check=True, **silent)
        time.sleep(0.05)


def serve(name, dumps, workloads):
    """Print {workload: [instructions a unit with the variant, without]}."""
    os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"  # see overhead.py
    from overhead_calls import Calls
    from overhead_variants import VARIANTS

    calls = Calls()
    for workload in WORKLOADS:
        getattr(calls, workload)()
    variant = VARIANTS[name]()

    def switch(is_on):
        variant.switch(is_on)
        calls.wrap = variant.wrap if is_on else calls.plain

    def block(workload, count):
        for _ in range(count):
            getattr(calls, workload)()
        variant.flush()

    for workload in workloads:
        for is_on in (True, False):
            switch(is_on)
            block(workload, min(WARM_UP, WORKLOADS[workload].calls))
    counter, told = Counter(dumps), {}
    for workload in workloads:
        size = WORKLOADS[workload]
        rows = {True: [], False: []}
        for is_on in (True, False) * ROUNDS:
            switch(is_on)
            block(workload, 1 if size.units > 1 else 4)
            gc.collect()
            count = counter.count(lambda workload=workload, size=size: block(workload, size.calls))
            rows[is_on].append(count / size.calls / size.units)
        told[workload] = [statistics.median(rows[True]), statistics.median(rows[False])]
    print(json.dumps(told))


# ---- the side that asks


def ask(name, python, workloads):
    """Return what :func:`serve` tells in a process of its own."""
    with tempfile.TemporaryDirectory() as dumps:
        command = [
            *("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no"),
            f"--callgrind-out-file={dumps}/out",
            *(python, __file__, "--serve", name, "--dumps", dumps),
            *(f"--workload={workload}" for workload in workloads),
        ]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--dumps", help=argparse.SUPPRESS)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--workload", action="append", choices=list(WORKLOADS), default=[])
    options = parser.parse_args()
    workloads = options.workload or list(WORKLOADS)
    if options.serve:
        serve(options.serve, options.dumps, workloads)
        return
    pythons = dict.fromkeys(OWN, sys.executable)
    pythons.update(dict(peer.split("=", 1) for peer in options.peer))
    told = {name: ask(name, python, workloads) for name, python in pythons.items()}
    print("Thousands of instructions added (bare SDK: its own)\n")
    print("| workload | bare SDK | " + " | ".join(told) + " |")
    print("|---|---|" + "---|" * len(told))
    for workload in workloads:
        bare = statistics.median(rows[workload][1] for rows in told.values())
        added = [rows[workload][0] - rows[workload][1] for rows in told.values()]
        cells = [f"{number / 1e3:.0f}" for number in (bare, *added)]
        print("| " + " | ".join([WORKLOADS[workload].label, *cells]) + " |")


if __name__ == "__main__":
    main()

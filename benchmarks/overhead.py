"""CPU time that instrumentations add to calls of the openai and anthropic packages.

Each variant has a process of its own, so that none is patched by two of them. There it is switched on and off in
turns: a block of calls with it, all that was recorded encoded to OTLP protobuf, and a block without it. What it
adds is the median of the differences between neighbours, of the calling thread and of the whole process. Neither
a busy neighbour, which slows down both, nor where things happen to lie in memory, which makes a process some per
cent quicker or slower as long as it lives, is in a difference. All variants take turns, too, and ``--processes``
does it all again with new ones and tells the median of the medians. Answers come from a transport in the same
process: no sockets, no waiting.

    python benchmarks/overhead.py                              # stock OpenTelemetry span by hand, AgentOps
    python benchmarks/overhead.py --peer genai=VENV/bin/python --peer openinference=VENV/bin/python ...

A peer is named after its instrumentation and runs in the Python given, where openai, anthropic, the
OpenTelemetry SDK, opentelemetry-exporter-otlp-proto-common and the instrumentations of both are installed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """What is measured.

    Attributes:
        label: Name in the table.
        calls: How often it is called in a block.
        units: What one call is divided by: chunks, concurrent calls.
        digits: Decimals in the table.
    """

    label: str
    calls: int
    units: int = 1
    digits: int = 0


WORKLOADS = {
    "small": Workload("small chat call", 100),
    "large": Workload("30 KB prompt", 20),
    "stream": Workload("stream, per chunk", 3, 200, 1),
    "concurrent": Workload("200 concurrent async calls, per call", 1, 200),
    "agent": Workload("agent run: 3 calls, 2 tools", 20),
    "message": Workload("anthropic: small message", 100),
    "message_stream": Workload("anthropic: stream, per chunk", 8, 200, 1),
}
OWN = ("stock span by hand", "agentops", "agentops, spans only")  # in this Python
WARM_UP = 4  # calls after each switch: the interpreter adapts its code to what stands there now


# ---- the side that is measured


def serve(name):
    """Answer each line, the name of a workload, with microseconds a unit: [[caller, process] on, the same off]."""
    # The anthropic package makes spans itself where there is a provider: beside those of others, and when these are off.
    os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"
    from overhead_calls import Calls
    from overhead_variants import VARIANTS

    calls = Calls()
    for workload in WORKLOADS:
        getattr(calls, workload)()  # the packages load their modules on first use
    variant = VARIANTS[name]()
    for workload in WORKLOADS:
        for is_on in (True, False):
            block(calls, variant, workload, is_on)
    print("ready", flush=True)
    is_first = True
    for line in sys.stdin:
        told = {
            is_on: block(calls, variant, line.strip(), is_on) for is_on in (is_first, not is_first)
        }
        is_first = not is_first
        print(json.dumps([told[True], told[False]]), flush=True)


def block(calls, variant, name, is_on):
    """Return microseconds a unit: [caller, process]."""
    variant.switch(is_on)
    calls.wrap = variant.wrap if is_on else calls.plain
    call, workload = getattr(calls, name), WORKLOADS[name]
    for _ in range(1 if workload.units > 1 else WARM_UP):
        call()
    variant.flush()
    before = variant.recorded
    thread, process = time.thread_time_ns(), time.process_time_ns()
    for _ in range(workload.calls):
        call()
    thread = time.thread_time_ns() - thread
    variant.flush()
    process = time.process_time_ns() - process
    if (variant.recorded - before >= workload.calls) is not is_on:
        raise SystemExit(
            f"{name}: {variant.recorded - before} spans of {workload.calls} calls, {is_on=}"
        )
    units = workload.calls * workload.units
    return [thread / units / 1e3, process / units / 1e3]


# ---- the side that asks


class Asked:
    """A process that serves a variant."""

    def __init__(self, name, python):
        self.name = name
        command = [python, __file__, "--serve", name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read("ready")

    def ask(self, workload):
        self.process.stdin.write(workload + "\n")
        self.process.stdin.flush()
        return json.loads(self._read("[["))

    def _read(self, start):
        while not (line := self.process.stdout.readline()).startswith(start):
            if not line:
                raise SystemExit(f"{self.name} died")
        return line


def measure(variants, rounds, workload):
    """Return {variant: (added by caller, by process, bare)}: medians, in microseconds."""
    rows = {variant.name: [] for variant in variants}
    for _ in range(rounds):
        for variant in variants:
            rows[variant.name].append(variant.ask(workload))
    return {
        name: (
            *(statistics.median(on[i] - off[i] for on, off in pairs) for i in (0, 1)),
            statistics.median(off[1] for _, off in pairs),
        )
        for name, pairs in rows.items()
    }


def measure_again(pythons, options):
    """Return {workload: {variant: what several processes tell, each as :func:`measure` does}}."""
    told = {workload: {name: [] for name in pythons} for workload in options.workload or WORKLOADS}
    for _ in range(options.processes):
        variants = [Asked(name, python) for name, python in pythons.items()]
        try:
            for workload, by_name in told.items():
                for name, each in measure(variants, options.rounds, workload).items():
                    by_name[name].append(each)
        finally:
            for variant in variants:
                variant.process.terminate()
                variant.process.wait()
    return told


def report(told):
    names = list(next(iter(told.values())))
    print("Microseconds added: total CPU / on the calling thread (bare SDK: its own time)\n")
    print("| workload | bare SDK | " + " | ".join(names) + " |")
    print("|---|---|" + "---|" * len(names))
    for key, by_name in told.items():
        digits = WORKLOADS[key].digits
        bare = statistics.median(each[2] for rows in by_name.values() for each in rows)
        cells = [WORKLOADS[key].label, f"{bare:.{digits}f}"]
        for rows in by_name.values():
            thread, process = (statistics.median(each[i] for each in rows) for i in (0, 1))
            cells.append(f"{process:.{digits}f} / {thread:.{digits}f}")
        print("| " + " | ".join(cells) + " |")
    print("\nTotals of the processes, least to most:\n")
    for key, by_name in told.items():
        digits = WORKLOADS[key].digits
        spread = (
            f"{name} {' '.join(f'{total:.{digits}f}' for total in sorted(each[1] for each in rows))}"
            for name, rows in by_name.items()
        )
        print(f"- {WORKLOADS[key].label}: {'; '.join(spread)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=25, help="pairs of blocks in each process")
    parser.add_argument("--processes", type=int, default=5, help="sets of processes")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--workload", action="append", choices=list(WORKLOADS), default=[])
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    pythons = dict.fromkeys(OWN, sys.executable)
    pythons.update(dict(peer.split("=", 1) for peer in options.peer))
    report(measure_again(pythons, options))


if __name__ == "__main__":
    main()

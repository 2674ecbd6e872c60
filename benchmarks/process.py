"""How long does the pipeline hold up a program's end, and how much memory does it take?

    python benchmarks/process.py

Each line is a program of its own. Exit: 100 spans, then the end, in each state of the receiver; seconds from
the program's last line to the end of its process. Memory: growth of the resident set while 100 000 spans of
1 kB are recorded as fast as possible and nobody takes them. The stock pipeline (TracerProvider,
BatchSpanProcessor, OTLP over HTTP) runs beside ours.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.collector import Collector, Reply, free_port

OURS = """
from agentops.telemetry.config import ExporterConfig, SpoolConfig, TelemetryConfig
from agentops.telemetry.manager import TelemetryManager
manager = TelemetryManager(TelemetryConfig(
    exporters=(ExporterConfig(type="otlp", endpoint={url!r}),), spool=SpoolConfig(directory={spool!r})))
def record(text):
    manager.end_span(manager.create_span("chat", attributes={{"text": text}}))
"""
STOCK = """
import logging
logging.disable()
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter({url!r} + "/v1/traces")))
tracer = provider.get_tracer("benchmark")
def record(text):
    tracer.start_span("chat", attributes={{"text": text}}).end()
"""
EXIT = """
for number in range(100):
    record("x" * 1000)
import time
time.sleep(1)
record("x")
print("END", flush=True)
"""
MEMORY = """
def rss_mb():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * 4096 / 2**20
before, most = rss_mb(), 0.0
for number in range(100_000):
    record(f"{number:01000d}")
    if number % 1000 == 0:
        most = max(most, rss_mb() - before)
print(round(most), flush=True)
import os
os._exit(0)
"""
STATES = {
    "healthy": None,
    "refuses the connection": None,
    "never answers": Reply(hang=True),
    "answers a byte a second": Reply(bytes_per_s=1),
    "answers 503": Reply(status=503),
}


def run(source):
    process = subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    line = process.stdout.readline().strip()
    ended = time.monotonic()
    process.wait()
    process.stdout.close()
    return line, time.monotonic() - ended


def main():
    print(f"{'exit, seconds':32}{'agentops':>10}{'stock':>10}")
    for state, reply in STATES.items():
        seconds = []
        for setup in (OURS, STOCK):
            collector = Collector(free_port())
            collector.answer_always(reply)
            if state != "refuses the connection":
                collector.start()
            with tempfile.TemporaryDirectory() as folder:
                seconds.append(run(setup.format(url=collector.url, spool=folder) + EXIT)[1])
            if state != "refuses the connection":
                collector.stop()
        print(f"{state:32}{seconds[0]:10.2f}{seconds[1]:10.2f}")
    grown = []
    for setup in (OURS, STOCK):
        with tempfile.TemporaryDirectory() as folder:
            url = f"http://127.0.0.1:{free_port()}"
            grown.append(run(setup.format(url=url, spool=folder) + MEMORY)[0])
    print(f"{'memory, MiB':32}{grown[0]:>10}{grown[1]:>10}")


if __name__ == "__main__":
    main()

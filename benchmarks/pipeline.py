"""What does an exported span cost? Our pipeline against OpenTelemetry's, in one run, interleaved.

    python benchmarks/pipeline.py [--spans 4096] [--rounds 5]

Both make the same spans with the same TracerProvider and send them over loopback HTTP as OTLP protobuf,
uncompressed, to a receiver in another process that reads and answers. Reported is CPU time of this process
(all threads) per span: making it, and everything after it. A provider without any processor is measured as
well and subtracted, so that what remains is the pipeline alone. Minimum of the rounds.

The first three of ours take the spans of the same provider, the last one makes its own. All of them mask and
limit, the last two also know sessions, sampling and prices, which the stock pipeline does not.
"""

import argparse
import multiprocessing
import os
import socket
import statistics
import tempfile
import threading
import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from agentops.telemetry.config import (
    BatchConfig,
    ExporterConfig,
    LimitsConfig,
    SpoolConfig,
    TelemetryConfig,
)
from agentops.telemetry.destination import connect
from agentops.telemetry.manager import TelemetryManager
from agentops.telemetry.masking import Masks
from agentops.telemetry.pipeline import Pipeline
from agentops.telemetry.recording import span_record
from agentops.telemetry.writing import Writer

MESSAGE = '[{"role":"user","parts":[{"type":"text","content":"%s"}]}]' % ("hello world " * 40)


def attributes(number):
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": f"chatcmpl-{number:032d}",
        "gen_ai.usage.input_tokens": 1000 + number,
        "gen_ai.usage.output_tokens": number,
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.max_tokens": 512,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.input.messages": MESSAGE,
        "gen_ai.output.messages": MESSAGE,
        "session.id": "0b3c4d5e-0000-4000-8000-000000000000",
        "agentops.span.kind": "llm",
        "server.address": "api.openai.com",
    }


def sink(port_pipe):
    """Answer every request with 200, without looking at it."""
    listener = socket.create_server(("127.0.0.1", 0))
    port_pipe.send(listener.getsockname()[1])

    def serve(connection):
        reader = connection.makefile("rb")
        while line := reader.readline():
            size = 0
            while (line := reader.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            reader.read(size)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def stock(url):
    exporter = OTLPSpanExporter(f"{url}/v1/traces")
    return BatchSpanProcessor(exporter, max_queue_size=1 << 20, schedule_delay_millis=500)


class Doorway(SpanProcessor):
    """Our pipeline alone behind a stock provider: reading, cleaning, masking, encoding, sending."""

    def __init__(self, pipeline):
        self.pipeline = pipeline

    def on_end(self, span):
        self.pipeline.submit(span, 1500)

    def force_flush(self, timeout_millis=30000):
        return self.pipeline.flush(timeout_millis)

    def shutdown(self):
        self.pipeline.shutdown()


def ours(url, spool=None):
    batch = BatchConfig(queue_bytes_max=1 << 30)
    disk = SpoolConfig(directory=spool) if spool else None
    destinations = connect([ExporterConfig(type="otlp", endpoint=url)], batch=batch, spool=disk)
    writer = Writer(LimitsConfig(), "full", Masks())

    def prepare(span):
        record = span_record(span, None)
        writer.span(record)
        return [record]

    return Doorway(Pipeline(destinations, prepare, batch=batch))


def manager(url, spool):
    return TelemetryManager(
        TelemetryConfig(
            exporters=(ExporterConfig(type="otlp", endpoint=url),),
            batch=BatchConfig(queue_bytes_max=1 << 30),
            spool=SpoolConfig(directory=spool, enabled=bool(spool)),
        ),
        service_name="benchmark",
    )


class Stock:
    """Spans of OpenTelemetry's provider, with one processor or none."""

    def __init__(self, processor=None):
        self.provider = TracerProvider(shutdown_on_exit=False)
        if processor is not None:
            self.provider.add_span_processor(processor)
        self.tracer = self.provider.get_tracer("benchmark")

    def start(self, told):
        return self.tracer.start_span("chat gpt-4o", attributes=told)

    def end(self, span):
        span.end()

    def flush(self):
        self.provider.force_flush()

    def shutdown(self):
        self.provider.shutdown()


class Attached(Stock):
    """The same spans, with the manager's processor: sessions, sampling, prices and sums as well."""

    def __init__(self, url, spool):
        self.manager = manager(url, spool)
        super().__init__(self.manager.span_processor)

    def flush(self):
        assert self.manager.flush(60_000), self.manager.stats()

    def shutdown(self):
        self.manager.shutdown()


class Whole:
    """Spans of our manager, as the instrumentations make them."""

    def __init__(self, url, spool):
        self.manager = manager(url, spool)
        self.end = self.manager.end_span

    def start(self, told):
        return self.manager.create_span("chat gpt-4o", attributes=told)

    def flush(self):
        assert self.manager.flush(60_000), self.manager.stats()

    def shutdown(self):
        self.manager.shutdown()


def measure(contender, count):
    """Return CPU µs per span, and the caller's wall µs for each ``end``."""
    latencies = []
    started = time.process_time()
    for number in range(count):
        span = contender.start(attributes(number))
        before = time.perf_counter()
        contender.end(span)
        latencies.append(time.perf_counter() - before)
    contender.flush()
    spent = time.process_time() - started
    contender.shutdown()
    return spent / count * 1e6, latencies


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=sink, args=(there,), daemon=True)
    process.start()
    url = f"http://127.0.0.1:{here.recv()}"
    with tempfile.TemporaryDirectory() as folder:
        contenders = {
            "provider alone": Stock,
            "opentelemetry": lambda: Stock(stock(url)),
            "agentops, memory only": lambda: Stock(ours(url)),
            "agentops, with spool": lambda: Stock(ours(url, folder)),
            "agentops, attached": lambda: Attached(url, folder),
            "agentops, whole": lambda: Whole(url, folder),
        }
        costs = {name: [] for name in contenders}
        latencies = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, make in contenders.items():
                cost, seen = measure(make(), options.spans)
                costs[name].append(cost)
                latencies[name] += seen
    process.terminate()
    report(costs, latencies)


def report(costs, latencies):
    base = min(costs["provider alone"])
    theirs = min(costs["opentelemetry"]) - base
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; µs per span")
    heads = ("CPU", "ratio", "pipeline", "ratio", "end p50", "end p99")
    print(f"{'':24}" + "".join(f"{head:>9}" for head in heads))
    for name, found in costs.items():
        own = min(found) - base
        quantiles = statistics.quantiles(latencies[name], n=100)
        numbers = [min(found), min(costs["opentelemetry"]) / min(found)]
        numbers += [own, theirs / own if own > 0 else 0]
        numbers += [quantiles[49] * 1e6, quantiles[98] * 1e6]
        print(f"{name:24}" + "".join(f"{number:9.1f}" for number in numbers))


if __name__ == "__main__":
    main()

"""What does a span cost the thread that makes it? Ours against OpenTelemetry's own, in one run, interleaved.

    python benchmarks/spans.py [--spans 20000] [--rounds 7]

Each span has a parent and 15 attributes and is started and ended. Ours goes into the pipeline's queue,
the stock one into a BatchSpanProcessor whose exporter throws away. Reported is CPU time of this thread per
span, minimum of the rounds; what the worker threads do afterwards is in ``pipeline.py``.
"""

import argparse
import time

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import set_span_in_context

from agentops.telemetry.ambient import set_ambient
from agentops.telemetry.completion import Completion
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.manager import TelemetryManager

ATTRIBUTES = {f"gen_ai.attribute.{number}": f"value {number}" for number in range(15)}


class Nowhere(SpanExporter):
    def export(self, spans):
        return SpanExportResult.SUCCESS


def ours(**settings):
    manager = TelemetryManager(TelemetryConfig(exporters=[Nowhere()], **settings))
    context = set_ambient(Context(), {"session.id": "s"})
    context = set_span_in_context(manager.create_span("root", parent=context), context)
    completion = Completion(attributes={"gen_ai.response.id": "r"})

    def one():
        span = manager.create_span("chat", parent=context, attributes=ATTRIBUTES)
        manager.end_span(span, complete=lambda: completion)

    return one, manager.flush


def stock():
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=1_000_000))
    tracer = provider.get_tracer("benchmark")
    context = set_span_in_context(tracer.start_span("root", context=Context()), Context())

    def one():
        tracer.start_span("chat", context=context, attributes=ATTRIBUTES).end()

    return one, provider.force_flush


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    contenders = {
        "opentelemetry": stock(),
        "agentops": ours(),
        "agentops, sampling rules": ours(
            sampling={"rules": [{"match": {"name": "health*"}, "rate": 0}]}
        ),
        "agentops, sampled out": ours(sampling_rate=0.0),
    }
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(options.rounds):
        for name, (one, flush) in contenders.items():
            started = time.thread_time_ns()
            for _ in range(options.spans):
                one()
            best[name] = min(best[name], (time.thread_time_ns() - started) / options.spans / 1e3)
            flush()
    for name, cost in best.items():
        print(f"{name:<26} {cost:6.2f} us per span  {best['opentelemetry'] / cost:5.1f} x")


if __name__ == "__main__":
    main()

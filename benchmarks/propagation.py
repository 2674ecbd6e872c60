"""What do reading and writing trace headers cost, beside OpenTelemetry's own propagators?

    python benchmarks/propagation.py

Prints microseconds of CPU for one extract and one inject: the best of several rounds.
"""

import time
from collections.abc import Callable

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from agentops.instrumentation.context import TraceContext
from agentops.instrumentation.propagators import compose

ROUNDS, TIMES = 15, 2_000
SESSION = "4f7f3c1e-5b83-4b0f-9d0b-0d8e6a0f7a11"
HEADERS = {
    "host": "127.0.0.1",
    "accept": "*/*",
    "user-agent": "benchmark",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "vendor=1,other=2",
    "baggage": f"session.id={SESSION}",
}
HOSTILE = {
    "baggage, 1 MB": {**HEADERS, "baggage": "a=1," * 250_000},
    "baggage, 10 000 commas": {**HEADERS, "baggage": "," * 10_000},
    "tracestate, 1 MB": {**HEADERS, "tracestate": "a=1," * 250_000},
    "traceparent, 1 MB of NUL": {**HEADERS, "traceparent": "\0" * 1_000_000},
    "1 000 baggage headers": [("baggage", "a=1")] * 1_000,
}


def cost_us(call: Callable[[], object], times: int = TIMES) -> float:
    """Return the CPU time of one call in microseconds, the best round's mean."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        for _ in range(times):
            call()
        rounds.append((time.thread_time_ns() - began) / times / 1e3)
    return min(rounds)


def main() -> None:
    stock = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    propagators = {
        "stock, w3c": stock,
        "ours, w3c": compose(["w3c"]),
        "ours, w3c + b3": compose(["w3c", "b3"]),
    }
    print(f"{'':28} {'extract us':>10} {'inject us':>10}")
    for name, each in propagators.items():
        context = each.extract(HEADERS, Context())
        extract = cost_us(lambda each=each: each.extract(HEADERS, Context()))
        inject = cost_us(lambda each=each, context=context: each.inject({}, context))
        print(f"{name:28} {extract:10.1f} {inject:10.1f}")
    here = TraceContext.extract(HEADERS)
    extract = cost_us(lambda: TraceContext.extract(HEADERS))
    inject = cost_us(lambda: here.inject({}))
    print(f"{'TraceContext, with session':28} {extract:10.1f} {inject:10.1f}")
    for name, carrier in HOSTILE.items():
        print(f"{name:28} {cost_us(lambda c=carrier: TraceContext.extract(c), 20):10.1f}")


if __name__ == "__main__":
    main()

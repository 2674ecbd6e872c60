"""Does another implementation of OTLP understand every way we send? Opt-in; needs a running forwarder.

    python scripts/check_interop.py --http http://127.0.0.1:5318 --grpc 127.0.0.1:5317 --listen 5999

The receiver under test listens at ``--http`` and ``--grpc`` and forwards all it gets, as OTLP/HTTP, to
``--listen`` on this machine. What comes back went through its decoder and its encoder; it is compared
with what was sent: every span and every event once, with ids, attributes and the link between the two.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.collector import Collector

import agentops
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.manager import TelemetryManager

COUNT = 200


def ways(http: str, grpc: str) -> dict[str, dict[str, str]]:
    """Return exporter settings for each way of sending."""
    return {
        "http/protobuf gzip": {
            "endpoint": http,
            "protocol": "http/protobuf",
            "compression": "gzip",
        },
        "http/protobuf none": {
            "endpoint": http,
            "protocol": "http/protobuf",
            "compression": "none",
        },
        "http/json": {"endpoint": http, "protocol": "http/json"},
        "grpc": {"endpoint": grpc, "protocol": "grpc"},
    }


def send(way: str, settings: dict[str, str], spool: str) -> dict[str, str]:
    """Send spans with one event each; return ``{span id: text}`` of what was sent."""
    config = TelemetryConfig(exporters=[{"type": "otlp", **settings}], spool={"directory": spool})
    manager = TelemetryManager(config, service_name="interop")
    sent = {}
    for number in range(COUNT):
        text = f"{way} {number} ä€𝄞"
        # No null: the JSON decoder of opentelemetry-rust refuses the empty AnyValue that OTLP allows.
        nested = {"n": number, "deep": [1.5, True, {"t": text}]}
        span = manager.create_span(f"{way}/{number}", attributes={"text": text, "list": ["a", "b"]})
        manager.record(agentops.ActionEvent(action_type=way, params=nested), span=span)
        manager.end_span(span)
        sent[f"{span.get_span_context().span_id:016x}"] = text
    if not manager.flush(30_000):
        print(f"{way}: not delivered: {manager.stats()}")
    manager.shutdown()
    return sent


def came_back(collector: Collector, way: str) -> tuple[dict[str, str], list[str]]:
    """Return ``{span id: text}`` and the span ids of the events, of one way."""
    spans: list[tuple[str, str]] = []
    events: list[str] = []
    for request in collector.accepted:
        message = request.message()
        for group in getattr(message, "resource_spans", ()):
            for span in (span for scope in group.scope_spans for span in scope.spans):
                if span.name.startswith(f"{way}/"):
                    found = {one.key: one.value for one in span.attributes}
                    spans.append((span.span_id.hex(), found["text"].string_value))
        for group in getattr(message, "resource_logs", ()):
            events += [log.span_id.hex() for scope in group.scope_logs for log in scope.log_records]
    if len(spans) != len(dict(spans)):
        print(f"{way}: {len(spans) - len(dict(spans))} spans came twice")
    return dict(spans), events


def main() -> int:
    """Return 0 if everything came back by every way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--http", required=True)
    parser.add_argument("--grpc", required=True)
    parser.add_argument("--listen", type=int, required=True)
    options = parser.parse_args()
    failed = 0
    with Collector(options.listen) as collector, tempfile.TemporaryDirectory() as spool:
        for way, settings in ways(options.http, options.grpc).items():
            sent = send(way, settings, spool)

            def is_whole(_: object, way: str = way, sent: dict[str, str] = sent) -> bool:
                spans, events = came_back(collector, way)
                return spans == sent and set(sent) <= set(events)

            is_well = collector.wait(is_whole, 30)
            spans, events = came_back(collector, way)
            own = [each for each in events if each in sent]
            print(
                f"{way}: {len(spans)} spans, {len(own)} events: {'whole' if is_well else 'NOT WHOLE'}"
            )
            failed += not is_well
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Does another implementation of OTLP understand every way we send? Opt-in; needs a running receiver.

    python scripts/check_interop.py --http http://192.0.2.1:4318 --grpc 192.0.2.1:4317 --listen 5999
    python scripts/check_interop.py --http http://192.0.2.1:4318 --grpc 192.0.2.1:4317 --jaeger http://127.0.0.1:16686

The receiver under test listens at ``--http`` and ``--grpc``; nothing is compressed for a loopback address,
so give another one of this machine. With ``--listen`` it is a forwarder, such as the OpenTelemetry Collector,
that sends all it gets as OTLP/HTTP to that port of this machine. With ``--jaeger`` it is a Jaeger, whose query
service is asked for the traces; it takes no events. What comes back went through its decoder; it is compared
with what was sent: every span and every event once, with ids, attributes and the link between the two.
"""

import argparse
import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.collector import Collector

import agentops
from agentops.telemetry.config import TelemetryConfig
from agentops.telemetry.manager import TelemetryManager

COUNT = 200


def ways(http: str, grpc: str) -> dict[str, dict[str, object]]:
    """Return exporter settings for each way of sending."""
    plain = {"insecure": True}
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
        "grpc": {"endpoint": grpc, "protocol": "grpc", "compression": "none", **plain},
        "grpc gzip": {"endpoint": grpc, "protocol": "grpc", "compression": "gzip", **plain},
    }


def send(way: str, settings: dict[str, object], spool: str) -> dict[str, str]:
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


def in_jaeger(query: str, way: str) -> dict[str, str]:
    """Return ``{span id: text}`` of what a Jaeger has of one way."""
    url = f"{query}/api/traces?service=interop&limit={20 * COUNT}&lookback=1h"
    with urllib.request.urlopen(url, timeout=10) as answer:
        traces = json.load(answer)["data"] or []
    found = {}
    for span in (span for trace in traces for span in trace["spans"]):
        if span["operationName"].startswith(f"{way}/"):
            found[span["spanID"]] = {tag["key"]: tag["value"] for tag in span["tags"]}["text"]
    return found


def is_whole(
    options: argparse.Namespace, collector: Collector, way: str, sent: dict[str, str]
) -> bool:
    """Wait until all of one way came back; say what did."""
    spans: dict[str, str] = {}
    own: list[str] = []
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        if options.jaeger:
            spans, own = in_jaeger(options.jaeger, way), list(sent)
        else:
            spans, events = came_back(collector, way)
            own = [each for each in events if each in sent]
        if spans == sent and set(sent) <= set(own):
            break
        time.sleep(0.2)
    is_well = spans == sent and set(sent) <= set(own)
    events_told = "" if options.jaeger else f", {len(own)} events"
    print(f"{way}: {len(spans)} spans{events_told}: {'whole' if is_well else 'NOT WHOLE'}")
    return is_well


def main() -> int:
    """Return 0 if everything came back by every way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--http", required=True)
    parser.add_argument("--grpc", required=True)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--listen", type=int, default=0)
    where.add_argument("--jaeger", default="")
    options = parser.parse_args()
    failed = 0
    with Collector(options.listen) as collector, tempfile.TemporaryDirectory() as spool:
        for way, settings in ways(options.http, options.grpc).items():
            sent = send(way, settings, spool)
            failed += not is_whole(options, collector, way, sent)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

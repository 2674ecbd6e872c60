"""CPU time of decoding OTLP and filling the uniform columns, apart from storing.

    python benchmarks/decode.py [--batch 512] [--rounds 15]

The spans are those of ``ingest.py``. Each figure is the best of the rounds, in CPU time of one thread.
"""

import argparse
import base64
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from google.protobuf import json_format
from ingest import request
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from agentops.server.ingest import IngestLimits
from agentops.server.ingest.decode import decode_traces

LIMITS = IngestLimits()
IDS = ("traceId", "spanId", "parentSpanId")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=512, help="spans in a request")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    body = request(0, options.batch, options.batch)
    tree = json_format.MessageToDict(
        ExportTraceServiceRequest.FromString(body), use_integers_for_enums=True
    )
    text = json.dumps(hexed(tree)).encode()
    jobs = {
        "protobuf: parse alone": lambda: ExportTraceServiceRequest.FromString(body),
        "protobuf: rows": lambda: rows(body, is_json=False),
        "JSON: rows": lambda: rows(text, is_json=True),
    }
    assert rows(body, is_json=False) == rows(text, is_json=True)
    print(f"{len(body) / options.batch:.0f} bytes per span")
    for name, job in jobs.items():
        best = min(cpu_time(job) for _ in range(options.rounds)) / options.batch
        print(f"{name:24} {best * 1e6:6.1f} µs per span, {1 / best:9,.0f} spans per CPU second")


def rows(body, is_json):
    return decode_traces(body, is_json=is_json, limits=LIMITS, project_id="default").rows


def cpu_time(job):
    began = time.thread_time()
    job()
    return time.thread_time() - began


def hexed(value):
    """Ids as OTLP/JSON writes them."""
    if isinstance(value, dict):
        return {
            key: base64.b64decode(item).hex() if key in IDS else hexed(item)
            for key, item in value.items()
        }
    return [hexed(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()

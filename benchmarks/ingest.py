"""How much does the backend take, and how fast does it answer afterwards?

    python benchmarks/ingest.py [--spans 120000] [--batch 1000] [--json]

Sends OTLP/HTTP requests of realistic LLM spans (about 2.8 KB each, six to a trace, ten traces to a
session) to a backend of its own, waits until all are stored, then asks the questions of the pages.
CPU seconds are those of the server process, everything in it included: decoding, log, inserts, merges.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.backend import BackendProcess

from agentops.server.app import open_storage
from agentops.server.config import ServerConfig
from agentops.server.storage.base import Limits

WORDS = [
    "order",
    "ship",
    "refund",
    "late",
    "parcel",
    "invoice",
    "plan",
    "upgrade",
    "cancel",
    "agent",
    "search",
    "result",
    "kindly",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--spans", type=int, default=120_000)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        result = run(Path(directory) / "data", options.spans, options.batch)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:34} {value}")


def run(data_dir, spans, batch):
    bodies = [request(first, batch, spans) for first in range(0, spans, batch)]
    with BackendProcess(data_dir) as backend:
        pid = backend.process.pid
        time.sleep(2)
        at_rest = memory(pid)
        cpu, began = cpu_seconds(pid), time.monotonic()
        delays = [post(backend, body) for body in bodies]
        sent = time.monotonic() - began
        backend.until("/api/v1/status", lambda told: told["span_count"] >= spans, timeout_s=600)
        stored = time.monotonic() - began
        cpu = cpu_seconds(pid) - cpu
        peak = memory(pid, "VmHWM")
        questions = ask(backend)
    size = bytes_on_disk(data_dir)
    return {
        "bytes per span on the wire": round(sum(map(len, bodies)) / spans),
        "spans per CPU second": round(spans / cpu),
        "spans per second, acknowledged": round(spans / sent),
        "spans per second, stored": round(spans / stored),
        "acknowledgement p50 / p99 ms": quantiles(delays),
        "bytes per span on disk": round(size / spans),
        "memory at rest / peak MB": f"{at_rest} / {peak}",
        **questions,
    }


def bytes_on_disk(data_dir):
    """Of the parts that count; those that a merge has replaced are removed some minutes later."""
    with open_storage(ServerConfig(data_dir=data_dir)) as storage:
        sql = "SELECT sum(bytes_on_disk) AS n FROM system.parts WHERE active AND database = 'agentops'"
        return json.loads(storage._engine.query(sql, {}, Limits()))["n"]


def ask(backend):
    rows = backend.get("/api/v1/sessions?limit=50")[2]["sessions"]
    session = f"/api/v1/sessions/{rows[7]['session_id']}"
    skeleton = backend.get(f"{session}/skeleton")[2]
    paths = {
        "list of 50": "/api/v1/sessions?limit=50",
        "summary": "/api/v1/sessions/summary",
        "filter": "/api/v1/sessions?q=model:gpt-4o*+cost%3E0.001",
        "free text": "/api/v1/sessions?q=%22parcel+invoice%22",
        "one session": session,
        "skeleton": f"{session}/skeleton",
        "transcript": f"{session}/messages",
        "one span": f"/api/v1/spans/{skeleton['trace_id'][3]}/{skeleton['span_id'][3]}",
    }
    told = {}
    for name, path in paths.items():
        delays = []
        for _ in range(7):
            began = time.monotonic()
            assert backend.get(path)[0] == 200
            delays.append(time.monotonic() - began)
        told[f"{name}: first / median ms"] = (
            f"{delays[0] * 1e3:.0f} / {statistics.median(delays) * 1e3:.0f}"
        )
    return told


def post(backend, body):
    began = time.monotonic()
    while True:
        headers = {"Content-Type": "application/x-protobuf"}
        status, answer, _ = backend.request("POST", "/v1/traces", headers, body)
        if status == 200:
            return time.monotonic() - began
        time.sleep(int(answer["Retry-After"]))


def request(first, count, total):
    dice = random.Random(first)
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.append(attribute("service.name", "bench"))
    scope = resource.scope_spans.add()
    scope.scope.name = "agentops"
    origin = time.time_ns() - total * 2_000_000
    for index in range(first, first + count):
        trace = index // 6
        span = scope.spans.add(
            trace_id=random.Random(trace).randbytes(16),
            span_id=dice.randbytes(8),
            name="chat gpt-4o-mini",
            kind=Span.SPAN_KIND_CLIENT,
            start_time_unix_nano=origin + index * 2_000_000,
            end_time_unix_nano=origin + index * 2_000_000 + dice.randrange(10**9),
        )
        if index % 6:
            span.parent_span_id = b"12345678"
        text = " ".join(dice.choices(WORDS, k=120))
        told = {
            "session.id": f"{random.Random(trace // 10).getrandbits(128):032x}",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": dice.choice(["gpt-4o", "gpt-4o-mini"]),
            "gen_ai.agent.name": dice.choice(["planner", "writer"]),
            "gen_ai.usage.input_tokens": dice.randrange(3_000),
            "gen_ai.usage.output_tokens": dice.randrange(800),
            "gen_ai.input.messages": messages("user", text),
            "gen_ai.output.messages": messages("assistant", " ".join(dice.choices(WORDS, k=90))),
            "gen_ai.system_instructions": '[{"type":"text","content":"Write a kind answer."}]',
        }
        span.attributes.extend(attribute(key, value) for key, value in told.items())
    return message.SerializeToString()


def messages(role, text):
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def attribute(key, value):
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def quantiles(seconds):
    ordered = sorted(seconds)
    return f"{ordered[len(ordered) // 2] * 1e3:.0f} / {ordered[len(ordered) * 99 // 100] * 1e3:.0f}"


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid, key="VmRSS"):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) // 1024


if __name__ == "__main__":
    main()

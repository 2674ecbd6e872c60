"""A real backend in a process of its own, on free ports, and a small client for it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from agentops.server.config import read_server_file, read_token

_PROGRAM = """
import logging, sys
from pathlib import Path
from agentops.server.app import serve
from agentops.server.config import ServerConfig
from agentops.errors import AgentOpsError
logging.basicConfig(level="WARNING")
values = eval(sys.argv[2])
try:
    serve(ServerConfig(data_dir=Path(sys.argv[1]), **{"port": 0, "otlp_grpc_port": None, **values}))
except AgentOpsError as error:
    sys.exit(f"agentops: {error}")
"""


class BackendProcess:
    """Starts on construction; use as a context manager to end it.

    Args:
        data_dir: Its data directory.
        settings: Further fields of ``ServerConfig``.
    """

    def __init__(self, data_dir: Path, **settings) -> None:
        self.data_dir = data_dir
        settings = {"otlp_http_port": None, **settings}
        self.log = data_dir.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(data_dir), repr(settings)],
                stdout=log,
                stderr=log,
            )
        self.told = self._await()
        self.url = self.told.url
        self.token = read_token(data_dir)

    def get(self, path, *, token=True, headers=None):
        """Return status, headers and body (parsed where it is JSON) of one GET."""
        given = dict(headers or {})
        if token:
            given["Authorization"] = f"Bearer {self.token}"
        return self.request("GET", path, given)

    def request(self, method, path, headers=None, body=None):
        request = urllib.request.Request(self.url + path, body, headers or {}, method=method)
        try:
            answer = _opener.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            content = answer.read()
            if "json" in answer.headers.get("Content-Type", ""):
                content = json.loads(content)
            return answer.status, answer.headers, content

    def send(self, *spans, **resource):
        """Send spans (see :func:`otlp_span`) by OTLP/JSON; return the status."""
        return self.offer(*spans, **resource)[0]

    def offer(self, *spans, **resource):
        """Like :meth:`send`; return status, headers and body."""
        body = {
            "resourceSpans": [
                {
                    "resource": {"attributes": _attributes(resource)},
                    "scopeSpans": [{"spans": list(spans)}],
                }
            ]
        }
        headers = {"Content-Type": "application/json"}
        return self.request("POST", "/v1/traces", headers, json.dumps(body).encode())

    def until(self, path, accept, timeout_s=60.0):
        """Ask again until ``accept(body)`` holds; return that body."""
        deadline = time.monotonic() + timeout_s
        while True:
            status, _, body = self.get(path)
            if status == 200 and accept(body):
                return body
            assert time.monotonic() < deadline, f"{path} still answers {status} {body}"
            time.sleep(0.03)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """End it as a user would; return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.stop()

    def _await(self):
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text())
            told = read_server_file(self.data_dir)
            if told is not None and told.pid == self.process.pid:
                return told
            time.sleep(0.02)
        self.kill()
        raise RuntimeError("the backend did not start: " + self.log.read_text())


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def otlp_span(trace_id, span_id, name="work", *, start_ns=None, parent="", **attributes):
    """One span in the JSON form of OTLP; it took one millisecond."""
    start_ns = time.time_ns() if start_ns is None else start_ns
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + 1_000_000),
        "attributes": _attributes(attributes),
    }


def random_ids():
    """A trace id and a span id."""
    return os.urandom(16).hex(), os.urandom(8).hex()


def _attributes(values):
    return [
        {"key": key.replace("__", "."), "value": {"stringValue": str(value)}}
        for key, value in values.items()
    ]

"""A model service, a collector, and host programs that are watched from outside."""

import os
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import pytest
from support.collector import Collector
from support.programs import read_to_the_end

from agentops.demo.model_server import ModelServer

HOST = Path(__file__).with_name("host.py")


class Host:
    """One run of the host program."""

    def __init__(self, model_url, collector_url, body, state, **environment):
        self.process = subprocess.Popen(
            [sys.executable, str(HOST), model_url, collector_url, textwrap.dedent(body)],
            env={**os.environ, "XDG_STATE_HOME": str(state), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._seen = ""

    def wait_for(self, word):
        """Read its output up to a line."""
        for line in self.process.stdout:
            self._seen += line
            if line.strip() == word:
                return
        raise AssertionError(f"ended without {word!r}: {self.process.stderr.read()}")

    def say(self, word):
        """Write a line to its standard input."""
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def end(self, timeout_s=100):
        """Wait for its end."""
        return read_to_the_end(self.process, timeout_s, self._seen)


@pytest.fixture(scope="session")
def models():
    with ModelServer() as server:
        yield server


@pytest.fixture
def collector():
    with Collector() as running:
        yield running


@pytest.fixture
def host(models, collector, tmp_path):
    """Start host programs; they share one state directory, as runs of one program do."""
    running = []

    def start(body, *, url=None, **environment):
        target = collector.url if url is None else url
        state = environment.pop("state", tmp_path / "state")
        program = Host(models.url, target, body, state, **environment)
        running.append(program)
        return program

    yield start
    for program in running:
        if program.process.poll() is None:
            program.process.kill()
        program.process.communicate()


def spans_of(request):
    """Return name and id of each span in a request."""
    return [
        (span.name, span.span_id)
        for resource in getattr(request.message(), "resource_spans", ())
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@pytest.fixture
def calls(collector):
    """Return how often each call has arrived: ``{number: spans}``, after waiting for ``count`` of them.

    A span that comes twice counts twice; unless ``is_resent``, for programs whose end may cut off an answer.
    """

    def read(count=0, timeout_s=30.0, *, is_resent=False):
        def found():
            spans = [span for request in collector.accepted for span in spans_of(request)]
            models = [name.partition(" ")[2] for name, _ in (set(spans) if is_resent else spans)]
            return dict(Counter(int(model[2:]) for model in models if model.startswith("m-")))

        deadline = time.monotonic() + timeout_s
        while len(found()) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return found()

    return read

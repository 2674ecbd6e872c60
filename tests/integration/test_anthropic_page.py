"""The page about Anthropic's SDK: its example runs, and what it says of provider modes is so."""

import re
from pathlib import Path

import anthropic
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentops
from agentops.demo.model_server import ModelServer
from agentops.testing import recording

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "anthropic.md"


@pytest.fixture
def models(monkeypatch):
    with ModelServer() as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
        yield server


@pytest.fixture
def program(monkeypatch):
    """A provider the program has set; the real setter works once in a process."""
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return exporter


def _ask():
    with anthropic.Anthropic(max_retries=0) as client:
        client.messages.create(
            model="claude-sonnet-5",
            max_tokens=64,
            messages=[{"role": "user", "content": "Where is my order?"}],
        )


def test_the_example_runs_and_each_call_is_a_span(models, capsys):
    text = PAGE.read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)

    variables = {}
    with recording(instrument=["anthropic"]) as recorded:
        for example in examples:
            exec(compile(example, PAGE.name, "exec"), variables)
        variables["client"].close()
        names = [span.name for span in recorded.spans]

    assert names.count("chat claude-sonnet-5") == 2
    assert "support" in names
    assert capsys.readouterr().out.strip()


def test_beside_a_provider_of_the_program_both_have_their_span(models, program):
    with recording(instrument=["anthropic"]) as recorded, agentops.session("s"):
        _ask()
        assert agentops.flush(30_000)
        ours = [span.name for span in recorded.spans]

    theirs = [span.name for span in program.get_finished_spans()]
    assert ours == ["chat claude-sonnet-5"]
    assert theirs == ["anthropic.messages.create"]


def test_attached_to_the_programs_provider_a_call_is_one_span(models, program):
    with recording(instrument=["anthropic"], telemetry={"provider": "attach"}) as recorded:
        _ask()
        assert agentops.flush(30_000)
        ours = [span.name for span in recorded.spans]

    theirs = [span.name for span in program.get_finished_spans()]
    assert ours == ["chat claude-sonnet-5"]
    assert theirs == ["chat claude-sonnet-5"]

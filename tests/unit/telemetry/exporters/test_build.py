import re
from pathlib import Path

import pytest
from support.records import span

from agentops.errors import ConfigurationError
from agentops.telemetry.config import ExporterConfig, TelemetryConfig
from agentops.telemetry.destination import connect
from agentops.telemetry.exporters import build
from agentops.telemetry.exporters.base import Batch, Outcome
from agentops.telemetry.manager import TelemetryManager

PAGE = Path(__file__).parents[4] / "docs/how-to/write-an-exporter.md"


def test_the_example_of_the_page_works(capsys, tmp_path, monkeypatch):
    [example, *_] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "my_exporter.py").write_text(example)
    monkeypatch.syspath_prepend(str(tmp_path))
    exporter = build(ExporterConfig(type="my_exporter:PrintNames"))

    assert Outcome.DELIVERED is exporter.export(Batch([span(1)]), 1).outcome
    assert "s1\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    "kind", ["nothing", "no.such:thing", "agentops.errors:nothing", "os:sep", "builtins:dict"]
)
def test_unknown_types_are_refused_with_their_path(kind):
    with pytest.raises(ConfigurationError) as caught:
        connect([ExporterConfig(type="memory"), ExporterConfig(type=kind)])
    assert caught.value.path.startswith("exporters[1]")


@pytest.mark.parametrize("endpoint", ["http://h:99999", "http://[::1", "h:grpc", "http://h:0"])
def test_endpoints_without_a_host_and_port_are_refused(endpoint):
    with pytest.raises(ConfigurationError) as caught:
        TelemetryConfig(exporters=[{"type": "otlp", "endpoint": endpoint}])
    assert caught.value.path == "exporters[0].endpoint"


@pytest.mark.parametrize("kind", ["otlp", "agentops"])
@pytest.mark.parametrize("port", [4318, 99999])
def test_a_password_in_the_endpoint_is_refused_and_not_shown(kind, port):
    with pytest.raises(ConfigurationError) as caught:
        ExporterConfig(type=kind, endpoint=f"https://me:hunter2@collector:{port}")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "is_told"),
    [
        ({"endpoint": "http://collector:4318"}, True),
        ({"endpoint": "http://collector:4317", "protocol": "grpc"}, True),
        ({"endpoint": "http://collector:4318", "signals": ["metrics"]}, True),
        ({"endpoint": "http://collector:4320", "type": "agentops"}, True),
        ({"endpoint": "http://collector:4318", "insecure": True}, False),
        ({"endpoint": "http://127.0.0.1:4318"}, False),
        ({"endpoint": "https://collector:4318"}, False),
    ],
)
def test_headers_that_leave_the_machine_in_plain_text_are_warned_about(settings, is_told, caplog):
    exporter = {"type": "otlp", "headers": {"authorization": "Bearer secret"}, **settings}
    manager = TelemetryManager(TelemetryConfig(exporters=[exporter]))
    manager.shutdown(0)

    assert ("plain text" in caplog.text) is is_told
    assert "secret" not in caplog.text


def test_two_exporters_to_one_place_are_told_apart():
    config = ExporterConfig(type="memory")

    assert ["memory", "memory #2"] == [made.name for made in connect([config, config])]


def test_options_reach_the_factory():
    kind = "agentops.telemetry.exporters.memory:MemoryExporter"
    exporter = build(ExporterConfig(type=kind, options={"records_max": 1}))
    exporter.export(Batch([span(1), span(2)]), 1)

    assert ["s2"] == [found.name for found in exporter.spans]

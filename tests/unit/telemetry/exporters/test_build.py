import re
from pathlib import Path

import pytest
from support.records import span

from agentops.errors import ConfigurationError
from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.destination import connect
from agentops.telemetry.exporters import build
from agentops.telemetry.exporters.base import Batch, Outcome

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


def test_two_exporters_to_one_place_are_told_apart():
    config = ExporterConfig(type="memory")

    assert ["memory", "memory #2"] == [made.name for made in connect([config, config])]


def test_options_reach_the_factory():
    kind = "agentops.telemetry.exporters.memory:MemoryExporter"
    exporter = build(ExporterConfig(type=kind, options={"records_max": 1}))
    exporter.export(Batch([span(1), span(2)]), 1)

    assert ["s2"] == [found.name for found in exporter.spans]

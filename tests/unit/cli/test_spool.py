import pytest
from support.collector import Collector, free_port
from support.records import span

from agentops.cli import main
from agentops.telemetry.config import BatchConfig, ExporterConfig, SpoolConfig
from agentops.telemetry.destination import connect
from agentops.telemetry.pipeline import Pipeline


@pytest.fixture
def away(tmp_path, monkeypatch):
    """Leave three spans on disk for a receiver that is away; return it, not started."""
    collector = Collector(free_port())
    spool = tmp_path / "spool"
    config = tmp_path / "agentops.yaml"
    config.write_text(
        "telemetry:\n"
        f"  exporters: [{{type: otlp, endpoint: '{collector.url}'}}]\n"
        f"  spool: {{directory: '{spool}'}}\n"
    )
    monkeypatch.setenv("AGENTOPS_CONFIG", str(config))
    exporters = [ExporterConfig(type="otlp", endpoint=collector.url)]
    batch = BatchConfig(delay_ms=20)
    destinations = connect(exporters, batch=batch, spool=SpoolConfig(directory=str(spool)))
    pipeline = Pipeline(destinations, lambda item: [item], batch=batch)
    for number in range(3):
        pipeline.submit(span(number))
    pipeline.shutdown(1000)
    return collector


def test_spool_shows_what_waits_and_flush_delivers_it(away, capsys):
    assert 0 == main(["spool"])
    assert "3 records" in capsys.readouterr().out
    assert 1 == main(["flush", "--timeout-ms", "500"])
    assert "3 left" in capsys.readouterr().out

    with away:
        assert 0 == main(["flush"])
        assert ["s0", "s1", "s2"] == away.span_names
    assert 0 == main(["spool"])
    assert "nothing waits" in capsys.readouterr().out


def test_clear_drops_it(away, capsys):
    assert 0 == main(["spool", "--clear"])

    assert "dropped 3 records" in capsys.readouterr().out
    with away:
        assert 0 == main(["flush"])
        assert [] == away.span_names

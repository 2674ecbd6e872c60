import json

import pytest
from support.collector import Collector, Reply, free_port
from support.records import span
from support.waiting import eventually

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
    pipeline.shutdown(30_000)  # no longer than one attempt takes: nobody listens
    return collector


def test_spool_shows_what_waits_and_flush_delivers_it(away, capsys):
    assert 0 == main(["spool"])
    assert "3 records" in capsys.readouterr().out
    assert 1 == main(["flush", "--timeout-ms", "500"])
    assert "3 left" in capsys.readouterr().out

    def is_free():
        assert 0 == main(["spool", "--json"])
        return not json.loads(capsys.readouterr().out)["destinations"][0]["in_use"]

    eventually(is_free)  # the sender of the flush that was in vain ends by itself
    with away:
        assert 0 == main(["flush"])
        assert ["s0", "s1", "s2"] == away.span_names
    assert 0 == main(["spool"])
    assert "nothing waits" in capsys.readouterr().out


def test_figures_are_printed_as_json(away, capsys):
    assert 0 == main(["spool", "--json"])
    told = json.loads(capsys.readouterr().out)["destinations"]
    assert [(3, False)] == [(each["records"], each["in_use"]) for each in told]
    assert told[0]["bytes"] > 0
    assert told[0]["oldest"].endswith("+00:00")

    with away:
        assert 0 == main(["flush", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["is_done"]
    assert [{"sent": 3, "left": 0, "dropped": {}}] == list(told["destinations"].values())


def test_flush_finds_what_was_left_under_another_spelling_of_the_same_place(
    away, capsys, tmp_path, monkeypatch
):
    (tmp_path / "agentops.yaml").write_text(
        "telemetry: {spool: {directory: '%s'}}" % (tmp_path / "spool")
    )
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{away.url}/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")

    with away:
        assert 0 == main(["flush"])
    assert "3 sent, 0 left" in capsys.readouterr().out


def test_flush_names_what_waits_for_a_receiver_that_is_not_configured(
    away, capsys, tmp_path, monkeypatch
):
    (tmp_path / "agentops.yaml").write_text(
        f"telemetry: {{exporters: [], spool: {{directory: '{tmp_path / 'spool'}'}}}}"
    )

    assert 0 == main(["flush"])
    assert "3 left; this destination is not configured here" in capsys.readouterr().out


def test_flush_tells_somebody_who_watches_how_far_it_is(away, capsys, monkeypatch):
    monkeypatch.setattr("agentops.cli.flush._PROGRESS_S", 0.01)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with away:
        away.answer(Reply(delay_s=0.3))
        assert 0 == main(["flush"])

    assert "0 sent, 3 left" in capsys.readouterr().err


def test_clear_drops_it(away, capsys):
    assert 0 == main(["spool", "--clear", "--yes"])

    assert "dropped 3 records" in capsys.readouterr().out
    with away:
        assert 0 == main(["flush"])
        assert [] == away.span_names


@pytest.mark.parametrize(("answer", "kept"), [("", 3), ("n", 3), ("yes", 0)])
def test_clear_asks_first(away, capsys, monkeypatch, answer, kept):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)

    assert bool(kept) == main(["spool", "--clear"])
    capsys.readouterr()
    main(["spool", "--json"])
    told = json.loads(capsys.readouterr().out)["destinations"]
    assert kept == sum(each["records"] for each in told)


def test_clear_without_anybody_to_ask_drops_nothing(away, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)

    assert 1 == main(["spool", "--clear"])
    assert "--yes" in capsys.readouterr().err
    main(["spool"])
    assert "3 records" in capsys.readouterr().out

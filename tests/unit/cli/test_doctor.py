"""`agentops doctor` sends a real span over a real socket and says what is wrong."""

import json

import pytest
from support.collector import Collector, Reply, free_port

from agentops.cli import main


@pytest.fixture
def configured(tmp_path):
    def write(text):
        path = tmp_path / "agentops.yaml"
        path.write_text(text)
        return str(path)

    return write


def exporter(endpoint, protocol="http/protobuf"):
    return f"telemetry:\n  exporters:\n    - {{type: otlp, endpoint: '{endpoint}', protocol: {protocol}}}\n"


def examine(path, capsys):
    status = main(["doctor", "--config", path, "--json"])
    return status, json.loads(capsys.readouterr().out)[-1]


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_healthy_receiver_gets_one_span(configured, capsys, protocol):
    with Collector() as collector:
        status, finding = examine(configured(exporter(collector.url, protocol)), capsys)

        assert (0, "ok") == (status, finding["verdict"])
        assert ["agentops doctor"] == collector.span_names


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(status=401), "key or token"),
        (Reply(status=404), "nothing takes telemetry at this path"),
        (Reply(status=302, headers={"location": "http://127.0.0.1:1/"}), ""),
        (Reply(status=503), "keeps trying"),
    ],
)
def test_refusal_is_an_error_with_advice(configured, capsys, reply, said):
    with Collector() as collector:
        collector.answer_always(reply)
        status, finding = examine(configured(exporter(collector.url)), capsys)

    assert (1, "error") == (status, finding["verdict"])
    assert str(reply.status) in finding["detail"]
    assert said in finding["advice"]


def test_nobody_there_is_told_with_what_to_start(configured, capsys):
    status, finding = examine(configured(exporter(f"http://127.0.0.1:{free_port()}")), capsys)

    assert 1 == status
    assert "refused" in finding["detail"]
    assert "agentops serve" in finding["advice"]


def test_unusable_configuration_is_named_by_its_path(configured, capsys):
    status, finding = examine(configured("telemetry: {sampling: {rate: 2}}"), capsys)

    assert (1, "configuration") == (status, finding["subject"])
    assert "telemetry.sampling.rate: got 2" in finding["detail"]


def test_providers_of_others_are_looked_at(configured, capsys):
    with Collector() as collector:
        path = "agentops.instrumentation.providers.openai:OpenAIInstrumentation"
        names = f"instrument: ['{path}', 'no_such_package:Vendor']\n"
        status = main(["doctor", "--config", configured(names + exporter(collector.url))])
    out = capsys.readouterr().out

    assert 1 == status
    assert f"ok       provider {path}: {path} is for openai\n" in out
    assert "ERROR    provider no_such_package:Vendor: instrument: got 'no_such" in out
    assert "ok       provider openai: " in out


def test_a_provider_that_nobody_knows_is_an_error(configured, capsys):
    with Collector() as collector:
        file = configured("instrument: [opnai]\n" + exporter(collector.url))
        status = main(["doctor", "--config", file])

    assert 1 == status
    assert "ERROR    instrument: instrument: got 'opnai'" in capsys.readouterr().out


def test_config_shows_values_with_their_origin_and_hides_secrets(configured, capsys, monkeypatch):
    monkeypatch.setenv("AGENTOPS_API_KEY", "0f7c2d3e-secret")
    path = configured("service_name: desk\n")

    assert 0 == main(["config", path, "--json", "--changed"])
    out = capsys.readouterr().out
    told = {row["path"]: row for row in json.loads(out)}
    assert {"path": "service_name", "value": "desk", "origin": path} == told["service_name"]
    assert "AGENTOPS_API_KEY" in told["api_key"]["origin"]
    assert "secret" not in out

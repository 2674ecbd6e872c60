"""``agentops config`` shows what is in force, and explains what sampling would do."""

import json

import pytest

from agentops.cli import main

FILE = """
api_key: hunter2
telemetry:
  sampling:
    rate: 0.2
    rules: [{match: {name: "health*"}, rate: 0}, {match: {model: "gpt-*"}, rate: 0.5}]
    keep: {errors: true}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "agentops.yaml"
    path.write_text(FILE, encoding="utf-8")
    return str(path)


def test_settings_are_shown_with_their_origin_and_without_secrets(file, capsys):
    assert main(["config", file, "--json"]) == 0

    text = capsys.readouterr().out
    rows = {row["path"]: row for row in json.loads(text)}
    assert "hunter2" not in text
    assert rows["telemetry.sampling.rate"] == {
        "path": "telemetry.sampling.rate",
        "value": 0.2,
        "origin": file,
    }


@pytest.mark.parametrize(
    ("arguments", "rate", "reason"),
    [
        (["--name", "healthz"], 0, "sampling.rules[0] gives rate 0"),
        (["--name", "x"], None, "sampling.rules[1] waits for the first model call"),
        (["--model", "gpt-5"], 0.5, "sampling.rules[1] gives rate 0.5"),
        (["--model", "o1"], 0.2, "sampling.rate is 0.2"),
    ],
)
def test_sampling_is_explained(file, capsys, arguments, rate, reason):
    assert main(["config", file, "--explain", "--json", *arguments]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["rate"], told["reason"]) == (rate, reason)
    assert told["kept_anyway_if"] == ["a span or event fails"]


def test_explanation_reads_as_a_sentence(file, capsys):
    main(["config", file, "--explain", "--name", "healthz"])

    assert capsys.readouterr().out.splitlines() == [
        "recorded with probability 0: sampling.rules[0] gives rate 0",
        "kept anyway if a span or event fails",
    ]

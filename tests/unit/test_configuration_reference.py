"""The page on configuration says what the dataclasses say, and its examples work."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from agentops.config import load

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8")


def script():
    path = ROOT / "scripts/configuration_reference.py"
    spec = importlib.util.spec_from_file_location("configuration_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_those_of_the_dataclasses():
    assert script().render(PAGE) == PAGE  # run scripts/configuration_reference.py after a change


def test_every_variable_of_the_table_is_read(tmp_path, monkeypatch):
    rows = re.findall(r"^\| `([\w.]+)` \| .*? \| `(AGENTOPS_\w+)` \|", PAGE, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    values = {
        "instrument": "openai",
        "content": "none",
        "content_on": "both",
        "provider": "global",
        "logging.level": "ERROR",
    }
    tried = 0
    for path, variable in rows:
        value = values.get(path.removeprefix("telemetry."), "1")
        monkeypatch.setenv(variable, value if "propagation" not in path else "b3")
        assert variable in load().origins.values(), variable
        monkeypatch.delenv(variable)
        tried += 1

    assert tried > 30


def test_example_file_works(tmp_path, monkeypatch):
    monkeypatch.setenv("AGENTOPS_API_KEY", "k")
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1]
    file = tmp_path / "agentops.yaml"
    file.write_text(example, encoding="utf-8")

    config = load(config=file)

    assert yaml.safe_load(example)["service_name"] == config.service_name
    assert [each.type for each in config.telemetry.exporters] == ["agentops", "otlp"]
    assert config.telemetry.exporters[0].api_key == "k"


@pytest.mark.parametrize("snippet", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_example_in_code_works(snippet, capsys):
    import agentops

    lines = snippet.split("\n\n")
    try:
        for part in lines:
            exec(part, {"agentops": agentops, **_NAMES})
            agentops.shutdown()
    finally:
        agentops.shutdown()


def _names():
    from agentops.telemetry.config import ContextConfig, TelemetryConfig

    return {"ContextConfig": ContextConfig, "TelemetryConfig": TelemetryConfig}


_NAMES = _names()

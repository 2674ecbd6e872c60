import dataclasses
import os
import re
from pathlib import Path

import msgspec
import pytest

from agentops.errors import ConfigurationError
from agentops.server.config import (
    ServerConfig,
    ServerFile,
    data_directory,
    read_server_file,
    read_token,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"host": "0.0.0.0"}, "host"),
        ({"port": 70_000}, "port"),
        ({"otlp_grpc_port": -1}, "otlp_grpc_port"),
        ({"storage": "postgres://x"}, "storage"),
        ({"retention_days": 0}, "retention_days"),
    ],
)
def test_setting_that_cannot_work_is_refused_by_name(values, path):
    with pytest.raises(ConfigurationError) as caught:
        ServerConfig(**values)

    assert path == caught.value.path


def test_address_that_others_reach_must_be_meant():
    assert "0.0.0.0" == ServerConfig(host="0.0.0.0", is_insecure_allowed=True).host


def test_data_stays_where_the_user_keeps_data(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert tmp_path / "agentops" == data_directory()
    assert Path("/x") == data_directory(Path("/x"))


def test_server_file_of_a_dead_server_is_not_believed(tmp_path):
    path = tmp_path / "server.json"
    assert read_server_file(tmp_path) is None
    path.write_bytes(msgspec.json.encode(ServerFile(pid=os.getpid(), url="http://x")))
    assert "http://x" == read_server_file(tmp_path).url
    path.write_bytes(msgspec.json.encode(ServerFile(pid=2**22 + 1, url="http://x")))
    assert read_server_file(tmp_path) is None
    path.write_text("{")
    assert read_server_file(tmp_path) is None
    assert read_token(tmp_path) is None


def test_every_setting_stands_in_the_how_to():
    text = (ROOT / "docs/how-to/run-the-backend.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)

    assert [field.name for field in dataclasses.fields(ServerConfig)] == listed

"""``agentops serve`` says where everything is, and no secret but the token that lets its user in."""

from agentops.cli.serve import _announce
from agentops.server.config import ServerConfig, ServerFile


def test_the_password_of_the_storage_is_not_printed(capsys, tmp_path):
    url = "clickhouse://me:hunter2@clickhouse:8123/agentops?cluster=main"
    config = ServerConfig(data_dir=tmp_path, storage=url)

    _announce(ServerFile(pid=1, url="http://127.0.0.1:4320"), config, "http://127.0.0.1:4320/")

    told = capsys.readouterr().err
    assert "clickhouse://clickhouse:8123/agentops?cluster=main" in told
    assert "hunter2" not in told

import asyncio

import pytest
import uvicorn
from support.backend import BackendProcess, otlp_span, random_ids
from support.storages import new_storage

from agentops.server import app
from agentops.server.api.security import ScopedRoute
from agentops.server.app import Backend
from agentops.server.config import ServerConfig


def test_every_route_declares_who_may_use_it(tmp_path, monkeypatch):
    made = {}

    async def start():
        backend = Backend(ServerConfig(data_dir=tmp_path / "data"))
        await backend.start()
        made["routes"] = backend._parts.gate._app.routes
        await backend.stop()

    with new_storage("chdb") as storage:
        monkeypatch.setattr(app, "_storage", lambda config: storage)
        asyncio.run(start())
    routes = made["routes"]

    assert all(isinstance(route, ScopedRoute) for route in routes)
    assert {"public", "page", "read", "ingest"} == {route.declared_scope for route in routes}
    assert ["/{path:path}"] == [r.path for r in routes if r.declared_scope == "page"]


def test_what_is_kept_can_be_read_by_its_user_alone(tmp_path):
    directory = tmp_path / "data"
    directory.mkdir(mode=0o755)
    with BackendProcess(directory) as backend:
        backend.send(otlp_span(*random_ids()))
        modes = {path.name: path.stat().st_mode & 0o077 for path in directory.iterdir()}

    assert dict.fromkeys(("db", "wal", "token", "lock"), 0) == {
        name: mode for name, mode in modes.items() if name != "server.json"
    }


def test_server_says_where_it_is_and_that_it_is_gone(tmp_path):
    backend = BackendProcess(tmp_path / "data", otlp_http_port=0, otlp_grpc_port=0)
    receivers = backend.get("/api/v1/status")[2]["receivers"]

    assert ["http", "otlp/http", "otlp/grpc"] == [r["protocol"] for r in receivers]
    assert all(r["is_listening"] for r in receivers)
    assert backend.told.otlp_grpc == receivers[2]["endpoint"]
    assert 0 == backend.stop()
    assert not (tmp_path / "data" / "server.json").exists()


def test_server_that_cannot_start_says_why_and_ends(tmp_path, monkeypatch):
    async def startup(self, sockets=None):
        raise OSError("no more files")

    config = ServerConfig(
        data_dir=tmp_path / "data", port=0, otlp_http_port=None, otlp_grpc_port=None
    )
    with new_storage("chdb") as storage:
        monkeypatch.setattr(app, "_storage", lambda config: storage)
        monkeypatch.setattr(uvicorn.Server, "startup", startup)
        with pytest.raises(OSError, match="no more files"):
            app.serve(config)
    assert not (tmp_path / "data" / "server.json").exists()

"""What can be set about the backend? One frozen configuration, checked when it is made."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from agentops.errors import ConfigurationError

__all__ = [
    "LOOPBACK_HOSTS",
    "ServerConfig",
    "ServerFile",
    "data_directory",
    "read_server_file",
    "read_token",
]

LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")
"""Names under which a browser on this machine may call."""

_MIB: Final = 1 << 20


class ServerFile(msgspec.Struct, kw_only=True):
    """What ``server.json`` in the data directory says while a server runs.

    Attributes:
        pid: Its process.
        url: Where pages and REST are.
        otlp_http, otlp_grpc: Endpoints of the standard OTLP ports, or ``None`` when they are not open.
    """

    pid: int
    url: str
    otlp_http: str | None = None
    otlp_grpc: str | None = None


def data_directory(told: Path | None = None) -> Path:
    """Return where data stays: what was told, or ``$XDG_DATA_HOME/agentops``."""
    if told is not None:
        return told
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "agentops"


def read_server_file(directory: Path) -> ServerFile | None:
    """Return what the server of a data directory says of itself, ``None`` when none runs."""
    try:
        told = msgspec.json.decode((directory / "server.json").read_bytes(), type=ServerFile)
        os.kill(told.pid, 0)
    except (OSError, msgspec.DecodeError):
        return None
    return told


def read_token(directory: Path) -> str | None:
    """Return the browser token of a data directory, ``None`` when there is none to read."""
    try:
        return (directory / "token").read_text(encoding="ascii").strip()
    except OSError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Everything the backend can be told.

    Attributes:
        host: Address to listen on. Other than loopback needs ``is_insecure_allowed``, because ingest
            asks for no key.
        port: Pages, REST, SSE and every HTTP protocol of ingest; 0 takes any free port.
        otlp_http_port, otlp_grpc_port: The standard OTLP ports, opened as well when free; ``None``: not.
        data_dir: Database, write-ahead log, token, lock.
        storage: ``""`` for the embedded engine, or ``clickhouse://user:password@host:8123/database``
            (``clickhouses://`` for TLS), with ``?cluster=name`` for replicated tables.
        project_id: Project of everything that comes without a key.
        allowed_hosts: Further host names under which the server may be called.
        retention_days: Sessions are removed after so many days; ``None`` keeps them.
        stops_after_s: Seconds that requests under way get when the server is told to stop.
        engine_memory_bytes_max: What the embedded engine may use.
        wal_bytes_max: Accepted bytes that may wait on disk before senders are told to come back later.
        body_bytes_max: Size of one request, decoded.
        header_bytes_max: Size of all headers of one request.
        header_seconds_max: Time for the headers of one request to arrive.
        body_seconds_max: Time for the body of one request to ingest to arrive.
        write_seconds_max: Time in which a client takes some of an answer that waits for it.
        connections_max: Connections and requests at once; beyond, 503.
        query_seconds_max, query_memory_bytes_max, query_rows_max: Limits of one question to the storage.
        live_clients_max: Pages that may follow at once.
    """

    host: str = "127.0.0.1"
    port: int = 4320
    otlp_http_port: int | None = 4318
    otlp_grpc_port: int | None = 4317
    data_dir: Path = field(default_factory=data_directory)
    storage: str = ""
    project_id: str = "default"
    allowed_hosts: tuple[str, ...] = ()
    is_insecure_allowed: bool = False
    retention_days: int | None = None
    stops_after_s: float = 10.0
    engine_memory_bytes_max: int = 1024 * _MIB
    wal_bytes_max: int = 1024 * _MIB
    body_bytes_max: int = 64 * _MIB
    header_bytes_max: int = 16_384
    header_seconds_max: float = 10.0
    body_seconds_max: float = 30.0
    write_seconds_max: float = 30.0
    connections_max: int = 1_024
    query_seconds_max: int = 10
    query_memory_bytes_max: int = 512 * _MIB
    query_rows_max: int = 1_000_000
    live_clients_max: int = 64

    def __post_init__(self) -> None:
        is_loopback = self.host in ("localhost", "127.0.0.1", "::1")
        if not is_loopback and not self.is_insecure_allowed:
            raise ConfigurationError(
                "host", self.host, "a loopback address, or --insecure to serve the network openly"
            )
        if self.storage and not self.storage.startswith(("clickhouse://", "clickhouses://")):
            raise ConfigurationError(
                "storage", self.storage, "clickhouse://user:password@host:8123/database"
            )
        for name in ("port", "otlp_http_port", "otlp_grpc_port"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 65_535:
                raise ConfigurationError(name, value, "a port number")
        if self.retention_days is not None and self.retention_days < 1:
            raise ConfigurationError(
                "retention_days", self.retention_days, "at least 1, or nothing"
            )

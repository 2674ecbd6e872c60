"""How do rows stay on a ClickHouse server or cluster? Its HTTP interface, through clickhouse-connect."""

from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from clickhouse_connect import get_client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from urllib3.exceptions import HTTPError

from agentops.errors import ConfigurationError, RowsRefusedError, StorageBusyError, StorageError
from agentops.server.storage.base import Capabilities, Limits
from agentops.server.storage.engine import (
    BUSY_CODES,
    INSERT_SETTINGS,
    READ_SETTINGS,
    Dialect,
    Engine,
    Parameters,
)

__all__ = ["ClickHouseEngine"]

_PORTS: Final = {"clickhouse": 8123, "clickhouses": 8443}
_UNREACHABLE: Final = (OperationalError, HTTPError, OSError)
# Codes that say the rows themselves are wrong: unparsable input, type mismatch, value out of range.
_ROW_CODES: Final = (6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 190, 349, 407, 441)


class ClickHouseEngine(Engine):
    """A ClickHouse server, or one node of a cluster through which the others are reached.

    Args:
        url: ``clickhouse://user:password@host:8123/database?cluster=name``; ``clickhouses://`` for TLS.
            The database is made when missing; ``agentops`` if the URL names none.
        retention_days: See :class:`Dialect`.

    Raises:
        ConfigurationError: The URL is not usable.
        StorageBusyError: The server cannot be reached now.
    """

    def __init__(self, url: str, *, retention_days: int | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ConfigurationError(
                "storage", parts.scheme, "clickhouse://user:password@host:8123/database"
            )
        cluster = parse_qs(parts.query).get("cluster", [None])[0]
        self.capabilities = Capabilities(name="clickhouse", is_durable=True, is_shared=True)
        self.dialect = Dialect(
            database=parts.path.strip("/") or "agentops",
            cluster=cluster,
            retention_days=retention_days,
        )
        try:
            # Without a session id of its own, the client may be used by many threads at once.
            self._client = get_client(
                host=parts.hostname,
                port=parts.port or _PORTS[parts.scheme],
                username=unquote(parts.username or "default"),
                password=unquote(parts.password or ""),
                secure=parts.scheme == "clickhouses",
                database="default",
                autogenerate_session_id=False,
                compress=False,
            )
        except _UNREACHABLE as error:
            raise StorageBusyError(f"ClickHouse at {parts.hostname} cannot be reached") from error
        except ClickHouseError as error:
            raise _translated(error) from error

    def query(self, sql: str, parameters: Parameters, limits: Limits) -> bytes:
        """See :meth:`Engine.query`."""
        settings: dict[str, int | str] = {
            **READ_SETTINGS,
            "max_execution_time": limits.seconds_max,
            "max_memory_usage": limits.memory_bytes_max,
            "max_result_rows": limits.result_rows_max,
            "readonly": 2,
        }
        if self.dialect.cluster is not None:
            # Subqueries, too, see the rows of every shard.
            settings["distributed_product_mode"] = "global"
        try:
            answer: bytes = self._client.raw_query(
                sql, dict(parameters), settings=settings, fmt="JSONEachRow"
            )
        except ClickHouseError as error:
            raise _translated(error) from error
        except _UNREACHABLE as error:
            raise StorageBusyError("ClickHouse cannot be reached") from error
        return answer

    def command(self, sql: str, parameters: Parameters) -> None:
        """See :meth:`Engine.command`."""
        try:
            self._client.command(sql, parameters=dict(parameters))
        except ClickHouseError as error:
            raise _translated(error) from error
        except _UNREACHABLE as error:
            raise StorageBusyError("ClickHouse cannot be reached") from error

    def insert(self, table: str, lines: bytes, token: str) -> None:
        """See :meth:`Engine.insert`."""
        settings = {**INSERT_SETTINGS, "insert_deduplication_token": token}
        if self.dialect.cluster is not None:
            # A row is visible once it is acknowledged.
            settings["distributed_foreground_insert"] = 1
        try:
            self._client.raw_insert(
                f"{self.dialect.database}.{table}",
                insert_block=lines,
                settings=settings,
                fmt="JSONEachRow",
            )
        except ClickHouseError as error:
            raise _translated(error, is_insert=True) from error
        except _UNREACHABLE as error:
            raise StorageBusyError("ClickHouse cannot be reached") from error

    def close(self) -> None:
        """See :meth:`Engine.close`."""
        self._client.close()


def _translated(error: ClickHouseError, *, is_insert: bool = False) -> StorageError:
    text = str(error)
    if isinstance(error, OperationalError) or any(_has(text, code) for code in BUSY_CODES):
        return StorageBusyError(text)
    if is_insert and any(_has(text, code) for code in _ROW_CODES):
        return RowsRefusedError(text)
    return StorageError(text)


def _has(text: str, code: int) -> bool:
    return f"Code: {code}." in text or f"error code {code}," in text

"""How do writer, reader and engine make one storage? The same for every engine."""

from collections.abc import Mapping, Sequence

import msgspec

from agentops.errors import StorageError
from agentops.server.storage.base import Limits, Storage, StoredChange
from agentops.server.storage.engine import Engine
from agentops.server.storage.reader import SqlReader
from agentops.server.storage.sql import (
    SCHEMA_VERSION,
    retention_statements,
    schema_statements,
)
from agentops.server.storage.writer import SqlWriter

__all__ = ["SqlStorage"]


class SqlStorage(SqlReader, Storage):
    """Storage over an engine that speaks the ClickHouse dialect.

    Args:
        engine: Owned from here on; closed by :meth:`close`.
        limits: What one read may use.
    """

    def __init__(self, engine: Engine, limits: Limits | None = None) -> None:
        super().__init__(engine, limits or Limits())
        self.capabilities = engine.capabilities
        self._writer = SqlWriter(engine)

    def open(self) -> None:
        """See :meth:`Storage.open`."""
        tables = self._tables()
        self._check_version(tables)
        dialect = self._engine.dialect
        changes = retention_statements(dialect, tables) if tables else []
        for statement in [*schema_statements(dialect), *changes]:
            self._engine.command(statement, {})
        self._engine.command(
            f"INSERT INTO {self._database}.meta (key, value) SELECT 'schema', {{version:String}} "
            f"WHERE NOT EXISTS (SELECT 1 FROM {self._database}.meta WHERE key = 'schema')",
            {"version": SCHEMA_VERSION},
        )

    def close(self) -> None:
        """See :meth:`Storage.close`."""
        self._engine.close()

    def write(
        self, spans: Sequence[bytes], events: Sequence[bytes], *, is_replay: bool = False
    ) -> list[StoredChange]:
        """See :meth:`Writer.write`."""
        return self._writer.write(spans, events, is_replay=is_replay)

    def _tables(self) -> dict[str, str]:
        """The tables that stand already, each with the statement that made it."""
        sql = (
            "SELECT name, create_table_query AS made FROM system.tables "
            "WHERE database = {database:String} AND engine LIKE '%MergeTree'"
        )
        answer = self._engine.query(sql, {"database": self._database}, Limits())
        rows = msgspec.json.Decoder(dict[str, str]).decode_lines(answer)
        return {row["name"]: row["made"] for row in rows}

    def _check_version(self, tables: Mapping[str, str]) -> None:
        """Refuse tables that another version made, before anything is changed."""
        if not tables:
            return
        told = "none"
        if "meta" in tables or "meta_local" in tables:
            sql = f"SELECT value FROM {self._database}.meta WHERE key = 'schema'"
            found = self._engine.query(sql, {}, Limits())
            told = msgspec.json.decode(found)["value"] if found.strip() else SCHEMA_VERSION
        if told != SCHEMA_VERSION:
            raise StorageError(
                f"the stored data has schema {told}, this version of agentops needs "
                f"{SCHEMA_VERSION}; use the version that wrote it, or another --data-dir"
            )

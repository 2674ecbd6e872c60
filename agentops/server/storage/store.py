"""How do writer, reader and engine make one storage? The same for every engine."""

from collections.abc import Sequence

from agentops.server.storage.base import Limits, Storage, StoredChange
from agentops.server.storage.engine import Engine
from agentops.server.storage.reader import SqlReader
from agentops.server.storage.sql import schema_statements
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
        for statement in schema_statements(self._engine.dialect):
            self._engine.command(statement, {})

    def close(self) -> None:
        """See :meth:`Storage.close`."""
        self._engine.close()

    def write(
        self, spans: Sequence[bytes], events: Sequence[bytes], *, is_replay: bool = False
    ) -> list[StoredChange]:
        """See :meth:`Writer.write`."""
        return self._writer.write(spans, events, is_replay=is_replay)

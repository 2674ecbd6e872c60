"""How do rows stay in files of our own, without a server? The ClickHouse engine inside this process."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from agentops.errors import MissingExtraError, RowsRefusedError, StorageBusyError, StorageError
from agentops.server.storage.base import Capabilities, Limits
from agentops.server.storage.engine import (
    BUSY_CODES,
    INSERT_SETTINGS,
    READ_SETTINGS,
    Dialect,
    Engine,
    Parameters,
    parameter_text,
)

__all__ = ["ChdbEngine"]

_MIB: Final = 1 << 20
# Sized for a laptop: the engine's own defaults are sized for a server (5 GB caches).
_ENGINE_SETTINGS: Final = {
    "mark_cache_size": 64 * _MIB,
    "primary_index_cache_size": 64 * _MIB,
    "index_mark_cache_size": 16 * _MIB,
    "query_condition_cache_size": 16 * _MIB,
}
_INSERT_SUFFIX: Final = ", ".join(f"{name} = {value}" for name, value in INSERT_SETTINGS.items())
_READ_SUFFIX: Final = ", ".join(f"{name} = {value}" for name, value in READ_SETTINGS.items())


class _Answer(Protocol):
    def bytes(self) -> bytes: ...


class _InsertStream(Protocol):
    def append(self, data: bytes) -> None: ...
    def finish(self) -> object: ...
    def cancel(self) -> None: ...


class _Handle(Protocol):
    """What we use of ``chdb.state.sqlitelike.Connection``."""

    def query(self, query: str, format: str, params: dict[str, str]) -> _Answer: ...
    def send_insert(self, query: str, format: str) -> _InsertStream: ...
    def close(self) -> None: ...


class ChdbEngine(Engine):
    """The engine over one directory. One instance for each process and one process for each directory.

    Every thread gets a handle of its own, because a handle serialises its calls.

    Args:
        path: Directory of the engine's files; made when missing, for this user alone.
        memory_bytes_max: What the engine may use for all its work.
        dialect: Names to use.

    Raises:
        MissingExtraError: The package ``chdb`` is not installed.
        StorageError: The directory cannot be opened.
    """

    def __init__(
        self, path: Path, *, memory_bytes_max: int = 1 << 30, dialect: Dialect | None = None
    ) -> None:
        self.capabilities = Capabilities(name="chdb", is_durable=True, is_shared=False)
        self.dialect = dialect or Dialect()
        try:
            # The engine would make it readable for everybody, and the data directory may be.
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"the directory {path} cannot be used: {error.strerror}") from error
        settings = {"max_server_memory_usage": memory_bytes_max, **_ENGINE_SETTINGS}
        self._target = f"{path}?" + "&".join(f"{k}={v}" for k, v in settings.items())
        self._local = threading.local()
        self._handles: list[_Handle] = []
        self._lock = threading.Lock()
        self._connect = _connection_type()
        self._handle()

    def query(self, sql: str, parameters: Parameters, limits: Limits) -> bytes:
        """See :meth:`Engine.query`."""
        settings = (
            f"{_READ_SUFFIX}, max_execution_time = {limits.seconds_max}, "
            f"max_memory_usage = {limits.memory_bytes_max}, "
            f"max_result_rows = {limits.result_rows_max}"
        )
        return self._run(f"{sql} SETTINGS {settings}", parameters)

    def command(self, sql: str, parameters: Parameters) -> None:
        """See :meth:`Engine.command`."""
        self._run(sql, parameters)

    def insert(self, table: str, lines: bytes, token: str) -> None:
        """See :meth:`Engine.insert`."""
        sql = (
            f"INSERT INTO {self.dialect.database}.{table} SETTINGS {_INSERT_SUFFIX}, "
            f"insert_deduplication_token = '{token}'"
        )
        try:
            stream = self._handle().send_insert(sql, "JSONEachRow")
        except RuntimeError as error:
            raise _translated(error) from error
        try:
            stream.append(lines)
            stream.finish()
        except RuntimeError as error:
            stream.cancel()
            raise _translated(error, is_insert=True) from error

    def close(self) -> None:
        """See :meth:`Engine.close`."""
        with self._lock:
            handles, self._handles = self._handles, []
        for handle in handles:
            handle.close()
        self._local = threading.local()

    def _handle(self) -> _Handle:
        handle: _Handle | None = getattr(self._local, "handle", None)
        if handle is None:
            with self._lock:
                try:
                    handle = self._connect(self._target)
                except RuntimeError as error:
                    raise StorageError(f"the engine cannot open its directory: {error}") from error
                self._handles.append(handle)
            self._local.handle = handle
        return handle

    def _run(self, sql: str, parameters: Parameters) -> bytes:
        values = {name: parameter_text(value) for name, value in parameters.items()}
        try:
            return bytes(self._handle().query(sql, "JSONEachRow", params=values).bytes())
        except RuntimeError as error:
            raise _translated(error) from error


def _translated(error: Exception, *, is_insert: bool = False) -> StorageError:
    text = str(error)
    if any(f"Code: {code}." in text for code in BUSY_CODES):
        return StorageBusyError(text)
    if is_insert:
        return RowsRefusedError(text)
    return StorageError(text)


def _connection_type() -> Callable[[str], _Handle]:
    """Import the engine's handle.

    Lazily, because it loads a 500 MB library; and without pandas and pyarrow, which it would import
    for result formats that are never asked for here (half of its import time, chdb 4.4.0).
    """
    directory = os.getcwd()  # chdb changes it while it is being imported
    try:
        with _hidden("pandas", "pyarrow"):
            from chdb.state.sqlitelike import Connection
    except ImportError as error:
        raise MissingExtraError("The embedded storage", "server") from error
    finally:
        os.chdir(directory)
    connect: Callable[[str], _Handle] = Connection
    return connect


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Make modules that are not loaded yet look as if they were not installed."""
    absent = [name for name in names if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]  # None is how Python marks "do not import"
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]

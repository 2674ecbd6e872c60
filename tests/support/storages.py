"""Storages for tests: one embedded engine for the whole process, a database of its own for each test."""

import atexit
import itertools
import shutil
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from agentops.server.storage.base import Limits
from agentops.server.storage.chdb import ChdbEngine
from agentops.server.storage.clickhouse import ClickHouseEngine
from agentops.server.storage.engine import Dialect
from agentops.server.storage.store import SqlStorage
from support.clickhouse_front import clickhouse_front

_numbers = itertools.count()


@cache
def _directory():
    directory = Path(tempfile.mkdtemp(prefix="agentops-chdb-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory / "db"


@cache
def _shared_engine():
    """Never closed: the engine of a process can be opened for one directory only."""
    return ChdbEngine(_directory(), memory_bytes_max=2 << 30)


@cache
def _front():
    manager = clickhouse_front(_shared_engine()._handle)
    server = manager.__enter__()
    atexit.register(manager.__exit__, None, None, None)
    return server


def new_database():
    return f"t{next(_numbers)}"


@contextmanager
def new_storage(kind, limits=None):
    """Yield an open, empty storage of a kind: ``chdb`` or ``clickhouse``."""
    database = new_database()
    shared = _shared_engine()
    if kind == "chdb":
        engine = ChdbEngine(
            _directory(), memory_bytes_max=2 << 30, dialect=Dialect(database=database)
        )
    else:
        engine = ClickHouseEngine(f"{_front().url}/{database}")
    storage = SqlStorage(engine, limits or Limits())
    storage.open()
    try:
        yield storage
    finally:
        shared.command(f"DROP DATABASE IF EXISTS {database} SYNC", {})
        storage.close()

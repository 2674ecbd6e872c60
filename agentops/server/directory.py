"""Whose is a data directory right now? The lock, and the file that says where the server is."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from agentops.errors import StorageError
from agentops.server.config import ServerFile, read_server_file

__all__ = ["announced", "locked"]


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold a data directory for this process alone; make it when missing.

    Raises:
        StorageError: Another process holds it, or it cannot be used.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StorageError(
            f"the data directory {directory} cannot be used: {error.strerror}"
        ) from error
    try:
        if directory.stat().st_uid != os.getuid():
            raise StorageError(f"the data directory {directory} belongs to another user")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StorageError(_in_use(directory)) from None
        yield
    finally:
        os.close(file)


def _in_use(directory: Path) -> str:
    told = read_server_file(directory)
    who = f"the server at {told.url} (process {told.pid})" if told else "another process"
    return (
        f"the data directory {directory} is in use by {who}; "
        "stop it, or choose another directory with --data-dir"
    )


@contextlib.contextmanager
def announced(directory: Path, told: ServerFile) -> Iterator[None]:
    """Let others of this user find the server while it runs: ``server.json``."""
    path = directory / "server.json"
    fresh = path.with_suffix(".tmp")
    fresh.write_bytes(msgspec.json.encode(told))
    fresh.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)

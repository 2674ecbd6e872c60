"""How do acknowledged bytes survive a crash before they are stored? Write-ahead segments.

A segment is a file of records: magic, CRC-32, length, payload. Records are appended and made durable in
groups; a segment that has been stored is deleted. What a crash cut off at the end of a segment was never
acknowledged. Used by one process, which holds the lock of the data directory; each method by one thread.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Segment", "WriteAheadLog", "read_segment"]

_HEADER: Final = struct.Struct("<4sII")
_MAGIC: Final = b"AOW1"


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed file of records and its size in bytes."""

    path: Path
    size: int


class WriteAheadLog:
    """The segments of one directory.

    Args:
        directory: Made when missing.
        segment_bytes: Size from which on a segment takes no more: who stores one reads it whole.
    """

    def __init__(self, directory: Path, segment_bytes: int = 32 << 20) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._closed: list[Segment] = []
        left = sorted(directory.glob("*.wal"))
        self._number = int(left[-1].stem) if left else 0
        self._file: int | None = None
        self._size = 0
        self.leftover = [Segment(path, path.stat().st_size) for path in left]

    def append(self, payloads: Sequence[bytes]) -> int:
        """Make payloads durable; return the bytes added.

        Raises:
            OSError: Nothing of them is kept.
        """
        if self._size >= self._segment_bytes:
            self._close_segment()
        file = self._open() if self._file is None else self._file
        data = b"".join(
            part
            for payload in payloads
            for part in (_HEADER.pack(_MAGIC, zlib.crc32(payload), len(payload)), payload)
        )
        try:
            _write_all(file, data)
            _sync(file)
        except OSError:
            os.ftruncate(file, self._size)
            os.lseek(file, self._size, os.SEEK_SET)
            raise
        self._size += len(data)
        return len(data)

    def rotate(self) -> list[Segment]:
        """Close the segment being written; return those closed since the last call, the oldest first."""
        self._close_segment()
        closed, self._closed = self._closed, []
        return closed

    def _close_segment(self) -> None:
        if self._file is not None and self._size > 0:
            self.close()
            self._closed.append(Segment(self._path(self._number), self._size))

    def close(self) -> None:
        """Let go of the open file. May be called twice."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        self._number += 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        self._file = os.open(self._path(self._number), flags, 0o600)
        self._size = 0
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)  # the name of the new file must survive too
        finally:
            os.close(directory)
        return self._file

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:020d}.wal"


def read_segment(path: Path) -> tuple[list[bytes], bool]:
    """Return the payloads of a segment, and whether it is damaged.

    Damaged is a record that is all there and does not match its checksum, or no record at all where one
    should begin; a record cut off at the end is what a crash leaves and no damage. Payloads before the
    damage are good.
    """
    data = path.read_bytes()
    payloads: list[bytes] = []
    position = 0
    while position + _HEADER.size <= len(data):
        magic, checksum, length = _HEADER.unpack_from(data, position)
        begin, end = position + _HEADER.size, position + _HEADER.size + length
        if magic != _MAGIC:
            return payloads, True
        if end > len(data):
            return payloads, False
        payload = data[begin:end]
        if zlib.crc32(payload) != checksum:
            return payloads, True
        payloads.append(payload)
        position = end
    return payloads, False


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync(file: int) -> None:
    if hasattr(os, "fdatasync"):  # macOS has none
        os.fdatasync(file)
    else:
        os.fsync(file)

"""How do bytes come onto the disk and back? Telemetry floor; what the spool does to its files.

The worker competes with the program for the interpreter. Whatever lets go of it, a system call or a checksum over
more than 5 kB, makes the worker wait for its turn again, up to 5 ms each time: so there is little of it.
"""

import os
import zlib
from collections.abc import Sequence
from itertools import groupby
from typing import Final

__all__ = ["checksum", "few", "read_all", "write_at"]

_LARGE_BYTES: Final = 256 * 1024  # larger pieces are not copied to be written together
_PIECES_MAX: Final = 256  # of one call; POSIX: 16 at least, Linux and macOS: 1024
_SUM_BYTES: Final = 4096  # zlib lets go of the interpreter above 5 kB


def few(pieces: Sequence[bytes]) -> list[bytes]:
    """Return the same bytes in a few pieces, without a copy of the large ones."""
    joined: list[bytes] = []
    for is_large, some in groupby(pieces, _is_large):
        joined += list(some) if is_large else [b"".join(some)]  # noqa: B031 - one of the two reads it
    return joined


def _is_large(piece: bytes) -> bool:
    return len(piece) > _LARGE_BYTES


def checksum(pieces: Sequence[bytes]) -> int:
    """Return the CRC-32 of pieces that follow each other."""
    crc = 0
    for piece in pieces:
        view = memoryview(piece)
        for at in range(0, len(piece), _SUM_BYTES):
            crc = zlib.crc32(view[at : at + _SUM_BYTES], crc)
    return crc


def write_at(descriptor: int, pieces: Sequence[bytes], offset: int) -> None:
    """Write pieces one after the other, mostly in one call.

    Raises:
        OSError: the disk does not take them, or not all.
    """
    left = [memoryview(piece) for piece in pieces]
    while left:
        if len(left) == 1 or not hasattr(os, "pwritev"):
            written = os.pwrite(descriptor, left[0], offset)
        else:
            written = os.pwritev(descriptor, left[:_PIECES_MAX], offset)
        offset += written
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]


def read_all(descriptor: int, bytes_max: int) -> bytes:
    """Return what a file holds, as far as ``bytes_max``."""
    chunks = []
    offset = 0
    while offset < bytes_max and (chunk := os.pread(descriptor, 1 << 20, offset)):
        chunks.append(chunk)
        offset += len(chunk)
    return b"".join(chunks)

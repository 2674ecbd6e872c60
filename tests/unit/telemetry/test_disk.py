import os
import zlib

import pytest

from agentops.telemetry import disk

PIECES = [b"head", b"", b"x" * 300_000, b"y" * 10, b"z" * 5, b"w" * 400_000, b"end"]


def test_large_pieces_are_not_copied_and_small_ones_are_joined():
    few = disk.few(PIECES)

    assert b"".join(few) == b"".join(PIECES)
    assert [len(piece) for piece in few] == [4, 300_000, 15, 400_000, 3]
    assert few[1] is PIECES[2]


def test_checksum_is_that_of_the_whole():
    assert disk.checksum(PIECES) == zlib.crc32(b"".join(PIECES))


@pytest.mark.parametrize("most", [1_000_000, 70_001, 4096])
@pytest.mark.parametrize("has_pwritev", [True, False])
def test_pieces_arrive_whole_however_little_is_written_at_once(
    tmp_path, monkeypatch, most, has_pwritev
):
    pwrite = os.pwrite

    def some(descriptor, pieces, offset):
        return pwrite(descriptor, b"".join(pieces)[:most], offset)

    monkeypatch.setattr(disk.os, "pwritev", some)
    if not has_pwritev:
        monkeypatch.delattr(disk.os, "pwritev")
    path = tmp_path / "file"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    disk.write_at(descriptor, PIECES, 3)
    os.close(descriptor)

    assert path.read_bytes() == b"\0\0\0" + b"".join(PIECES)

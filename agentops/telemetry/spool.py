"""What waits on disk for a receiver that is away, and who may send it? Telemetry floor.

A spool is one folder for one destination, shared by all processes of a user that send there. Each process
is an *owner*: it holds a ``flock`` on ``{owner}.lock`` while it lives and writes ``{owner}-{number}.seg``.
Whoever gets the lock of an owner that died adopts its segments. The lock belongs to the open file, so
neither a reused process id nor a crash can fake or keep it.

A segment is a header and frames. A frame carries its own length, record count and checksums, and one byte
that tells whether it is still to be sent; a damaged frame costs only itself. Nothing is synced: what is in
the page cache survives ``kill -9``, and a power cut is not worth a disk's delay for every batch.
"""

import os
import re
import secrets
import stat
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from agentops.telemetry.disk import checksum, few, read_all, write_at
from agentops.telemetry.encoder import EncodingName, Part

if TYPE_CHECKING:
    from types import ModuleType

fcntl: "ModuleType | None"
try:
    import fcntl
except ImportError:  # Windows: without locks no two processes may share a folder
    fcntl = None

__all__ = ["SEGMENT_BYTES", "Place", "Spool", "SpoolSummary", "clear", "folder_name", "survey"]

SEGMENT_BYTES = 8 * 1024 * 1024
"""A segment that has grown beyond this is closed and the next one begun."""

_FILE_HEAD = b"AOSPOOL\x01"
_MAGIC = b"\xa0\x95Fr"
_FRAME = struct.Struct("<4sBBHIIII")  # magic, state, version, encoding, bytes, records, crcs
_STATE_OFFSET = 4
_WAITING, _DONE = 0x57, 0x44
_FRAME_VERSION = 1
_ENCODINGS: tuple[EncodingName, ...] = (  # their position is written to disk: add at the end only
    "traces_protobuf",
    "logs_protobuf",
    "traces_json",
    "logs_json",
    "agentops_events",
    "agentops_logs",
    "agentops_sessions",
)
_SEGMENT_NAME = re.compile(r"([0-9a-f]{16})-(\d{8})\.seg")
_LOCK_NAME = re.compile(r"([0-9a-f]{16})\.lock")
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


def folder_name(name: str, identity: str) -> str:
    """Return the folder for a destination: readable, and different for each receiver and account."""
    readable = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:48]
    return f"{readable}-{sha256(identity.encode('utf-8', 'replace')).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part stands on disk.

    Attributes:
        segment: File name.
        offset: Of the frame in the file, bytes.
        size_bytes: Of the payload.
        count: Records in it.
        encoding: Theirs.
    """

    segment: str
    offset: int
    size_bytes: int
    count: int
    encoding: EncodingName


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSummary:
    """What waits on disk for one destination.

    Attributes:
        path: Its folder.
        records: Records that wait.
        bytes: Size of the segments.
        oldest_ns: When the oldest segment was begun or last changed, ns since the epoch; 0: there is none.
        in_use: Whether a living process writes or sends here.
    """

    path: Path
    records: int
    bytes: int
    oldest_ns: int
    in_use: bool


@dataclass(slots=True)
class _Segment:
    """A file of ours, written or adopted; ``places`` are those still to be sent."""

    name: str
    size: int = len(_FILE_HEAD)
    places: set[Place] = field(default_factory=set)


class Spool:
    """The disk space of one destination. Safe to use from several threads.

    Where the disk does not serve (full, read-only, not ours), :meth:`append` returns ``None`` and the
    caller keeps its data in memory; each later call tries again.

    Args:
        directory: Its folder; made with mode 0700 when first needed. Never a symbolic link.
        bytes_max: Beyond this size the oldest segments are dropped.
        segment_bytes: Size at which a new segment is begun.
    """

    def __init__(self, directory: Path, bytes_max: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._directory = directory
        self._bytes_max = bytes_max
        self._segment_bytes = min(segment_bytes, max(bytes_max // 4, 1))
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._owner = ""
        self._locks: dict[str, int] = {}
        self._segments: dict[str, _Segment] = {}
        self._current: _Segment | None = None
        self._current_fd = -1
        self._number = 0
        self._evicted: set[str] = set()
        self.dropped: Counter[str] = Counter()
        """Records lost here, ``{reason: records}``: damaged ones, and adopted ones beyond the cap."""
        self.last_error = ""
        """Why the disk does not serve, in the system's words; empty while it does."""

    # ----- writing

    def append(self, part: Part) -> Place | None:
        """Write a part; return where it stands, or ``None`` when the disk does not take it."""
        places = self.append_all([part])
        return places[0] if places else None

    def append_all(self, parts: Sequence[Part]) -> list[Place]:
        """Write parts at once; return where they stand, nothing at all when the disk does not take them."""
        with self._lock:
            try:
                segment = self._writable()
                places: list[Place] = []
                pieces: list[bytes] = []
                size = segment.size
                for part in parts:
                    payload = few(part.dump())
                    place = Place(
                        segment.name, size, sum(map(len, payload)), part.count, part.encoding
                    )
                    places.append(place)
                    pieces.append(_head(place, checksum(payload)))
                    pieces += payload
                    size += _FRAME.size + place.size_bytes
                try:
                    write_at(self._current_fd, few(pieces), segment.size)
                except OSError:
                    os.ftruncate(self._current_fd, segment.size)
                    raise
            except OSError as error:
                self.last_error = error.strerror or type(error).__name__
                return []
            self.last_error = ""
            segment.size = size
            segment.places.update(places)
            return places

    def _writable(self) -> _Segment:
        if self._current is not None and os.fstat(self._current_fd).st_nlink == 0:
            self._begin_anew()  # somebody has deleted our files
        if self._current is not None and self._current.size < self._segment_bytes:
            return self._current
        if not self._owner:
            self._become_owner()
        self._retire_current()
        self._make_room()
        self._number += 1
        segment = _Segment(f"{self._owner}-{self._number:08d}.seg")
        path = self._directory / segment.name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        try:
            write_at(descriptor, [_FILE_HEAD], 0)
        except OSError:
            os.close(descriptor)
            path.unlink()
            raise
        self._segments[segment.name] = self._current = segment
        self._current_fd = descriptor
        return segment

    def _begin_anew(self) -> None:
        descriptors = [*self._locks.values(), self._current_fd]
        self._locks, self._segments, self._owner = {}, {}, ""
        self._current, self._current_fd = None, -1
        for descriptor in descriptors:
            _close(descriptor)

    def holds(self, place: Place) -> bool:
        """Return whether a part is still there, as far as this process knows."""
        return place.segment in self._segments

    def _become_owner(self) -> None:
        if fcntl is None:
            raise OSError("no file locks on this system")
        self._directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory.mkdir(exist_ok=True, mode=0o700)
        _check_folder(self._directory)
        while True:
            owner = secrets.token_hex(8)
            descriptor = self.try_lock(owner, os.O_CREAT | os.O_EXCL)
            if descriptor is not None:
                self._owner = owner
                self._locks[owner] = descriptor
                return

    def try_lock(self, owner: str, flags: int = 0) -> int | None:
        """Lock an owner's file; ``None`` when somebody else holds it or it has just gone."""
        if fcntl is None:
            return None
        path = self._directory / f"{owner}.lock"
        descriptor = os.open(path, os.O_RDWR | flags | _FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink == 0:
            os.close(descriptor)
            return None
        return descriptor

    def _retire_current(self) -> None:
        if self._current is None:
            return
        os.close(self._current_fd)
        segment, self._current, self._current_fd = self._current, None, -1
        if not segment.places:
            self._delete(segment)

    # ----- reading and removing

    def read(self, place: Place) -> Part | None:
        """Return the part at ``place``; ``None`` when it is damaged or gone."""
        with self._lock:
            if place.segment not in self._segments:
                return None
            try:
                with self._opened(place.segment, os.O_RDONLY) as descriptor:
                    data = os.pread(descriptor, _FRAME.size + place.size_bytes, place.offset)
            except OSError:
                return None
        payload = memoryview(data)[_FRAME.size :]
        try:
            crc = _FRAME.unpack_from(data)[6]
            return Part.load(payload) if zlib.crc32(payload) == crc else None
        except (struct.error, ValueError):
            return None

    def remove(self, places: Sequence[Place]) -> None:
        """Mark parts as done, and free the disk space of segments that hold nothing else."""
        with self._lock:
            for place in places:
                segment = self._segments.get(place.segment)
                if segment is None or place not in segment.places:
                    continue
                segment.places.discard(place)
                try:
                    self._mark(segment, place)
                except OSError as error:  # sent a second time after a crash: the backend knows it
                    self.last_error = error.strerror or type(error).__name__

    def _mark(self, segment: _Segment, place: Place) -> None:
        if segment.places:
            with self._opened(segment.name, os.O_RDWR) as descriptor:
                write_at(descriptor, [bytes([_DONE])], place.offset + _STATE_OFFSET)
        elif segment is self._current:
            os.ftruncate(self._current_fd, len(_FILE_HEAD))
            segment.size = len(_FILE_HEAD)
        else:
            self._delete(segment)

    def _delete(self, segment: _Segment) -> None:
        self._segments.pop(segment.name, None)
        (self._directory / segment.name).unlink(missing_ok=True)
        owner = segment.name[:16]
        if owner != self._owner and not any(name[:16] == owner for name in self._segments):
            self._release(owner, is_empty=True)

    def _release(self, owner: str, *, is_empty: bool) -> None:
        descriptor = self._locks.pop(owner, None)
        if descriptor is None:
            return
        if is_empty:
            (self._directory / f"{owner}.lock").unlink(missing_ok=True)
        os.close(descriptor)

    def _opened(self, name: str, flags: int) -> "_Opened":
        if self._current is not None and name == self._current.name:
            return _Opened(self._current_fd, is_ours=False)
        return _Opened(os.open(self._directory / name, flags | _FLAGS), is_ours=True)

    # ----- what dead processes left

    def has_leftovers(self) -> bool:
        """Return whether there are segments of other processes, dead or alive."""
        return any(names for owner, names in self._owners().items() if owner != self._owner)

    def adopt(self) -> list[Place]:
        """Take over the segments of owners that died; return what is to be sent, the oldest first."""
        found: list[Place] = []
        with self._lock:
            for owner, names in self._owners().items():
                if owner in self._locks:
                    continue
                try:
                    descriptor = self.try_lock(owner, os.O_CREAT)
                except OSError:  # a link, or not ours
                    continue
                if descriptor is None:
                    continue
                self._locks[owner] = descriptor
                places = [place for name in names for place in self._index(name)]
                if not any(name[:16] == owner for name in self._segments):
                    left = any((self._directory / name).exists() for name in names)
                    self._release(owner, is_empty=not left)
                found += places
        return found

    def _owners(self) -> dict[str, list[str]]:
        """Return the segment names of every owner, the oldest owner first."""
        ages: dict[str, float] = {}
        owners: dict[str, list[str]] = {}
        try:
            _check_folder(self._directory)
            for name, found in _files(self._directory):
                match = _SEGMENT_NAME.fullmatch(name)
                if match is None and _LOCK_NAME.fullmatch(name) is None:
                    continue
                owner = name[:16]
                ages[owner] = min(found.st_mtime, ages.get(owner, found.st_mtime))
                names = owners.setdefault(owner, [])
                if match:
                    names.append(name)
        except OSError:
            pass
        return {owner: sorted(owners[owner]) for owner in sorted(owners, key=ages.__getitem__)}

    def _index(self, name: str) -> list[Place]:
        """Find what waits in an adopted segment; delete the file when nothing does."""
        try:
            descriptor = os.open(self._directory / name, os.O_RDWR | _FLAGS)
        except OSError:
            return []
        with _Opened(descriptor, is_ours=True):
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return []
            data = read_all(descriptor, self._segment_bytes * 4 + 64 * 1024 * 1024)
        if len(data) >= len(_FILE_HEAD) and not data.startswith(_FILE_HEAD):
            return []  # not ours, or of a later version: somebody else's to read
        places, damaged = _frames(name, data)
        if damaged:
            self.dropped["spool damaged"] += damaged
        if places:
            self._segments[name] = _Segment(name, len(data), set(places))
        else:
            (self._directory / name).unlink(missing_ok=True)
        return places

    # ----- bounds

    def _make_room(self) -> None:
        """Drop the oldest segments until a new one fits under the cap."""
        sizes = {
            name: found.st_size
            for name, found in _files(self._directory)
            if _SEGMENT_NAME.fullmatch(name)
        }
        excess = sum(sizes.values()) + self._segment_bytes - self._bytes_max
        for owner, names in self._owners().items() if excess > 0 else ():
            if owner not in self._locks and excess > 0:
                excess -= self._drop_dead(owner, names, sizes)
        for segment in list(self._segments.values()):
            if excess <= 0:
                return
            excess -= sizes.get(segment.name, 0)
            self._evicted.add(segment.name)
            self._delete(segment)

    def _drop_dead(self, owner: str, names: list[str], sizes: dict[str, int]) -> int:
        """Drop and count what a dead owner left; return the bytes it held."""
        descriptor = self.try_lock(owner, os.O_CREAT)
        if descriptor is None:
            return 0
        self._locks[owner] = descriptor
        places = [place for name in names for place in self._index(name)]
        self.dropped["spool full"] += sum(place.count for place in places)
        for name in names:
            if name in self._segments:
                self._delete(self._segments[name])
        self._release(owner, is_empty=not places)
        return sum(sizes.get(name, 0) for name in names)

    def take_evicted(self) -> set[str]:
        """Return the names of the segments dropped since the last call."""
        with self._lock:
            evicted, self._evicted = self._evicted, set()
            return evicted

    # ----- life

    def after_fork(self) -> None:
        """Begin anew in a child process. The parent keeps its locks: closing a copy does not unlock."""
        descriptors = [*self._locks.values(), self._current_fd]
        self._reset()
        for descriptor in descriptors:
            if descriptor >= 0:
                _close(descriptor)

    def close(self) -> None:
        """Let go of files and locks; what waits is the next process's to send."""
        with self._lock:
            try:
                self._retire_current()
            except OSError:
                self._current = None
            for owner in list(self._locks):
                held = any(name[:16] == owner for name in self._segments)
                try:
                    self._release(owner, is_empty=not held)
                except OSError:
                    continue
            self._owner = ""
            self._segments = {}


def survey(directory: Path) -> list[SpoolSummary]:
    """Return what waits in every folder of a spool directory, without taking anything over."""
    try:
        folders = sorted(path for path in directory.iterdir() if path.is_dir())
    except OSError:
        return []
    return [_summary(folder) for folder in folders if not folder.is_symlink()]


def clear(directory: Path) -> int:
    """Delete what waits in a spool directory and belongs to no living process; return how many records."""
    dropped = 0
    for found in survey(directory):
        spool = Spool(found.path, bytes_max=1 << 62)
        places = spool.adopt()
        spool.remove(places)
        spool.close()
        dropped += sum(place.count for place in places)
        if not any(found.path.iterdir()):
            found.path.rmdir()
    return dropped


def _summary(folder: Path) -> SpoolSummary:
    records = size = oldest_ns = 0
    in_use = False
    probe = Spool(folder, bytes_max=1 << 62)
    for path in sorted(folder.iterdir()):
        try:
            if _LOCK_NAME.fullmatch(path.name):
                descriptor = probe.try_lock(path.name[:16])
                in_use = in_use or descriptor is None
                if descriptor is not None:
                    os.close(descriptor)
            elif _SEGMENT_NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                found = path.stat()
                places, _ = _frames(path.name, path.read_bytes())
                records += sum(place.count for place in places)
                size += found.st_size
                oldest_ns = min(oldest_ns or found.st_mtime_ns, found.st_mtime_ns)
        except OSError:  # it went away while we looked
            continue
    return SpoolSummary(
        path=folder, records=records, bytes=size, oldest_ns=oldest_ns, in_use=in_use
    )


class _Opened:
    """A descriptor for a ``with`` block, closed after it when it was opened for it."""

    def __init__(self, descriptor: int, *, is_ours: bool) -> None:
        self._descriptor = descriptor
        self._is_ours = is_ours

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        if self._is_ours:
            os.close(self._descriptor)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return


def _files(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield name and state of what is in a folder; not of links, and not of what others delete meanwhile."""
    with os.scandir(directory) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if not entry.is_symlink():
                    yield entry.name, entry.stat(follow_symlinks=False)


def _check_folder(directory: Path) -> None:
    """Refuse a folder that others could have prepared or can look into.

    Raises:
        OSError: it is a link, or belongs to somebody else.
    """
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(0, "the spool's folder is not a folder")
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise PermissionError(0, "the spool's folder belongs to another user")
    if found.st_mode & 0o077:
        directory.chmod(0o700)


def _head(place: Place, crc: int) -> bytes:
    return _head_of(_ENCODINGS.index(place.encoding), place.size_bytes, place.count, crc)


def _head_of(encoding: int, size: int, count: int, crc: int) -> bytes:
    head = _FRAME.pack(_MAGIC, _WAITING, _FRAME_VERSION, encoding, size, count, crc, 0)
    return head[:-4] + struct.pack("<I", zlib.crc32(head[:-4]))


def _frames(name: str, data: bytes) -> tuple[list[Place], int]:
    """Return the frames of a segment that wait and are whole, and how many records are damaged."""
    places: list[Place] = []
    damaged = 0
    for at in _heads(data):
        _, state, version, encoding, size, count, crc, _ = _FRAME.unpack_from(data, at)
        payload = data[at + _FRAME.size : at + _FRAME.size + size]
        if state == _DONE:
            continue
        if version != _FRAME_VERSION or encoding >= len(_ENCODINGS) or zlib.crc32(payload) != crc:
            damaged += count
        else:
            places.append(Place(name, at, size, count, _ENCODINGS[encoding]))
    return places, damaged


def _heads(data: bytes) -> Iterator[int]:
    """Yield the offset of each frame with a valid head."""
    at = len(_FILE_HEAD)
    while (at := data.find(_MAGIC, at)) >= 0 and at + _FRAME.size <= len(data):
        _, _, _, encoding, size, count, crc, _ = _FRAME.unpack_from(data, at)
        whole = _head_of(encoding, size, count, crc)
        if data[at : at + 4] + data[at + 5 : at + _FRAME.size] != whole[:4] + whole[5:]:
            at += 1  # a damaged head, or the magic inside a payload
            continue
        yield at
        # A flipped byte in a payload leaves its length right; a truncated one ends the file.
        at += _FRAME.size + size if at + _FRAME.size + size <= len(data) else 1

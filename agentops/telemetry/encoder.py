"""What do the bytes on the wire look like, and how are they cut? Telemetry floor.

A :class:`Part` is the records of one batch in one encoding. Each record's own bytes are kept, so that a
part can be split, bisected, merged with another or written to disk without encoding anything again; the
same part is shared by all destinations that speak its encoding.
"""

import gzip
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agentops.guard import guarded
from agentops.telemetry import agentops_json, otlp_json, protobuf
from agentops.telemetry.records import AnyValue, EventRecord, Record, SpanRecord

__all__ = ["ENCODINGS", "Encoding", "EncodingName", "Group", "Part", "encode"]

EncodingName = Literal[
    "traces_protobuf",
    "logs_protobuf",
    "traces_json",
    "logs_json",
    "agentops_events",
    "agentops_logs",
    "agentops_sessions",
]
"""Names of the encodings an exporter can ask for."""


@dataclass(slots=True)
class Group:
    """Encoded records that share a resource and a scope.

    Attributes:
        resource: Encoded resource.
        scope: Encoded scope, or the session id for AgentOps events.
        items: One encoded record each, in the order they ended.
    """

    resource: bytes
    scope: bytes
    items: list[bytes]


Frame = Callable[[Sequence[Group]], bytes]


@dataclass(slots=True, frozen=True)
class Encoding:
    """One way to write records down.

    Attributes:
        signal: What the receiver calls it: ``traces``, ``logs`` or ``events``.
        takes: Whether a record goes out in this encoding.
        record: Encodes one record.
        resource: Encodes a resource.
        scope: Encodes what groups records below the resource.
        frame: Joins groups to a request body.
    """

    signal: Literal["traces", "logs", "events"]
    takes: Callable[[Record], bool]
    record: Callable[..., bytes]
    resource: Callable[[Mapping[str, AnyValue]], bytes]
    scope: Callable[[Record], bytes]
    frame: Frame


@dataclass(slots=True)
class Part:
    """Records of one batch in one encoding, ready to send. Never changed once made; safe to share.

    Attributes:
        encoding: Key of :data:`ENCODINGS`.
        groups: The encoded records.
        count: Number of records.
        size_bytes: Bytes of the records, without framing.
    """

    encoding: EncodingName
    groups: list[Group]
    count: int = 0
    size_bytes: int = 0
    _body: bytes | None = field(default=None, repr=False)
    _compressed: dict[str, bytes] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Count what it holds."""
        self.count = sum(len(group.items) for group in self.groups)
        self.size_bytes = sum(len(item) for group in self.groups for item in group.items)

    def body(self) -> bytes:
        """Return the request body; made once."""
        if self._body is None:
            self._body = ENCODINGS[self.encoding].frame(self.groups)
        return self._body

    def body_as(self, content_encoding: str) -> bytes:
        """Return the request body compressed, at the quickest level; made once.

        Args:
            content_encoding: ``gzip``, ``zstd`` (needs ``zstandard``), or empty for the plain body.
        """
        if not content_encoding:
            return self.body()
        if content_encoding not in self._compressed:
            self._compressed[content_encoding] = _compress(self.body(), content_encoding)
        return self._compressed[content_encoding]

    def halves(self) -> "tuple[Part, Part]":
        """Return two parts of about equal size in bytes; both hold records if this one holds two or more."""
        at = seen = 0
        for size in (len(item) for group in self.groups for item in group.items):
            if at == self.count - 1 or (at > 0 and seen + size / 2 > self.size_bytes / 2):
                break
            seen += size
            at += 1
        return self._slice(0, at), self._slice(at, self.count)

    def _slice(self, start: int, stop: int) -> "Part":
        groups, at = [], 0
        for group in self.groups:
            items = group.items[max(0, start - at) : max(0, stop - at)]
            at += len(group.items)
            if items:
                groups.append(Group(group.resource, group.scope, items))
        return Part(self.encoding, groups)

    @staticmethod
    def merged(parts: "Sequence[Part]") -> "Part":
        """Return one part holding the records of ``parts``, at least one, all in the same encoding."""
        if len(parts) == 1:
            return parts[0]
        found: dict[tuple[bytes, bytes], Group] = {}
        for part in parts:
            for group in part.groups:
                key = (group.resource, group.scope)
                if key not in found:
                    found[key] = Group(group.resource, group.scope, [])
                found[key].items.extend(group.items)
        return Part(parts[0].encoding, list(found.values()))

    def dump(self) -> list[bytes]:
        """Return the part as bytes for :meth:`load`, in pieces: encoding and groups, each text length first."""
        name = self.encoding.encode()
        out = [struct.pack("<BI", len(name), len(self.groups)), name]
        for group in self.groups:
            head = struct.pack("<III", len(group.resource), len(group.scope), len(group.items))
            sizes = struct.pack(f"<{len(group.items)}I", *map(len, group.items))
            out += (head, group.resource, group.scope, sizes, *group.items)
        return out

    @staticmethod
    def load(data: bytes | memoryview) -> "Part":
        """Return the part that :meth:`dump` wrote.

        Raises:
            ValueError: the bytes are not a part of this version.
        """
        try:
            return _load(data)
        except (struct.error, UnicodeDecodeError, KeyError) as error:
            raise ValueError("not an encoded part") from error


def _compress(body: bytes, content_encoding: str) -> bytes:
    if content_encoding == "gzip":
        return gzip.compress(body, compresslevel=1, mtime=0)
    import zstandard  # not a dependency of the SDK; the exporter has looked for it

    return zstandard.ZstdCompressor(level=1).compress(body)


def _load(data: bytes | memoryview) -> Part:
    name_size, groups_count = struct.unpack_from("<BI", data)
    at = 5 + name_size
    name = bytes(data[5:at]).decode()
    ENCODINGS[name]  # type: ignore[index]  # an unknown name raises KeyError: made by a later version
    groups = []
    for _ in range(groups_count):
        resource_size, scope_size, count = struct.unpack_from("<III", data, at)
        at += 12
        resource, at = bytes(data[at : at + resource_size]), at + resource_size
        scope, at = bytes(data[at : at + scope_size]), at + scope_size
        sizes = struct.unpack_from(f"<{count}I", data, at)
        at += 4 * count
        items = []
        for size in sizes:
            items.append(bytes(data[at : at + size]))
            at += size
        groups.append(Group(resource, scope, items))
    if at != len(data):
        raise ValueError("trailing or missing bytes")
    return Part(name, groups)  # type: ignore[arg-type]  # checked against the table above


def encode(encoding: EncodingName, records: Iterable[Record]) -> tuple[Part | None, int]:
    """Encode the records that go out in ``encoding``.

    Returns:
        The part, ``None`` when no record goes out in it; and how many records could not be encoded.
    """
    way = ENCODINGS[encoding]
    taken = [record for record in records if way.takes(record)]
    items: list[bytes | None] = []
    with guarded("encoding a batch"):
        items = list(map(way.record, taken))
    if len(items) < len(taken):  # one of them is at fault: the others must not go with it
        items = [_encoded(way, record) for record in taken]
    groups: dict[tuple[int, object], Group] = {}
    resources: dict[int, bytes] = {}
    is_by_session = way.signal == "events"
    group: Group | None = None
    before: Record | None = None
    for record, item in zip(taken, items, strict=True):
        if item is None:
            continue
        if group is not None and before is not None and _are_alike(before, record, is_by_session):
            group.items.append(item)
            continue
        before, shared = record, id(record.resource)
        key = (shared, record.session_id if is_by_session else record.scope)
        group = groups.get(key)
        if group is None:
            if shared not in resources:
                resources[shared] = way.resource(record.resource)
            group = groups[key] = Group(resources[shared], way.scope(record), [])
        group.items.append(item)
    return (Part(encoding, list(groups.values())) if groups else None), items.count(None)


def _are_alike(one: Record, other: Record, is_by_session: bool) -> bool:
    """Whether two records are seen at once to belong into one group; nearly all that follow each other are."""
    if one.resource is not other.resource:
        return False
    return one.session_id == other.session_id if is_by_session else one.scope is other.scope


def _encoded(way: Encoding, record: Record) -> bytes | None:
    with guarded("encoding a record"):
        return way.record(record)
    return None


def _by_resource(groups: Sequence[Group]) -> dict[bytes, list[Group]]:
    found: dict[bytes, list[Group]] = {}
    for group in groups:
        found.setdefault(group.resource, []).append(group)
    return found


def _frame_protobuf(groups: Sequence[Group]) -> bytes:
    # Export…ServiceRequest {1 resource_…: {1 resource, 2 scope_…: {1 scope, 2 items}}}
    varint = protobuf.varint
    out: list[bytes] = []
    for resource, members in _by_resource(groups).items():
        inner: list[bytes] = [resource]
        for group in members:
            size = len(group.scope) + sum(map(len, group.items))
            inner += (b"\x12", varint(size), group.scope)
            inner += group.items
        out += (b"\x0a", varint(sum(map(len, inner))))
        out += inner
    return b"".join(out)


def _frame_json(outer: bytes, middle: bytes, leaf: bytes) -> Frame:
    def frame(groups: Sequence[Group]) -> bytes:
        blocks = []
        for resource, members in _by_resource(groups).items():
            scopes = b",".join(
                b"{%b,%b:[%b]}" % (group.scope, leaf, b",".join(group.items)) for group in members
            )
            blocks.append(b'{"resource":%b,%b:[%b]}' % (resource, middle, scopes))
        return b"{%b:[%b]}" % (outer, b",".join(blocks))

    return frame


def _frame_events(groups: Sequence[Group]) -> bytes:
    return b'{"events":[%b]}' % b",".join(item for group in groups for item in group.items)


def _is_span(record: Record) -> bool:
    return isinstance(record, SpanRecord)


def _is_event(record: Record) -> bool:
    return isinstance(record, EventRecord)


def _is_agentops_event(record: Record) -> bool:
    if not isinstance(record, EventRecord):
        return False
    return record.event is not None and bool(record.session_id)


def _is_plain_log(record: Record) -> bool:
    return isinstance(record, EventRecord) and not _is_agentops_event(record)


def _protobuf_scope(record: Record) -> bytes:
    return protobuf.scope(record.scope)


def _json_scope(record: Record) -> bytes:
    return otlp_json.scope(record.scope)


def _span_protobuf(record: SpanRecord) -> bytes:
    return record.encoded or protobuf.span(record)


def _event_protobuf(record: EventRecord) -> bytes:
    return record.encoded or protobuf.event(record)


def _session_scope(record: Record) -> bytes:
    return protobuf.clean_text(record.session_id)


def _no_resource(_: Mapping[str, AnyValue]) -> bytes:
    return b""


_frame_spans_json = _frame_json(b'"resourceSpans"', b'"scopeSpans"', b'"spans"')
_frame_logs_json = _frame_json(b'"resourceLogs"', b'"scopeLogs"', b'"logRecords"')

ENCODINGS: Mapping[EncodingName, Encoding] = {
    "traces_protobuf": Encoding(
        "traces", _is_span, _span_protobuf, protobuf.resource, _protobuf_scope, _frame_protobuf
    ),
    "logs_protobuf": Encoding(
        "logs", _is_event, _event_protobuf, protobuf.resource, _protobuf_scope, _frame_protobuf
    ),
    "traces_json": Encoding(
        "traces", _is_span, otlp_json.span, otlp_json.resource, _json_scope, _frame_spans_json
    ),
    "logs_json": Encoding(
        "logs", _is_event, otlp_json.event, otlp_json.resource, _json_scope, _frame_logs_json
    ),
    "agentops_events": Encoding(
        "events",
        _is_agentops_event,
        agentops_json.event,
        _no_resource,
        _session_scope,
        _frame_events,
    ),
    "agentops_sessions": Encoding(
        "events",
        agentops_json.tells_session,
        agentops_json.session,
        _no_resource,
        _session_scope,
        _frame_events,
    ),
    "agentops_logs": Encoding(
        "logs", _is_plain_log, _event_protobuf, protobuf.resource, _protobuf_scope, _frame_protobuf
    ),
}
"""Every encoding by name."""

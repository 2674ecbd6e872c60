"""How is a record made smaller that no receiver takes? Telemetry floor; works on the encoded bytes.

Only records that were refused for their size come here, alone in their batch.
"""

from dataclasses import dataclass

from agentops import semconv
from agentops.telemetry.encoder import EncodingName, Group, Part
from agentops.telemetry.protobuf import attribute, fields, varint

__all__ = ["shortened"]

_VALUE_BYTES_MIN = 256
_MARK = "...truncated"
_STRING = 1


@dataclass(frozen=True, slots=True)
class _Layout:
    """Field numbers of a record's message: its attributes, and its body (0: it has none)."""

    attributes: int
    body: int


_LAYOUTS: dict[EncodingName, _Layout] = {
    "traces_protobuf": _Layout(9, 0),
    "logs_protobuf": _Layout(6, 5),
    "agentops_logs": _Layout(6, 5),
}


def shortened(part: Part) -> Part | None:
    """Return a part with the same single record, its longest values cut to a quarter and marked.

    Returns:
        ``None`` when nothing is left to cut, or the encoding cannot be cut.
    """
    layout = _LAYOUTS.get(part.encoding)
    if layout is None or part.count != 1:
        return None
    group = part.groups[0]
    [(_, message, _)] = fields(group.items[0])
    if not isinstance(message, bytes):
        return None
    sizes = [len(value) for _, value, _ in fields(message) if isinstance(value, bytes)]
    limit = max(sizes, default=0) // 4
    if limit < _VALUE_BYTES_MIN:
        return None
    body, cut = _cut_fields(message, layout, limit)
    if not cut:
        return None
    marks: list[object] = [name for name in cut if name]
    body += attribute(layout.attributes, semconv.AGENTOPS_TRUNCATED, marks)
    item = b"\x12" + varint(len(body)) + body
    return Part(part.encoding, [Group(group.resource, group.scope, [item])])


def _cut_fields(message: bytes, layout: _Layout, limit: int) -> tuple[bytes, list[str]]:
    """Cut the attributes and the body beyond ``limit`` bytes; return the message and what was cut."""
    out: list[bytes] = []
    cut: list[str] = []
    for number, value, raw in fields(message):
        is_long = isinstance(value, bytes) and len(value) > limit
        if is_long and isinstance(value, bytes) and number == layout.attributes:
            pair = {inner: content for inner, content, _ in fields(value)}
            name = _text(pair.get(1, b""))
            out.append(attribute(number, name, _short_text(pair.get(2, b""), limit)))
            cut.append(name)
        elif is_long and number == layout.body:
            text = _short_text(value, limit).encode()
            inner = b"\x0a" + varint(len(text)) + text
            out.append(b"\x2a" + varint(len(inner)) + inner)
            cut.append("")
        else:
            out.append(raw)
    return b"".join(out), cut


def _short_text(value: int | bytes, limit: int) -> str:
    """Return an encoded AnyValue as text of at most about ``limit`` bytes, with its size told."""
    found = value if isinstance(value, bytes) else b""
    for number, content, _ in fields(found):
        if number == _STRING and isinstance(content, bytes):
            return f"{content[:limit].decode('utf-8', 'ignore')}{_MARK} ({len(content)} bytes)"
    return f"{_MARK} ({len(found)} bytes)"


def _text(value: int | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""

"""How are server-sent events read? Instrumentation floor: bytes to names and JSON values, no vendor.

An answer comes in hundreds of events that differ in one text only, the next piece of what the model says.
Reading each of them as JSON is most of what a stream costs, so :func:`merged_events` joins such neighbours to
one event while they are still bytes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import cast

from agentops.instrumentation.providers.fields import json_value

__all__ = ["merged_events", "parse_events"]

_Block = tuple[bytes, bytes]  # an event as it was sent: its last line, and what comes before that

_GROWING = re.compile(  # all texts that any reader of ours puts together
    rb'"(?:content|text|delta|partial_json|thinking|arguments|input|refusal|reasoning|reasoning_content'
    rb'|data|transcript)": ?"((?:[^"\\]|\\.)*)"'
)
_LINE_BYTES_MAX = 2048  # in a longer line there is no small piece of a text
_NO_LINE = b"\n"  # no line begins so
_MANY_EVENTS = 12  # from here on looking for neighbours costs less than reading them does
# Insides of texts (RFC 8259, 7), one on each line.
_PIECES = re.compile(
    rb'[^"\\\x00-\x09\x0b-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x09\x0b-\x1f]*)*'
)
_VARYING = (  # what only pads or numbers events: its mark, its spelling, what all are to say
    (b'"obfuscation"', re.compile(rb'"obfuscation": ?"[^"\\]*"'), b'"obfuscation":""'),
    (b'"sequence_number"', re.compile(rb'"sequence_number": ?\d+'), b'"sequence_number":0'),
    (b" }\n", re.compile(rb"  *\}\n"), b"}\n"),  # as Anthropic pads
)


def parse_events(body: bytes) -> Iterator[tuple[str, object]]:
    """Yield ``(event name, JSON value)`` of each server-sent event in ``body``.

    WHATWG HTML, 9.2.6. An event that was cut off is left out; ``[DONE]`` is yielded as the text.
    """
    return _parsed(zip(*_blocks(_lines(body)), strict=False))


def merged_events(body: bytes) -> tuple[Iterator[tuple[str, object]], int]:
    """Return the same with neighbours joined that differ in the next piece of one text only.

    What only pads or numbers the events is emptied: ``obfuscation``, ``sequence_number``.

    Returns:
        The events, and how many were joined to the one before them.
    """
    body = _lines(body)
    before, last = _blocks(body)
    count = len(last)
    if count < _MANY_EVENTS:
        return _parsed(zip(before, last, strict=False)), 0
    # In the middle are pieces, if there are many.
    sample = b"\n".join(last[max(0, count // 2 - 4) : count // 2 + 4]) + b"\n"
    varying = [each for each in _VARYING if each[0] in sample]
    for _, pattern, same in varying:
        body = pattern.sub(same, body)
    if varying:
        before, last = _blocks(body)
    joined = _joined(zip(before, last, strict=False))
    return _parsed(joined), count - len(joined)


def _lines(body: bytes) -> bytes:
    """Return the body with one way of ending lines."""
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in body else body


def _blocks(body: bytes) -> tuple[Iterable[bytes], list[bytes]]:
    """Return of each block between empty lines what comes before its last line, and that."""
    lines = body.split(b"\n")
    if not any(lines[1::2]):  # each is one line, as in chat completions
        return repeat(b""), lines[::2]
    if not any(lines[2::3]):  # each has two, as everywhere else
        return lines[::3], lines[1::3]
    parted = [block.rpartition(b"\n") for block in body.split(b"\n\n")]
    return [before for before, _, _ in parted], [last for _, _, last in parted]


def _joined(blocks: Iterable[_Block]) -> list[_Block]:
    """Return the blocks with those joined that differ in a piece of one text only."""
    joined: list[_Block] = []
    run: list[bytes] = []  # lines that begin and end alike, below the same others
    same, head, tail, begin = b"", _NO_LINE, b"", 0
    for before, line in blocks:
        if line.startswith(head) and line.endswith(tail, begin) and before == same:
            run.append(line)
            continue
        if run:
            joined += [(same, each) for each in _one_line(run, head, tail)]
        found = _piece(line)
        if found is None:
            run, head = [], _NO_LINE
            joined.append((before, line))
        else:
            begin, end = found
            run, same, head, tail = [line], before, line[:begin], line[end:]
    return joined + [(same, each) for each in _one_line(run, head, tail)]


def _piece(line: bytes) -> tuple[int, int] | None:
    """Return where a line has its piece of a text, ``None`` where it has none or several."""
    if len(line) > _LINE_BYTES_MAX or not line.startswith(b"data:"):
        return None
    texts = [found.span(1) for found in _GROWING.finditer(line)]
    told = [(begin, end) for begin, end in texts if begin < end] or texts[:1]
    return told[0] if len(told) == 1 else None


def _one_line(run: list[bytes], head: bytes, tail: bytes) -> list[bytes]:
    """Return a line with the pieces of all in ``run``, and after it those that hold no such piece."""
    if len(run) < 2:
        return run
    begin, end = len(head), -len(tail)
    pieces = [line[begin:end] for line in run]
    told = b"\n".join(pieces)
    found = _PIECES.match(told)
    if found is None or found.end() < len(told):
        del pieces[told.count(b"\n", 0, found.end() if found else 0) :]
    return [b"%b%b%b" % (head, b"".join(pieces), tail), *run[len(pieces) :]] if pieces else run


def _parsed(blocks: Iterable[_Block]) -> Iterator[tuple[str, object]]:
    told = [each for each in map(_fields, blocks) if each[1]]
    # The parser is called once for all of them: that is half the cost of a call for each.
    values = _values(b",".join([data for _, data in told]))
    if values is None or len(values) != len(told):
        return _parsed_each(told)
    return zip([_text(name) for name, _ in told], values, strict=True)


def _parsed_each(told: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[str, object]]:
    """Yield the events whose data is JSON."""
    for name, data in told:
        values = _values(data)
        if values is not None and len(values) == 1:
            yield _text(name), values[0]


def _fields(block: _Block) -> tuple[bytes, bytes]:
    """Return the ``event`` and the joined ``data`` of a block, in any order and number."""
    before, last = block
    is_one = b"\n" not in before and (not before or before.startswith(b"event: "))
    if is_one and last.startswith(b"data: "):
        name, data = before[7:], last[6:]
    else:  # not as both services write them
        lines = [line.partition(b":")[::2] for line in (*before.split(b"\n"), last)]
        name = b"".join([value.strip() for field, value in lines if field == b"event"][-1:])
        data = b"\n".join([value.removeprefix(b" ") for field, value in lines if field == b"data"])
    return name, b'"[DONE]"' if data.startswith(b"[DONE]") else data


def _values(spelled: bytes) -> list[object] | None:
    """Return the values of JSON texts with commas between them, ``None`` when they are none."""
    try:
        return cast("list[object]", json_value(f"[{_text(spelled)}]"))
    except (ValueError, RecursionError):
        return None


def _text(spelled: bytes) -> str:
    return spelled.decode("utf-8", "replace")

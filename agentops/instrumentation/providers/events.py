"""How are server-sent events read? Instrumentation floor: bytes to names and JSON values, no vendor.

An answer comes in hundreds of events that differ in one text only, the next piece of what the model says.
Reading each of them as JSON is most of what a stream costs, so :func:`merged_events` joins such neighbours to
one event before anything is parsed.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import cast

__all__ = ["merged_events", "parse_events"]

_Told = tuple[str, str]  # the name of an event and its data, not parsed

_GROWING = re.compile(
    r'"(?:content|text|delta|partial_json|thinking|reasoning_content|arguments)": ?"((?:[^"\\]|\\.)*)"'
)
_VOLATILE = (
    ('"obfuscation"', re.compile(r'"obfuscation": ?"[^"\\]*"'), '"obfuscation":""'),
    ('"sequence_number"', re.compile(r'"sequence_number": ?\d+'), '"sequence_number":0'),
)
_DONE = '"[DONE]"'
_CLOSING = " }"


def parse_events(body: bytes) -> Iterator[tuple[str, object]]:
    """Yield ``(event name, JSON value)`` of each server-sent event in ``body``.

    WHATWG HTML, 9.2.6. An event that was cut off is left out; ``[DONE]`` is yielded as the text.
    """
    return _parsed(_split(_lines(body)))


def merged_events(body: bytes) -> tuple[Iterator[tuple[str, object]], int]:
    """Return the same with neighbours joined that differ in the next piece of one text only.

    What only pads or numbers the events is emptied: ``obfuscation``, ``sequence_number``.

    Returns:
        The events, and how many were joined to the one before them.
    """
    text = _lines(body)
    for name, pattern, empty in _VOLATILE:
        if name in text:
            text = pattern.sub(empty, text)
    told = _split(text)
    joined = _joined(told)
    return _parsed(joined), len(told) - len(joined)


def _lines(body: bytes) -> str:
    return body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _split(text: str) -> list[_Told]:
    if text.startswith("data: "):
        blocks = text.rstrip("\n")[6:].split("\n\ndata: ")
        # Each is one line, as OpenAI writes them.
        if text.rstrip("\n").count("\n") == 2 * len(blocks) - 2:
            if blocks[-1].startswith("[DONE]"):
                blocks[-1] = _DONE
            return [("", data) for data in blocks]
    told: list[_Told] = []
    for block in text.split("\n\n"):
        name, mark, data = "", "data: ", block[6:]
        if not block.startswith("data: "):
            name, mark, data = block.partition("\ndata: ")
            name = name[7:] if name.startswith("event: ") else "\n"
        if not mark or "\n" in data or "\n" in name:
            name, data = _fields(block)  # not as both services write them
        if data:
            told.append((name, _DONE if data.startswith("[DONE]") else data))
    return told


def _fields(block: str) -> _Told:
    """Return the ``event`` and the joined ``data`` of a block of lines, in any order and number."""
    name = ""
    data: list[str] = []
    for line in block.split("\n"):
        if line.startswith("data:"):
            data.append(line[6:] if line[5:6] == " " else line[5:])
        elif line.startswith("event:"):
            name = line[6:].strip()
    return name, "\n".join(data)


def _joined(told: Sequence[_Told]) -> list[_Told]:
    """Return the events with those joined that differ in a piece of one text only."""
    joined: list[_Told] = []
    run: list[str] = []  # pieces of the last event of ``joined``, as they stand in JSON
    name = head = tail = last = ""
    for each in told:
        # Anthropic pads with spaces between the closing braces.
        data = each[1].rstrip(_CLOSING)
        if run and each[0] == name and data.startswith(head) and data.endswith(tail):
            piece = data[len(head) : len(data) - len(tail)]
            if '"' not in piece or _is_text(piece):
                run.append(piece)
                continue
        if len(run) > 1:
            joined[-1] = name, f"{head}{''.join(run)}{last}"
        joined.append(each)
        run, name = [], each[0]
        found = _GROWING.search(each[1])
        if found is not None and found.end() <= len(data):
            run, head, last = [found[1]], each[1][: found.start(1)], each[1][found.end(1) :]
            tail = data[found.end(1) :]
    if len(run) > 1:
        joined[-1] = name, f"{head}{''.join(run)}{last}"
    return joined


def _is_text(piece: str) -> bool:
    """Whether a piece of JSON is the inside of one text, its quotation marks escaped."""
    return isinstance(_value(f'"{piece}"'), str)


def _parsed(told: Sequence[_Told]) -> Iterator[tuple[str, object]]:
    # The parser is called once for all of them: that is half the cost of a call for each.
    values = _value("[" + ",".join([data for _, data in told]) + "]")
    if not isinstance(values, list) or len(values) != len(told):
        return _parsed_each(told)
    return zip([name for name, _ in told], cast("list[object]", values), strict=True)


def _parsed_each(told: Sequence[_Told]) -> Iterator[tuple[str, object]]:
    """Yield the events whose data is JSON."""
    for name, data in told:
        values = _value(f"[{data}]")
        if isinstance(values, list) and len(values) == 1:
            yield name, values[0]


def _value(text: str) -> object:
    """Return the value that a JSON text spells, ``None`` when it spells none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None

"""How is JSON of a stranger read? Bounded in depth, and with text that is not Unicode repaired."""

import re
from typing import Final

import msgspec

from agentops.server.ingest.refusal import Refusal
from agentops.server.ingest.values import Value, Wire

__all__ = ["check_depth", "read_json", "repair"]

# Brackets around the deepest attribute allowed: 12, and 4 for each of its 32 levels.
_ROUNDS_MAX: Final = 160
_STRING: Final = re.compile(rb'"[^"]*"')
_NOT_MARKS: Final = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_LONE_SURROGATE: Final = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_PLAIN: Final = msgspec.json.Decoder()


def read_json(data: bytes, decoder: Wire = _PLAIN) -> Value:
    """Read a JSON document with a decoder of msgspec.

    Raises:
        Refusal: 400, it is not JSON, is nested too deep, or is not what the decoder expects.
    """
    check_depth(data)
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return decoder.decode(repair(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"the body is not the JSON expected: {str(error)[:200]}") from None


def check_depth(data: bytes) -> None:
    """Look at the brackets only: each round takes away the innermost pairs.

    Raises:
        Refusal: 400, they are nested too deep or do not match.
    """
    unescaped = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = unescaped.translate(None, _NOT_MARKS).replace(b'""', b"")
    brackets = _STRING.sub(b"", marks)
    for _ in range(_ROUNDS_MAX):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    if brackets:
        raise Refusal(400, "the body is not JSON: its brackets do not match or are nested too deep")


def repair(data: bytes) -> bytes:
    """Make text that is not Unicode so: bad bytes and halves of surrogate pairs become U+FFFD."""
    data = data.decode("utf-8", "replace").encode()
    return _LONE_SURROGATE.sub(lambda found: found[1] + (found[2] or rb"\ufffd"), data)

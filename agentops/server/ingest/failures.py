"""What went wrong in a span, and where? Type, message and place from its exception events."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from agentops import semconv
from agentops.server.ingest.values import Value

__all__ = ["Failure", "location", "read_failure"]

_PYTHON_FRAME: Final = re.compile(
    r'^\s*File "([^"\n]{1,1000})", line (\d{1,9}), in (.{1,200})$', re.M
)
_SCRIPT_FRAME: Final = re.compile(
    r"^\s*at (?:async )?(?:([^\s(]{1,200}) \()?([^\s()]{1,1000}):(\d{1,9}):\d{1,9}\)?$", re.M
)
_JVM_FRAME: Final = re.compile(r"^\s*at ([\w.$/<>]{1,300})\(([\w.$-]{1,200}):(\d{1,9})\)$", re.M)
_LIBRARIES: Final = (
    "site-packages",
    "dist-packages",
    "node_modules",
    "/lib/python",
    "node:",
    "<frozen",
)
_STACK_CHARS_MAX: Final = 200_000
_MESSAGE_CHARS_MAX: Final = 8_192


class Failure:
    """What a span tells of its error; empty texts where it tells nothing."""

    __slots__ = ("location", "message", "type")

    def __init__(self, kind: str = "", message: str = "", place: str = "") -> None:
        self.type = kind
        self.message = message[:_MESSAGE_CHARS_MAX]
        self.location = place


def read_failure(names: Sequence[str], events: Sequence[Mapping[str, Value]]) -> Failure:
    """Return the last exception among the events of a span; ``names`` are the events' names."""
    for name, values in zip(reversed(names), reversed(events), strict=True):
        if name == "exception" or semconv.EXCEPTION_TYPE in values:
            return Failure(
                str(values.get(semconv.EXCEPTION_TYPE) or ""),
                str(values.get(semconv.EXCEPTION_MESSAGE) or ""),
                location(str(values.get(semconv.EXCEPTION_STACKTRACE) or "")),
            )
    return Failure()


def location(stack: str) -> str:
    """Return ``file.py:42 in function`` for a stack trace of Python, JavaScript or the JVM.

    It is the innermost frame of the program itself; the innermost of all where every frame is a
    library's. ``""`` when no frame is recognised.
    """
    stack = stack[-_STACK_CHARS_MAX:]
    frames = [(m[1], m[2], m[3]) for m in _PYTHON_FRAME.finditer(stack)]
    if frames:
        frames.reverse()
    else:
        frames = [(m[2], m[3], m[1] or "") for m in _SCRIPT_FRAME.finditer(stack)]
    if not frames:
        frames = [(m[2], m[3], m[1].rsplit(".", 1)[-1]) for m in _JVM_FRAME.finditer(stack)]
    if not frames:
        return ""
    own = (frame for frame in frames if not any(part in frame[0] for part in _LIBRARIES))
    path, line, function = next(own, frames[0])
    file = re.split(r"[/\\]", path)[-1]
    return f"{file}:{line} in {function}" if function else f"{file}:{line}"

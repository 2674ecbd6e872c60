"""What is kept of an exception? Telemetry floor: its text and traceback, but none of its frames."""

import traceback
from typing import Final

from agentops.semconv import EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE, EXCEPTION_TYPE
from agentops.telemetry.records import AnyValue

__all__ = ["StackText", "exception_attributes"]

_FRAMES_MAX: Final = 64


class StackText:
    """The traceback of an exception, taken now without keeping its frames alive, formatted later."""

    __slots__ = ("_summary",)

    def __init__(self, error: BaseException) -> None:
        self._summary = traceback.TracebackException(
            type(error), error, error.__traceback__, limit=-_FRAMES_MAX, lookup_lines=False
        )

    @property
    def message(self) -> str:
        """The exception's own text; a placeholder where its ``__str__`` fails."""
        return str(self._summary)

    def format(self) -> str:
        """Return the text Python would print, source lines included. Reads files: not for the caller."""
        return "".join(self._summary.format())


def exception_attributes(error: BaseException) -> dict[str, AnyValue]:
    """Return the attributes of an ``exception`` event; the traceback is a :class:`StackText`."""
    kind = type(error)
    module = kind.__module__
    name = kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
    stack = StackText(error)
    return {
        EXCEPTION_TYPE: name,
        EXCEPTION_MESSAGE: stack.message,
        EXCEPTION_STACKTRACE: stack,
    }

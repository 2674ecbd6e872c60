"""What is kept of an exception? Telemetry floor: its text and traceback, but none of its frames."""

import traceback
from collections.abc import Mapping
from typing import Final

from agentops.guard import tolerated
from agentops.semconv import EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE, EXCEPTION_TYPE
from agentops.telemetry.masking import HIDDEN
from agentops.telemetry.records import AnyValue

__all__ = ["StackText", "exception_attributes"]

_FRAMES_MAX: Final = 64
_CREDENTIALS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_SECRET_LENGTH_MIN: Final = 8
_NONE: Final[tuple[str, ...]] = ()


class StackText:
    """The traceback of an exception, taken now without keeping its frames alive, formatted later."""

    __slots__ = ("_secrets", "_summary")

    def __init__(self, error: BaseException) -> None:
        self._secrets = tolerated("reading a failed request", _credentials, error, otherwise=_NONE)
        self._summary = traceback.TracebackException(
            type(error), error, error.__traceback__, limit=-_FRAMES_MAX, lookup_lines=False
        )

    @property
    def message(self) -> str:
        """The exception's own text; a placeholder where its ``__str__`` fails."""
        return self._without_secrets(str(self._summary))

    def format(self) -> str:
        """Return the text Python would print, source lines included. Reads files: not for the caller."""
        return self._without_secrets("".join(self._summary.format()))

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def _credentials(error: BaseException) -> tuple[str, ...]:
    """Return what the failed HTTP request proved itself with: some services repeat it in their answer.

    Only fields that the exception itself holds are looked at; nothing of it is called.
    """
    found: set[str] = set()
    for each in (error, error.__cause__, error.__context__):
        held = {} if each is None else object.__getattribute__(each, "__dict__")
        request = held.get("request") or getattr(held.get("response"), "_request", None)
        headers = getattr(request, "headers", None)
        if isinstance(headers, Mapping):
            values = (str(headers.get(name) or "").rpartition(" ")[2] for name in _CREDENTIALS)
            found.update(value for value in values if len(value) >= _SECRET_LENGTH_MIN)
    return tuple(found)


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

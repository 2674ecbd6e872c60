"""How do records of the standard ``logging`` module become events? Telemetry floor; only where asked for.

A handler on the root logger takes what is logged inside a session. It changes no level, no formatter
and no other handler, and our own loggers never feed it.
"""

import fnmatch
import logging
from collections.abc import Callable
from typing import Final

from agentops import semconv
from agentops.guard import guarded, tolerated
from agentops.telemetry.config import LoggingConfig
from agentops.telemetry.exceptions import exception_attributes
from agentops.telemetry.records import AnyValue

__all__ = ["LogBridge"]

_OWN: Final = ("agentops", "opentelemetry", "urllib3", "grpc")
_SEVERITIES: Final = ((50, 21), (40, 17), (30, 13), (20, 9), (0, 5))

Emit = Callable[[str, dict[str, AnyValue], AnyValue, int], None]
"""Takes event name, attributes, body and OpenTelemetry severity number."""


class LogBridge(logging.Handler):
    """Hands log records on as events.

    Args:
        config: Which records.
        emit: Takes the event.
        is_in_session: Whether the calling code runs inside a session.
    """

    def __init__(
        self, config: LoggingConfig, emit: Emit, is_in_session: Callable[[], bool]
    ) -> None:
        super().__init__(logging.getLevelName(config.level))
        self._loggers = config.loggers
        self._emit = emit
        self._is_in_session = is_in_session

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record on; never raises."""
        with guarded("bridging a log record"):
            if self._is_wanted(str(record.name)) and self._is_in_session():
                severity = next(new for old, new in _SEVERITIES if record.levelno >= old)
                text = tolerated("formatting a log message", record.getMessage, otherwise="")
                self._emit(f"log.{record.levelname.lower()}", _attributes(record), text, severity)

    def install(self) -> None:
        """Begin to listen."""
        logging.getLogger().addHandler(self)

    def uninstall(self) -> None:
        """Listen no more."""
        logging.getLogger().removeHandler(self)

    def _is_wanted(self, name: str) -> bool:
        if name.split(".", 1)[0] in _OWN:
            return False
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self._loggers)


def _attributes(record: logging.LogRecord) -> dict[str, AnyValue]:
    attributes: dict[str, AnyValue] = {
        "logger.name": record.name,
        semconv.CODE_FILE_PATH: record.pathname,
        semconv.CODE_LINE_NUMBER: record.lineno,
        semconv.CODE_FUNCTION_NAME: record.funcName,
        "thread.name": record.threadName,
    }
    if record.exc_info and record.exc_info[1] is not None:
        attributes |= exception_attributes(record.exc_info[1])
    return attributes

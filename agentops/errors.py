"""Which errors can AgentOps raise? Ground floor: imported by everything, imports nothing.

The tree::

    AgentOpsError
    ├── ConfigurationError      raised by ``init`` and by constructors only
    ├── MissingExtraError       an optional dependency is needed and absent
    ├── SessionError            a session was used in a way it cannot serve
    ├── StorageError            the backend's storage refused or failed
    │   ├── RowsRefusedError    these rows cannot be stored, ever
    │   └── StorageBusyError    try again later
    └── ApiError                the backend answered a request of the CLI with an error
"""

__all__ = [
    "AgentOpsError",
    "ApiError",
    "ConfigurationError",
    "MissingExtraError",
    "RowsRefusedError",
    "SessionError",
    "StorageBusyError",
    "StorageError",
]


class AgentOpsError(Exception):
    """Base of every error AgentOps raises on purpose."""


class ConfigurationError(AgentOpsError, ValueError):
    """A setting is not usable.

    Args:
        path: Key path of the setting, as written in YAML: ``telemetry.exporters[1].endpoint``.
        seen: What was found there.
        expected: What would be accepted, and what to do.
    """

    def __init__(self, path: str, seen: object, expected: str) -> None:
        super().__init__(f"{path}: got {seen!r}; expected {expected}")
        self.path = path
        self.seen = seen
        self.expected = expected


class MissingExtraError(AgentOpsError, ImportError):
    """An optional part needs a package that is not installed.

    Args:
        part: What was asked for, in words.
        extra: Name of the extra that brings it: ``grpc``, ``server``.
        missing: Module that was not found, where it is known.
    """

    def __init__(self, part: str, extra: str, missing: str | None = None) -> None:
        found = f" ({missing} was not found)" if missing else ""
        super().__init__(
            f"{part} needs packages that are not installed{found}; run: pip install 'agentops[{extra}]'"
        )
        self.part = part
        self.extra = extra


class SessionError(AgentOpsError):
    """A session was asked for something it cannot do."""


class StorageError(AgentOpsError):
    """The backend's storage refused a request or failed."""


class RowsRefusedError(StorageError):
    """The backend's storage cannot take these rows; sending them again changes nothing."""


class StorageBusyError(StorageError):
    """The backend's storage cannot take more now; the same request may succeed later."""


class ApiError(AgentOpsError):
    """The backend answered with an error.

    Args:
        status: HTTP status code, or 0 when no answer came.
        message: The backend's own words.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

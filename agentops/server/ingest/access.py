"""Who may send, and for which project? The one place that reads credentials of ingest requests.

On loopback every key, and none, is accepted and means the project ``default``: a program on the same
machine is trusted, and keys that were made for the hosted service keep working.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

__all__ = ["PROJECT_DEFAULT", "Access", "open_access"]

PROJECT_DEFAULT: Final = "default"

Access: TypeAlias = Callable[[Mapping[str, str]], str]
"""From the headers of a request (names in lower case) or the metadata of a gRPC call to the project id.

Raises :class:`agentops.server.ingest.refusal.Refusal` with status 401 or 403 for a sender it does not let in.
"""


def open_access(headers: Mapping[str, str]) -> str:  # noqa: ARG001 - the form of Access
    """Let everyone in, to the project ``default``: for a server bound to loopback."""
    return PROJECT_DEFAULT

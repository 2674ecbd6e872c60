"""Where do decoded rows go? The one call between ingest and the rest of the backend."""

from collections.abc import Sequence
from typing import Protocol

from agentops.server.rows import Row

__all__ = ["Acceptor"]


class Acceptor(Protocol):
    """Whoever keeps rows."""

    async def accept(self, rows: Sequence[Row]) -> None:
        """Keep ``rows``; return when they survive a crash. The caller does not touch them again.

        Raises:
            StorageBusyError: Nothing was kept and the same rows may be offered again later.
        """

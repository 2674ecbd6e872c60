"""How much may all requests together hold in memory? A count of bytes that refuses before it is too late."""

from types import TracebackType

from agentops.server.ingest.refusal import Refusal

__all__ = ["Budget", "Held"]

_RETRY_AFTER_S = 2


class Budget:
    """Bytes that requests under way may hold together. For one event loop.

    Args:
        bytes_max: Beyond it requests are refused; the one that asks first is always served.
    """

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes_held = 0

    def hold(self) -> "Held":
        """Return the account of one request, to be used in a ``with`` statement."""
        return Held(self)


class Held:
    """What one request holds; given back when its ``with`` statement is left."""

    __slots__ = ("_budget", "_bytes")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._bytes = 0

    def add(self, count: int) -> None:
        """Hold ``count`` more bytes.

        Raises:
            Refusal: 503, all requests together hold too much.
        """
        others = self._budget.bytes_held - self._bytes
        if others and self._budget.bytes_held + count > self._budget.bytes_max:
            raise Refusal(
                503, "too many bytes are being received; send again", retry_after_s=_RETRY_AFTER_S
            )
        self._bytes += count
        self._budget.bytes_held += count

    def __enter__(self) -> "Held":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._budget.bytes_held -= self._bytes
        self._bytes = 0

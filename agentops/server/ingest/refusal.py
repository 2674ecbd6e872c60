"""Why is a request not taken? One error for every protocol, turned into its answer at the edge."""

from agentops.errors import AgentOpsError

__all__ = ["Refusal"]


class Refusal(AgentOpsError):
    """A request is not taken.

    Args:
        status: HTTP status that says so; gRPC answers are derived from it.
        message: What was seen and what was expected; goes to the sender, so no data of others in it.
        retry_after_s: When the same request may succeed; ``None`` means never.
    """

    def __init__(self, status: int, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after_s = retry_after_s

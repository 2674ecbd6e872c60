"""The exceptions of agentops 0.3 and 0.4, for the ``except`` clauses of programs; nothing raises them."""

from agentops.errors import AgentOpsError

__all__ = [
    "AgentOpsApiJwtExpiredException",
    "AgentOpsClientNotInitializedException",
    "ApiServerException",
    "InvalidApiKeyException",
    "MultiSessionException",
    "NoApiKeyException",
    "NoSessionException",
]


class MultiSessionException(AgentOpsError):
    """0.3: more than one session ran; now the one that is current in the task or thread is meant."""


class NoSessionException(AgentOpsError):
    """No session ran."""


class NoApiKeyException(AgentOpsError):
    """There was no key; none is needed for a backend of one's own."""


class InvalidApiKeyException(AgentOpsError):
    """The key was no UUID."""


class ApiServerException(AgentOpsError):
    """The backend refused; what is not delivered is counted now, and told at exit."""


class AgentOpsClientNotInitializedException(AgentOpsError, RuntimeError):
    """``init`` was not called."""


class AgentOpsApiJwtExpiredException(AgentOpsError):
    """The token had expired; it is renewed by itself now."""

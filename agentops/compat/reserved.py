"""Which older names does AgentOps not serve, and what stands in their place?

A name here can be imported, so that programs load; using it raises :class:`NotServedError` with the
way to do the same today. Nothing is ever silently left undone.
"""

from typing import NoReturn

from agentops.errors import AgentOpsError

__all__ = [
    "AsyncLangchainCallbackHandler",
    "LangchainCallbackHandler",
    "NotServedError",
    "print_validation_summary",
    "set_parent_key",
    "tracer",
    "track_endpoint",
    "validate_trace_spans",
]


class NotServedError(AgentOpsError, NotImplementedError):
    """A name of an older release was used that has no equal today."""


class _Reserved:
    """Stands for a name; calling it, reading an attribute of it or subclassing it says what to use.

    Args:
        name: The older name.
        instead: What to do today; completes "instead, ...".
    """

    def __init__(self, name: str, instead: str) -> None:
        self.__name__ = name
        self.__doc__ = f"Not served any more; instead, {instead}."
        self._text = f"agentops.{name} is not served any more; instead, {instead}"

    def __call__(self, *_args: object, **_options: object) -> NoReturn:
        raise NotServedError(self._text)

    def __mro_entries__(self, _bases: tuple[object, ...]) -> NoReturn:
        raise NotServedError(self._text)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # inspection of modules reads these; it is not a use
            raise AttributeError(name)
        raise NotServedError(self._text)

    def __repr__(self) -> str:
        return f"<{self._text}>"


LangchainCallbackHandler = _Reserved(
    "LangchainCallbackHandler",
    "call agentops.init(): the models LangChain calls through openai and anthropic are recorded;"
    " wrap the chain in `with agentops.workflow(...)`",
)
AsyncLangchainCallbackHandler = _Reserved(
    "AsyncLangchainCallbackHandler",
    "call agentops.init(): the models LangChain calls through openai and anthropic are recorded;"
    " wrap the chain in `async with agentops.workflow(...)`",
)
set_parent_key = _Reserved(
    "set_parent_key",
    "configure one more `agentops` exporter with that key under telemetry.exporters",
)
tracer = _Reserved(
    "tracer",
    "use agentops.session(...) for traces and agentops.get_client().telemetry for spans",
)
track_endpoint = _Reserved(
    "track_endpoint",
    "decorate the endpoint with @agentops.session",
)
validate_trace_spans = _Reserved(
    "validate_trace_spans",
    "run `agentops doctor`, or `agentops show SESSION_ID --json`",
)
print_validation_summary = _Reserved(
    "print_validation_summary",
    "run `agentops doctor`, or `agentops show SESSION_ID`",
)

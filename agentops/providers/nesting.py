"""Within which call does other code run? Stands beside the engine."""

from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current

from agentops.providers.patching import hide_frames

if TYPE_CHECKING:
    from agentops.providers.active_call import ActiveCall

__all__ = ["ACTIVE", "SUPPRESS_KEY", "Attached", "Passing"]

# Of its own: it is set for each call, and a key in the OpenTelemetry context copies all that rides there.
ACTIVE: "ContextVar[ActiveCall | None]" = ContextVar("agentops-call", default=None)
SUPPRESS_KEY = "suppress_instrumentation"  # the key OpenTelemetry's instrumentations agree on


class Attached:
    """A context that is made the current one around others' code.

    What that code has attached and not detached stays, as it does without us, but for the span of ours. A signal
    may break in anywhere: to leave it again, or to leave what was not entered, does nothing.

    Args:
        context: Which one.
    """

    __slots__ = ("_before", "_context")

    def __init__(self, context: Context) -> None:
        self._before = get_current()
        self._context = context

    def enter(self) -> None:
        """Make it the current one."""
        attach(self._context)

    def leave(self) -> None:
        """Put back what was current before; in another context that does nothing."""
        current = get_current()
        if current is self._context:
            attach(self._before)
        elif trace.get_current_span(current) is trace.get_current_span(self._context):
            attach(trace.set_span_in_context(trace.get_current_span(self._before), current))


class Passing:
    """A call that is no span. The answer of a suppressed one is not that of the call within which it is made."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = ACTIVE.set(None) if get_current().get(SUPPRESS_KEY) else None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None:
            hide_frames(error)
        if self._token is not None:
            with suppress(ValueError):  # a coroutine that is thrown away, in another context
                ACTIVE.reset(self._token)

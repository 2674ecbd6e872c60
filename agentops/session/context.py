"""Which session is current here? Context INSIDE the process; session floor.

The session rides in the OpenTelemetry context next to the current span and the ambient attributes, so
whatever carries that context (tasks, ``asyncio.to_thread``, the helpers of ``TraceContext``) carries
all three at once. Context BETWEEN processes stands in ``agentops/instrumentation/context.py``.
"""

from typing import TYPE_CHECKING, cast

from opentelemetry import context as otel
from opentelemetry.context import Context

from agentops.instrumentation.context import attach, detach

if TYPE_CHECKING:
    from agentops.session.session import Session

__all__ = ["attach", "bind_session", "context_session", "detach"]

_SESSION = otel.create_key("agentops-session")


def bind_session(session: "Session", context: Context) -> Context:
    """Return ``context`` with ``session`` in it; nothing is attached."""
    return otel.set_value(_SESSION, session, context)


def context_session(context: Context | None = None) -> "Session | None":
    """Return the session that rides in ``context`` (``None`` = the current context), ended or not."""
    return cast("Session | None", otel.get_value(_SESSION, context))

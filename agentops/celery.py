"""How does a trace cross Celery? Signal handlers for the program that sends tasks and for the worker.

Needs Celery, which brings its own. The context stands in the headers of the task's message, as Celery's protocol
2 foresees; nothing of Celery is patched.
"""

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind, set_span_in_context

from agentops import client, semconv
from agentops.guard import guarded
from agentops.incoming import Arrival, Incoming, Trust
from agentops.instrumentation.context import TraceContext, attach, detach

if TYPE_CHECKING:
    from contextvars import Token

    from celery import Celery
    from opentelemetry.context import Context

__all__ = ["CeleryPropagation", "instrument_celery"]

_SCOPE = "agentops.celery"
_RUNNING = "agentops_running"


def instrument_celery(app: "Celery", *, trust: Trust = "continue") -> "CeleryPropagation":
    """Carry trace and session from where a task of ``app`` is sent to where it runs.

    Call it where the application is made: the program that sends and the worker both import that. Sending
    is a PRODUCER span, running a CONSUMER span. A task that calls ``agentops.init`` nowhere, not even in
    the worker's ``worker_process_init`` signal, records nothing and still hands the context on.

    Args:
        app: The Celery application. Tasks of other applications are left alone.
        trust: ``continue`` the trace of the sender, ``link`` a new one to it, or ``refuse`` it.

    Returns:
        Its handlers; keep them, ``uninstall`` undoes them.
    """
    propagation = CeleryPropagation(app, trust)
    propagation.install()
    return propagation


class CeleryPropagation:
    """The signal handlers of one application.

    Args:
        app: The Celery application.
        trust: See :func:`instrument_celery`.
    """

    def __init__(self, app: "Celery", trust: Trust = "continue") -> None:
        self._app = app
        self._trust = trust

    def install(self) -> None:
        """Connect the handlers. The application holds them."""
        from celery import signals  # only those who use Celery have it

        signals.before_task_publish.connect(self._send, weak=False)
        signals.task_prerun.connect(self._begin, weak=False)
        signals.task_postrun.connect(self._end, weak=False)

    def uninstall(self) -> None:
        """Disconnect the handlers."""
        from celery import signals  # as above

        signals.before_task_publish.disconnect(self._send)
        signals.task_prerun.disconnect(self._begin)
        signals.task_postrun.disconnect(self._end)

    def _send(
        self,
        sender: str | None = None,
        headers: MutableMapping[str, Any] | None = None,
        routing_key: str | None = None,
        **_rest: object,
    ) -> None:
        """Write the context into the headers of a message that is about to be sent."""
        with guarded("sending a task"):
            if headers is None or sender not in self._app.tasks:
                return
            context = TraceContext.current()
            active = client.active()
            if active is not None:
                attributes = _described(headers.get("id"), "send", routing_key)
                span = active.telemetry.create_span(
                    f"send {sender}", kind=SpanKind.PRODUCER, attributes=attributes, scope=_SCOPE
                )
                context = TraceContext(set_span_in_context(span))
                active.telemetry.end_span(span)
            context.inject(headers)

    def _begin(self, task_id: str | None = None, task: Any = None, **_rest: object) -> None:  # noqa: ANN401
        """Make the sender's context current while the task runs."""
        with guarded("beginning a task"):
            if task.app is not self._app:
                return
            where = (task.request.delivery_info or {}).get("routing_key")
            arrival = Arrival(
                name=f"process {task.name}",
                scope=_SCOPE,
                kind=SpanKind.CONSUMER,
                attributes=_described(task_id, "process", where),
            )
            incoming = Incoming(_sent_with(task.request), self._trust, arrival)
            setattr(task.request, _RUNNING, (incoming, attach(incoming.context)))

    def _end(
        self,
        task: Any = None,  # noqa: ANN401 - a Celery task
        state: str | None = None,
        retval: object = None,
        **_rest: object,
    ) -> None:
        """Restore what was current before the task, and end its span."""
        with guarded("ending a task"):
            running: tuple[Incoming, Token[Context]] | None = getattr(task.request, _RUNNING, None)
            if running is None:
                return
            setattr(task.request, _RUNNING, None)
            incoming, token = running
            detach(token)
            error = retval if state == "FAILURE" and isinstance(retval, BaseException) else None
            incoming.end(error=error)


def _sent_with(request: Any) -> Mapping[str, object]:  # noqa: ANN401 - Celery's request
    """Return the headers of the message; which of these places holds them depends on how it was sent."""
    return {**vars(request), **(request.headers or {})}


def _described(task_id: object, operation: str, routing_key: str | None) -> dict[str, str]:
    return {
        semconv.MESSAGING_SYSTEM: "celery",
        semconv.MESSAGING_OPERATION_NAME: operation,
        **({semconv.MESSAGING_MESSAGE_ID: str(task_id)} if task_id else {}),
        **({semconv.MESSAGING_DESTINATION_NAME: routing_key} if routing_key else {}),
    }

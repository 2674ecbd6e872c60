"""How does the context get into every thread, where that is asked for? The automatic counterpart of ``propagate``."""

import functools
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from agentops.guard import guarded
from agentops.instrumentation.context import TraceContext, attach, detach
from agentops.instrumentation.executors import in_current_context
from agentops.providers.patching import Args, Function, Kwargs, Patch, end_all, when_imported

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ThreadPropagation"]

_OWN_THREADS = "agentops-"


class ThreadPropagation:
    """Threads, timers and executors carry the context they were started in, while this is installed."""

    def __init__(self) -> None:
        self._patches = [
            Patch("threading", "Thread.start", lambda _: _start),
            Patch("concurrent.futures.thread", "ThreadPoolExecutor.submit", lambda _: _submit),
            Patch("concurrent.futures.process", "ProcessPoolExecutor.submit", lambda _: _submit),
        ]
        self._is_wanted = False
        self._ends: list[Callable[[], None]] = []  # each of a wait for an import

    def install(self) -> None:
        """Patch what is imported, now or later."""
        if not self._is_wanted:
            self._is_wanted = True
            for patch in self._patches:
                end = when_imported(patch.module, functools.partial(self._apply, patch))
                self._ends.append(end)

    def _apply(self, patch: Patch) -> None:
        if self._is_wanted:
            patch.apply()
        if not self._is_wanted:  # any more: another thread may have had its way in between
            patch.remove()

    def uninstall(self) -> None:
        """Undo the patches; what runs already keeps its context."""
        self._is_wanted = False
        end_all(self._ends)
        for patch in self._patches:
            patch.remove()


def _start(
    wrapped: Function,
    instance: Any,  # noqa: ANN401 - a Thread
    args: Args,
    kwargs: Kwargs,
) -> object:
    """Let ``run`` of this one thread run in the context that is current now."""
    with guarded("carrying the context into a thread"):
        context = otel_context.get_current()
        if context and not instance.name.startswith(_OWN_THREADS):
            run = instance.run

            def run_here() -> None:
                # So that nothing of this outlives the call; it is gone where a first start had failed.
                vars(instance).pop("run", None)
                TraceContext(context).wrap(run)()

            instance.run = run_here
    return wrapped(*args, **kwargs)


def _submit(wrapped: Function, _instance: object, args: tuple[Any, ...], kwargs: Kwargs) -> object:
    """Give the work its context, and the worker threads that may be started for it none."""
    with guarded("carrying the context into an executor"):
        if args:
            args = (in_current_context(args[0]), *args[1:])
    token = attach(Context())
    try:
        return wrapped(*args, **kwargs)
    finally:
        detach(token)

"""How does the context get into an executor's work? Instrumentation floor."""

import functools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from opentelemetry import context as otel_context

from agentops.instrumentation.context import TraceContext

__all__ = ["in_current_context", "propagate"]

E = TypeVar("E", bound=Executor)
R = TypeVar("R")
_MARK = "_agentops_carries_context"


def propagate(executor: E) -> E:
    """Make everything given to an executor from now on run in the context it was given in.

    For ``ThreadPoolExecutor`` and ``ProcessPoolExecutor``, used directly or through
    ``loop.run_in_executor``. A process pool's functions and arguments must be picklable, as ever; spans
    made in its processes are recorded where these processes run ``agentops.init``, or were forked from
    one that has.

    Args:
        executor: Any executor whose ``submit`` takes a function; it is changed in place.

    Returns:
        The same executor.
    """
    submit: Callable[..., Future[Any]] = executor.submit
    if hasattr(submit, _MARK):
        return executor

    @functools.wraps(submit)
    def submit_here(function: Callable[..., R], /, *args: Any, **kwargs: Any) -> "Future[R]":  # noqa: ANN401 - the function's own
        return submit(in_current_context(function), *args, **kwargs)

    setattr(submit_here, _MARK, True)
    vars(executor)["submit"] = submit_here
    return executor


def in_current_context(function: Callable[..., R]) -> Callable[..., R]:
    """Return the function, made to run in the current context; the same where that is empty."""
    context = otel_context.get_current()
    return TraceContext(context).wrap(function) if context else function

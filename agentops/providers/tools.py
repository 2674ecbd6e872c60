"""How does a tool that a vendor's SDK runs become a span? Stands beside the engine.

The SDKs' runners call the program's tools between two model calls. The span of a tool is current while
the tool runs, so that what it does stands below it.
"""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, cast

from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from agentops.guard import guarded
from agentops.instrumentation.providers.base import ProviderInstrumentation, Target
from agentops.instrumentation.tools import ToolRun, bind_tool
from agentops.providers.nesting import Attached
from agentops.providers.patching import (
    Args,
    Function,
    Kwargs,
    Wrapper,
    hide_frames,
    wrapped_function,
)
from agentops.telemetry.completion import Completion

if TYPE_CHECKING:
    from opentelemetry.context import Context

__all__ = ["actions_wrapper", "tool_wrapper"]

_ReadRun = Callable[[Args], "ToolRun | None"]


def tool_wrapper(instrumentation: ProviderInstrumentation, target: Target) -> Wrapper:
    """Return what makes each call of ``target``, a function that runs one tool, a span."""

    def read(args: Args) -> ToolRun | None:
        return instrumentation.read_tool(target, args)

    follow = _follow_async if target.is_async else _follow

    def wrapper(wrapped: Function, instance: object, args: Args, kwargs: Kwargs) -> object:
        running = _Running(instrumentation, read, (instance, *args))
        return follow(running, wrapped, args, kwargs)

    return wrapper


def actions_wrapper(instrumentation: ProviderInstrumentation, target: Target) -> Wrapper:
    """Return what makes each call of the functions in the result of ``target`` a span."""

    def wrapper(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> object:
        value = wrapped(*args, **kwargs)
        with guarded("following the actions of a program"):
            for action in instrumentation.find_actions(target, value):
                function = getattr(action.holder, action.attribute)
                followed = wrapped_function(function, _action_wrapper(instrumentation, action.run))
                # The SDK's own record of the action, which may be frozen; the program's is not touched.
                object.__setattr__(action.holder, action.attribute, followed)
        return value

    return wrapper


def _action_wrapper(instrumentation: ProviderInstrumentation, run: ToolRun) -> Wrapper:
    def wrapper(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> object:
        running = _Running(instrumentation, lambda _: replace(run), ())
        return _follow(running, wrapped, args, kwargs)

    return wrapper


def _follow(running: "_Running", function: Function, args: Args, kwargs: Kwargs) -> object:
    """Run a tool; where it gives something to be awaited, the tool ends when that does."""
    running.enter()
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        hide_frames(error)
        running.leave()
        running.end(None, error)
        raise
    running.leave()
    if isawaitable(result):
        return _Awaited(running, result)
    running.end(result)
    return result


async def _follow_async(
    running: "_Running", function: Function, args: Args, kwargs: Kwargs
) -> object:
    return await _Awaited(running, cast("Awaitable[object]", function(*args, **kwargs)))


class _Awaited:
    """Stands in for what a tool gave to be awaited; closed or dropped, it closes that."""

    def __init__(self, running: "_Running", awaitable: Awaitable[object]) -> None:
        self._running = running
        self._awaitable: Any = awaitable
        self._is_begun = False

    @property  # type: ignore[misc]  # the SDK closes a coroutine that it did not expect
    def __class__(self) -> type:
        return type(self._awaitable)

    def __await__(self) -> Generator[Any, Any, object]:
        self._is_begun = True
        return self._follow().__await__()

    async def _follow(self) -> object:
        running = self._running
        running.enter()
        try:
            result: object = await self._awaitable
        except GeneratorExit as error:
            # The coroutine is thrown away, maybe in another context: there is nothing to put back.
            running.end(None, error)
            raise
        except BaseException as error:
            hide_frames(error)
            running.leave()
            running.end(None, error)
            raise
        running.leave()
        running.end(result)
        return result

    def close(self) -> None:
        """Close what was to be awaited; the tool ends without a result."""
        self._is_begun = True
        close = getattr(self._awaitable, "close", None)
        if callable(close):
            close()
        self._running.end(None)

    def __del__(self) -> None:
        if not self._is_begun:
            self.close()


class _Running:
    """A tool that runs; without a span where there was nothing to be read.

    Args:
        instrumentation: What is known of the vendor.
        read: Reads the run off ``args``.
        args: What the hooked function was given.
    """

    def __init__(
        self, instrumentation: ProviderInstrumentation, read: _ReadRun, args: Args
    ) -> None:
        self._instrumentation = instrumentation
        self._read = read
        self._args = args
        self._run: ToolRun | None = None
        self._span: Span | None = None
        self._context: Context | None = None
        self._attached: Attached | None = None

    def enter(self) -> None:
        """Make the span current; the first time it starts."""
        with guarded("starting a tool"):
            if self._context is None:
                self._start()
            if self._context is not None:
                self._attached = Attached(self._context)
                self._attached.enter()

    def _start(self) -> None:
        run = self._read(self._args)
        if run is None:
            return
        run.library = self._instrumentation.module
        self._run = run
        self._span = self._instrumentation.create_span(
            f"execute_tool {run.name}",
            kind=SpanKind.INTERNAL,
            attributes=run.to_start_attributes(),
        )
        self._context = bind_tool(run, self._span)

    def leave(self) -> None:
        """Put the former span back."""
        if self._attached is not None:
            self._attached.leave()
            self._attached = None

    def end(self, result: object, error: BaseException | None = None) -> None:
        """End the span."""
        run, span = self._run, self._span
        if run is None or span is None:
            return
        with guarded("ending a tool"):
            if error is None:
                self._instrumentation.read_tool_result(run, result)
            if run.error_type:
                span.set_status(Status(StatusCode.ERROR))
            manager = self._instrumentation.telemetry_manager
            manager.end_span(span, complete=self._complete, error=error)

    def _complete(self) -> Completion:
        mode = self._instrumentation.telemetry_manager.content_mode
        assert self._run is not None
        return Completion(
            attributes=self._run.to_attributes(mode), events=(self._run.to_event(mode),)
        )

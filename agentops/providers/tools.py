"""How does a tool that a vendor's SDK runs become a span? Stands beside the engine.

The SDKs' runners call the program's tools between two model calls. The span of a tool is current while
the tool runs, so that what it does stands below it.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, cast

from opentelemetry.context import attach, detach
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from agentops.guard import guarded
from agentops.instrumentation.providers.base import ProviderInstrumentation, Target
from agentops.instrumentation.tools import bind_tool
from agentops.providers.patching import Wrapper
from agentops.telemetry.completion import Completion

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context

    from agentops.instrumentation.tools import ToolRun

__all__ = ["tool_wrapper"]


def tool_wrapper(instrumentation: ProviderInstrumentation, target: Target) -> Wrapper:
    """Return what makes each call of ``target``, a function that runs one tool, a span."""

    def wrapper(
        wrapped: Callable[..., object],
        instance: object,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> object:
        if target.is_async:
            return follow(wrapped, instance, args, kwargs)
        running = _Running.start(instrumentation, target, (instance, *args))
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            running.end(None, error)
            raise
        running.end(result)
        return result

    async def follow(
        wrapped: Callable[..., object],
        instance: object,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> object:
        running = _Running.start(instrumentation, target, (instance, *args))
        try:
            result = await cast("Awaitable[object]", wrapped(*args, **kwargs))
        except BaseException as error:
            running.end(None, error)
            raise
        running.end(result)
        return result

    return wrapper


class _Running:
    """A tool that runs; without a span where there was nothing to be read."""

    def __init__(self, instrumentation: ProviderInstrumentation) -> None:
        self._instrumentation = instrumentation
        self._run: ToolRun | None = None
        self._span: Span | None = None
        self._token: Token[Context] | None = None

    @classmethod
    def start(
        cls, instrumentation: ProviderInstrumentation, target: Target, args: tuple[object, ...]
    ) -> "_Running":
        """Start the span and make it the current one."""
        running = cls(instrumentation)
        with guarded("starting a tool"):
            run = instrumentation.read_tool(target, args)
            if run is not None:
                running._run = run
                running._span = instrumentation.create_span(
                    f"execute_tool {run.name}",
                    kind=SpanKind.INTERNAL,
                    attributes=run.to_start_attributes(),
                )
                running._token = attach(bind_tool(run, running._span))
        return running

    def end(self, result: object, error: BaseException | None = None) -> None:
        """End the span and put the former one back."""
        run, span = self._run, self._span
        if run is None or span is None:
            return
        with guarded("ending a tool"):
            if self._token is not None and not isinstance(error, GeneratorExit):
                # A coroutine that is thrown away may be closed in another context: nothing to put back.
                detach(self._token)
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

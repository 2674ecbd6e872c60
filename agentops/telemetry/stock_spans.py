"""What of spans that processors of the program see too? Telemetry floor: they are the stock SDK's own.

Such a processor looks at a span when it starts and when it ends, so nothing is put off: values are reduced, masked
and limited, and the completion is read, before the span ends.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode

from agentops import __version__, semconv
from agentops.guard import guarded
from agentops.telemetry.completion import Completion
from agentops.telemetry.exceptions import exception_attributes
from agentops.telemetry.records import AnyValue

__all__ = ["Given", "StockSpans"]


class Given(NamedTuple):
    """What a span starts with."""

    attributes: Mapping[str, AnyValue] | None
    links: Sequence[Link]
    start_ns: int | None


class StockSpans:
    """Starts and ends spans of any TracerProvider.

    Args:
        present: Returns attributes as others may see them.
    """

    def __init__(self, present: Callable[[Mapping[str, AnyValue]], Mapping[str, AnyValue]]) -> None:
        self._present = present
        self._completions: dict[int, Completion] = {}

    def start(
        self,
        provider: TracerProvider,
        name: str,
        kind: SpanKind,
        context: Context,
        scope: str,
        given: Given,
    ) -> Span:
        """Start a span of ``provider``."""
        tracer = provider.get_tracer(scope, __version__, semconv.SCHEMA_URL)
        return tracer.start_span(
            name,
            context=context,
            kind=kind,
            attributes=self._shown(given.attributes or {}),
            links=given.links,
            start_time=given.start_ns,
        )

    def end(
        self,
        span: Span,
        complete: Callable[[], Completion] | None,
        error: BaseException | None,
        end_ns: int | None,
    ) -> None:
        """Complete a span and end it; processors that want the completion itself take it meanwhile."""
        self._complete(span, complete, error)
        span.end(end_ns)
        # Where the program has shut its provider down, nobody has asked for it.
        self._completions.pop(span.get_span_context().span_id, None)

    def take_completion(self, span_id: int) -> Completion | None:
        """Return the completion of a span that ends now."""
        return self._completions.pop(span_id, None)

    def after_fork(self) -> None:
        """Forget, in a child process, the spans of the parent."""
        self._completions.clear()

    def _complete(
        self, span: Span, complete: Callable[[], Completion] | None, error: BaseException | None
    ) -> None:
        if error is not None:
            shown = self._shown(exception_attributes(error))
            span.add_event("exception", shown)
            self._fail(span, f"{type(error).__name__}: ", shown)
            span.set_attribute(semconv.ERROR_TYPE, type(error).__qualname__)
        completion = None
        if complete is not None:
            with guarded("completing a span"):
                completion = complete()
        if completion is None:
            return
        span.set_attributes(self._shown(completion.attributes))
        if completion.error is not None and error is None:
            self._fail(span, "", self._shown({semconv.EXCEPTION_MESSAGE: completion.error}))
        self._completions[span.get_span_context().span_id] = completion

    @staticmethod
    def _fail(span: Span, kind: str, shown: "dict[str, str]") -> None:
        text = shown.get(semconv.EXCEPTION_MESSAGE, "")
        span.set_status(Status(StatusCode.ERROR, f"{kind}{text}"))

    def _shown(self, attributes: Mapping[str, AnyValue]) -> "dict[str, str]":
        """Return attributes as processors may see them; not all of them are texts."""
        return cast("dict[str, str]", self._present(attributes))

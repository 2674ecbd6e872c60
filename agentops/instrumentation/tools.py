"""What is one use of a tool by the program? Instrumentation floor: the neutral shape of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import isroutine
from typing import cast

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from agentops import semconv
from agentops.events import ToolEvent
from agentops.telemetry.records import AnyValue

__all__ = ["Action", "ToolRun", "bind_tool", "claim_tool"]

_RUN = otel.create_key("agentops-tool-run")
_STEPS_MAX = 32


def _as_is(value: object) -> object:
    return value


@dataclass(slots=True, kw_only=True)
class ToolRun:
    """One run of a tool that a vendor's SDK makes in the program, because the model asked for it.

    Attributes:
        name: Name of the tool.
        call_id: Id the model gave the call; ``""`` when it is not known.
        description: What the tool says it does.
        function: What the SDK calls in the end; ``None`` when that is not known.
        library: Package of the SDK, whose adapters may stand around the function.
        arguments: What the model wants it called with; content, by reference.
        result: What it gave back; content, by reference; set when it is over.
        shape: Makes of arguments or result what is recorded; called on the pipeline's worker.
        error_type: ``error.type`` when the tool failed and the SDK told the model so.
        span: Its span, once started.
        is_claimed: Whether the function that runs is decorated as a tool itself.
        hides_arguments: Whether the decorator says that arguments are not to be recorded.
        hides_result: The same of the result.
    """

    name: str
    call_id: str = ""
    description: str = ""
    function: object = None
    library: str = ""
    arguments: object = None
    result: object = None
    shape: Callable[[object], object] = _as_is
    error_type: str = ""
    span: Span | None = None
    is_claimed: bool = False
    hides_arguments: bool = False
    hides_result: bool = False

    def to_start_attributes(self) -> dict[str, AnyValue]:
        """Return what stands on the span when it starts."""
        told = {
            semconv.GEN_AI_OPERATION_NAME: "execute_tool",
            semconv.AGENTOPS_SPAN_KIND: "tool",
            semconv.GEN_AI_TOOL_NAME: self.name,
            semconv.GEN_AI_TOOL_TYPE: "function",
            semconv.GEN_AI_TOOL_CALL_ID: self.call_id,
            semconv.GEN_AI_TOOL_DESCRIPTION: self.description,
        }
        return {name: value for name, value in told.items() if value}

    def to_attributes(self, content_mode: str) -> dict[str, AnyValue]:
        """Return what is known at the end; arguments and result only where ``content_mode`` is ``full``."""
        attributes: dict[str, AnyValue] = {}
        if self.error_type:
            attributes[semconv.ERROR_TYPE] = self.error_type
        if content_mode == "full":
            if not self.hides_arguments:
                attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] = self.shape(self.arguments)
            if not self.hides_result:
                attributes[semconv.GEN_AI_TOOL_CALL_RESULT] = self.shape(self.result)
        return attributes

    def to_event(self, content_mode: str) -> ToolEvent:
        """Return the run as an AgentOps event."""
        full = content_mode == "full"
        return ToolEvent(
            name=self.name,
            params=self.shape(self.arguments) if full and not self.hides_arguments else None,
            returns=self.shape(self.result) if full and not self.hides_result else None,
        )

    def leads_to(self, function: object) -> bool:
        """Tell whether what the SDK calls is ``function`` with nothing but decorators around it.

        Of the program's functions only ``__wrapped__``, bound methods and partials are followed; what
        the SDK itself put around one is looked into.
        """
        around, seen = [self.function], 0
        while around and seen < _STEPS_MAX:
            each = around.pop()
            seen += 1
            if each is function:
                return True
            more = [getattr(each, name, None) for name in ("__wrapped__", "__func__", "func")]
            if not isroutine(each):
                more.append(getattr(each, "__call__", None))  # noqa: B004 - the method itself is wanted
            if str(getattr(each, "__module__", "")).partition(".")[0] == self.library:
                more.append(getattr(each, "_handler", None))
                more += [_content(cell) for cell in getattr(each, "__closure__", None) or ()]
            around += [one for one in more if callable(one)]
        return False

    def enrich(self, name: str, span_name: str, attributes: Mapping[str, object]) -> None:
        """Add what the decorator of the function says: its words win over those of the vendor's SDK."""
        self.name = name
        if self.span is not None:
            self.span.update_name(span_name)
            for key, value in attributes.items():
                self.span.set_attribute(key, value)  # type: ignore[arg-type] # checked where they leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A function of the program that a vendor's SDK has noted and may run.

    Attributes:
        holder: The SDK's own note of it.
        attribute: Where the function stands in it.
        run: What a run of it is; each run gets a copy.
    """

    holder: object
    attribute: str
    run: ToolRun


def _content(cell: object) -> object:
    """Return what a cell of a closure holds, ``None`` when it is empty."""
    try:
        return cell.cell_contents  # type: ignore[attr-defined] # it is a cell
    except ValueError:
        return None


def bind_tool(run: ToolRun, span: Span) -> Context:
    """Return the current context with a run of a tool and its span in it."""
    run.span = span
    return otel.set_value(_RUN, run, trace.set_span_in_context(span))


def claim_tool(function: object) -> ToolRun | None:
    """Return the run that a vendor's SDK has just begun of ``function``, the first time only.

    ``None`` where there is none, where it runs another function, of whatever name, or where other work
    stands between the two.
    """
    run = cast("ToolRun | None", otel.get_value(_RUN))
    if run is None or run.is_claimed or trace.get_current_span() is not run.span:
        return None
    if not run.leads_to(function):
        return None
    run.is_claimed = True
    return run

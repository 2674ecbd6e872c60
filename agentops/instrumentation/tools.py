"""What is one use of a tool by the program? Instrumentation floor: the neutral shape of it."""

from dataclasses import dataclass

from agentops import semconv
from agentops.events import ToolEvent
from agentops.telemetry.records import AnyValue

__all__ = ["ToolRun"]


@dataclass(slots=True, kw_only=True)
class ToolRun:
    """One run of a tool that a vendor's SDK makes in the program, because the model asked for it.

    Attributes:
        name: Name of the tool.
        call_id: Id the model gave the call; ``""`` when it is not known.
        description: What the tool says it does.
        arguments: What the model wants it called with; content, by reference.
        result: What it gave back; content, by reference; set when it is over.
        error_type: ``error.type`` when the tool failed and the SDK told the model so.
    """

    name: str
    call_id: str = ""
    description: str = ""
    arguments: object = None
    result: object = None
    error_type: str = ""

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
            attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] = self.arguments
            attributes[semconv.GEN_AI_TOOL_CALL_RESULT] = self.result
        return attributes

    def to_event(self, content_mode: str) -> ToolEvent:
        """Return the run as an AgentOps event."""
        full = content_mode == "full"
        return ToolEvent(
            name=self.name,
            params=self.arguments if full else None,
            returns=self.result if full else None,
        )

"""The event classes under the path that programs of agentops 0.3 import them from."""

from agentops.events import ActionEvent, ErrorEvent, Event, EventType, LLMEvent, ToolEvent

__all__ = ["ActionEvent", "ErrorEvent", "Event", "EventType", "LLMEvent", "ToolEvent"]

"""What is content, and how much of it stays? Telemetry floor; runs on the worker.

Content is what people and models say and what tools are given and return. ``full`` keeps it,
``metadata`` keeps its shape (roles, kinds of parts, names of tools, lengths), ``none`` keeps nothing
of it. Texts of errors are content, for they may repeat it: services quote what they refuse. Their types
stay.
"""

import json
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from typing import Final

from agentops import semconv
from agentops.events import Event
from agentops.telemetry.records import AnyValue, Record, SpanRecord
from agentops.telemetry.values import json_text

__all__ = [
    "CONTENT_FIELDS",
    "event_with",
    "is_content",
    "is_content_field",
    "is_left_out",
    "is_spoken",
    "narrow",
    "reduced_value",
]

CONTENT_FIELDS: Final[Mapping[str, str]] = {
    "params": semconv.AGENTOPS_INPUT,
    "returns": semconv.AGENTOPS_OUTPUT,
    "prompt": semconv.GEN_AI_INPUT_MESSAGES,
    "completion": semconv.GEN_AI_OUTPUT_MESSAGES,
    "details": semconv.EXCEPTION_MESSAGE,
    "logs": "agentops.event.logs",
    "screenshot": "agentops.action.screenshot",
}
"""Fields of AgentOps events that are content, and the attributes they become."""

_PLAIN_FIELDS: Final = frozenset(
    {
        "event_type",
        "init_timestamp",
        "end_timestamp",
        "agent_id",
        "id",
        "session_id",
        "trace_id",
        "span_id",
        "action_type",
        "thread_id",
        "prompt_tokens",
        "completion_tokens",
        "cost",
        "model",
        "name",
        "trigger_event",
        "exception",
        "error_type",
        "code",
    }
)
_CONTENT: Final = frozenset(
    {
        *CONTENT_FIELDS.values(),
        semconv.EXCEPTION_STACKTRACE,
        semconv.GEN_AI_SYSTEM_INSTRUCTIONS,
        semconv.GEN_AI_TOOL_DEFINITIONS,
        semconv.GEN_AI_TOOL_CALL_ARGUMENTS,
        semconv.GEN_AI_TOOL_CALL_RESULT,
        semconv.GEN_AI_RETRIEVAL_QUERY_TEXT,
        semconv.GEN_AI_RETRIEVAL_DOCUMENTS,
        semconv.GEN_AI_MEMORY_QUERY_TEXT,
        semconv.GEN_AI_MEMORY_RECORDS,
        semconv.GEN_AI_EVALUATION_EXPLANATION,
        "gen_ai.prompt",
        "gen_ai.completion",
        "input.value",
        "output.value",
        "traceloop.entity.input",
        "traceloop.entity.output",
        "agentops.entity.input",
        "agentops.entity.output",
    }
)
_PREFIXES: Final = (
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "llm.input_messages",
    "llm.output_messages",
    "llm.prompts",
    "llm.completions",
)
_SAFE_PROMPT: Final = frozenset({semconv.GEN_AI_PROMPT_NAME, semconv.GEN_AI_PROMPT_VERSION})
_ERROR_TEXTS: Final = frozenset({semconv.EXCEPTION_MESSAGE, semconv.EXCEPTION_STACKTRACE})
_SHAPE: Final = frozenset({"role", "type", "name", "id", "modality", "mime_type", "finish_reason"})
_DEPTH_MAX: Final = 8
_NODES_MAX: Final = 1_000


def is_content(key: str) -> bool:
    """Whether an attribute of this name is content."""
    if key in _SAFE_PROMPT:
        return False
    return key in _CONTENT or key.startswith(_PREFIXES)


def is_spoken(key: str) -> bool:
    """Whether an attribute of this name is content, other than the text of an error."""
    return key not in _ERROR_TEXTS and is_content(key)


def narrow(record: Record, mode: str) -> Record:
    """Return a copy of a finished record reduced to a narrower mode, for one destination."""
    attributes = reduced_attributes(record.attributes, mode)
    if isinstance(record, SpanRecord):
        events = [
            replace(each, attributes=reduced_attributes(each.attributes, mode))
            for each in record.events
        ]
        message = record.status_message
        if mode != "full":
            message = str(record.attributes.get(semconv.ERROR_TYPE) or "")
        return replace(record, attributes=attributes, events=events, status_message=message)
    reduced = replace(record, attributes=attributes)
    reduced.body = reduced_value(record.body, mode)
    if reduced.event is not None:
        reduced.event = event_with(
            reduced.event, lambda name, value: None if is_content_field(name) else value
        )
    return reduced


def reduced_attributes(attributes: Mapping[str, AnyValue], mode: str) -> dict[str, AnyValue]:
    """Return what ``mode`` keeps of cleaned attributes."""
    return {
        key: reduced_value(value, mode) if is_content(key) else value
        for key, value in attributes.items()
        if not is_left_out(key, mode)
    }


def is_left_out(key: str, mode: str) -> bool:
    """Whether an attribute of this name is not recorded at all."""
    return mode == "none" and is_content(key)


def reduced_value(value: AnyValue, mode: str) -> AnyValue:
    """Return what ``mode`` keeps of a cleaned value that is content, JSON text looked into."""
    if mode == "full":
        return value
    if mode == "none":
        return None
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json_text(_shape(json.loads(value)))
        except ValueError:
            return _shape(value)
    return _shape(value)


def is_content_field(name: str) -> bool:
    """Whether a field of an AgentOps event is content; fields nobody knows are."""
    return name in CONTENT_FIELDS or name not in _PLAIN_FIELDS


def event_with(event: Event, change: Callable[[str, object], object]) -> Event:
    """Return a copy of an AgentOps event with each field as ``change(name, value)`` has it."""
    copied = copy(event)
    for name, value in event.to_fields().items():
        setattr(copied, name, change(name, value))
    return copied


def _shape(value: AnyValue, depth: int = 0) -> AnyValue:
    """Return what a value looks like without what it says."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if depth >= _DEPTH_MAX:
        return "<...>"
    if isinstance(value, dict):
        some = list(value.items())[:_NODES_MAX]
        return {
            key: each if key in _SHAPE and isinstance(each, str) else _shape(each, depth + 1)
            for key, each in some
        }
    if isinstance(value, list):
        return [_shape(each, depth + 1) for each in value[:_NODES_MAX]]
    return f"<{type(value).__name__}>"

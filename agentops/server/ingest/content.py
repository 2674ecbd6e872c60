"""What went into a span and what came out? Fills the message columns from what the table found."""

from collections.abc import Mapping, Sequence
from typing import Final

from agentops.server.ingest.messages import (
    as_json,
    definitions,
    is_conversation,
    messages,
    text_parts,
)
from agentops.server.ingest.values import Value, json_text
from agentops.server.rows import SpanRow

__all__ = ["fill_content"]

_MODEL_CALLS: Final = ("llm", "embedding", "retrieval")

_INPUT_EVENTS: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}


def fill_content(
    row: SpanRow,
    columns: dict[str, Value],
    events: Sequence[Mapping[str, Value]],
) -> None:
    """Fill input, output, system instructions and tool definitions of ``row``.

    Args:
        row: Changed in place; its type must be known.
        columns: What the table found, by column.
        events: Attribute values of the events of the span, beside ``row.events``.
    """
    if row.events:
        _read_events(row, columns, events)
    if "output_text" in columns or "output_tool_calls" in columns:
        columns.setdefault("output_messages", [_vercel_answer(columns)])
    if row.span_type == "tool":
        _fill_tool(row, columns)
    else:
        row.input_messages = _conversation(row, columns, "input", "user")
        row.output_messages = _conversation(row, columns, "output", "assistant")
    if "system_instructions" in columns:
        row.system_instructions = _instructions(columns["system_instructions"])
    if "tool_definitions" in columns:
        row.tool_definitions = definitions(columns["tool_definitions"])


def _conversation(row: SpanRow, columns: Mapping[str, Value], side: str, role: str) -> str:
    """Return the messages of one side; arguments and results of a plain function are none."""
    if f"{side}_messages" in columns:
        return messages(columns[f"{side}_messages"], role)
    value = columns.get(side)
    if row.span_type == "embedding":
        read = as_json(value)  # what was embedded is text; the vectors are not shown
        read = read.get("input") if isinstance(read, dict) else read
        value = read if side == "input" else None
    if value is None or (row.span_type not in _MODEL_CALLS and not is_conversation(value)):
        return ""
    return messages(value, role)


def _fill_tool(row: SpanRow, columns: Mapping[str, Value]) -> None:
    """Show the use of a tool as the messages that ask for it and answer it."""
    identity = columns.get("tool_call_id")
    given = columns.get("tool_arguments", columns.get("input", columns.get("input_messages")))
    made = columns.get("tool_result", columns.get("output", columns.get("output_messages")))
    if given is not None:
        call = {"type": "tool_call", "name": row.tool_name, "arguments": as_json(given)}
        if identity:
            call["id"] = identity
        row.input_messages = json_text([{"role": "assistant", "parts": [call]}])
    if made is not None:
        answer = {"type": "tool_call_response", "response": as_json(made)}
        if identity:
            answer["id"] = identity
        row.output_messages = json_text([{"role": "tool", "parts": [answer]}])


def _instructions(value: Value) -> str:
    """Return system instructions as JSON text of a list of parts."""
    read = as_json(value)
    if isinstance(read, list) and all(isinstance(part, dict) and "type" in part for part in read):
        return value if isinstance(value, str) else json_text(read)
    return json_text(text_parts(value))


def _vercel_answer(columns: Mapping[str, Value]) -> dict[str, Value]:
    """Put the pieces of an answer of the Vercel AI SDK together."""
    blocks: list[Value] = []
    if "output_reasoning" in columns:
        blocks.append({"type": "reasoning", "text": columns["output_reasoning"]})
    if "output_text" in columns:
        blocks.append({"type": "text", "text": columns["output_text"]})
    calls = as_json(columns.get("output_tool_calls"))
    if isinstance(calls, list):
        blocks += [{**call, "type": "tool-call"} for call in calls if isinstance(call, dict)]
    return {"role": "assistant", "content": blocks}


def _read_events(
    row: SpanRow, columns: dict[str, Value], events: Sequence[Mapping[str, Value]]
) -> None:
    """Read messages that older conventions put into span events."""
    given: list[Value] = []
    made: list[Value] = []
    for event, values in zip(row.events, events, strict=True):
        if event.name in _INPUT_EVENTS:
            given.append({"role": _INPUT_EVENTS[event.name], **values})
        elif event.name == "gen_ai.choice":
            message = as_json(values.get("message"))
            read = message if isinstance(message, dict) else {"content": message}
            made.append({"role": "assistant", **values, **read, "message": None})
        elif event.name == "gen_ai.content.prompt" and "gen_ai.prompt" in values:
            given.append(as_json(values["gen_ai.prompt"]))
        elif event.name == "gen_ai.content.completion" and "gen_ai.completion" in values:
            made.append(as_json(values["gen_ai.completion"]))
    if given:
        columns.setdefault("input_messages", given)
    if made:
        columns.setdefault("output_messages", made)

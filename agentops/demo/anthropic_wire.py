"""How does Anthropic speak? Messages, whole and as server-sent events.

Shapes as the real service sends them (recorded exchanges, November 2026).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from agentops.clock import now_ns
from agentops.demo.replies import Conversation, Reply, ToolResult, count_tokens

__all__ = ["message", "message_events", "read_messages"]

Json: TypeAlias = dict[str, object]


def _blocks(content: object) -> list[Mapping[str, object]]:
    """Return content as blocks; a plain string is one text block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return (
        [block for block in content if isinstance(block, Mapping)]
        if isinstance(content, list)
        else []
    )


def _text_of(content: object) -> str:
    return " ".join(
        str(block.get("text", "")) for block in _blocks(content) if block.get("type") == "text"
    )


def read_messages(body: Mapping[str, object]) -> Conversation:
    """Read the body of ``POST /v1/messages``."""
    messages = body.get("messages")
    turns = [m for m in messages if isinstance(m, Mapping)] if isinstance(messages, list) else []
    names: dict[object, str] = {}
    results = []
    question = ""
    for turn in turns:
        for block in _blocks(turn.get("content")):
            if block.get("type") == "tool_use":
                names[block.get("id")] = str(block.get("name", ""))
            elif block.get("type") == "tool_result":
                name = names.get(block.get("tool_use_id"), "")
                results.append(ToolResult(tool=name, text=_text_of(block.get("content"))))
        if turn.get("role") == "user":
            question = _text_of(turn.get("content")) or question
    tools = body.get("tools")
    return Conversation(
        system=_text_of(body.get("system")),
        question=question,
        tools=[str(t.get("name")) for t in tools if isinstance(t, Mapping)]
        if isinstance(tools, list)
        else [],
        results=results,
        size=len(json.dumps(turns)) + len(_text_of(body.get("system"))),
    )


def _identity(prefix: str, *material: object) -> str:
    return prefix + hashlib.sha256(repr((now_ns(), *material)).encode()).hexdigest()[:24]


def _block(reply: Reply) -> Json:
    if reply.tool:
        name, arguments = reply.tool, dict(reply.arguments)
        return {
            "type": "tool_use",
            "id": _identity("toolu_", name),
            "name": name,
            "input": arguments,
        }
    return {"type": "text", "text": reply.text}


def _usage(conversation: Conversation, output_tokens: int) -> Json:
    return {
        "input_tokens": count_tokens(conversation.size),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def _envelope(model: str) -> Json:
    return {"id": _identity("msg_", model), "type": "message", "role": "assistant", "model": model}


def message(model: str, conversation: Conversation, reply: Reply) -> Json:
    """Return a whole message."""
    return {
        **_envelope(model),
        "content": [_block(reply)],
        "stop_reason": "tool_use" if reply.tool else "end_turn",
        "stop_sequence": None,
        "usage": _usage(conversation, reply.tokens),
    }


def message_events(
    model: str, conversation: Conversation, reply: Reply
) -> Iterator[tuple[str, Json]]:
    """Yield a message as ``(event type, data)``; output tokens are cumulative, as the real service counts."""
    begun = {
        **_envelope(model),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(conversation, 1),
    }
    block = _block(reply)
    empty = {**block, "input": {}} if reply.tool else {"type": "text", "text": ""}
    yield "message_start", {"type": "message_start", "message": begun}
    yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": empty}
    yield "ping", {"type": "ping"}
    text = json.dumps(reply.arguments) if reply.tool else reply.text
    for start in range(0, len(text), 12):
        part = text[start : start + 12]
        delta = (
            {"type": "input_json_delta", "partial_json": part}
            if reply.tool
            else {"type": "text_delta", "text": part}
        )
        yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    yield (
        "message_delta",
        {
            "type": "message_delta",
            "delta": {
                "stop_reason": "tool_use" if reply.tool else "end_turn",
                "stop_sequence": None,
            },
            "usage": {"output_tokens": reply.tokens},
        },
    )
    yield "message_stop", {"type": "message_stop"}

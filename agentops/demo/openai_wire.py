"""How does OpenAI speak? Chat completions, responses and embeddings, whole and as server-sent events.

Shapes as the real service sends them (recorded exchanges, November 2026).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from agentops.clock import now_ns
from agentops.demo.replies import Conversation, Reply, ToolResult, count_tokens

__all__ = [
    "chat_chunks",
    "chat_completion",
    "embeddings",
    "read_chat",
    "read_responses",
    "response",
    "response_events",
]

Json: TypeAlias = dict[str, object]

_FINGERPRINT = "fp_standin0001"


def _text_of(content: object) -> str:
    """Return the text of a message's content: a string, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return ""


def _maps(value: object) -> list[Mapping[str, object]]:
    """Return the mappings in a list that came off the wire; anything else is left out."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _tool_name(tool: Mapping[str, object]) -> str:
    function = tool.get("function")
    return (
        str(function.get("name", ""))
        if isinstance(function, Mapping)
        else str(tool.get("name", ""))
    )


def read_chat(body: Mapping[str, object]) -> Conversation:
    """Read the body of ``POST /v1/chat/completions``."""
    messages = _maps(body.get("messages"))
    names: dict[object, str] = {}
    results = []
    for message in messages:
        for call in _maps(message.get("tool_calls")):
            names[call.get("id")] = _tool_name(call)
        if message.get("role") == "tool":
            name = names.get(message.get("tool_call_id"), "")
            results.append(ToolResult(tool=name, text=_text_of(message.get("content"))))
    said = {str(m.get("role")): _text_of(m.get("content")) for m in messages}
    return Conversation(
        system=said.get("system", "") or said.get("developer", ""),
        question=said.get("user", ""),
        tools=[_tool_name(tool) for tool in _maps(body.get("tools"))],
        results=results,
        size=len(json.dumps(messages)),
    )


def read_responses(body: Mapping[str, object]) -> Conversation:
    """Read the body of ``POST /v1/responses``."""
    given = body.get("input")
    items = _maps(given)
    names = {item.get("call_id"): str(item.get("name", "")) for item in items if item.get("name")}
    results = [
        ToolResult(tool=names.get(item.get("call_id"), ""), text=str(item.get("output", "")))
        for item in items
        if item.get("type") == "function_call_output"
    ]
    said = [_text_of(item.get("content")) for item in items if item.get("role") == "user"]
    return Conversation(
        system=str(body.get("instructions") or ""),
        question=given if isinstance(given, str) else (said[-1] if said else ""),
        tools=[_tool_name(tool) for tool in _maps(body.get("tools"))],
        results=results,
        size=len(json.dumps(given)) + len(str(body.get("instructions") or "")),
    )


def _identity(prefix: str, *material: object) -> str:
    return prefix + hashlib.sha256(repr((now_ns(), *material)).encode()).hexdigest()[:24]


def _chat_usage(conversation: Conversation, reply: Reply) -> Json:
    prompt = count_tokens(conversation.size)
    cached = prompt // 2 if conversation.results else 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": reply.tokens,
        "total_tokens": prompt + reply.tokens,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _tool_call(reply: Reply) -> Json:
    return {
        "id": _identity("call_", reply.tool),
        "type": "function",
        "function": {"name": reply.tool, "arguments": json.dumps(reply.arguments)},
    }


def _envelope(kind: str, model: str) -> Json:
    return {
        "id": _identity("chatcmpl-", model),
        "object": kind,
        "created": now_ns() // 10**9,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
    }


def chat_completion(model: str, conversation: Conversation, reply: Reply) -> Json:
    """Return a whole chat completion."""
    message: Json = {
        "role": "assistant",
        "content": reply.text or None,
        "refusal": None,
        "annotations": [],
    }
    if reply.tool:
        message["tool_calls"] = [_tool_call(reply)]
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": "tool_calls" if reply.tool else "stop",
    }
    envelope = _envelope("chat.completion", model)
    return {**envelope, "choices": [choice], "usage": _chat_usage(conversation, reply)}


def chat_chunks(
    model: str, conversation: Conversation, reply: Reply, *, with_usage: bool
) -> Iterator[Json]:
    """Yield a chat completion as chunks; with usage in a last chunk of its own, if asked for."""
    envelope = _envelope("chat.completion.chunk", model)

    def chunk(delta: Json, finish_reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**envelope, "choices": [choice]}

    yield chunk({"role": "assistant", "content": None if reply.tool else "", "refusal": None})
    if reply.tool:
        call = _tool_call(reply)
        arguments = json.dumps(reply.arguments)
        yield chunk(
            {
                "tool_calls": [
                    {"index": 0, **call, "function": {"name": reply.tool, "arguments": ""}}
                ]
            }
        )
        for part in _pieces(arguments):
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
    for part in _pieces(reply.text):
        yield chunk({"content": part})
    yield chunk({}, "tool_calls" if reply.tool else "stop")
    if with_usage:
        yield {**envelope, "choices": [], "usage": _chat_usage(conversation, reply)}


def _pieces(text: str, size: int = 12) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


def response(model: str, conversation: Conversation, reply: Reply) -> Json:
    """Return a whole response of the Responses API."""
    if reply.tool:
        item: Json = {
            "type": "function_call",
            "id": _identity("fc_", reply.tool),
            "call_id": _identity("call_", reply.tool),
            "name": reply.tool,
            "arguments": json.dumps(reply.arguments),
            "status": "completed",
        }
    else:
        part = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        item = {
            "type": "message",
            "id": _identity("msg_", reply.text),
            "status": "completed",
            "role": "assistant",
            "content": [part],
        }
    taken = count_tokens(conversation.size)
    return {
        **_bare_response(model, conversation),
        "status": "completed",
        "output": [item],
        "usage": {
            "input_tokens": taken,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": reply.tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": taken + reply.tokens,
        },
    }


def _bare_response(model: str, conversation: Conversation) -> Json:
    return {
        "id": _identity("resp_", model),
        "object": "response",
        "created_at": now_ns() // 10**9,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": conversation.system or None,
        "max_output_tokens": None,
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        "metadata": {},
    }


def response_events(
    model: str, conversation: Conversation, reply: Reply
) -> Iterator[tuple[str, Json]]:
    """Yield a text response as ``(event type, data)``, numbered in sequence."""
    whole = response(model, conversation, reply)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    items = whole["output"]
    item = items[0] if isinstance(items, list) else {}
    place: Json = {"output_index": 0, "item_id": item["id"], "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    full = {**empty, "text": reply.text}
    deltas = [
        ("response.output_text.delta", {**place, "delta": d, "logprobs": []})
        for d in _pieces(reply.text)
    ]
    events: list[tuple[str, Json]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        (
            "response.output_item.added",
            {"output_index": 0, "item": {**item, "status": "in_progress", "content": []}},
        ),
        ("response.content_part.added", {**place, "part": empty}),
        *deltas,
        ("response.output_text.done", {**place, "text": reply.text, "logprobs": []}),
        ("response.content_part.done", {**place, "part": full}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": whole}),
    ]
    for number, (kind, data) in enumerate(events):
        yield kind, {"type": kind, "sequence_number": number, **data}


def embeddings(body: Mapping[str, object]) -> Json:
    """Return a vector for each input: eight numbers made from a hash of the text."""
    given = body.get("input")
    texts = [str(text) for text in given] if isinstance(given, list) else [str(given)]
    data = []
    for index, text in enumerate(texts):
        digest = hashlib.sha256(text.encode()).digest()
        vector = [byte / 255 - 0.5 for byte in digest[:8]]
        data.append({"object": "embedding", "index": index, "embedding": vector})
    taken = sum(count_tokens(len(text)) for text in texts)
    return {
        "object": "list",
        "data": data,
        "model": str(body.get("model", "")),
        "usage": {"prompt_tokens": taken, "total_tokens": taken},
    }

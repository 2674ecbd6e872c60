"""How do prompts and answers of any dialect become messages in the shape of the OTel GenAI conventions?

One message is ``{"role", "parts": [...]}``, a part ``{"type": "text", "content": ...}`` and so on. What
is not recognised stays as text: nothing is thrown away.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from agentops.server.ingest.table import finish_reason
from agentops.server.ingest.values import Value

__all__ = [
    "Message",
    "Part",
    "as_json",
    "definitions",
    "is_conversation",
    "messages",
    "text_parts",
    "unflatten",
]

Message: TypeAlias = dict[str, Value]
"""``role``, ``parts`` and perhaps ``name`` and ``finish_reason``."""

Part: TypeAlias = dict[str, Value]
"""An object with a ``type``."""

_ROLES: Final = {
    "developer": "system",
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "function": "tool",
}
_DEPTH_MAX: Final = 16
_WRAPPERS: Final = frozenset(
    {"message", "message_content", "tool_call", "document", "prompt", "completion", "tool"}
)
_LISTS: Final = ("messages", "input_messages", "choices", "output", "generations", "input")
_OWN: Final = frozenset({"role", "parts", "tool_calls", "function_call"})
_NESTED: Final = ("messages", "input_messages", "choices", "message")
_OLD_PARTS: Final = frozenset(
    {"thinking", "binary", "image-url", "audio-url", "video-url", "document-url"}
)

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def as_json(value: Value) -> Value:
    """Return the value that a JSON text holds; anything else, also broken JSON, as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{", '"'):
        return value
    try:
        return _decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value


def messages(value: Value, role: str) -> str:
    """Return ``value`` as JSON text of messages; ``""`` when there is nothing in it.

    Args:
        value: JSON text, plain text, or lists and dicts of any dialect.
        role: Role of what does not name one: ``user`` for inputs, ``assistant`` for outputs.
    """
    read = as_json(value)
    if read is None or read == "" or read == [] or read == {}:
        return ""
    if isinstance(read, list) and isinstance(value, str) and all(map(_is_current, read)):
        return value
    return _encode(_messages(read, role, 0)).decode()


def is_conversation(value: Value) -> bool:
    """Tell whether ``value`` is plain text or holds messages, and is not just some JSON."""
    read = as_json(value)
    if isinstance(read, list):
        return any(isinstance(item, dict) and "role" in item for item in read)
    if isinstance(read, dict):
        return "role" in read or any(
            is_conversation(read.get(name)) for name in _NESTED if name in read
        )
    return isinstance(read, str)


def _is_current(message: Value) -> bool:
    """Tell whether a message has the newest shape already."""
    if not isinstance(message, dict) or not isinstance(message.get("parts"), list):
        return False
    if not isinstance(message.get("role"), str) or message["role"] in _ROLES:
        return False
    return all(map(_is_current_part, message["parts"]))


def _is_current_part(part: Value) -> bool:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str) or kind in _OLD_PARTS:
        return False
    if kind == "tool_call":
        return not isinstance(part.get("arguments"), str)
    return kind != "tool_call_response" or "result" not in part


def _messages(value: Value, role: str, depth: int) -> list[Message]:
    if depth > _DEPTH_MAX:
        return [_said(role, value)]
    if isinstance(value, list):
        if value and all(_is_part(item) for item in value):
            return [{"role": role, "parts": _parts(value)}]
        return [message for item in value for message in _messages(item, role, depth + 1)]
    if isinstance(value, dict):
        return _from_mapping(value, role, depth)
    return [_said(role, value)]


def _said(role: str, value: Value) -> Message:
    return {"role": role, "parts": text_parts(value)}


def text_parts(value: Value) -> list[Part]:
    """Return one text part; what is not text is shown as JSON."""
    if value is None:
        return []
    content = value if isinstance(value, str) else _encode(value).decode()
    return [{"type": "text", "content": content}]


def _is_part(item: Value) -> bool:
    return isinstance(item, dict) and "role" not in item and isinstance(item.get("type"), str)


def _from_mapping(value: Mapping[str, Value], role: str, depth: int) -> list[Message]:
    if isinstance(value.get("message"), dict):
        inner = dict(value["message"])
        for name in ("finish_reason", "finishReason"):
            if value.get(name):
                inner.setdefault("finish_reason", value[name])
        return _from_mapping(inner, role, depth + 1)
    if not _OWN.isdisjoint(value):
        return [_message(value, role)]
    for name in _LISTS:
        if isinstance(value.get(name), list) and value[name]:
            found = _messages(value[name], role, depth + 1)
            system = value.get("system") or value.get("instructions")
            return [_said("system", system), *found] if system else found
    if _is_part(value):
        return [{"role": role, "parts": _parts([value])}]
    if isinstance(value.get("content", value.get("text")), str | list):
        return [_message(value, role)]
    return [_said(role, value)]


def _message(value: Mapping[str, Value], role: str) -> Message:
    said = str(value.get("role") or role).lower()
    message: Message = {"role": _ROLES.get(said, said)}
    if isinstance(value.get("parts"), list):
        parts = _parts(value["parts"])
    elif message["role"] == "tool" and not _has_responses(value.get("content")):
        parts = [_response(value.get("tool_call_id"), as_json(value.get("content")))]
    else:
        reasoning = value.get("reasoning_content") or value.get("reasoning")
        parts = [{"type": "reasoning", "content": reasoning}] if isinstance(reasoning, str) else []
        parts += _content(value.get("content", value.get("contents", value.get("text"))))
        parts += [_call(call) for call in _items(value.get("tool_calls")) if isinstance(call, dict)]
        if isinstance(value.get("function_call"), dict):
            parts.append(_call(value["function_call"]))
    message["parts"] = parts
    if isinstance(value.get("name"), str):
        message["name"] = value["name"]
    if isinstance(value.get("finish_reason"), str):
        message["finish_reason"] = finish_reason(value["finish_reason"])
    return message


def _has_responses(content: Value) -> bool:
    kinds = ("tool_result", "tool-result", "tool_call_response")
    return isinstance(content, list) and any(
        isinstance(block, dict) and block.get("type") in kinds for block in content
    )


def _items(value: Value) -> list[Value]:
    value = as_json(value)
    return value if isinstance(value, list) else []


def _content(value: Value) -> list[Part]:
    read = as_json(value)
    if isinstance(read, list) and all(_is_part(item) for item in read):
        return _parts(read)
    return text_parts(value) if value != "" else []


def _parts(blocks: Iterable[Value]) -> list[Part]:
    return [
        _part(block) if isinstance(block, dict) else text_parts(block)[0]
        for block in blocks
        if block is not None
    ]


def _part(block: Mapping[str, Value]) -> Part:
    """Translate a content block of OpenAI, Anthropic, Vercel AI, Pydantic AI or OpenInference."""
    kind = str(block.get("type", "text"))
    if kind in ("text", "input_text", "output_text", "refusal"):
        return {
            "type": "text",
            "content": block.get("content", block.get("text", block.get("refusal", ""))),
        }
    if kind in ("thinking", "reasoning"):
        content = block.get("content", block.get("thinking", block.get("text", "")))
        return {"type": "reasoning", "content": content}
    if kind in ("tool_use", "tool-call", "function_call", "function", "tool_call"):
        return _call(block)
    if kind in ("tool_result", "tool-result", "tool_call_response", "function_call_output"):
        answer = next(
            (block[n] for n in ("response", "result", "content", "output") if n in block), None
        )
        return _response(_first_text(block, ("id", "tool_use_id", "toolCallId", "call_id")), answer)
    return _media(kind, block) or dict(block)


def _media(kind: str, block: Mapping[str, Value]) -> Part | None:
    modality = next((name for name in ("image", "audio", "video", "document") if name in kind), "")
    if kind == "binary":
        media_type = str(block.get("media_type", ""))
        modality = media_type.split("/")[0]
        content = block.get("content", block.get("data", ""))
        return {"type": "blob", "modality": modality, "mime_type": media_type, "content": content}
    url = block.get("url") or block.get("image_url") or block.get("image")
    while isinstance(url, dict):
        url = url.get("url") or url.get("image")
    if not modality or not isinstance(url, str):
        return None
    if url.startswith("data:") and ";base64," in url:
        head, content = url[5:].split(";base64,", 1)
        return {"type": "blob", "modality": modality, "mime_type": head, "content": content}
    return {"type": "uri", "modality": modality, "uri": url}


def _first_text(value: Mapping[str, Value], names: Iterable[str]) -> str | None:
    return next((value[name] for name in names if isinstance(value.get(name), str)), None)


def _call(call: Mapping[str, Value]) -> Part:
    told = call.get("function")
    function: Mapping[str, Value] = told if isinstance(told, dict) else {}
    part: Part = {
        "type": "tool_call",
        "name": _first_text({**call, **function}, ("name", "toolName")) or "",
    }
    identity = _first_text(call, ("call_id", "id", "toolCallId"))
    if identity:
        part["id"] = identity
    for source in (function, call):
        found = next((source[n] for n in ("arguments", "input", "args") if n in source), None)
        if found is not None:
            part["arguments"] = as_json(found)
            break
    return part


def _response(identity: Value, answer: Value) -> Part:
    part: Part = {"type": "tool_call_response", "response": answer}
    if isinstance(identity, str) and identity:
        part["id"] = identity
    return part


def definitions(value: Value) -> str:
    """Return tool definitions as JSON text of a list; ``""`` when there are none."""
    read = as_json(value)
    if not read:
        return ""
    items = read if isinstance(read, list) else [read]
    return _encode([_definition(as_json(item)) for item in items]).decode()


def _definition(item: Value) -> Value:
    if isinstance(item, str):
        return {"type": "function", "name": item}
    if not isinstance(item, dict):
        return {"type": "function", "name": str(item)}
    if "json_schema" in item:
        return _definition(as_json(item["json_schema"]))
    if isinstance(item.get("function"), dict):
        item = {"type": "function", **item["function"]}
    read = {"type": "function", **item}
    for name in ("parameters", "input_schema", "inputSchema"):
        if name in read:
            read["parameters"] = as_json(read.pop(name))
    return read


def unflatten(pairs: Iterable[tuple[str, Value]]) -> list[Value]:
    """Rebuild a list from keys like ``0.content`` and ``1.tool_calls.0.name``, in the order of the numbers.

    Wrappers that hold nothing but one thing, as OpenInference writes them (``0.message.role``), are
    taken off. Keys that are nested deeper than 16 levels are left out: they stay in the raw attributes.
    """
    root: dict[str, Value] = {}
    for key, value in pairs:
        names = key.split(".", _DEPTH_MAX + 1)
        if len(names) > _DEPTH_MAX:
            continue
        node = root
        for name in names[:-1]:
            below = node.get(name)
            if not isinstance(below, dict):
                below = node[name] = {}
            node = below
        if not isinstance(node.get(names[-1]), dict):
            node[names[-1]] = value
    built = _listed(root)
    return built if isinstance(built, list) else []


def _listed(node: Value) -> Value:
    """Turn dicts with numbers as keys into lists, and take wrappers off."""
    if not isinstance(node, dict):
        return node
    if node and all(name.isdecimal() and len(name) < 7 for name in node):
        return [_listed(node[name]) for name in sorted(node, key=int)]
    if len(node) == 1:
        name, below = next(iter(node.items()))
        if name in _WRAPPERS and isinstance(below, dict):
            return _listed(below)
    return {name: _listed(below) for name, below in node.items()}

"""What do Anthropic's content blocks say? Instrumentation floor: pure reading, no spans, no vendor import.

Blocks come as the mappings a program sends or as the models the SDK returns; both are read alike. The
parts made here have the JSON shape of the OpenTelemetry GenAI conventions. A block of a type that is not
known here becomes a part of the same type with all its fields, so that a new block type is never lost.
"""

from collections.abc import Callable, Mapping, Sequence

from agentops.instrumentation.calls import Message, Part
from agentops.instrumentation.providers.parts import blob
from agentops.telemetry.records import PlainMessages

__all__ = ["field", "plain", "read_messages", "read_parts", "read_texts", "read_tools"]

_DEPTH_MAX = 16
_TEXTS_MAX = 4  # in a message of PlainMessages


def field(value: object, name: str) -> object:
    """Return ``value[name]`` of a mapping or ``value.name`` of a model; ``None`` where there is none."""
    if value is None:
        return None
    if type(value) is dict or isinstance(value, Mapping):  # the first asks far less of the worker
        return value.get(name)
    return getattr(value, name, None)


def plain(value: object, depth: int = 0) -> object:
    """Return ``value`` with the SDK's models in it turned into dictionaries without their unset fields."""
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return dump(mode="python", exclude_unset=True, warnings=False)
    if depth >= _DEPTH_MAX:
        return value
    if isinstance(value, Mapping):
        return {key: plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in value]
    return value


def _read_message(message: object) -> Message:
    """Return a message as ``{"role": str, "parts": [part, ...]}``; roles are kept as Anthropic has them."""
    if isinstance(message, str):  # the API refuses it, yet it is what the program sent
        return {"role": "user", "parts": read_parts(message)}
    role = field(message, "role")
    return {
        "role": role if isinstance(role, str) else "user",
        "parts": read_parts(field(message, "content")),
    }


def read_messages(messages: Sequence[object]) -> list[Message]:
    """Return messages in the conventions' shape."""
    shaped = PlainMessages()
    is_all_text = True
    for message in messages:
        told: Mapping[str, object] = message if type(message) is dict else {}
        role, content = told.get("role"), told.get("content")
        if type(content) is str and type(role) is str:
            shaped.append({"role": role, "parts": [{"type": "text", "content": content}]})
        else:
            is_all_text = False
            shaped.append(_read_message(message))
    return shaped if is_all_text else [*shaped]


def read_texts(content: object) -> list[Part] | None:
    """Return the parts of a message's content where it is a few plain texts, else ``None``."""
    if type(content) is not list or len(content) > _TEXTS_MAX:
        return None
    parts: list[Part] = []
    for block in content:
        is_text = type(block) is dict and block.get("type") == "text" and not block.get("citations")
        text = block.get("text") if is_text else None
        if type(text) is not str:
            return None
        parts.append({"type": "text", "content": text})
    return parts


def read_parts(content: object, depth: int = 0) -> list[dict[str, object]]:
    """Return the parts of a message's content: a text, a block, or a sequence of blocks and texts."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    if isinstance(content, (list, tuple)):
        return [_read_part(block, depth) for block in content]
    return [_read_part(content, depth)]


def read_tools(tools: object) -> list[dict[str, object]]:
    """Return tool definitions; a client tool is a ``function``, a server tool keeps its own type."""
    if not isinstance(tools, (list, tuple)):
        return []
    return [_read_tool(tool) for tool in tools]


def _read_tool(tool: object) -> dict[str, object]:
    kind = field(tool, "type")
    if kind not in (None, "custom"):
        return _generic(tool)
    definition: dict[str, object] = {"type": "function", "name": field(tool, "name")}
    for name, source in (("description", "description"), ("parameters", "input_schema")):
        value = field(tool, source)
        if value is not None:
            definition[name] = plain(value)
    if field(tool, "strict") is not None:
        definition["strict"] = field(tool, "strict")
    return definition


def _read_part(block: object, depth: int) -> dict[str, object]:
    if isinstance(block, str):
        return {"type": "text", "content": block}
    kind = field(block, "type")
    if not isinstance(kind, str) or depth >= _DEPTH_MAX:
        return _generic(block)
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(block, depth)
    if kind.endswith("_tool_result"):
        return _server_tool_result(block, depth)
    return _generic(block)


def _generic(block: object) -> dict[str, object]:
    value = plain(block)
    if isinstance(value, dict):
        return {"type": "unknown", **value}
    return {"type": "unknown", "content": value}


def _text(block: object, _depth: int) -> dict[str, object]:
    part: dict[str, object] = {"type": "text", "content": field(block, "text") or ""}
    citations = field(block, "citations")
    if citations:
        part["citations"] = plain(citations)
    return part


def _thinking(block: object, _depth: int) -> dict[str, object]:
    return {"type": "reasoning", "content": field(block, "thinking") or ""}


def _redacted_thinking(_block: object, _depth: int) -> dict[str, object]:
    return {"type": "reasoning", "content": "", "redacted": True}


def _tool_use(block: object, _depth: int) -> dict[str, object]:
    return {
        "type": "tool_call",
        "id": field(block, "id"),
        "name": field(block, "name"),
        "arguments": plain(field(block, "input")),
    }


def _tool_result(block: object, depth: int) -> dict[str, object]:
    content = field(block, "content")
    part: dict[str, object] = {
        "type": "tool_call_response",
        "id": field(block, "tool_use_id"),
        "response": content if isinstance(content, str) else read_parts(content, depth + 1),
    }
    if field(block, "is_error"):
        part["is_error"] = True
    return part


def _server_tool_use(block: object, _depth: int) -> dict[str, object]:
    name = field(block, "name")
    call: dict[str, object] = {"type": name, "arguments": plain(field(block, "input"))}
    server = field(block, "server_name")
    if server is not None:
        call["server_name"] = server
    return {
        "type": "server_tool_call",
        "id": field(block, "id"),
        "name": name,
        "server_tool_call": call,
    }


def _server_tool_result(block: object, _depth: int) -> dict[str, object]:
    kind = field(block, "type")
    response: dict[str, object] = {"type": kind, "content": plain(field(block, "content"))}
    if field(block, "is_error"):
        response["is_error"] = True
    return {
        "type": "server_tool_call_response",
        "id": field(block, "tool_use_id"),
        "server_tool_call_response": response,
    }


def _compaction(block: object, _depth: int) -> dict[str, object]:
    return {"type": "compaction", "content": field(block, "content")}


def _image(block: object, depth: int) -> dict[str, object]:
    return _media(block, "image", depth)


def _document(block: object, depth: int) -> dict[str, object]:
    part = _media(block, "document", depth)
    for name in ("title", "context"):
        value = field(block, name)
        if value is not None:
            part[name] = value
    return part


def _container_upload(block: object, _depth: int) -> dict[str, object]:
    return {"type": "file", "modality": "document", "file_id": field(block, "file_id")}


def _media(block: object, modality: str, depth: int) -> dict[str, object]:
    """Read an image or a document by the kind of its source."""
    source = field(block, "source")
    kind = field(source, "type")
    part: dict[str, object]
    if kind == "base64":
        data, mime_type = field(source, "data"), field(source, "media_type")
        return blob(
            modality,
            mime_type if isinstance(mime_type, str) else "",
            data if isinstance(data, (str, bytes)) else "",
        )
    elif kind == "url":
        part = {"type": "uri", "modality": modality, "uri": field(source, "url")}
    elif kind == "file":
        part = {"type": "file", "modality": modality, "file_id": field(source, "file_id")}
    elif kind == "text":
        part = {"type": modality, "content": field(source, "data")}
    elif kind == "content":
        part = {"type": modality, "content": read_parts(field(source, "content"), depth + 1)}
    else:
        part = {**_generic(block), "type": modality}
    media_type = field(source, "media_type")
    if media_type is not None:
        part["mime_type"] = media_type
    return part


_READERS: Mapping[str, Callable[[object, int], dict[str, object]]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "server_tool_use": _server_tool_use,
    "mcp_tool_use": _server_tool_use,
    "compaction": _compaction,
    "image": _image,
    "document": _document,
    "container_upload": _container_upload,
}

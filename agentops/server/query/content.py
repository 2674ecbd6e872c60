"""How does stored text become JSON values again? Tolerant readers of attributes and messages."""

from collections.abc import Mapping

import msgspec

from agentops.server.schemas import Message

__all__ = ["json_objects", "json_value", "messages", "typed_attributes"]


def json_value(text: str) -> object:
    """Return the value of a JSON text, or the text itself when it is none."""
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    return value


def typed_attributes(attributes: Mapping[str, str], types: Mapping[str, str]) -> dict[str, object]:
    """Return attributes with values of their own types; ``types`` names those that are not strings."""
    return {key: json_value(value) if key in types else value for key, value in attributes.items()}


def json_objects(text: str) -> list[dict[str, object]]:
    """Return a JSON list of objects; whatever else stands there is kept as a text part."""
    if not text:
        return []
    value = json_value(text)
    items = value if isinstance(value, list) else [value]
    return [item if isinstance(item, dict) else {"type": "text", "content": item} for item in items]


def messages(text: str) -> list[Message]:
    """Return the chat messages of a JSON text; what is not in the shape becomes a text part."""
    return [_message(item) for item in json_objects(text)]


def _message(item: dict[str, object]) -> Message:
    role = item.get("role")
    parts = item.get("parts")
    if not isinstance(parts, list):
        content = item.get("content", item)
        parts = content if isinstance(content, list) else [{"type": "text", "content": content}]
    name, reason = item.get("name"), item.get("finish_reason")
    return Message(
        role=role if isinstance(role, str) else "",
        parts=[
            part if isinstance(part, dict) else {"type": "text", "content": part} for part in parts
        ],
        name=name if isinstance(name, str) else "",
        finish_reason=reason if isinstance(reason, str) else "",
    )

"""What is a part of a message? Instrumentation floor: the JSON shapes of the GenAI conventions.

Large binary content is not kept: its SHA-256, computed over the decoded bytes, and its size stand in
its place, so that the same image is recognised wherever it is seen.
"""

import base64
import binascii
import hashlib

from agentops.instrumentation.calls import Message, Part
from agentops.telemetry.records import INT_MAX, KEY_MAX, MESSAGE_VALUES_MAX

__all__ = [
    "blob",
    "file",
    "is_plain_message",
    "media",
    "reasoning",
    "text_part",
    "tool_call",
    "tool_result",
]

_BLOB_CHARS_MAX = 64 * 1024
_PIECE = 1 << 20


def text_part(content: str) -> Part:
    """Return a part of plain text."""
    return {"type": "text", "content": content}


def reasoning(content: str) -> Part:
    """Return what the model thought before it answered."""
    return {"type": "reasoning", "content": content}


def tool_call(name: str, call_id: str, arguments: object) -> Part:
    """Return the model's wish to have a tool called; ``call_id`` may be ``""``."""
    part: Part = {"type": "tool_call", "name": name, "arguments": arguments}
    if call_id:
        part["id"] = call_id
    return part


def tool_result(call_id: str, response: object) -> Part:
    """Return what a tool answered; ``call_id`` may be ``""``."""
    part: Part = {"type": "tool_call_response", "response": response}
    if call_id:
        part["id"] = call_id
    return part


def is_plain_message(message: Message) -> bool:
    """Tell whether a message of texts, tool calls and their results may be among ``PlainMessages``."""
    count = 4  # itself, role, parts, reason to finish
    parts = message["parts"]
    for part in parts if isinstance(parts, list) else ():
        count += 1 + len(part)
        arguments = part.get("arguments")
        if type(arguments) is dict:
            count += len(arguments)
            for key, value in arguments.items():
                kind = type(value)
                is_number = kind is int and -INT_MAX <= value <= INT_MAX
                if not (kind is str or is_number or value is None or kind is bool):
                    return False
                if type(key) is not str or len(key) > KEY_MAX:
                    return False
        elif arguments is not None and type(arguments) is not str:
            return False
    return count <= MESSAGE_VALUES_MAX


def file(modality: str, file_id: str) -> Part:
    """Return a reference to a file at the provider."""
    return {"type": "file", "modality": modality, "file_id": file_id}


def media(modality: str, url: str) -> Part:
    """Return what a URL stands for: a blob when it is a ``data:`` URL, else the URL."""
    if not url.startswith("data:"):
        return {"type": "uri", "modality": modality, "uri": url}
    head, _, data = url.partition(",")
    return blob(modality, head[5:].partition(";")[0], data)


def blob(modality: str, mime_type: str, content: str | bytes) -> Part:
    """Return binary content: in full up to 64 Ki characters of base64, else its digest and size.

    Args:
        modality: ``image``, ``audio``, ``video`` or ``document``.
        mime_type: Media type, ``""`` when it is not known.
        content: Base64 text, or the bytes themselves.
    """
    part: Part = {"type": "blob", "modality": modality}
    if mime_type:
        part["mime_type"] = mime_type
    if isinstance(content, bytes):
        if len(content) * 4 <= _BLOB_CHARS_MAX * 3:
            part["content"] = base64.b64encode(content).decode()
        else:
            digest = hashlib.sha256(content, usedforsecurity=False)
            part.update(content="", sha256=digest.hexdigest(), size_bytes=len(content))
    elif len(content) <= _BLOB_CHARS_MAX:
        part["content"] = content
    else:
        part.update(content="", **_digest(content))
    return part


def _digest(content: str) -> dict[str, object]:
    """Return digest and size of base64 text, decoded piece by piece; of the text if it is none."""
    digest = hashlib.sha256(usedforsecurity=False)
    size = 0
    try:
        for start in range(0, len(content), _PIECE):
            piece = base64.b64decode(content[start : start + _PIECE])
            digest.update(piece)
            size += len(piece)
    except (binascii.Error, ValueError):
        digest = hashlib.sha256(content.encode(errors="replace"), usedforsecurity=False)
        size = len(content)
    return {"sha256": digest.hexdigest(), "size_bytes": size}

"""How are WebSocket connections read? Part of what is known of the openai package.

A connection is one span. On it each response is a span of its own, from ``response.created`` to the
event that ends it. Pieces of audio are not kept.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from agentops import semconv
from agentops.instrumentation.calls import LLMCall, Message
from agentops.instrumentation.providers.base import Target
from agentops.instrumentation.providers.fields import Json, mapping, mappings, text
from agentops.instrumentation.providers.openai.chat import tool_definition
from agentops.instrumentation.providers.openai.responses import ResponseReader, read_items
from agentops.instrumentation.providers.parts import text_part

__all__ = ["SocketTurn", "begin_turn", "read_socket", "read_turn", "socket_targets", "step_of"]

_CONNECTIONS = (
    ("openai.resources.realtime.realtime", "RealtimeConnection"),
    ("openai.resources.realtime.translations.translations", "TranslationsConnection"),
    ("openai.resources.beta.realtime.realtime", "RealtimeConnection"),
    ("openai.resources.responses.responses", "ResponsesConnection"),
    ("openai.resources.beta.responses.responses", "ResponsesConnection"),
    ("openai.resources.live.live", "LiveConnection"),
    ("openai.resources.live.sideband", "SidebandConnection"),
    ("openai.resources.live.forks", "ForksConnection"),
)
_HEAD = 512
_BEGIN = ('"response.created"', b'"response.created"')
_ENDS = tuple(
    (f'"response.{how}"', f'"response.{how}"'.encode())
    for how in ("done", "completed", "failed", "incomplete", "cancelled")
)
_AUDIO = (
    ("audio.delta", b"audio.delta"),
    ("audio_buffer.append", b"audio_buffer.append"),
    ("input_audio.append", b"input_audio.append"),
)


@dataclass(slots=True, kw_only=True)
class SocketTurn:
    """What belongs to one response on a connection.

    Attributes:
        path: Of the connection.
        said: What the program sent since the last response.
        session: The last event that told how the session is set up; ``""`` for none.
    """

    path: str
    said: list[str | bytes] = field(default_factory=list)
    session: str | bytes = ""


def socket_targets() -> list[Target]:
    """Return the constructors of all connections, sync and async."""
    return [
        Target(
            module=module,
            name=f"{prefix}{name}.__init__",
            role="socket",
            is_async=bool(prefix),
        )
        for module, name in _CONNECTIONS
        for prefix in ("", "Async")
    ]


def read_socket(connection: object, provider: str) -> LLMCall:
    """Read a connection that was just opened.

    Args:
        connection: Of the ``websockets`` package: its request tells host, path and model.
        provider: Who serves it, as far as is known.
    """
    request = getattr(connection, "request", None)
    url = urlsplit(str(getattr(request, "path", "")))
    host = str(getattr(request, "headers", {}).get("Host", ""))
    name, _, port = host.partition(":")
    asked = parse_qs(url.query)
    model = (asked.get("model") or asked.get("deployment") or [""])[0]
    call = LLMCall(
        operation="",
        provider=provider,
        model=model,
        span_name=f"{url.path.rpartition('/')[2] or 'websocket'} {model}".rstrip(),
        span_kind="",
        server_address=name,
        server_port=int(port) if port.isdigit() else None,
    )
    call.start_attributes[semconv.URL_PATH] = url.path
    call.request = SocketTurn(path=url.path)
    return call


def step_of(data: str | bytes) -> Literal["", "audio", "begin", "end", "session"]:
    """Tell what an event means for the spans, by a look at its two ends; nothing is parsed."""
    is_bytes = isinstance(data, bytes)
    for look in (data[:_HEAD], data[-_HEAD:]):
        if any(mark[is_bytes] in look for mark in _AUDIO):  # type: ignore[operator]
            return "audio"
        if _BEGIN[is_bytes] in look:  # type: ignore[operator]
            return "begin"
        if any(mark[is_bytes] in look for mark in _ENDS):  # type: ignore[operator]
            return "end"
        if (b'"session.' if is_bytes else '"session.') in look:  # type: ignore[operator]
            return "session"
    return ""


def begin_turn(session: LLMCall, turn: SocketTurn) -> LLMCall:
    """Return the call that a response on the connection of ``session`` is."""
    model = session.model or _asked_model(turn)
    call = LLMCall(
        operation="chat",
        provider=session.provider,
        model=model,
        server_address=session.server_address,
        server_port=session.server_port,
        request=turn,
    )
    call.start_attributes[semconv.GEN_AI_REQUEST_STREAM] = True
    return call


def read_turn(call: LLMCall, turn: SocketTurn, heard: Sequence[object]) -> None:
    """Fill ``call`` from what was said and heard; runs on the worker."""
    reader = ResponseReader()
    said = list(_values(turn.said))
    asked: Json = next((each for each in said if text(each, "type") == "response.create"), {})
    reader.read_input(call, mapping(asked, "response") or asked)
    _read_session(call, mapping(next(_values([turn.session]), {}), "session"))
    call.input_messages = [*_items(said), *call.input_messages]
    events = list(_values(heard))
    call.input_messages += [
        message for message in _items(events) if message["role"] in ("user", "tool", "system")
    ]
    for event in events:
        if text(event, "type") == "response.done":
            reader.read_body(call, _done(mapping(event, "response")))
            return
    reader.read_events(call, [(text(event, "type"), event) for event in events])


def _asked_model(turn: SocketTurn) -> str:
    for event in _values(turn.said):
        if model := text(event, "model") or text(mapping(event, "response"), "model"):
            return model
    return text(mapping(next(_values([turn.session]), {}), "session"), "model")


def _read_session(call: LLMCall, session: Json) -> None:
    call.response_model = text(session, "model") or call.model
    if not call.system_instructions and text(session, "instructions"):
        call.system_instructions = [text_part(text(session, "instructions"))]
    if not call.tool_definitions:
        call.tool_definitions = [tool_definition(each) for each in mappings(session, "tools")]


def _items(events: Sequence[Json]) -> list[Message]:
    """Return the items of a conversation that events bring; each once."""
    items: dict[object, Json] = {}
    for event in events:
        kind = text(event, "type")
        if kind in (
            "conversation.item.create",
            "conversation.item.added",
            "conversation.item.created",
        ):
            item = mapping(event, "item")
            items[item.get("id") or len(items)] = item
        elif kind == "conversation.item.input_audio_transcription.completed":
            said = {"type": "input_text", "text": text(event, "transcript")}
            known = {"type": "message", "role": "user", "content": [said]}
            items[event.get("item_id") or len(items)] = known
    return read_items(list(items.values()), "user")


def _done(response: Json) -> Json:
    """Return a realtime response in the form of the Responses API: its details say why it ended."""
    details = mapping(response, "status_details")
    return {
        **response,
        "incomplete_details": {"reason": text(details, "reason")},
        "error": details.get("error"),
    }


def _values(messages: Sequence[object]) -> Iterator[Json]:
    for message in messages:
        if not isinstance(message, str | bytes) or not message:
            continue
        try:
            value = json.loads(message)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value

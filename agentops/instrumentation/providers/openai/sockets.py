"""How are WebSocket connections read? Part of what is known of the openai package.

A connection is one span. On it each response is a span of its own, from ``response.created`` to the
event that ends it; so are a decision, and a transcription whose cost is told. Live connections carry the
events of responses inside others. Several responses may be under way at once: a stream id, the id of a
delegation or that of the response tells them apart. Pieces of audio are not kept.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from agentops import semconv
from agentops.instrumentation.calls import LLMCall, Message
from agentops.instrumentation.providers.base import Target
from agentops.instrumentation.providers.fields import Json, json_value, mapping, mappings, text
from agentops.instrumentation.providers.openai.chat import tool_definition
from agentops.instrumentation.providers.openai.media import DecisionReader, TranscriptionReader
from agentops.instrumentation.providers.openai.reader import read_error
from agentops.instrumentation.providers.openai.responses import ResponseReader, read_items
from agentops.instrumentation.providers.parts import text_part

__all__ = [
    "SocketTurn",
    "begin_turn",
    "lane_of",
    "read_socket",
    "read_turn",
    "socket_targets",
    "step_of",
]

_CONNECTIONS = (
    ("openai.resources.realtime.realtime", "RealtimeConnection", "realtime"),
    (
        "openai.resources.realtime.translations.translations",
        "TranslationsConnection",
        "realtime translations",
    ),
    ("openai.resources.beta.realtime.realtime", "RealtimeConnection", "realtime"),
    ("openai.resources.responses.responses", "ResponsesConnection", "responses"),
    ("openai.resources.beta.responses.responses", "ResponsesConnection", "responses"),
    ("openai.resources.live.live", "LiveConnection", "live"),
    ("openai.resources.live.sideband", "SidebandConnection", "live sideband"),
    ("openai.resources.live.forks", "ForksConnection", "live fork"),
)
_NAMES = {module: name for module, _, name in _CONNECTIONS}
_HEAD = 512
_TYPE = re.compile(r'"type": ?"([a-z_.]+)"')
_AUDIO = ("audio.delta", "audio_buffer.append", "input_audio.append")
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
_REFUSAL = '"conversation_already_has_active_response"'
_STEPS = {
    "response.create": "ask",
    "response.created": "begin",
    "response.done": "end",
    "response.completed": "end",
    "response.failed": "end",
    "response.incomplete": "end",
    "response.cancelled": "end",
    "conversation.item.added": "given",
    "conversation.item.created": "given",
    "decision.event": "whole",
    _TRANSCRIBED: "whole",
    "session.created": "session",
    "session.updated": "session",
    "session.started": "session",
    "session.usage.updated": "state",
    "session.closed": "state",
    "session.input_transcript.delta": "note",
    "session.output_transcript.delta": "note",
    "error": "error",
}
_LANE = re.compile(r'"(?:stream_id|delegation_id|response_id)": ?"([^"]+)"')
_RESPONSE_ID = re.compile(r'"response": ?\{[^{}]*?"id": ?"([^"]+)"')
_MODEL = re.compile(r'"model": ?"([^"]+)"')


@dataclass(slots=True, kw_only=True)
class SocketTurn:
    """What belongs to one response on a connection, or to the connection itself.

    Attributes:
        path: Of the connection.
        is_session: Whether it is the connection.
        said: What the program sent since the last response.
        session: The last event that told how the session is set up; ``""`` for none.
    """

    path: str
    is_session: bool = False
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
        for module, name, _ in _CONNECTIONS
        for prefix in ("", "Async")
    ]


def read_socket(target: Target, connection: object, provider: str) -> LLMCall:
    """Read a connection that was just opened.

    Args:
        target: The constructor that was given the connection.
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
        span_name=f"{_NAMES.get(target.module, 'websocket')} {model}".rstrip(),
        span_kind="",
        server_address=name,
        server_port=int(port) if port.isdigit() else None,
    )
    call.start_attributes[semconv.URL_PATH] = url.path
    call.request = SocketTurn(path=url.path, is_session=True)
    return call


def step_of(session: LLMCall, message: str | bytes) -> str:
    """Tell what an event means for the spans, by a look at its two ends; nothing is parsed."""
    for look in _ends(message):
        for kind in _TYPE.findall(look):
            if kind.endswith(_AUDIO):
                return "audio"
            step = _STEPS.get(kind)
            if step is None:
                continue
            if step == "error" and not _path(session).endswith("/responses"):
                # There it is the answer to a message, and what is under way goes on.
                return "refusal" if _REFUSAL in look else "fault"
            if kind == _TRANSCRIBED and '"usage"' not in "".join(_ends(message)):
                return ""
            return step
    return ""


def lane_of(message: str | bytes, step: str) -> str:
    """Return the id that tells responses apart that come at once, ``""`` where there is none."""
    for look in _ends(message):
        if found := _LANE.search(look):
            return found[1]
    if step in ("begin", "end") and (found := _RESPONSE_ID.search(_text(message[:_HEAD]))):
        return found[1]
    return ""


def _ends(message: str | bytes) -> Iterator[str]:
    """Yield the beginning and the end of a message, the whole of a short one."""
    if len(message) <= 2 * _HEAD:
        yield _text(message)
    else:
        yield _text(message[:_HEAD])
        yield _text(message[-_HEAD:])


def _text(message: str | bytes) -> str:
    return message if isinstance(message, str) else message.decode("latin-1")


def _path(session: LLMCall) -> str:
    return session.request.path if isinstance(session.request, SocketTurn) else ""


def begin_turn(session: LLMCall, turn: SocketTurn, message: str | bytes) -> LLMCall:
    """Return the call that a response, decision or transcription on ``session`` is.

    Args:
        session: The connection.
        turn: What belongs to it.
        message: The event it begins with.
    """
    turn.path = _path(session)
    head = _text(message[: 2 * _HEAD])
    told = _MODEL.search(head)
    is_told_first = "/live/" in turn.path  # there the session has another model than its responses
    operation, model = "chat", ""
    if "decision.event" in head:
        operation = "decision"
    elif "input_audio_transcription.completed" in head:
        operation, is_told_first = "generate_content", False
        model = _transcriber(turn)
    else:
        model = session.model or ("" if is_told_first else _asked_model(turn))
        is_told_first = not model
    call = LLMCall(
        operation=operation,
        provider=session.provider,
        model=model or (told[1] if is_told_first and told else ""),
        server_address=session.server_address,
        server_port=session.server_port,
        request=turn,
    )
    if operation == "chat":
        call.start_attributes[semconv.GEN_AI_REQUEST_STREAM] = True
    return call


def read_turn(call: LLMCall, turn: SocketTurn, heard: Sequence[object]) -> None:
    """Fill ``call`` from what was said and heard; runs on the worker."""
    said, events = list(_values(turn.said)), [_inner(each) for each in _values(heard)]
    count = call.chunk_count  # of all that came: pieces of audio were not kept
    if turn.is_session:
        _read_connection(call, events)
    elif call.operation == "decision":
        _read_decision(call, said, events)
    elif call.operation == "generate_content":
        _read_transcription(call, events)
    else:
        _read_response(call, turn, said, events)
    call.chunk_count = count


def _inner(event: Json) -> Json:
    """Return the event of a response that one of a live connection carries."""
    return mapping(event, "event") or event if text(event, "type") == "response.event" else event


def _read_response(
    call: LLMCall, turn: SocketTurn, said: Sequence[Json], events: Sequence[Json]
) -> None:
    reader = ResponseReader()
    asked: Json = next((each for each in said if text(each, "type") == "response.create"), {})
    asked = mapping(asked, "response") or asked
    if turn.path.endswith("/responses"):
        reader.read_input(call, asked)
    else:  # there a conversation is no id, but whether the response belongs to it
        reader.read_input(call, {**asked, "conversation": None})
        _read_session(call, mapping(next(_values([turn.session]), {}), "session"))
    call.input_messages = [*_given(said, events), *call.input_messages]
    for event in events:
        if text(event, "type") == "response.done":
            reader.read_body(call, _done(mapping(event, "response")))
            return
    reader.read_events(call, [(text(event, "type"), event) for event in events])


def _read_decision(call: LLMCall, said: Sequence[Json], events: Sequence[Json]) -> None:
    """Read a decision of a live session: what was put before it, and its answers."""
    for event in said:
        if text(event, "type") == "decision.item.create":
            call.input_messages += read_items([mapping(event, "item")], "user")
    reader = DecisionReader()
    for event in events:
        reader.read_body(call, mapping(mapping(event, "event"), "decision"))


def _read_transcription(call: LLMCall, events: Sequence[Json]) -> None:
    """Read what was understood of the user's speech, which has a cost of its own."""
    reader = TranscriptionReader()
    for event in events:
        reader.read_body(call, {**event, "text": text(event, "transcript"), "id": None})
        call.response_id = text(event, "item_id")


def _read_connection(call: LLMCall, events: Sequence[Json]) -> None:
    """Read the connection itself: its session, what was spoken outside of responses, how it stands."""
    spoken: dict[str, list[str]] = {}
    for event in events:
        kind = text(event, "type")
        session = mapping(event, "session")
        if known := text(session, "id"):
            call.attributes[semconv.GEN_AI_CONVERSATION_ID] = known
        if model := text(session, "model"):
            call.response_model = model
        seconds = mapping(event, "usage").get("seconds")
        if isinstance(seconds, int | float):
            call.attributes[semconv.AGENTOPS_AUDIO_SECONDS] = seconds
        if kind.endswith("_transcript.delta"):
            spoken.setdefault(kind, []).append(text(event, "delta"))
        elif kind == "error":
            read_error(call, event)
    for kind, pieces in spoken.items():
        said = [text_part("".join(pieces))]
        if "input" in kind:
            call.input_messages = [{"role": "user", "parts": said}]
        else:
            call.output_messages = [{"role": "assistant", "parts": said}]


def _asked_model(turn: SocketTurn) -> str:
    for event in _values(turn.said):
        if model := text(event, "model") or text(mapping(event, "response"), "model"):
            return model
    return text(mapping(next(_values([turn.session]), {}), "session"), "model")


def _transcriber(turn: SocketTurn) -> str:
    """Return the model that a session has the user's speech transcribed by."""
    session = mapping(next(_values([turn.session]), {}), "session")
    heard = mapping(mapping(mapping(session, "audio"), "input"), "transcription")
    return text(heard or mapping(session, "input_audio_transcription"), "model")


def _read_session(call: LLMCall, session: Json) -> None:
    call.response_model = text(session, "model") or call.model
    if not call.system_instructions and text(session, "instructions"):
        call.system_instructions = [text_part(text(session, "instructions"))]
    if not call.tool_definitions:
        call.tool_definitions = [tool_definition(each) for each in mappings(session, "tools")]


def _given(said: Sequence[Json], events: Sequence[Json]) -> list[Message]:
    """Return the messages that a conversation was given, by the program and by speech; each once."""
    sent = _items(said)
    repeated = Counter(map(_told, sent))
    heard: list[Json] = []
    for item in _items(events):
        known = _told(item)
        if repeated[known]:
            repeated[known] -= 1
        else:
            heard.append(item)
    spoken = [each for each in read_items(heard, "user") if each["role"] != "assistant"]
    return [*read_items(sent, "user"), *spoken]


def _told(item: Json) -> str:
    """Return what of an item the service repeats when it has taken it: no id of its own, no audio."""
    parts = [(part.get("text"), part.get("image_url")) for part in mappings(item, "content")]
    names = [text(item, name) for name in ("type", "role", "call_id")]
    return repr((names, item.get("output"), parts))


def _items(events: Sequence[Json]) -> list[Json]:
    """Return the items of a conversation that events bring; each id once."""
    items: dict[object, Json] = {}
    for event in events:
        kind = text(event, "type")
        if kind in (
            "conversation.item.create",
            "conversation.item.added",
            "conversation.item.created",
            "response.item.create",
        ):
            item = mapping(event, "item")
            items[text(item, "id") or len(items)] = item
        elif kind == "conversation.item.input_audio_transcription.completed":
            said = {"type": "input_text", "text": text(event, "transcript")}
            known = {"type": "message", "role": "user", "content": [said]}
            items[text(event, "item_id") or len(items)] = known
    return list(items.values())


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
            value = json_value(message)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value

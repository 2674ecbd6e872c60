"""How are chat completions and text completions read? Part of what is known of the openai package."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from agentops import semconv
from agentops.instrumentation.calls import LLMCall, Message, Part
from agentops.instrumentation.providers.costs import read_cost
from agentops.instrumentation.providers.fields import Json, count, mapping, mappings, parsed, text
from agentops.instrumentation.providers.openai.reader import (
    Reader,
    read_error,
    read_parameters,
    read_usage,
)
from agentops.instrumentation.providers.parts import (
    blob,
    file,
    is_plain_message,
    media,
    reasoning,
    text_part,
    tool_call,
    tool_result,
)
from agentops.telemetry.records import PlainMessages

__all__ = [
    "ChatReader",
    "CompletionReader",
    "FetchChatReader",
    "content_parts",
    "read_output_format",
    "tool_definition",
    "without_credentials",
]

_MORE = frozenset(
    {
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "refusal",
        "audio",
        "tool_calls",
        "function_call",
        "images",
        "annotations",
        "context",
        "name",
    }
)
_CALLS = frozenset({"tool_calls"})
_NONE = frozenset[str]()
_OTHERS = frozenset({"search_results", "citations", "base_resp"})
_SELDOM = frozenset({"response_format", "modalities", "tools", "functions"})
_GROWING = ("content", "refusal", "reasoning_content", "reasoning")
_ONLY_TEXT = frozenset(_GROWING)
_PART_FIELDS = {"text": "content", "reasoning": "reasoning", "refusal": "refusal"}
_URLS = {"image_url": "image", "video_url": "video", "audio_url": "audio"}  # the last two: vLLM
_RESULT_ROLES = ("tool", "function")
_FINISH = {"tool_calls": "tool_call", "function_call": "tool_call"}


class ChatReader(Reader):
    """Reads ``/chat/completions``."""

    joins_pieces = True
    tells_usage_when_asked = True

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read parameters, messages and tools."""
        call.attributes[semconv.OPENAI_API_TYPE] = "chat_completions"
        read_parameters(call, request)
        call.input_messages = _messages(mappings(request, "messages"), "")
        if _SELDOM.isdisjoint(request):
            return
        read_output_format(call, mapping(request, "response_format"))
        modalities = request.get("modalities")
        if isinstance(modalities, list) and "audio" in modalities:
            call.attributes[semconv.GEN_AI_OUTPUT_TYPE] = "speech"
        call.tool_definitions = [tool_definition(each) for each in mappings(request, "tools")]
        call.tool_definitions += [
            tool_definition({"type": "function", "function": each})
            for each in mappings(request, "functions")
        ]

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read a whole chat completion."""
        _read_head(call, body)
        _read_usage(call, body)
        read_error(call, body)
        choices = mappings(body, "choices")
        messages = _messages([mapping(choice, "message") for choice in choices], "assistant")
        for choice, message in zip(choices, messages, strict=True):
            _finish(call, message, choice.get("finish_reason"))
            if "error" in choice:  # OpenRouter
                read_error(call, choice)
        call.output_messages = messages
        if not _OTHERS.isdisjoint(body):
            _read_others(call, body)

    def read_events(self, call: LLMCall, events: Iterable[tuple[str, object]]) -> None:
        """Put the chunks of a streamed chat completion together."""
        choices: dict[int, _Choice] = defaultdict(_Choice)
        others: dict[str, object] = {}
        for _, data in events:
            if not isinstance(data, dict):
                continue
            call.chunk_count += 1
            _read_head(call, data)
            if not _OTHERS.isdisjoint(data):
                others.update((name, data[name]) for name in _OTHERS if data.get(name))
            if data.get("usage"):
                _read_usage(call, data)
            elif "x_groq" in data:
                _read_usage(call, mapping(data, "x_groq"))
                read_error(call, mapping(data, "x_groq"))
            read_error(call, data)
            for choice in mappings(data, "choices"):
                choices[count(choice, "index") or 0].add(choice)
                if "error" in choice:
                    read_error(call, choice)
                if "usage" in choice:  # Moonshot
                    _read_usage(call, choice)
        order = sorted(choices)
        call.output_messages = _messages([choices[index].message() for index in order], "")
        for index, message in zip(order, call.output_messages, strict=True):
            _finish(call, message, choices[index].finish_reason)
        _read_others(call, others)


class FetchChatReader(ChatReader):
    """Reads a stored completion that is looked at again or changed: its usage was told when it was made."""

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read the completion without its usage."""
        super().read_body(call, {**body, "usage": None})


class _Choice:
    """One choice of a stream, growing."""

    def __init__(self) -> None:
        self.finish_reason: object = None
        self._role = "assistant"
        self._texts: dict[str, list[str]] = {}
        self._audio: dict[str, list[object]] = {}
        self._images: list[Json] = []
        self._annotations: list[Json] = []
        self._thoughts: dict[int, list[str]] = {}
        self._calls: dict[int, list[dict[str, object]]] = {}

    def add(self, choice: Json) -> None:
        """Add what one chunk brings; pieces of tool calls are told apart by their index.

        Servers that count all calls as the first one (Gemini's) send each in one piece: with its name and id.
        """
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        delta = mapping(choice, "delta")
        for name, piece in delta.items():
            if isinstance(piece, str) and piece and name in _GROWING:
                self._texts.setdefault(name, []).append(piece)
            elif isinstance(piece, list) and name == "content":
                self._add_parts(content_parts(piece))
        if _ONLY_TEXT.issuperset(delta):
            return
        self._role = text(delta, "role") or self._role
        for name, value in mapping(delta, "audio").items():
            self._audio.setdefault(name, []).append(value)
        self._images += mappings(delta, "images")
        self._annotations += _notes(delta)
        for thought in mappings(delta, "reasoning_details"):
            self._thoughts.setdefault(count(thought, "index") or 0, []).append(_thought(thought))
        for position, called in enumerate(mappings(delta, "tool_calls")):
            index = count(called, "index")
            self._add_call(position if index is None else index, called)
        if legacy := mapping(delta, "function_call"):
            self._add_call(-1, {"type": "function", "function": legacy})

    def _add_parts(self, parts: Sequence[Part]) -> None:
        """Add content that comes in typed parts (Mistral): texts and thoughts, which grow like all others."""
        for part in parts:
            piece = text(part, "content")
            if piece and part["type"] in _PART_FIELDS:
                self._texts.setdefault(_PART_FIELDS[text(part, "type")], []).append(piece)

    def _add_call(self, index: int, piece: Json) -> None:
        calls = self._calls.setdefault(index, [])
        if not calls or _is_next(calls[-1], piece):
            calls.append({})
        whole = calls[-1]
        for name in ("id", "type"):
            whole[name] = text(piece, name) or whole.get(name)
        for kind, grows in (("function", "arguments"), ("custom", "input")):
            part = mapping(piece, kind)
            if not part:
                continue
            known = whole.setdefault(kind, {})
            if isinstance(known, dict):
                known["name"] = text(part, "name") or known.get("name", "")
                given, before = part.get(grows), known.setdefault(grows, "")
                if isinstance(given, dict):  # of servers that do not spell it as a text
                    known[grows] = given
                elif isinstance(given, str) and isinstance(before, str):
                    known[grows] = before + given

    def message(self) -> Json:
        """Return the message as it would stand in an answer that was not streamed."""
        message: dict[str, object] = {
            "role": self._role,
        }
        if self._calls:
            message["tool_calls"] = [
                each for index in sorted(self._calls) for each in self._calls[index]
            ]
        message.update((name, "".join(pieces)) for name, pieces in self._texts.items())
        if self._thoughts:
            message["reasoning_details"] = [
                {"text": "".join(self._thoughts[index])} for index in sorted(self._thoughts)
            ]
        if self._audio:
            message["audio"] = {name: _whole(name, told) for name, told in self._audio.items()}
        if self._images:
            message["images"] = self._images
        if self._annotations:
            message["annotations"] = self._annotations
        return message


def _whole(name: str, told: Sequence[object]) -> object:
    """Return what all chunks told of a field of the audio: texts grow, of anything else the last counts."""
    texts = [each for each in told if isinstance(each, str)]
    return "".join(texts) if texts and name != "id" else told[-1]


def _is_next(before: Json, piece: Json) -> bool:
    """Tell whether a piece begins a call of its own, though its index is that of the call before."""
    known, told = text(before, "id"), text(piece, "id")
    if not known or not told or known == told:
        return False
    return bool(text(mapping(piece, "function") or mapping(piece, "custom"), "name"))


class CompletionReader(Reader):
    """Reads ``/completions``, the text completions of old."""

    joins_pieces = True
    tells_usage_when_asked = True

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read parameters and prompts."""
        read_parameters(call, request)
        prompt = request.get("prompt")
        prompts = prompt if isinstance(prompt, list) else [prompt]
        for each in prompts:
            if isinstance(each, str):
                call.input_messages.append({"role": "user", "parts": [text_part(each)]})

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read a whole text completion."""
        self.read_events(call, [("", body)])
        call.chunk_count = 0

    def read_events(self, call: LLMCall, events: Iterable[tuple[str, object]]) -> None:
        """Put the chunks of a streamed text completion together."""
        texts: dict[int, list[str]] = {}
        reasons: dict[int, object] = {}
        for _, data in events:
            if not isinstance(data, dict):
                continue
            call.chunk_count += 1
            _read_head(call, data)
            _read_usage(call, data)
            read_error(call, data)
            for choice in mappings(data, "choices"):
                index = count(choice, "index") or 0
                texts.setdefault(index, []).append(text(choice, "text"))
                reasons[index] = choice.get("finish_reason") or reasons.get(index)
        for index in sorted(texts):
            parts = [text_part("".join(texts[index]))]
            message: Message = {"role": "assistant", "parts": parts}
            call.output_messages.append(message)
            _finish(call, message, reasons[index])


def tool_definition(tool: Json) -> Part:
    """Return a tool in the conventions' shape; but for credentials all stays as it was sent."""
    kind = text(tool, "type") or "function"
    inner = mapping(tool, kind)
    if inner:
        return {"type": kind, **inner}
    told = without_credentials(tool)
    return {"name": kind, **told} if "name" not in told else told


def without_credentials(tool: Json) -> Part:
    """Return a tool, or what holds some, without what signs in at a server or stands in its environment."""
    return {
        name: value if name in _SCHEMAS else _uncredited(value)
        for name, value in tool.items()
        if name not in _CREDENTIALS
    }


def _uncredited(value: object) -> object:
    if isinstance(value, dict):
        return without_credentials(value)
    return [_uncredited(each) for each in value] if isinstance(value, list) else value


_SCHEMAS = ("parameters", "input_schema", "output_schema")  # what is named there is no credential
_CREDENTIALS = frozenset({"authorization", "headers", "domain_secrets", "env"})


def read_output_format(call: LLMCall, chosen: Json) -> None:
    """Read ``response_format`` or ``text.format``: the kind of output, and its schema as content."""
    kind = text(chosen, "type")
    if not kind:
        return
    call.attributes[semconv.GEN_AI_OUTPUT_TYPE] = "json" if kind.startswith("json") else "text"
    if kind == "json_schema":
        call.content[semconv.AGENTOPS_REQUEST_OUTPUT_SCHEMA] = chosen.get("json_schema") or {
            k: v for k, v in chosen.items() if k != "type"
        }


def content_parts(content: object) -> list[Part]:
    """Return the parts of a message's ``content``: text, or an array of typed parts."""
    if isinstance(content, str):
        return [text_part(content)]
    if not isinstance(content, Sequence):
        return []
    return [_part(each) for each in content if isinstance(each, dict)]


def _part(part: Json) -> Part:
    kind = text(part, "type")
    if kind == "text":
        return text_part(text(part, "text"))
    if kind in _URLS:
        given = part.get(kind)
        url = given if isinstance(given, str) else text(mapping(part, kind), "url")
        return media(_URLS[kind], url)
    if kind == "input_audio":
        audio = mapping(part, "input_audio")
        return blob("audio", _audio_type(text(audio, "format")), text(audio, "data"))
    if kind == "file":
        return _file(mapping(part, "file"))
    if kind == "refusal":
        return {"type": "refusal", "content": text(part, "refusal")}
    if kind == "thinking" and isinstance(part.get("thinking"), list):
        return reasoning("".join(text(each, "text") for each in mappings(part, "thinking")))
    if kind == "reasoning" and isinstance(part.get("summary"), list):  # Databricks
        return reasoning("".join(text(each, "text") for each in mappings(part, "summary")))
    return dict(part)


def _thoughts(message: Json) -> Iterable[str]:
    """Return what the model thought. Some servers say the same under two names, or besides in details (OpenRouter)."""
    told = dict.fromkeys((text(message, "reasoning_content"), text(message, "reasoning")))
    if any(told):
        return told
    return [_thought(each) for each in mappings(message, "reasoning_details")]  # MiniMax


def _thought(detail: Json) -> str:
    return text(detail, "text") or text(detail, "summary")


def _file(given: Json) -> Part:
    if file_id := text(given, "file_id"):
        return file("document", file_id)
    part = media("document", text(given, "file_data"))
    if name := text(given, "filename"):
        part["filename"] = name
    return part


def _audio_type(name: str) -> str:
    return {"mp3": "audio/mpeg", "": ""}.get(name, f"audio/{name}")


def _messages(given: Sequence[Json], default_role: str) -> list[Message]:
    """Return messages of the API in the conventions' shape."""
    shaped = PlainMessages()
    is_plain = True
    for message in given:
        role, content = message.get("role") or default_role, message.get("content")
        is_short = _MORE.isdisjoint(message)  # else they are often there, and empty
        more = _NONE if is_short else frozenset(filter(message.get, _MORE))
        is_text = type(content) is str
        if is_text and not more and type(role) is str:
            if role in _RESULT_ROLES:
                part = tool_result(text(message, "tool_call_id"), content)
            else:
                part = {"type": "text", "content": content}
            shaped.append({"role": role, "parts": [part]})
            continue
        told = _message(message, default_role, more)
        shaped.append(told)
        is_known = (is_text or content is None) and _CALLS.issuperset(more)
        is_plain = is_plain and is_known and is_plain_message(told)
    return shaped if is_plain else [*shaped]


def _message(message: Json, default_role: str, more: Collection[str]) -> Message:
    """Return one of them, whatever it holds; ``more``: which of the other fields hold something."""
    role = text(message, "role") or default_role
    content = message.get("content")
    parts: list[Part]
    if role in _RESULT_ROLES:
        parts = [tool_result(text(message, "tool_call_id"), _result(content))]
    else:
        parts = content_parts(content)
    shaped: Message = {"role": role, "parts": parts}
    calls = [_call(each) for each in mappings(message, "tool_calls")] if more else ()
    if _CALLS.issuperset(more):  # as nearly always
        parts += calls
        return shaped
    if parts and (notes := _notes(message)):
        parts[-1]["annotations"] = notes
    parts[:0] = [reasoning(thought) for thought in _thoughts(message) if thought]
    if refusal := text(message, "refusal"):
        parts.append({"type": "refusal", "content": refusal})
    if audio := mapping(message, "audio"):
        parts.append(_audio(audio))
    parts += [_part(each) for each in mappings(message, "images")]  # OpenRouter
    parts += calls
    if legacy := mapping(message, "function_call"):
        parts.append(tool_call(text(legacy, "name"), "", parsed(legacy.get("arguments"))))
    if name := text(message, "name"):
        shaped["name"] = name
    return shaped


def _notes(message: Json) -> Sequence[Json]:
    """Return what stands beside a text, as the sources it names: with Azure, those of the program's own data."""
    notes = mappings(message, "annotations")
    return notes or mappings(mapping(message, "context"), "citations")


def _read_others(call: LLMCall, body: Json) -> None:
    """Read what only some servers tell beside the choices: sources (Perplexity), errors (MiniMax)."""
    state = mapping(body, "base_resp")
    if number := count(state, "status_code"):
        read_error(call, {"error": {"code": number, "message": state.get("status_msg")}})
    urls = body.get("citations")
    found = mappings(body, "search_results") or [
        {"url": each} for each in (urls if isinstance(urls, list) else ()) if isinstance(each, str)
    ]
    sources = [{"type": "url_citation", **each} for each in found]
    if not sources:
        return
    call.output_messages = [*call.output_messages]  # no longer of texts alone
    for message in call.output_messages:
        parts = message["parts"]
        told = parts if isinstance(parts, list) else []
        for part in [each for each in told if each.get("type") == "text"][-1:]:
            part.setdefault("annotations", sources)


def _result(content: object) -> object:
    """Return what a tool answered: its text, or its parts."""
    return content if isinstance(content, str) else content_parts(content) or content


def _audio(audio: Json) -> Part:
    data = text(audio, "data")
    part = blob("audio", "", data) if data else file("audio", text(audio, "id"))
    if transcript := text(audio, "transcript"):
        part["transcript"] = transcript
    return part


def _call(call: Json) -> Part:
    custom = mapping(call, "custom")
    if custom:
        return tool_call(text(custom, "name"), text(call, "id"), custom.get("input"))
    function = mapping(call, "function")
    arguments = parsed(function.get("arguments"))
    return tool_call(text(function, "name"), text(call, "id"), arguments)


def _read_head(call: LLMCall, body: Json) -> None:
    """Read what each chunk and each whole answer repeat."""
    call.response_id = text(body, "id") or call.response_id
    call.response_model = text(body, "model") or call.response_model
    if "service_tier" in body and (tier := text(body, "service_tier")):
        call.attributes[semconv.OPENAI_RESPONSE_SERVICE_TIER] = tier
        call.price_context["service_tier"] = tier
    if "system_fingerprint" in body and (fingerprint := text(body, "system_fingerprint")):
        call.attributes[semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT] = fingerprint


def _read_usage(call: LLMCall, body: Json) -> None:
    """Read the usage, and how many tokens of a predicted output were taken over."""
    usage = mapping(body, "usage")
    told = call.usage
    read_usage(told, usage)
    total = usage.get("total_tokens")
    if type(total) is int and told.input_tokens is not None:
        said = count(usage, "completion_tokens") or count(usage, "output_tokens") or 0
        beside = total - told.input_tokens - said
        if beside > 0 and (beside == told.reasoning_output_tokens or call.provider in _GOOGLE):
            # Thoughts that stand beside the output (xAI), or in the total alone (Gemini), are output.
            told.output_tokens = total - told.input_tokens
    read_cost(call, usage)
    details = mapping(usage, "completion_tokens_details")
    if not _PREDICTED.keys().isdisjoint(details):
        for name, attribute in _PREDICTED.items():
            if counted := count(details, name):
                call.attributes[attribute] = counted


_GOOGLE = ("gcp.gemini", "gcp.vertex_ai")
_PREDICTED = {
    "accepted_prediction_tokens": semconv.AGENTOPS_ACCEPTED_PREDICTION_TOKENS,
    "rejected_prediction_tokens": semconv.AGENTOPS_REJECTED_PREDICTION_TOKENS,
}


def _finish(call: LLMCall, message: Message, reason: object) -> None:
    """Add why a choice ended: in the list as the provider gave it, in its message in the conventions' words."""
    told = reason if isinstance(reason, str) and reason else "error"
    message["finish_reason"] = _FINISH.get(told, told)
    call.finish_reasons.append(told)

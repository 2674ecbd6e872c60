"""How is the Responses API read? Part of what is known of the openai package."""

from collections.abc import Iterable, Sequence

from agentops import semconv
from agentops.instrumentation.calls import LLMCall, Message, Part
from agentops.instrumentation.providers.costs import read_cost
from agentops.instrumentation.providers.fields import Json, count, mapping, mappings, parsed, text
from agentops.instrumentation.providers.openai.chat import (
    read_output_format,
    tool_definition,
    without_credentials,
)
from agentops.instrumentation.providers.openai.reader import (
    Reader,
    read_error,
    read_image_usage,
    read_parameters,
    read_usage,
)
from agentops.instrumentation.providers.parts import (
    blob,
    file,
    media,
    reasoning,
    text_part,
    tool_call,
    tool_result,
)

__all__ = [
    "CompactReader",
    "FetchReader",
    "ResponseReader",
    "TokenCountReader",
    "output_parts",
    "read_items",
]

_INCOMPLETE = {"max_output_tokens": "length", "max_tokens": "length"}
_TEXT = ("content", "content_index", "output_text", "text")
_GROWING_PARTS = {  # to the list that holds the part, what counts it, its type and its text
    "response.output_text.delta": _TEXT,
    "response.text.delta": _TEXT,
    "response.output_audio_transcript.delta": _TEXT,
    "response.audio_transcript.delta": _TEXT,
    "response.refusal.delta": ("content", "content_index", "refusal", "refusal"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index", "summary_text", "text"),
    "response.reasoning_text.delta": ("content", "content_index", "reasoning_text", "text"),
}
_GROWING = {
    "response.function_call_arguments.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
    "response.code_interpreter_call_code.delta": "code",
}
_ASKED = frozenset({"computer_call", "local_shell_call", "shell_call", "apply_patch_call"})
_NO_ARGUMENTS = ("id", "type", "call_id", "status")
_FREE = ("open_page", "find_in_page", "find")
_SCALARS = (str, int, float, bool)
_COUNTED_MAX = 4096


class ResponseReader(Reader):
    """Reads ``/responses``: created, parsed and streamed ones.

    Args:
        counted: Ids of the background responses whose usage was told; readers may share them.
    """

    joins_pieces = True

    def __init__(self, counted: dict[str, None] | None = None) -> None:
        self._counted = {} if counted is None else counted

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read parameters, instructions, input items and tools."""
        call.attributes[semconv.OPENAI_API_TYPE] = "responses"
        read_parameters(call, request)
        if effort := mapping(request, "reasoning").get("effort"):
            call.attributes[semconv.GEN_AI_REQUEST_REASONING_LEVEL] = effort
        _read_conversation(call, request.get("conversation"))
        read_output_format(call, mapping(mapping(request, "text"), "format"))
        _read_prompt(call, mapping(request, "prompt"))
        call.system_instructions = _instructions(request.get("instructions"))
        given = request.get("input")
        if isinstance(given, str):
            call.input_messages = [{"role": "user", "parts": [text_part(given)]}]
        else:
            call.input_messages = read_items(mappings(request, "input"), "user")
        call.tool_definitions = [tool_definition(each) for each in mappings(request, "tools")]

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read a whole response."""
        call.response_id = text(body, "id") or call.response_id
        call.response_model = text(body, "model") or call.response_model
        if tier := text(body, "service_tier"):
            call.attributes[semconv.OPENAI_RESPONSE_SERVICE_TIER] = tier
            call.price_context["service_tier"] = tier
        _read_conversation(call, body.get("conversation"))
        self.read_counts(call, body)
        status = text(body, "status")
        if status and status != "completed":
            call.attributes[semconv.GEN_AI_RESPONSE_STATUS] = status
        items = mappings(body, "output")
        call.output_messages = read_items(items, "assistant")
        _finish(call, _finish_reason(body, items))
        read_error(call, body)

    def read_events(self, call: LLMCall, events: Iterable[tuple[str, object]]) -> None:
        """Read the last state of the response; put it together where it was cut off before."""
        last: Json = {}
        pieces = _Pieces()
        for name, data in events:
            if not isinstance(data, dict):
                continue
            call.chunk_count += 1
            last = mapping(data, "response") or last
            if (text(data, "type") or name) == "error":
                read_error(call, data if "error" in data else {"error": data})
            pieces.add(data)
        if not last and not pieces.items:
            return
        is_over = text(last, "status") not in ("", "queued", "in_progress")
        # Live connections clear what a response says when it ends: the pieces are all there is.
        is_whole = is_over and (mappings(last, "output") or not pieces.items)
        self.read_body(call, last if is_whole else {**last, "output": pieces.output()})
        if call.error_type and not call.finish_reasons:
            _finish(call, "error")

    def read_counts(self, call: LLMCall, body: Json) -> None:
        """Read the usage; whoever fetches a background response later is not told it again."""
        usage = mapping(body, "usage")
        read_usage(call.usage, usage)
        read_cost(call, usage)
        if usage and body.get("background"):
            self._note(text(body, "id"))
        if usage and (searches := _searches(body)):
            call.priced_units["web_searches"] = searches
        if "tool_usage" in body:
            _read_image_usage(call, body)

    def _note(self, known: str) -> None:
        if known not in self._counted and len(self._counted) >= _COUNTED_MAX:
            del self._counted[next(iter(self._counted))]
        self._counted[known] = None


class FetchReader(ResponseReader):
    """Reads a response that was made earlier and is fetched: ``GET /responses/{id}``.

    Its usage was told when it was made. Only where it was made in the background, and not streamed to its
    end, nobody was told: the first fetch that sees it finished tells the usage, for each response once.
    """

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read where a stream is taken up again."""
        call.attributes[semconv.OPENAI_API_TYPE] = "responses"
        cursor = request.get("starting_after")
        if isinstance(cursor, str | int):
            call.attributes[semconv.GEN_AI_REQUEST_STREAM_CURSOR] = str(cursor)

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read the response as it stands now."""
        super().read_body(call, body)
        if status := text(body, "status"):
            call.attributes[semconv.GEN_AI_RESPONSE_STATUS] = status

    def read_counts(self, call: LLMCall, body: Json) -> None:
        """Read the usage of a background response, once."""
        if body.get("background") and text(body, "id") not in self._counted:
            super().read_counts(call, body)


class CompactReader(ResponseReader):
    """Reads ``/responses/compact``: a conversation made shorter, for tokens."""

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read the compacted conversation."""
        super().read_body(call, body)
        call.attributes[semconv.GEN_AI_CONVERSATION_COMPACTED] = True
        if not text(body, "status"):  # nothing was answered, so nothing was finished
            call.finish_reasons = []
            for message in call.output_messages[-1:]:
                message.pop("finish_reason", None)


class TokenCountReader(ResponseReader):
    """Reads ``/responses/input_tokens``: a count of tokens that are not used."""

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read the count; it is no usage."""
        counted = count(body, "input_tokens")
        if counted is not None:
            call.attributes[semconv.AGENTOPS_TOKEN_COUNT] = counted


class _Pieces:
    """Items of a streamed response, as far as they came."""

    def __init__(self) -> None:
        self.items: dict[int, dict[str, object]] = {}
        self._parts: dict[int, dict[tuple[str, int, str], dict[str, object]]] = {}

    def add(self, event: Json) -> None:
        """Add one event: an item's beginning or end, or a piece of its text or arguments."""
        index = count(event, "output_index")
        if index is None:
            return
        item = mapping(event, "item")
        if item:
            self.items[index] = dict(item)
            return
        known = self.items.setdefault(index, {"type": "message", "role": "assistant"})
        kind = text(event, "type")
        name = _GROWING.get(kind)
        if kind in _GROWING_PARTS:
            holder, number, part_type, name = _GROWING_PARTS[kind]
            parts = self._parts.setdefault(index, {})
            place = (holder, count(event, number) or 0, part_type)
            known = parts.setdefault(place, {"type": part_type})
        if name:
            known[name] = f"{known.get(name) or ''}{text(event, 'delta')}"

    def output(self) -> list[Json]:
        """Return the items in their order, with what came of those that did not end."""
        output: list[Json] = []
        for index in sorted(self.items):
            item, parts = self.items[index], self._parts.get(index, {})
            for holder in ("content", "summary"):
                said = [parts[place] for place in sorted(parts) if place[0] == holder]
                if said and not item.get(holder):
                    item[holder] = said
            output.append(item)
        return output


def read_items(items: Sequence[Json], role: str) -> list[Message]:
    """Return items of the API as messages: neighbours of one role make one message.

    Args:
        items: Input or output items.
        role: Role of an item that names none and implies none.
    """
    messages: list[Message] = []
    is_open = False
    for item in items:
        shaped_role, parts = _item(item, role)
        if not parts:
            continue
        joins = "role" not in item or role == "assistant"
        if is_open and joins and messages[-1]["role"] == shaped_role:
            known = messages[-1]["parts"]
            if isinstance(known, list):
                known.extend(parts)
        else:
            messages.append({"role": shaped_role, "parts": parts})
        is_open = joins
    return messages


def _item(item: Json, role: str) -> tuple[str, list[Part]]:
    """Return role and parts of one item."""
    kind = text(item, "type")
    if kind == "message" or (not kind and "content" in item):
        return text(item, "role") or role, _content(item.get("content"))
    if kind == "reasoning":
        return "assistant", _thoughts(item)
    if kind == "function_call":
        arguments = parsed(item.get("arguments"))
        return "assistant", [tool_call(text(item, "name"), text(item, "call_id"), arguments)]
    if kind == "custom_tool_call":
        given = item.get("input")
        return "assistant", [tool_call(text(item, "name"), text(item, "call_id"), given)]
    if kind.endswith("_call_output") or kind == "function_call_output":
        shaped = output_parts(item.get("output"))
        # That of a local shell has the id of its call as its own.
        return "tool", [tool_result(text(item, "call_id") or text(item, "id"), shaped)]
    if kind == "compaction":
        return "assistant", [{"type": "compaction", "id": text(item, "id")}]
    if kind == "image_generation_call":
        return "assistant", [_image(item)]
    if _is_asked(item):
        given = {name: value for name, value in item.items() if name not in _NO_ARGUMENTS}
        name = kind.removesuffix("_call")
        return "assistant", [tool_call(name, text(item, "call_id") or text(item, "id"), given)]
    if kind.endswith("_call"):
        return "assistant", [_server_call(item, kind)]
    # Some bring tools along.
    return role, [without_credentials(item) if "tools" in item else dict(item)]


def output_parts(output: object) -> object:
    """Return what a tool gave back: a text, parts where there are some, anything else as it is."""
    if isinstance(output, dict) and "type" in output:
        return _content([output])
    return _content(output) or output if isinstance(output, list) else output


def _content(content: object) -> list[Part]:
    if isinstance(content, str):
        return [text_part(content)]
    if not isinstance(content, list):
        return []
    return [_part(each) for each in content if isinstance(each, dict)]


def _part(part: Json) -> Part:
    kind = text(part, "type")
    if kind in ("input_text", "output_text", "text", "summary_text", "reasoning_text"):
        said = text_part(text(part, "text"))
        if notes := mappings(part, "annotations"):
            said["annotations"] = notes
        return said
    if kind == "refusal":
        return {"type": "refusal", "content": text(part, "refusal")}
    if kind == "input_image":
        if file_id := text(part, "file_id"):
            return file("image", file_id)
        return media("image", text(part, "image_url"))
    if kind in ("input_audio", "output_audio", "audio"):
        return _sound(part)
    if kind == "input_file":
        return _file(part)
    if kind == "computer_screenshot":
        return media("image", text(part, "image_url"))
    return dict(part)


def _sound(part: Json) -> Part:
    audio = mapping(part, "input_audio") or part
    known = text(audio, "format")
    kind = f"audio/{known}" if known else ""
    shaped = blob("audio", kind, text(audio, "data") or text(audio, "audio"))
    if transcript := text(part, "transcript"):
        shaped["transcript"] = transcript
    return shaped


def _file(part: Json) -> Part:
    if file_id := text(part, "file_id"):
        return file("document", file_id)
    shaped = media("document", text(part, "file_data") or text(part, "file_url"))
    if name := text(part, "filename"):
        shaped["filename"] = name
    return shaped


def _thoughts(item: Json) -> list[Part]:
    """Return the thoughts that can be read; one of which only the cipher came says so by its id."""
    told = [
        reasoning(text(each, "text"))
        for each in (*mappings(item, "summary"), *mappings(item, "content"))
    ]
    return told or [{"type": "reasoning", "content": "", "id": text(item, "id")}]


def _image(item: Json) -> Part:
    result = text(item, "result")
    if not result:
        return _server_call(item, "image_generation_call")
    return blob("image", f"image/{text(item, 'output_format') or 'png'}", result)


def _server_call(item: Json, kind: str) -> Part:
    """Return a tool that the provider ran by itself: all it tells but its own bookkeeping."""
    told = {key: value for key, value in item.items() if key not in ("id", "type", "name")}
    part: Part = {
        "type": "server_tool_call",
        "name": text(item, "name") or kind.removesuffix("_call"),
        "server_tool_call": {"type": kind, **told},
    }
    if call_id := text(item, "call_id") or text(item, "id"):
        part["id"] = call_id
    return part


def _is_asked(item: Json) -> bool:
    """Tell whether the program is to run a tool of OpenAI's own: a shell may also run at OpenAI's."""
    is_hosted = text(mapping(item, "environment"), "type") == "container_reference"
    return text(item, "type") in _ASKED and not is_hosted


def _instructions(given: object) -> list[Part]:
    """Return the instructions: a text, or items of which only the parts matter."""
    if isinstance(given, list):
        items = [each for each in given if isinstance(each, dict)]
        return [part for item in items for part in _item(item, "system")[1]]
    return [text_part(given)] if isinstance(given, str) and given else []


def _read_conversation(call: LLMCall, given: object) -> None:
    known = (
        given if isinstance(given, str) else text(given, "id") if isinstance(given, dict) else ""
    )
    if known:
        call.attributes[semconv.GEN_AI_CONVERSATION_ID] = known


def _read_prompt(call: LLMCall, prompt: Json) -> None:
    """Read the name and version of a stored prompt; its variables are content."""
    if name := text(prompt, "id"):
        call.attributes[semconv.GEN_AI_PROMPT_NAME] = name
    if version := text(prompt, "version"):
        call.attributes[semconv.GEN_AI_PROMPT_VERSION] = version
    for name, value in mapping(prompt, "variables").items():
        if isinstance(value, _SCALARS):
            call.content[f"{semconv.GEN_AI_PROMPT_VARIABLE}.{name}"] = value


def _searches(body: Json) -> int:
    """Return how many searches of the web cost: a page that is opened or looked through does not."""
    calls = [item for item in mappings(body, "output") if text(item, "type") == "web_search_call"]
    if not calls:
        return 0
    told = count(mapping(mapping(body, "tool_usage"), "web_search"), "num_requests")
    return (
        sum(text(mapping(each, "action"), "type") not in _FREE for each in calls)
        if told is None
        else told
    )


def _read_image_usage(call: LLMCall, body: Json) -> None:
    """Read what the models of images used: billed, yet left out of the usage of the response."""
    told = mapping(mapping(body, "tool_usage"), "image_gen")
    kind = "image_generation"
    models = [text(each, "model") for each in mappings(body, "tools") if text(each, "type") == kind]
    aside = LLMCall(operation="", provider=call.provider, model="".join(models[:1]))
    used = aside.usage
    read_image_usage(used, told)
    if not used.input_tokens and not used.output_tokens:
        return
    # Named here as nowhere else.
    details = mapping(told, "cached_tokens_details")
    used.image_cache_read_input_tokens = count(details, "cached_image_tokens")
    call.asides.append(aside)
    for name, counted in (
        (semconv.OPENAI_IMAGE_GENERATION_INPUT_TOKENS, used.input_tokens),
        (semconv.OPENAI_IMAGE_GENERATION_OUTPUT_TOKENS, used.output_tokens),
    ):
        if counted is not None:
            call.attributes[name] = counted


def _finish(call: LLMCall, reason: str) -> None:
    """Tell why the response ended, in the call and in its last message; ``""``: it has not."""
    if reason:
        call.finish_reasons = [reason]
        for message in call.output_messages[-1:]:
            message["finish_reason"] = reason


def _finish_reason(body: Json, items: Sequence[Json]) -> str:
    """Return why the response ended, ``""`` while it has not."""
    status = text(body, "status")
    if status == "incomplete":
        reason = text(mapping(body, "incomplete_details"), "reason")
        return _INCOMPLETE.get(reason, reason or "error")
    if status in ("failed", "cancelled"):
        return "error"
    if status in ("queued", "in_progress"):
        return ""
    kinds = ("function_call", "custom_tool_call")
    if any(text(item, "type") in kinds or _is_asked(item) for item in items):
        return "tool_call"
    return "stop" if items or status else ""

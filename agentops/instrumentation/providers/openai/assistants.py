"""How are assistants, threads, runs and managed agents read? Part of what is known of openai."""

from collections.abc import Iterable, Sequence
from dataclasses import fields

from agentops import semconv
from agentops.instrumentation.calls import LLMCall, Message, Part, Usage
from agentops.instrumentation.providers.fields import Json, count, mapping, mappings, parsed, text
from agentops.instrumentation.providers.openai.chat import content_parts, tool_definition
from agentops.instrumentation.providers.openai.reader import (
    Reader,
    read_error,
    read_object,
    read_parameters,
    read_usage,
)
from agentops.instrumentation.providers.openai.responses import read_items
from agentops.instrumentation.providers.parts import text_part, tool_call, tool_result

__all__ = ["AgentSessionReader", "AssistantReader", "RunReader"]

_OVER = ("completed", "incomplete", "failed", "cancelled", "expired")
_RUN_KNOWN_MAX = 4096


class AssistantReader(Reader):
    """Reads the making of an assistant or agent."""

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read name, instructions and tools."""
        read_parameters(call, request)
        _read_agent(call, request)

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read the id it was given."""
        read_error(call, body)
        _read_agent(call, {**body, "tools": None, "instructions": None})
        if known := text(body, "id"):
            call.attributes[semconv.GEN_AI_AGENT_ID] = known
        call.response_model = text(body, "model")


class RunReader(Reader):
    """Reads runs of an assistant on a thread: made, polled, streamed.

    A run tells its usage each time it is looked at after its end; it is counted the first time.
    """

    def __init__(self) -> None:
        self._counted: dict[str, None] = {}

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read what the run starts with: assistant, instructions, messages, answers of tools."""
        read_parameters(call, request)
        if known := text(request, "assistant_id"):
            call.attributes[semconv.GEN_AI_AGENT_ID] = known
        _read_agent(call, {**request, "name": None})
        given = mappings(request, "additional_messages") or mappings(
            mapping(request, "thread"), "messages"
        )
        call.input_messages = [
            {"role": text(each, "role"), "parts": content_parts(each.get("content"))}
            for each in given
        ]
        answers = [
            tool_result(text(each, "tool_call_id"), each.get("output"))
            for each in mappings(request, "tool_outputs")
        ]
        if answers:
            call.input_messages.append({"role": "tool", "parts": answers})

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read the run as it stands."""
        read_object(call, {**body, "usage": None})
        if known := text(body, "assistant_id"):
            call.attributes[semconv.GEN_AI_AGENT_ID] = known
        if thread := text(body, "thread_id"):
            call.attributes[semconv.GEN_AI_CONVERSATION_ID] = thread
        self._count(call, body)
        if error := mapping(body, "last_error"):
            read_error(call, {"error": error})
        wanted = mapping(mapping(body, "required_action"), "submit_tool_outputs")
        calls = [_call(each) for each in mappings(wanted, "tool_calls")]
        if calls:
            call.output_messages.append({"role": "assistant", "parts": calls})
        if reason := _finish_reason(body):
            call.finish_reasons = [reason]

    def read_events(self, call: LLMCall, events: Iterable[tuple[str, object]]) -> None:
        """Read the last state of the run and the messages it wrote, also those it could not finish."""
        run: Json = {}
        messages: list[Message] = []
        begun: dict[str, list[str]] = {}
        for name, data in events:
            if not isinstance(data, dict):
                continue
            call.chunk_count += 1
            known = text(data, "id")
            if name == "error":
                read_error(call, data if "error" in data else {"error": data})
            elif name == "thread.message.delta":
                begun.setdefault(known, []).append(_delta(mapping(data, "delta")))
            elif name in ("thread.message.completed", "thread.message.incomplete"):
                begun.pop(known, None)
                messages.append(_message(data))
            elif name.startswith("thread.run.") and not name.startswith("thread.run.step"):
                run = data
        call.output_messages = messages + _unfinished(begun.values())
        self.read_body(call, run)

    def _count(self, call: LLMCall, body: Json) -> None:
        known, usage = text(body, "id"), mapping(body, "usage")
        if not usage or known in self._counted:
            return
        if len(self._counted) >= _RUN_KNOWN_MAX:
            del self._counted[next(iter(self._counted))]
        self._counted[known] = None
        read_usage(call.usage, usage)


class AgentSessionReader(Reader):
    """Reads sessions of managed agents: what their turns used is added up, each turn ends once."""

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read agent and input."""
        if known := text(request, "agent_id") or text(request, "agent"):
            call.attributes[semconv.GEN_AI_AGENT_ID] = known
        given = request.get("input")
        if isinstance(given, str):
            call.input_messages = [{"role": "user", "parts": [text_part(given)]}]
        else:
            call.input_messages = read_items(mappings(request, "input"), "user")

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read the session as it stands after it was made."""
        read_object(call, {**body, "usage": None})
        read_error(call, body)
        if text(body, "object") == "agent.session":
            call.attributes[semconv.GEN_AI_CONVERSATION_ID] = text(body, "id")

    def read_events(self, call: LLMCall, events: Iterable[tuple[str, object]]) -> None:
        """Read the turns that ended and what was said in them, also texts that did not end."""
        begun: dict[tuple[str, int | None], list[str]] = {}
        for name, data in events:
            if not isinstance(data, dict):
                continue
            call.chunk_count += 1
            kind = text(data, "type") or name
            if known := text(data, "session_id"):
                call.attributes[semconv.GEN_AI_CONVERSATION_ID] = known
            if kind.endswith("output_text.delta"):
                begun.setdefault(_place(data), []).append(text(data, "delta"))
            elif kind.endswith("output_text.done"):
                begun.pop(_place(data), None)
                said = [text_part(text(data, "text"))]
                call.output_messages.append({"role": "assistant", "parts": said})
            elif kind.endswith("turn.item.done"):
                # Messages are told by their texts, above.
                items = [
                    item for item in (mapping(data, "item"),) if text(item, "type") != "message"
                ]
                call.output_messages += read_items(items, "assistant")
            elif kind.endswith((".turn.completed", ".turn.failed", ".turn.cancelled")):
                _add_usage(call, mapping(data, "usage"))
                read_error(call, mapping(data, "turn"))
            else:
                read_error(call, mapping(data, "session") or data)
        call.output_messages += _unfinished(begun.values())


def _unfinished(texts: Iterable[Sequence[str]]) -> list[Message]:
    """Return texts that did not end, each in its pieces, as messages."""
    said = ("".join(pieces) for pieces in texts)
    return [{"role": "assistant", "parts": [text_part(each)]} for each in said if each]


def _place(event: Json) -> tuple[str, int | None]:
    """Return what tells the text that an event is about from the others."""
    return text(event, "item_id"), count(event, "content_index")


def _add_usage(call: LLMCall, told: Json) -> None:
    turn = Usage()
    read_usage(turn, told)
    for each in fields(Usage):
        more = getattr(turn, each.name)
        if more is not None:
            setattr(call.usage, each.name, (getattr(call.usage, each.name) or 0) + more)


def _read_agent(call: LLMCall, body: Json) -> None:
    for name, attribute in (
        ("name", semconv.GEN_AI_AGENT_NAME),
        ("description", semconv.GEN_AI_AGENT_DESCRIPTION),
    ):
        if told := text(body, name):
            call.attributes[attribute] = told
    for name in ("instructions", "additional_instructions"):
        if told := text(body, name):
            call.system_instructions.append(text_part(told))
    call.tool_definitions += [tool_definition(each) for each in mappings(body, "tools")]


def _message(message: Json) -> Message:
    parts: list[Part] = []
    for part in mappings(message, "content"):
        said = mapping(part, "text")
        parts.append(text_part(text(said, "value")) if said else dict(part))
    return {"role": text(message, "role"), "parts": parts}


def _delta(delta: Json) -> str:
    parts = mappings(delta, "content")
    return "".join([text(mapping(part, "text"), "value") for part in parts])


def _call(call: Json) -> Part:
    function = mapping(call, "function")
    arguments = parsed(function.get("arguments"))
    return tool_call(text(function, "name"), text(call, "id"), arguments)


def _finish_reason(body: Json) -> str:
    status = text(body, "status")
    if status == "completed":
        return "stop"
    if status == "requires_action":
        return "tool_call"
    if status == "incomplete":
        reason = text(mapping(body, "incomplete_details"), "reason")
        return "length" if "tokens" in reason else reason or "error"
    return "error" if status in _OVER else ""

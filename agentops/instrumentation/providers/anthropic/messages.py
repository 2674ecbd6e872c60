"""What do a Messages request and its answer say? Instrumentation floor: pure reading, no vendor import.

Everything here runs on the pipeline's worker, on data the SDK has finished with. Requests come as the
JSON body the SDK prepared, answers as the models it returned or as decoded JSON.
"""

from collections.abc import Iterable, Mapping, Sequence

from agentops import semconv
from agentops.instrumentation.calls import LLMCall, Message, Part, merge_usage
from agentops.instrumentation.providers.anthropic.blocks import (
    field,
    plain,
    read_messages,
    read_parts,
    read_texts,
    read_tools,
)
from agentops.instrumentation.providers.costs import read_cost
from agentops.instrumentation.providers.fields import json_value
from agentops.telemetry.records import PlainMessages

__all__ = [
    "FINISH_REASONS",
    "MessageStream",
    "read_answer",
    "read_completion",
    "read_request_body",
    "read_usage",
]

FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
}
"""Anthropic's ``stop_reason`` to the finish reason of a message in the GenAI conventions.

Others are kept as they are.
"""

_SELDOM = frozenset(
    {
        "output_config",
        "output_format",
        "stop_sequences",
        "stream",
        "system",
        "thinking",
        "thread",
        "tools",
    }
)
_REQUEST_ATTRIBUTES = (
    ("max_tokens", semconv.GEN_AI_REQUEST_MAX_TOKENS),
    ("temperature", semconv.GEN_AI_REQUEST_TEMPERATURE),
    ("top_p", semconv.GEN_AI_REQUEST_TOP_P),
    ("top_k", semconv.GEN_AI_REQUEST_TOP_K),
    ("service_tier", semconv.ANTHROPIC_REQUEST_SERVICE_TIER),
)

_ASIDES: Mapping[str, tuple[str, str]] = {
    "compaction": (
        semconv.ANTHROPIC_COMPACTION_INPUT_TOKENS,
        semconv.ANTHROPIC_COMPACTION_OUTPUT_TOKENS,
    ),
    "advisor_message": (
        semconv.ANTHROPIC_ADVISOR_INPUT_TOKENS,
        semconv.ANTHROPIC_ADVISOR_OUTPUT_TOKENS,
    ),
}


def read_request_body(call: LLMCall, body: Mapping[str, object]) -> None:
    """Fill ``call`` from the body of a Messages request: settings, messages, system text and tools."""
    get = body.get
    for name, attribute in _REQUEST_ATTRIBUTES:
        value = get(name)
        if isinstance(value, (int, float, str)):
            call.attributes[attribute] = value
    messages = get("messages")
    if isinstance(messages, (list, tuple)):
        call.input_messages = read_messages(messages)
    if _SELDOM.isdisjoint(body):
        return
    stops = get("stop_sequences")
    if isinstance(stops, (list, tuple)) and stops:
        call.attributes[semconv.GEN_AI_REQUEST_STOP_SEQUENCES] = list(stops)
    if get("stream") is True:
        call.attributes[semconv.GEN_AI_REQUEST_STREAM] = True
    previous = field(get("thread"), "previous_message_id")
    if isinstance(previous, str):
        call.attributes[semconv.GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID] = previous
    _read_thinking(call, body)
    _read_output_format(call, body)
    call.system_instructions = read_parts(get("system"))
    call.tool_definitions = list(read_tools(get("tools")))


def _read_thinking(call: LLMCall, body: Mapping[str, object]) -> None:
    effort = field(body.get("output_config"), "effort")
    if isinstance(effort, str):
        call.attributes[semconv.GEN_AI_REQUEST_REASONING_LEVEL] = effort
    thinking = body.get("thinking")
    kind, budget = field(thinking, "type"), field(thinking, "budget_tokens")
    if isinstance(kind, str):
        call.attributes[semconv.ANTHROPIC_THINKING_TYPE] = kind
    if isinstance(budget, int):
        call.attributes[semconv.ANTHROPIC_THINKING_BUDGET_TOKENS] = budget


def _read_output_format(call: LLMCall, body: Mapping[str, object]) -> None:
    """Read the schema of a structured output; ``output_format`` is the older place for it."""
    wanted = field(body.get("output_config"), "format") or body.get("output_format")
    if field(wanted, "type") == "json_schema":
        call.attributes[semconv.GEN_AI_OUTPUT_TYPE] = "json"
        call.content[semconv.AGENTOPS_REQUEST_OUTPUT_SCHEMA] = plain(field(wanted, "schema"))


def read_answer(call: LLMCall, message: object) -> None:
    """Fill ``call`` from a message that Claude answered, a model or a mapping."""
    identity, model, role = field(message, "id"), field(message, "model"), field(message, "role")
    if isinstance(identity, str):
        call.response_id = identity
    if isinstance(model, str):
        call.response_model = model
    role = role if isinstance(role, str) else "assistant"
    content = field(message, "content")
    texts = read_texts(content)
    answer: Message = {"role": role, "parts": read_parts(content) if texts is None else texts}
    finish = _read_stop_reason(call, field(message, "stop_reason"))
    if finish:
        answer["finish_reason"] = finish
    call.output_messages = [answer] if texts is None else PlainMessages((answer,))
    usage = field(message, "usage")
    read_usage(call, usage)
    if isinstance(usage, dict):
        read_cost(call, usage)


def _read_stop_reason(call: LLMCall, stop_reason: object) -> str:
    """Note why the model stopped in the provider's words; return it in those of the conventions.

    ``error`` stands where an error ended it, nothing where the program did.
    """
    told = stop_reason if isinstance(stop_reason, str) else ""
    told = told or ("error" if call.error_type else "")
    call.finish_reasons = [told] if told else []
    return FINISH_REASONS.get(told, told)


def read_completion(call: LLMCall, events: Iterable[object]) -> None:
    """Fill ``call`` from answers of the legacy text completions: one, or the pieces of a stream."""
    pieces: list[str] = []
    for event in events:
        identity, model = field(event, "id"), field(event, "model")
        if isinstance(identity, str):
            call.response_id = identity
        if isinstance(model, str):
            call.response_model = model
        text, stop_reason = field(event, "completion"), field(event, "stop_reason")
        if isinstance(text, str):
            pieces.append(text)
        if isinstance(stop_reason, str):
            _read_stop_reason(call, stop_reason)
    call.output_messages = [
        {"role": "assistant", "parts": [{"type": "text", "content": "".join(pieces)}]}
    ]


def read_usage(call: LLMCall, usage: object) -> None:
    """Read token counts; Anthropic's ``input_tokens`` leaves out what the cache held, ours includes it."""
    if usage is None:
        return
    fresh = field(usage, "input_tokens")
    read = field(usage, "cache_read_input_tokens")
    written = field(usage, "cache_creation_input_tokens")
    counts: dict[str, object] = {
        "cache_read_input_tokens": read,
        "cache_write_input_tokens": written,
        "output_tokens": field(usage, "output_tokens"),
        "reasoning_output_tokens": field(field(usage, "output_tokens_details"), "thinking_tokens"),
    }
    if type(fresh) is int:
        counts["input_tokens"] = fresh + _count(read) + _count(written)
    merge_usage(call.usage, counts)
    tier, speed = field(usage, "service_tier"), field(usage, "speed")
    if isinstance(tier, (int, str)):
        call.attributes[semconv.ANTHROPIC_RESPONSE_SERVICE_TIER] = tier
    if isinstance(speed, str) and speed != "standard":
        call.price_context["speed"] = speed
    creation = field(usage, "cache_creation")
    if creation is not None:
        _read_cache_writes(call, creation, _count(written))
    _read_asides(call, field(usage, "iterations"))
    _read_server_tools(call, field(usage, "server_tool_use"))


def _read_cache_writes(call: LLMCall, creation: object, written: int) -> None:
    """Read how long what was written to the cache stays there; an hour has a price of its own."""
    for name, attribute in (
        ("ephemeral_5m_input_tokens", semconv.ANTHROPIC_CACHE_WRITE_5M_TOKENS),
        ("ephemeral_1h_input_tokens", semconv.ANTHROPIC_CACHE_WRITE_1H_TOKENS),
    ):
        value = field(creation, name)
        if isinstance(value, (int, str)):
            call.attributes[attribute] = value
    hour = _count(field(creation, "ephemeral_1h_input_tokens"))
    if 0 < hour <= written:
        call.priced_units["cache_write_1h_tokens"] = hour


def _read_server_tools(call: LLMCall, uses: object) -> None:
    """Read how often Anthropic's own tools ran, because each run is billed."""
    if uses is None:
        return
    counts = plain(uses)
    if isinstance(counts, dict):
        for name, count in counts.items():
            if _count(count):
                call.attributes[f"{semconv.ANTHROPIC_SERVER_TOOL_USE}.{name}"] = count
        searches = _count(counts.get("web_search_requests"))
        if searches:
            call.priced_units["web_searches"] = searches


def _read_asides(call: LLMCall, iterations: object) -> None:
    """Read what compactions and an advisor used: billed, yet left out of the counts of the message."""
    call.asides = []
    if not isinstance(iterations, Sequence) or isinstance(iterations, str):
        return
    for entry in iterations:
        names = _ASIDES.get(str(field(entry, "type")))
        if names is None:
            continue
        model = field(entry, "model")
        if isinstance(model, str):
            aside = LLMCall(operation="", provider=call.provider, model=model)
        else:
            aside = LLMCall(
                operation="",
                provider=call.provider,
                model=call.model,
                response_model=call.response_model,
                price_context=dict(call.price_context),  # what the aside tells is not of the call
            )
        read_usage(aside, entry)
        call.asides.append(aside)
        used = aside.usage
        for name, count in zip(names, (used.input_tokens, used.output_tokens), strict=True):
            call.attributes[name] = _count(call.attributes.get(name)) + _count(count)


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


_INPUT = frozenset(
    {"input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "iterations"}
)


class MessageStream:
    """The message that a stream's events make.

    Attributes:
        delta_count: Pieces of content that came.

    Blocks are kept by their index, for parallel tool calls arrive interleaved. Counts in
    ``message_delta`` are totals so far: they replace those of ``message_start``, they are never added. What
    ``message_start`` says of the output is a placeholder, and left out.
    """

    def __init__(self) -> None:
        self.delta_count = 0
        self._message: dict[str, object] = {}
        self._usage: dict[str, object] = {}
        self._blocks: dict[int, dict[str, object]] = {}
        self._texts: dict[tuple[int, str], list[str]] = {}
        self._citations: dict[int, list[object]] = {}

    def add(self, events: Iterable[object]) -> None:
        """Take in stream events, decoded, in order; events of other types are passed over."""
        for event in events:
            if not isinstance(event, dict):
                continue
            kind = event.get("type")
            if kind == "content_block_delta":
                self.delta_count += 1
                self._add_delta(event.get("index") or 0, event.get("delta"))
            elif kind == "content_block_start":
                block = event.get("content_block")
                if isinstance(block, dict):
                    self._blocks[_count(event.get("index"))] = dict(block)
                    self._relabel(block)
            elif kind == "message_start":
                self._start(event.get("message"))
            elif kind == "message_delta":
                self._finish(event)

    @property
    def is_empty(self) -> bool:
        """Whether no ``message_start`` has come."""
        return not self._message

    def message(self) -> dict[str, object]:
        """Return the message as far as it has come, in the shape of an answer that was not streamed."""
        return {
            **self._message,
            "usage": self._usage,
            "content": [self._block(index) for index in sorted(self._blocks)],
        }

    def _start(self, message: object) -> None:
        if isinstance(message, dict):
            usage = message.get("usage")
            told = usage if isinstance(usage, dict) else {}
            self._usage = {k: v for k, v in told.items() if not k.startswith("output_tokens")}
            self._message = {**message, "stop_reason": None}

    def _relabel(self, block: Mapping[str, object]) -> None:
        """Follow a fallback: from its block on another model answers."""
        if block.get("type") == "fallback":
            model = field(field(block, "to"), "model")
            if isinstance(model, str):
                self._message["model"] = model

    def _finish(self, event: object) -> None:
        delta = field(event, "delta")
        for name in ("stop_reason", "stop_sequence", "container"):
            value = field(delta, name)
            if value is not None:
                self._message[name] = value
        usage = field(event, "usage")
        if isinstance(usage, dict):
            # Zeros alone are those of a relay that does not know; what is summed up in iterations may be none.
            kept = () if any(map(usage.get, _INPUT)) else _INPUT & self._usage.keys()
            self._usage.update((k, v) for k, v in usage.items() if v is not None and k not in kept)

    def _add_delta(self, index: object, delta: object) -> None:
        if not isinstance(delta, dict) or not isinstance(index, int):
            return
        kind = str(delta.get("type"))
        name = _DELTA_TEXTS.get(kind)
        if name is not None:
            text = delta.get(name)
            if isinstance(text, str):
                self._texts.setdefault((index, name), []).append(text)
            return
        block = self._blocks.get(index)
        if block is None:
            return
        if kind == "citations_delta":
            self._citations.setdefault(index, []).append(delta.get("citation"))
        elif kind == "compaction_delta":
            block["content"] = delta.get("content")

    def _block(self, index: int) -> Part:
        block = dict(self._blocks[index])
        for name in ("text", "thinking"):
            pieces = self._texts.get((index, name))
            if pieces:
                start = block.get(name)
                block[name] = (start if isinstance(start, str) else "") + "".join(pieces)
        if index in self._citations:
            known = block.get("citations")
            more = self._citations[index]
            block["citations"] = [*known, *more] if isinstance(known, list) else more
        pieces = self._texts.get((index, "partial_json"))
        if pieces:
            block["input"] = _decode("".join(pieces)) if any(pieces) else block.get("input")
        return block


_DELTA_TEXTS: Mapping[str, str] = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}


def _decode(text: str) -> object:
    """Return the value of a JSON text; the text itself where the stream ended in its middle, or its nest is too deep."""
    try:
        return json_value(text)
    except (ValueError, RecursionError):
        return text

"""How are chat completions read? Part of what is known of the openai package."""

from collections.abc import Iterable, Mapping

from agentops import semconv
from agentops.instrumentation.calls import LLMCall, merge_usage

__all__ = ["read_body", "read_events", "read_input"]


def read_input(call: LLMCall, request: Mapping[str, object]) -> None:
    """Read the request body."""
    messages = request.get("messages")
    if isinstance(messages, list):
        for message in messages:
            if isinstance(message, Mapping):
                part = {"type": "text", "content": message.get("content")}
                call.input_messages.append({"role": message.get("role"), "parts": [part]})


def read_body(call: LLMCall, body: Mapping[str, object]) -> None:
    """Read a whole chat completion."""
    call.response_id = str(body.get("id") or "")
    call.response_model = str(body.get("model") or "")
    usage = body.get("usage")
    if isinstance(usage, Mapping):
        merge_usage(
            call.usage,
            {
                "input_tokens": usage.get("prompt_tokens"),
                "output_tokens": usage.get("completion_tokens"),
            },
        )
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        message = choice.get("message") or {}
        part = {"type": "text", "content": message.get("content")}
        call.output_messages.append({"role": "assistant", "parts": [part]})
        call.finish_reasons.append(str(choice.get("finish_reason") or "error"))
    call.attributes[semconv.OPENAI_API_TYPE] = "chat_completions"


def read_events(call: LLMCall, events: Iterable[tuple[str, object]]) -> None:
    """Read the chunks of a streamed chat completion."""
    for _, chunk in events:
        if isinstance(chunk, Mapping):
            read_body(call, {**chunk, "choices": None})

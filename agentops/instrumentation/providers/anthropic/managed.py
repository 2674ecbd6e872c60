"""What do Anthropic's managed services tell: agent sessions and message batches? Pure reading.

Their work runs on Anthropic's side; the program follows it by events or fetches it when it is done.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields

from agentops import semconv
from agentops.instrumentation.calls import LLMCall, Message, Usage
from agentops.instrumentation.providers.anthropic.blocks import field, plain, read_parts
from agentops.instrumentation.providers.anthropic.messages import read_usage

__all__ = ["read_batch", "read_batch_results", "read_session_events", "read_session_input"]

_TOOL_USES = ("agent.tool_use", "agent.custom_tool_use", "agent.mcp_tool_use")
_TOOL_RESULTS = (
    "agent.tool_result",
    "agent.mcp_tool_result",
    "user.tool_result",
    "user.custom_tool_result",
)
_SENT = "user."


def read_session_input(call: LLMCall, body: object) -> None:
    """Fill ``call`` from the events a program sends into a session."""
    events = field(body, "events")
    if isinstance(events, (list, tuple)):
        call.input_messages = [message for event in events if (message := _message(event))]


def read_session_events(call: LLMCall, events: Iterable[object]) -> None:
    """Fill ``call`` from the events of a session: messages, tool calls, errors and what models used."""
    for event in events:
        kind = field(event, "type")
        if kind == "span.model_request_end":
            _add_usage(call.usage, field(event, "model_usage"))
        elif kind == "session.error":
            error, message = (field(field(event, "error"), name) for name in ("type", "message"))
            call.error_type = error if isinstance(error, str) else "session_error"
            call.error_message = message if isinstance(message, str) else ""
        elif kind == "session.status_idle":
            reason = field(field(event, "stop_reason"), "type")
            if isinstance(reason, str):
                call.finish_reasons = [reason]
        else:
            message = _message(event)
            if message is not None and isinstance(kind, str):
                own = kind.startswith(_SENT)
                (call.input_messages if own else call.output_messages).append(message)


def _add_usage(total: Usage, usage: object) -> None:
    """Add what one request of a model used to what those before it did."""
    one = LLMCall(operation="", provider="")
    read_usage(one, usage)
    for each in fields(Usage):
        count = getattr(one.usage, each.name)
        if count is not None:
            setattr(total, each.name, (getattr(total, each.name) or 0) + count)


def _message(event: object) -> Message | None:
    """Return an event of a session as a message; ``None`` when it is no part of the conversation."""
    kind = field(event, "type")
    if kind in ("agent.message", "user.message", "system.message"):
        role = {"agent.message": "assistant", "user.message": "user"}.get(str(kind), "system")
        return {"role": role, "parts": read_parts(field(event, "content"))}
    if kind in _TOOL_USES:
        part = {
            "type": "tool_call",
            "id": field(event, "id"),
            "name": field(event, "name"),
            "arguments": plain(field(event, "input")),
        }
        return {"role": "assistant", "parts": [part]}
    if kind in _TOOL_RESULTS:
        identity = next(
            (
                found
                for name in ("tool_use_id", "custom_tool_use_id", "mcp_tool_use_id")
                if (found := field(event, name)) is not None
            ),
            None,
        )
        part = {
            "type": "tool_call_response",
            "id": identity,
            "response": read_parts(field(event, "content")),
        }
        return {"role": "tool", "parts": [part]}
    return None


def read_batch_results(call: LLMCall, results: Iterable[object]) -> None:
    """Fill ``call`` from the results of a batch: how they came out, and what they used in all.

    The sums stand under names of their own: a batch is billed at another price than a call, and its
    results can be fetched any number of times.
    """
    counts: Counter[str] = Counter()
    used = Usage()
    for entry in results:
        result = field(entry, "result")
        counts[f"{semconv.ANTHROPIC_BATCH_RESULTS}.{field(result, 'type')}"] += 1
        _add_usage(used, field(field(result, "message"), "usage"))
    call.attributes.update(counts)
    for name in ("input_tokens", "output_tokens"):
        count = getattr(used, name)
        if count is not None:
            call.attributes[f"{semconv.ANTHROPIC_BATCH_USAGE}.{name}"] = count


def read_batch(call: LLMCall, batch: Mapping[str, object]) -> None:
    """Fill ``call`` from a batch object: its state and how many of its requests are where."""
    status = batch.get("processing_status")
    if isinstance(status, str):
        call.attributes[semconv.ANTHROPIC_BATCH_STATUS] = status
    counts = batch.get("request_counts")
    if isinstance(counts, Mapping):
        for name, count in counts.items():
            if isinstance(count, int):
                call.attributes[f"{semconv.ANTHROPIC_BATCH_REQUESTS}.{name}"] = count

"""What do Anthropic's managed services tell: agent sessions and message batches? Pure reading.

Their work runs on Anthropic's side; the program follows it by events or fetches it when it is done.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields

from agentops import semconv
from agentops.instrumentation.calls import LLMCall, Message, Part, Usage
from agentops.instrumentation.providers.anthropic.blocks import field, plain, read_parts
from agentops.instrumentation.providers.anthropic.messages import read_usage
from agentops.instrumentation.providers.fields import code

__all__ = ["SessionReader", "read_batch", "read_batch_results", "read_session_input"]

_TOOL_USES = ("agent.tool_use", "agent.custom_tool_use", "agent.mcp_tool_use")
_TOOL_RESULTS = (
    "agent.tool_result",
    "agent.mcp_tool_result",
    "user.tool_result",
    "user.custom_tool_result",
)
_THREAD_MESSAGES = ("agent.thread_message_received", "agent.thread_message_sent")
_RECEIVED = ("user.", "system.", "agent.thread_message_received")
_KNOWN_MAX = 4096


def read_session_input(call: LLMCall, body: object) -> None:
    """Fill ``call`` from the events a program sends into a session."""
    events = field(body, "events")
    if isinstance(events, (list, tuple)):
        call.input_messages = [message for event in events if (message := _message(event))]


class SessionReader:
    """Reads sessions, threads and dreams; what several calls tell of the same counts once."""

    def __init__(self) -> None:
        self._counted: dict[str, None] = {}

    def read_events(self, call: LLMCall, events: Iterable[object]) -> None:
        """Fill ``call`` from events: messages, tool calls, errors and what models used."""
        previews: dict[object, list[str]] = {}
        for event in events:
            kind = field(event, "type")
            if kind == "span.model_request_end":
                self._count(call, event, field(event, "model_usage"))
            elif kind == "span.outcome_evaluation_end":
                self._count(call, event, field(event, "usage"))
            elif kind == "session.error":
                _read_error(call, field(event, "error"))
            elif kind in ("session.status_idle", "session.thread_status_idle"):
                _read_idle(call, event)
            elif kind == "event_delta":
                piece = field(field(field(event, "delta"), "content"), "text")
                previews.setdefault(field(event, "event_id"), []).append(str(piece or ""))
            else:
                previews.pop(field(event, "id"), None)
                message = _message(event)
                if message is not None:
                    is_input = str(kind).startswith(_RECEIVED)
                    (call.input_messages if is_input else call.output_messages).append(message)
        for pieces in previews.values():  # the message itself had not come yet
            call.output_messages.append({"role": "assistant", "parts": read_parts("".join(pieces))})

    def read_dream(self, call: LLMCall, dream: Mapping[str, object]) -> None:
        """Fill ``call`` from a dream as it stands: its counts are final, and told once, when it has ended."""
        model = field(dream.get("model"), "id")
        if isinstance(model, str):
            call.response_model = model
        if dream.get("ended_at") is not None:
            self._count(call, dream, dream.get("usage"))

    def _count(self, call: LLMCall, told: object, usage: object) -> None:
        known = field(told, "id")
        if isinstance(known, str):
            if known in self._counted:
                return
            if len(self._counted) >= _KNOWN_MAX:
                del self._counted[next(iter(self._counted))]
            self._counted[known] = None
        _add_usage(call.usage, usage)


def _read_error(call: LLMCall, error: object) -> None:
    """Read an error of the session; one after which it tries again by itself is none of the run."""
    if field(field(error, "retry_status"), "type") == "retrying":
        return
    message = field(error, "message")
    call.error_type = code(field(error, "type")) or "session_error"
    call.error_message = message if isinstance(message, str) else ""


def _read_idle(call: LLMCall, event: object) -> None:
    """Read why the session, or the thread whose stream this is, waits for input."""
    thread = field(event, "session_thread_id")
    if thread is None or thread == call.start_attributes.get(semconv.GEN_AI_CONVERSATION_ID):
        reason = field(field(event, "stop_reason"), "type")
        if isinstance(reason, str):
            call.finish_reasons = [reason]


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
    if kind in _THREAD_MESSAGES:
        is_sent = str(kind).endswith("sent")
        said: Message = {
            "role": "assistant" if is_sent else "user",
            "parts": read_parts(field(event, "content")),
        }
        if not is_sent and field(event, "from_agent_name"):
            said["name"] = field(event, "from_agent_name")
        return said
    if kind == "user.define_outcome":
        return {"role": "user", "parts": read_parts(field(event, "description"))}
    if kind in _TOOL_USES:
        call: Part = {
            "type": "tool_call",
            "id": field(event, "id"),
            "name": field(event, "name"),
            "arguments": plain(field(event, "input")),
        }
        return {"role": "assistant", "parts": [call]}
    if kind in _TOOL_RESULTS:
        identity = next(
            (
                found
                for name in ("tool_use_id", "custom_tool_use_id", "mcp_tool_use_id")
                if (found := field(event, name)) is not None
            ),
            None,
        )
        part: Part = {
            "type": "tool_call_response",
            "id": identity,
            "response": read_parts(field(event, "content")),
        }
        if field(event, "is_error"):
            part["is_error"] = True
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

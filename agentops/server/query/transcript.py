"""How does a session read as one conversation? Repeated history is left out, calls meet their results.

Every model call sends the whole history again. Of each call only the messages are shown that are new
since the call of the same agent that it continues. A result that a tool span shows is not shown again where the
next call repeats it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from agentops.server.query.content import json_objects, json_value, messages
from agentops.server.query.tree import agent_depths, parents
from agentops.server.schemas import ErrorBrief, Message, Transcript, TranscriptTurn
from agentops.server.storage.base import SpanContent, SpanReader

__all__ = ["transcript", "turns"]

_SPANS_MAX: Final = 20_000
_HISTORIES_MAX: Final = 16
_SHOWN: Final = ("llm", "tool")


@dataclass(slots=True)
class _Memory:
    """What has been shown of one agent: its conversations, newest last, and its instructions."""

    histories: list[list[bytes]] = field(default_factory=list)
    instructions: set[str] = field(default_factory=set)

    def continued(self, inputs: list[bytes]) -> int:
        """Take away the conversation that these messages continue; return how many of them are old."""
        overlaps = [_overlap(history, inputs) for history in self.histories]
        longest = max(overlaps, default=0)
        if longest:
            self.histories.pop(overlaps.index(longest))
        del self.histories[: -_HISTORIES_MAX + 1]
        return longest


def transcript(reader: SpanReader, project_id: str, session_id: str) -> Transcript:
    """Return the session as one conversation."""
    spans = reader.span_contents(project_id, session_id, _SPANS_MAX)
    return Transcript(session_id=session_id, turns=turns(spans))


def turns(spans: Sequence[SpanContent]) -> list[TranscriptTurn]:
    """Return what each model call and each tool call adds, in the order in which they began."""
    above = parents(spans)
    depths = agent_depths(spans, above)
    teller = _Teller({span.tool_call_id for span in spans if span.tool_call_id})
    told = []
    for index, span in enumerate(spans):
        if span.span_type not in _SHOWN:
            continue
        agent = _agent(spans, above, index)
        if span.span_type == "tool":
            added, skipped = teller.tool(span), 0
        else:
            added, skipped = teller.call(span, agent)
        told.append(_turn(span, agent, depths[index], added, skipped))
    return told


class _Teller:
    def __init__(self, shown_results: set[str]) -> None:
        self._shown_results = shown_results
        self._memories: dict[str, _Memory] = {}
        self._open_calls: dict[str, deque[str]] = {}
        self._failed_calls: dict[str, str] = {}

    def call(self, span: SpanContent, agent: str) -> tuple[list[Message], int]:
        """What a model call adds, and how many messages it repeated."""
        memory = self._memories.setdefault(agent, _Memory())
        inputs, outputs = messages(span.input_messages), messages(span.output_messages)
        known = memory.continued([_identity(message) for message in inputs])
        fresh = [message for message in inputs[known:] if not self._is_shown(message)]
        added = [*self._instructions(span, memory), *fresh, *outputs]
        memory.histories.append([_identity(message) for message in (*inputs, *outputs)])
        for message in outputs:
            self._remember_calls(message)
        return added, len(inputs) - len(fresh)

    def tool(self, span: SpanContent) -> list[Message]:
        """A tool call together with its result."""
        waiting = self._open_calls.get(span.tool_name)
        identity = span.tool_call_id or self._failed_calls.get(span.tool_name, "")
        if not identity and waiting:
            identity = waiting.popleft()
        elif waiting and identity in waiting:
            waiting.remove(identity)
        self._failed_calls.pop(span.tool_name, None)
        if span.status_code == "error":
            # The next call of this tool, if it tells no id, tries again.
            self._failed_calls[span.tool_name] = identity
        self._shown_results.add(identity)
        parts: list[dict[str, object]] = [
            {
                "type": "tool_call",
                "id": identity,
                "name": span.tool_name or span.name,
                "arguments": json_value(span.tool_input) if span.tool_input else None,
            }
        ]
        if span.tool_output:
            result = json_value(span.tool_output)
            parts.append({"type": "tool_call_response", "id": identity, "response": result})
        return [Message(role="tool", parts=parts)]

    def _instructions(self, span: SpanContent, memory: _Memory) -> list[Message]:
        if not span.system_instructions or span.system_instructions in memory.instructions:
            return []
        memory.instructions.add(span.system_instructions)
        return [Message(role="system", parts=json_objects(span.system_instructions))]

    def _remember_calls(self, message: Message) -> None:
        for part in message.parts:
            name, identity = part.get("name"), part.get("id")
            if (
                part.get("type") == "tool_call"
                and isinstance(name, str)
                and isinstance(identity, str)
            ):
                self._open_calls.setdefault(name, deque()).append(identity)

    def _is_shown(self, message: Message) -> bool:
        """Whether a message holds nothing but results that tool spans show."""
        return bool(message.parts) and all(
            part.get("type") == "tool_call_response"
            and part.get("id")
            and part.get("id") in self._shown_results
            for part in message.parts
        )


def _overlap(history: list[bytes], inputs: list[bytes]) -> int:
    """How many of ``inputs`` are old: the end of ``history`` (it may have been cut), or its beginning."""
    for start in range(len(history)):
        if not inputs or history[start] != inputs[0]:
            continue
        tail = history[start:]
        if tail == inputs[: len(tail)]:
            return len(tail)
    same = 0
    for old, new in zip(history, inputs, strict=False):
        if old != new:
            break
        same += 1
    return same


def _identity(message: Message) -> bytes:
    """What makes two messages the same; thinking is left out, since it is often not sent back."""
    parts: list[dict[str, object]] = []
    for part in message.parts:
        if part.get("type") == "reasoning":
            continue
        arguments = part.get("arguments")
        if isinstance(arguments, str):
            part = {**part, "arguments": json_value(arguments)}
        parts.append(part)
    return msgspec.json.encode((message.role, parts), order="deterministic")


def _agent(spans: Sequence[SpanContent], above: Sequence[int], index: int) -> str:
    """The agent that a span works for: its own, or the nearest above it."""
    while index >= 0:
        if spans[index].agent_name:
            return spans[index].agent_name
        index = above[index]
    return ""


def _turn(
    span: SpanContent, agent: str, depth: int, added: list[Message], skipped: int
) -> TranscriptTurn:
    error = None
    if span.status_code == "error":
        error = ErrorBrief(
            span_id=span.span_id,
            trace_id=span.trace_id,
            span_name=span.name,
            type=span.error_type,
            message=span.error_message,
            location=span.error_location,
        )
    return TranscriptTurn(
        span_id=span.span_id,
        trace_id=span.trace_id,
        span_name=span.name,
        type=span.span_type,
        agent_name=agent,
        model=span.model,
        start_us=span.start_ns // 1000,
        duration_us=max(span.end_ns - span.start_ns, 0) // 1000,
        status=span.status_code,
        depth=depth,
        skipped=skipped,
        messages=added,
        error=error,
    )

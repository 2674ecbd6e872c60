"""What does the stand-in model answer? A few rules over the conversation; no network, no randomness.

The rules fit the support desk of :mod:`agentops.demo.program`. Any other conversation gets a short,
honest answer that says it comes from a stand-in.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Conversation", "Reply", "ToolResult", "answer", "count_tokens"]

_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool returned, as the program sent it back."""

    tool: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A request in neither vendor's dialect.

    Attributes:
        system: System prompt, or ``""``.
        question: Newest text of the user.
        tools: Names of the tools that are offered.
        results: What tools have returned so far, in order.
        size: Characters of the whole request, from which tokens are counted.
    """

    system: str
    question: str
    tools: Sequence[str] = ()
    results: Sequence[ToolResult] = ()
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the stand-in model says: a text, or one tool call."""

    text: str = ""
    tool: str = ""
    arguments: dict[str, str] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Output tokens of this reply."""
        return count_tokens(len(self.text) + len(self.tool) + len(json.dumps(self.arguments)))


def count_tokens(characters: int) -> int:
    """Return the tokens that so many characters are counted as; at least 1."""
    return max(1, characters // _CHARACTERS_PER_TOKEN)


def answer(conversation: Conversation) -> Reply:
    """Answer a conversation by the first rule that fits."""
    done = {result.tool for result in conversation.results}
    if "search_orders" in conversation.tools and "search_orders" not in done:
        return Reply(tool="search_orders", arguments={"order_id": _order_id(conversation.question)})
    if "track_shipment" in conversation.tools and "track_shipment" not in done:
        tracking = _field(conversation.results, "tracking")
        if tracking:
            return Reply(tool="track_shipment", arguments={"tracking": tracking})
    return Reply(text=_text(conversation))


def _text(conversation: Conversation) -> str:
    """Choose a text by the role that the system prompt gives the model."""
    system = conversation.system.lower()
    if "scan history" in system:
        return "Left the Malmö depot this morning and is on a van for delivery today before 18:00."
    if "guardrail" in system:
        return (
            "OK: the reply is polite, promises nothing we cannot keep and names no other customer."
        )
    if "plan" in system:
        return _plan(conversation)
    if "reply to the customer" in system:
        return _letter(conversation.question)
    return "This answer comes from the offline stand-in model of the AgentOps demo."


def _plan(conversation: Conversation) -> str:
    order = _field(conversation.results, "order_id") or _order_id(conversation.question)
    item = _field(conversation.results, "item") or "parcel"
    where = _field(conversation.results, "summary") or "No scan has been received yet."
    return (
        f"Facts for the reply:\n- Order {order} ({item}) has been shipped.\n- {where}\n"
        "- Apologise for the wait and offer free return shipping."
    )


def _letter(question: str) -> str:
    order = _order_id(question)
    return (
        f"Thank you for asking about order **#{order}**, and sorry for the wait.\n\n"
        "Your parcel left the Malmö depot this morning and is on a van now: "
        "it should reach you **today before 18:00**.\n\n"
        "If it comes too late to be useful, return shipping is on us.\n\nKind regards,\nNordlicht Support"
    )


def _order_id(text: str) -> str:
    found = re.search(r"#\s*(\d{3,})", text) or re.search(r"\b(\d{4,})\b", text)
    return found[1] if found else "0000"


def _field(results: Sequence[ToolResult], name: str) -> str:
    """Return the newest value of a field that some tool returned as JSON, or ``""``."""
    for result in reversed(results):
        try:
            data = json.loads(result.text)
        except ValueError:
            continue
        if isinstance(data, dict) and data.get(name):
            return str(data[name])
    return ""

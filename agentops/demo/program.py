"""A support desk of two agents, small enough to read and real enough to learn from.

A planner (OpenAI) looks the customer's order up with two tools, one of which fails and is tried again; a
writer (Anthropic, streamed) answers the customer; a guardrail reads the answer before it goes out. The
second tool asks another process, :mod:`agentops.demo.shipping_service`, which continues the trace.

Everything AgentOps needs is the ``init``, one ``session`` and five decorators.
"""

import argparse
import json
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

import anthropic
import openai

import agentops

__all__ = ["QUESTIONS", "SupportDesk", "main"]

PLANNER_MODEL = "gpt-5.4-mini"
WRITER_MODEL = "claude-sonnet-5"
GUARD_MODEL = "claude-haiku-4-5"
ROUNDS_MAX = 6
TRIES_MAX = 2

QUESTIONS = (
    "Where is my order #5512? It was due on Tuesday.",
    "Mon colis #6120 n'est pas arrivé. Où est-il ?",
    "Hi! Has the lamp I ordered (order #7204) left your warehouse yet?",
)

ORDERS = {
    "5512": {"item": "desk lamp 'Polar'", "carrier": "PostNord", "tracking": "PN-77120"},
    "6120": {"item": "wool blanket", "carrier": "DHL", "tracking": "DH-30981"},
    "7204": {"item": "floor lamp 'Aurora'", "carrier": "PostNord", "tracking": "PN-77455"},
}

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "search_orders",
            "description": "Find an order by its number.",
            "parameters": {
                "type": "object",
                "properties": {"order_id": {"type": "string"}},
                "required": ["order_id"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "track_shipment",
            "description": "Say where a parcel is, by its tracking number.",
            "parameters": {
                "type": "object",
                "properties": {"tracking": {"type": "string"}},
                "required": ["tracking"],
            },
        },
    },
]


class SupportDesk:
    """Answers one customer at a time.

    Args:
        shipping_url: Where the shipping service listens.
    """

    def __init__(self, shipping_url: str) -> None:
        self._shipping_url = shipping_url
        self._openai = openai.OpenAI()
        self._anthropic = anthropic.Anthropic()
        self._seen: set[str] = set()
        self._tools: dict[str, Callable[..., dict[str, str]]] = {
            "search_orders": self.search_orders,
            "track_shipment": self.track_shipment,
        }

    def answer(self, question: str, user_id: str) -> str:
        """Answer a question in a session of its own; return the session's id."""
        with agentops.session(
            "support", tags=["demo", "support"], attributes={"user.id": user_id}
        ) as session:
            letter = self.write(question, self.plan(question))
            self.check_tone(letter)
            session.record(
                agentops.ActionEvent(
                    action_type="reply_sent", params={"to": user_id}, returns=letter
                )
            )
            return str(session.session_id)

    @agentops.agent(name="planner")
    def plan(self, question: str) -> str:
        """Collect the facts that the reply needs."""
        messages: list[Any] = [
            {
                "role": "system",
                "content": "You plan the reply of a support desk. Use the tools, then list the facts.",
            },
            {"role": "user", "content": question},
        ]
        for _ in range(ROUNDS_MAX):
            completion = self._openai.chat.completions.create(
                model=PLANNER_MODEL, messages=messages, tools=TOOLS
            )
            said = completion.choices[0].message
            if not said.tool_calls:
                return said.content or ""
            messages.append(said.model_dump(exclude_none=True))
            for call in said.tool_calls:
                if call.type != "function":
                    continue
                result = self._use_tool(call.function.name, json.loads(call.function.arguments))
                messages.append(
                    {"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)}
                )
        return "The facts could not be collected."

    @agentops.agent(name="writer")
    def write(self, question: str, facts: str) -> str:
        """Write the letter, as it streams in."""
        with self._anthropic.messages.stream(
            model=WRITER_MODEL,
            max_tokens=600,
            system="Write the reply to the customer: short, kind, in their language.",
            messages=[{"role": "user", "content": f"{question}\n\n{facts}"}],
        ) as stream:
            return "".join(stream.text_stream)

    @agentops.guardrail(spec="output")
    def check_tone(self, letter: str) -> bool:
        """Let a small model read the letter before it goes out."""
        verdict = self._anthropic.messages.create(
            model=GUARD_MODEL,
            max_tokens=100,
            system="You are a guardrail. Say OK or say what is wrong.",
            messages=[{"role": "user", "content": letter}],
        )
        return any(
            block.type == "text" and block.text.startswith("OK") for block in verdict.content
        )

    @agentops.tool
    def search_orders(self, order_id: str) -> dict[str, str]:
        """Find an order; the index is cold at first and times out once."""
        time.sleep(0.15)
        if order_id not in self._seen:
            self._seen.add(order_id)
            raise TimeoutError("search backend timed out after 150 ms")
        return {"order_id": order_id, "status": "shipped", **ORDERS.get(order_id, {})}

    @agentops.tool
    def track_shipment(self, tracking: str) -> dict[str, str]:
        """Ask the shipping service; the trace goes with the request."""
        headers: dict[str, str] = agentops.TraceContext.current().inject({})
        request = urllib.request.Request(
            f"{self._shipping_url}/shipments/{tracking}", headers=headers
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            found: dict[str, str] = json.load(response)
        return found

    def _use_tool(self, name: str, arguments: dict[str, str]) -> dict[str, str]:
        """Use a tool, and try once more when it times out."""
        for attempt in range(1, TRIES_MAX + 1):
            try:
                return self._tools[name](**arguments)
            except TimeoutError as error:
                if attempt == TRIES_MAX:
                    return {"error": str(error)}
        return {"error": f"there is no tool {name!r}"}


def main(argv: Sequence[str] | None = None) -> None:
    """Answer some customers and print one JSON line for each: ``{"session_id": ..., "question": ...}``."""
    parser = argparse.ArgumentParser(description="The support desk of the AgentOps demo.")
    parser.add_argument("--endpoint", default="http://127.0.0.1:4320", help="AgentOps backend")
    parser.add_argument("--shipping-url", required=True)
    parser.add_argument(
        "--questions", type=int, default=len(QUESTIONS), choices=range(1, len(QUESTIONS) + 1)
    )
    arguments = parser.parse_args(argv)
    agentops.init(
        service_name="support-desk",
        session={"auto_start": False, "print_summary": False},
        telemetry={"exporters": [{"type": "agentops", "endpoint": arguments.endpoint}]},
    )
    desk = SupportDesk(arguments.shipping_url)
    for number, question in enumerate(QUESTIONS[: arguments.questions], start=1):
        session_id = desk.answer(question, user_id=f"customer-{number}")
        sys.stdout.write(json.dumps({"session_id": session_id, "question": question}) + "\n")
        sys.stdout.flush()
    agentops.shutdown()


if __name__ == "__main__":
    main()

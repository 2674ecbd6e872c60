"""Rows of realistic multi-agent sessions, and a command that fills a data directory with them.

    python tests/support/seed.py --data-dir DIR [--sessions 40] [--spans 0] [--running 1]

``--spans N`` adds one session of N spans for trying long lists. Times end now; the same seed number
gives the same ids and texts.
"""

import argparse
import random
import subprocess
import sys
from pathlib import Path

import msgspec

from agentops import clock
from agentops.server.rows import EventRow, Row, SpanEvent, SpanRow

MS = 1_000_000
QUESTIONS = (
    (
        "Where is my order #5512?",
        "Order #5512 left our warehouse this morning and arrives on Friday.",
    ),
    (
        "Mon colis n'est pas arrivé, que faire ?",
        "Je suis désolée ! Votre colis sera livré **demain**.",
    ),
    ("Compare plan A with plan B", "Plan B costs $4 more and includes priority support."),
    ("Cancel my subscription, please.", "Your subscription ends on the 30th. No further charges."),
    ("Why was I charged twice?", "The second charge was a hold and is released within 3 days."),
)
TOOL = [
    {
        "type": "function",
        "name": "search_orders",
        "description": "Find orders by number or customer.",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "integer"}}},
    }
]


class SessionSeed:
    """Builds the rows of one support session: planner, failing and retried tool, writer.

    Args:
        number: Chooses ids, texts and outcome; every fourth session fails.
        start_ns: When it begins.
    """

    def __init__(self, number: int, start_ns: int) -> None:
        self.random = random.Random(number)
        self.number = number
        self.start_ns = start_ns
        self.session_id = self._hex(32)
        self.session_id = "-".join(
            self.session_id[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
        )
        self.trace_id = self._hex(32)
        self.fails = number % 4 == 3
        self.question, self.answer = QUESTIONS[number % len(QUESTIONS)]
        self.clock_ns = start_ns

    def rows(self, *, is_running: bool = False) -> list[Row]:
        """Return the session's rows in the order in which they would arrive: children first."""
        root, planner, writer = self._hex(16), self._hex(16), self._hex(16)
        rows: list[Row] = [self._started(root)]
        planner_start = self._pass(4)
        rows.append(
            self._llm(planner, "planner", "gpt-4o-mini", self._planning(), 812, 119, 0.0002)
        )
        rows.append(self._tool(planner, "TimeoutError" if self.number % 2 else "", 783))
        rows.append(self._tool(planner, "", 501))
        rows.append(self._agent(planner, root, "planner", planner_start, ""))
        if is_running:
            return rows
        writer_start = self._pass(8)
        error = "RateLimitError" if self.fails else ""
        rows.append(
            self._llm(
                writer, "writer", "claude-sonnet-4-5", self._writing(), 1119, 461, 0.0085, error
            )
        )
        rows.append(self._agent(writer, root, "writer", writer_start, error))
        rows.append(self._root(root, error))
        return rows

    def _started(self, root: str) -> EventRow:
        return EventRow(
            event_id=self._hex(32),
            session_id=self.session_id,
            trace_id=self.trace_id,
            span_id=root,
            event_name="session.start",
            time_ns=self.start_ns,
            severity=9,
            service_name="support-agent",
            attributes={
                "session.id": self.session_id,
                "agentops.session.name": "support_session",
                "agentops.tags": '["prod"]',
            },
            attribute_types={"agentops.tags": "array"},
        )

    def _llm(self, parent, agent, model, messages, tokens_in, tokens_out, cost, error=""):
        provider = "anthropic" if model.startswith("claude") else "openai"
        start_ns = self._pass(2)
        inputs, outputs = messages
        row = self._span(parent, f"chat {model}", "llm", start_ns, self.random.randint(500, 2600))
        row.kind, row.operation, row.provider = "client", "chat", provider
        row.request_model, row.response_model = model, model
        row.agent_name = agent
        row.input_tokens, row.output_tokens, row.cost_usd = tokens_in, tokens_out, cost
        row.cache_read_tokens = 256 if tokens_in > 1000 else 0
        row.time_to_first_chunk_ns = 410 * MS
        row.system_instructions = _json(
            [{"type": "text", "content": "Write a short, kind answer."}]
        )
        row.input_messages = _json(inputs)
        row.tool_definitions = _json(TOOL)
        if error:
            _fail(row, error, "429: too many requests", "agent.py:61 in write_answer")
            row.output_tokens = row.cost_usd = None
        else:
            row.output_messages = _json(outputs)
            row.finish_reasons = ["tool_call" if agent == "planner" else "stop"]
        row.attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.request.temperature": "0.2",
            "gen_ai.usage.input_tokens": str(tokens_in),
            "gen_ai.input.messages": row.input_messages,
            "gen_ai.output.messages": row.output_messages,
            "session.id": self.session_id,
        }
        row.attribute_types = {
            "gen_ai.request.temperature": "double",
            "gen_ai.usage.input_tokens": "int",
        }
        return row

    def _tool(self, parent: str, error: str, duration_ms: int) -> SpanRow:
        row = self._span(parent, "execute_tool search_orders", "tool", self._pass(3), duration_ms)
        row.operation, row.tool_name, row.agent_name = "execute_tool", "search_orders", "planner"
        row.attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search_orders",
            "gen_ai.tool.call.id": f"call_{self.number}",
            "gen_ai.tool.call.arguments": '{"order_id": 5512}',
        }
        if error:
            _fail(
                row, error, "search backend timed out after 900 ms", "agent.py:42 in search_orders"
            )
        else:
            row.attributes["gen_ai.tool.call.result"] = '[{"order": 5512, "status": "shipped"}]'
        return row

    def _agent(self, span_id: str, parent: str, name: str, start_ns: int, error: str) -> SpanRow:
        duration_ms = (self.clock_ns - start_ns) // MS + 1
        row = self._span(parent, f"invoke_agent {name}", "agent", start_ns, duration_ms)
        row.span_id, row.operation, row.agent_name = span_id, "invoke_agent", name
        if error:
            _fail(row, error, "429: too many requests", "agent.py:61 in write_answer")
        return row

    def _root(self, span_id: str, error: str) -> SpanRow:
        duration_ms = (self.clock_ns - self.start_ns) // MS + 1
        row = self._span("", "support_session", "session", self.start_ns, duration_ms)
        row.span_id = span_id
        row.end_state = "Fail" if error else "Success"
        if error:
            _fail(row, error, "429: too many requests", "agent.py:61 in write_answer")
        return row

    def _span(self, parent: str, name: str, kind: str, start_ns: int, duration_ms: int) -> SpanRow:
        end_ns = start_ns + duration_ms * MS
        self.clock_ns = max(self.clock_ns, end_ns)
        return SpanRow(
            trace_id=self.trace_id,
            span_id=self._hex(16),
            parent_span_id=parent,
            name=name,
            start_ns=start_ns,
            end_ns=end_ns,
            service_name="support-agent",
            scope_name="agentops",
            resource_attributes={"service.name": "support-agent"},
            session_id=self.session_id,
            session_name="support_session",
            span_type=kind,
            user_id=f"user-{self.number % 7}",
            tags=["prod"] if self.number % 2 else ["prod", "beta"],
        )

    def _planning(self) -> tuple[list, list]:
        call = {
            "type": "tool_call",
            "id": f"call_{self.number}",
            "name": "search_orders",
            "arguments": {"order_id": 5512},
        }
        inputs = [{"role": "user", "parts": [{"type": "text", "content": self.question}]}]
        return inputs, [{"role": "assistant", "parts": [call], "finish_reason": "tool_call"}]

    def _writing(self) -> tuple[list, list]:
        inputs, outputs = self._planning()
        result = {
            "type": "tool_call_response",
            "id": f"call_{self.number}",
            "response": [{"order": 5512, "status": "shipped"}],
        }
        history = [*inputs, *outputs, {"role": "tool", "parts": [result]}]
        parts = [
            {"type": "reasoning", "content": "The order has shipped; say when it arrives."},
            {"type": "text", "content": self.answer},
        ]
        return history, [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]

    def _pass(self, milliseconds: int) -> int:
        self.clock_ns += milliseconds * MS
        return self.clock_ns

    def _hex(self, digits: int) -> str:
        return f"{self.random.getrandbits(digits * 4):0{digits}x}"


def support_session(
    number: int = 0, start_ns: int | None = None, *, is_running: bool = False
) -> list[Row]:
    """Return the rows of one session; it begins ten seconds ago unless ``start_ns`` says otherwise."""
    begin_ns = clock.now_ns() - 10_000 * MS if start_ns is None else start_ns
    return SessionSeed(number, begin_ns).rows(is_running=is_running)


def long_session(span_count: int, start_ns: int) -> list[Row]:
    """Return one session of ``span_count`` spans: agents that each fetch many pages."""
    seed = SessionSeed(1_000_003, start_ns)
    root = seed._hex(16)
    rows: list[Row] = []
    agent = root
    for index in range(span_count - 1):
        if index % 100 == 0:
            row = seed._agent(seed._hex(16), root, f"crawler-{index // 100}", seed._pass(1), "")
            agent = row.span_id
        else:
            row = seed._span(agent, "execute_tool fetch_page", "tool", seed._pass(1), 3)
            row.tool_name = "fetch_page"
        rows.append(row)
    rows.append(seed._root(root, ""))
    return rows


def _fail(row: SpanRow, kind: str, message: str, location: str) -> None:
    row.status_code, row.status_message = "error", message
    row.error_type, row.error_message, row.error_location = kind, message, location
    row.events = [
        SpanEvent(
            time_ns=row.end_ns,
            name="exception",
            attributes=_json({"exception.type": kind, "exception.message": message}),
        )
    ]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def seeded_rows(sessions: int, *, running: int = 1, spans: int = 0) -> list[Row]:
    """Return rows of ``sessions`` finished sessions over the last hours, and some that still run."""
    now_ns = clock.now_ns()
    rows: list[Row] = []
    for number in range(sessions):
        rows += support_session(number, now_ns - (number * 211 + 30) * 1000 * MS)
    for number in range(running):
        rows += support_session(500_000 + number, now_ns - 4_000 * MS, is_running=True)
    if spans:
        rows += long_session(spans, now_ns - 3_600_000 * MS)
    return rows


def seed_directory(directory: Path, *, sessions: int = 40, running: int = 1, spans: int = 0) -> int:
    """Write rows straight into the storage of a data directory that no server uses; count them.

    In a process of its own, because the engine of a process can be opened for one directory only.
    """
    command = [sys.executable, __file__, "--data-dir", str(directory), "--sessions", str(sessions)]
    command += ["--running", str(running), "--spans", str(spans)]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    """Fill the data directory that the command line names; print how many rows."""
    from agentops.server.app import open_storage
    from agentops.server.config import ServerConfig
    from agentops.server.storage.lines import encode_row

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--running", type=int, default=1)
    parser.add_argument("--spans", type=int, default=0)
    options = parser.parse_args()
    rows = seeded_rows(options.sessions, running=options.running, spans=options.spans)
    with open_storage(ServerConfig(data_dir=options.data_dir)) as storage:
        spans = [encode_row(row) for row in rows if isinstance(row, SpanRow)]
        events = [encode_row(row) for row in rows if isinstance(row, EventRow)]
        for first in range(0, len(spans), 20_000):
            storage.write(spans[first : first + 20_000], [])
        storage.write([], events)
    sys.stdout.write(f"{len(rows)}\n")


if __name__ == "__main__":
    main()

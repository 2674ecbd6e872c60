"""``agentops sessions``: the newest sessions, one line each."""

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentops.cli.api import add_connection_arguments, connect
from agentops.cli.terminal import console, one_line
from agentops.numbers import clock_time, duration, money, tokens

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["MARKS", "STYLES", "add_arguments", "run", "session_line"]

MARKS = {"ok": "✓", "error": "✗", "running": "●", "stopped": "○"}
STYLES = {"ok": "green", "error": "red", "running": "cyan", "stopped": "yellow"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("query", nargs="*", help="filter, e.g. status:error model:gpt-5* cost>0.01")
    parser.add_argument("--limit", type=int, default=20, help="how many, default 20")
    add_connection_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Print the sessions that match, newest first."""
    client = connect(options)
    query = " ".join(options.query) or None
    answer = client.get("sessions", {"q": query, "limit": options.limit})
    if options.json:
        print(json.dumps(answer, ensure_ascii=False))
        return 0
    screen = console()
    if not answer["sessions"]:
        screen.print(
            "No session matches." if query else f"No session yet. See {client.page('/welcome')}"
        )
        return 0
    for row in answer["sessions"]:
        screen.print(session_line(row, screen.width))
    shown, total = len(answer["sessions"]), answer["total"]
    if shown < total:
        more = "" if answer["total_is_exact"] else "+"
        screen.print(f"{shown} of {total}{more} sessions; --limit shows more", style="dim")
    return 0


def session_line(row: Mapping[str, Any], width: int) -> "Text":
    """Return one session as a line of rich text; columns go from right to left as the width shrinks."""
    from rich.text import Text  # an extra: see terminal.console

    status = str(row["status"])
    line = Text()
    line.append(f"{MARKS.get(status, '?')} ", style=STYLES.get(status, ""))
    line.append(f"{row['session_id'][:8]}  ", style="bold")
    line.append(f"{clock_time(row['start_us'])[5:]}  ", style="dim")
    line.append(f"{one_line(row['name'], 14):<14}  ")
    line.append(f"{duration(row['duration_us']):>7}  ")
    line.append(f"{row['llm_count']:>3} LLM {row['tool_count']:>3} tools  ")
    if width >= 90:
        line.append(f"{tokens(row['input_tokens'] + row['output_tokens']):>8} tok  ")
        line.append(f"{money(row['cost_usd']):>9}  ")
    room = width - len(line.plain)
    if room > 12:
        error = row.get("error")
        if error and status == "error":
            line.append(one_line(f"{error['type']}: {error['message']}", room), style="red")
        else:
            line.append(one_line(row["input_preview"], room), style="dim")
    return line

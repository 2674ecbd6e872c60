"""``agentops show ID``: one session as a tree with bars."""

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from agentops.cli.api import ApiClient, add_connection_arguments, connect
from agentops.cli.sessions import MARKS, STYLES
from agentops.cli.terminal import console, one_line
from agentops.numbers import clock_time, duration, money, tokens

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["add_arguments", "headline", "run"]

LETTERS = {
    "session": "S",
    "workflow": "W",
    "agent": "A",
    "task": "·",
    "tool": "T",
    "llm": "L",
    "guardrail": "G",
    "embedding": "E",
    "retrieval": "R",
    "http": "H",
}
COLOURS = {
    "agent": "blue",
    "session": "bold",
    "tool": "yellow",
    "llm": "magenta",
    "guardrail": "cyan",
}
SPANS_MAX = 500
INDENT_MAX = 60
NAME_CHARACTERS_MAX = 200


class _Characters(NamedTuple):
    """What tree and bars are drawn with."""

    branch: str
    last: str
    pipe: str
    bar: str
    rest: str


BOX = _Characters("├─ ", "└─ ", "│  ", "━", "·")
ASCII = _Characters("|- ", "`- ", "|  ", "#", ".")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("session_id", help="session id, or its first six characters or more")
    parser.add_argument("--ascii", action="store_true", help="draw with plain ASCII characters")
    parser.add_argument(
        "--fail-on", choices=["error"], help="exit with 1 if the session ended in an error"
    )
    add_connection_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Print the session's headline, its deepest error and its tree."""
    client = connect(options)
    detail = client.session(options.session_id)
    summary = detail["summary"]
    skeleton = client.get(f"sessions/{summary['session_id']}/skeleton")
    if options.json:
        print(json.dumps({"session": detail, "skeleton": skeleton}, ensure_ascii=False))
    else:
        _print_session(client, detail, skeleton, ASCII if options.ascii else BOX)
    failed = options.fail_on == "error" and summary["status"] == "error"
    return 1 if failed else 0


def headline(summary: Mapping[str, Any]) -> "Text":
    """Return a session's totals as one line of rich text."""
    from rich.text import Text  # an extra: see terminal.console

    status = str(summary["status"])
    line = Text()
    line.append(f"{one_line(summary['name'], NAME_CHARACTERS_MAX)}  ", style="bold")
    line.append(f"{MARKS.get(status, '?')} {status.upper()}  ", style=STYLES.get(status, ""))
    parts = [
        duration(summary["duration_us"]),
        f"{summary['span_count']} spans",
        f"{summary['llm_count']} LLM",
        f"{summary['tool_count']} tools",
        f"{tokens(summary['input_tokens'])} in + {tokens(summary['output_tokens'])} out tok",
        money(summary["cost_usd"]),
    ]
    line.append(" · ".join(parts))
    return line


def _print_session(
    client: ApiClient, detail: Mapping[str, Any], skeleton: Mapping[str, Any], drawn: _Characters
) -> None:
    screen = console()
    summary = detail["summary"]
    screen.print(headline(summary))
    error = summary["error"]
    if error:
        where = f"  ({error['location']})" if error["location"] else ""
        text = f"✗ {error['span_name']} {error['type']}: {error['message']}{where}"
        screen.print(one_line(text, screen.width), style="red")
    screen.print(f"{clock_time(summary['start_us'])}  {summary['session_id']}", style="dim")
    for line in _tree_lines(skeleton, screen.width, drawn):
        screen.print(line)
    screen.print(client.page(f"/s/{summary['session_id']}"), style="dim")


def _tree_lines(skeleton: Mapping[str, Any], width: int, drawn: _Characters) -> "list[Text]":
    """Return one line of rich text for each span, depth first, children in order of start."""
    from rich.text import Text  # an extra: see terminal.console

    order = _depth_first(skeleton["parent"], drawn)
    name_width = max(24, min(46, width // 3))
    bar_width = max(0, min(40, width - name_width - 38))
    starts, lengths = skeleton["start_us"], skeleton["duration_us"]
    first = min(starts, default=0)
    whole = max((s + d for s, d in zip(starts, lengths, strict=True)), default=0) - first or 1
    lines = []
    for index, indent in order[:SPANS_MAX]:
        kind = skeleton["types"][skeleton["type"][index]]
        failed = skeleton["status"][index] == 2
        name = one_line(skeleton["strings"][skeleton["name"][index]], NAME_CHARACTERS_MAX)
        line = Text()
        label = _cut(f"{indent}{LETTERS.get(kind, '-')} {name}{' ✗' if failed else ''}", name_width)
        line.append(f"{label:<{name_width}} ", style="red" if failed else COLOURS.get(kind, ""))
        begin = (starts[index] - first) * bar_width // whole
        length = max(1, lengths[index] * bar_width // whole) if bar_width else 0
        begin = min(begin, max(0, bar_width - length))
        line.append(drawn.rest * begin, style="dim")
        line.append(drawn.bar * length, style="red" if failed else "green")
        line.append(drawn.rest * (bar_width - begin - length), style="dim")
        line.append(f" {duration(lengths[index]):>7}")
        taken, given = skeleton["input_tokens"][index], skeleton["output_tokens"][index]
        if taken is not None or given is not None:
            line.append(
                f"  {tokens(taken)}→{tokens(given)}  {money(skeleton['cost_usd'][index])}",
                style="dim",
            )
        lines.append(line)
    if len(order) > SPANS_MAX:
        lines.append(
            Text(f"… and {len(order) - SPANS_MAX} more spans; --json shows all", style="dim")
        )
    return lines


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _depth_first(parents: list[int], drawn: _Characters) -> list[tuple[int, str]]:
    """Return ``(index, indent)`` of every span, parents before children; spans in a circle of parents are kept."""
    children: dict[int, list[int]] = {}
    for index, parent in enumerate(parents):
        children.setdefault(
            parent if 0 <= parent < len(parents) and parent != index else -1, []
        ).append(index)
    order: list[tuple[int, str]] = []
    seen: set[int] = set()
    stack = [(index, "", "") for index in reversed(children.get(-1, []))]
    while stack:
        index, indent, below = stack.pop()
        if index in seen:
            continue
        seen.add(index)
        order.append((index, indent))
        brood = children.get(index, [])
        for position in range(len(brood) - 1, -1, -1):
            is_last = position == len(brood) - 1
            own = below + (drawn.last if is_last else drawn.branch)
            further = below + ("   " if is_last else drawn.pipe)
            stack.append((brood[position], own, further if len(further) <= INDENT_MAX else below))
    order.extend((index, "") for index in range(len(parents)) if index not in seen)
    return order

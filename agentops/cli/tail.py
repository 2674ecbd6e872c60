"""``agentops tail``: sessions as they come in, until Ctrl-C."""

import argparse
import json
import time

from agentops.cli.api import add_connection_arguments, connect
from agentops.cli.sessions import session_line
from agentops.cli.terminal import console
from agentops.errors import ApiError

__all__ = ["add_arguments", "run"]

_WAIT_S = 2.0
_REMEMBERED_MAX = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("query", nargs="*", help="filter, e.g. status:error agent:planner")
    parser.add_argument(
        "--all", action="store_true", help="print every change, not only start and end"
    )
    add_connection_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Print a line when a session starts and when it ends; reconnect while the backend is away."""
    client = connect(options)
    query = " ".join(options.query)
    screen, notes = console(), console(is_error=True)
    client.get("status")  # a wrong address or token is told at once, not retried for ever
    notes.print(f"waiting for sessions on {client.url} (Ctrl-C ends)", style="dim")
    told: dict[str, str] = {}
    while True:
        try:
            for event, data in client.stream(query):
                if event != "session.upsert":
                    continue
                if not options.all and told.get(data["session_id"]) == data["status"]:
                    continue
                told[data["session_id"]] = data["status"]
                while len(told) > _REMEMBERED_MAX:
                    told.pop(next(iter(told)))
                if options.json:
                    print(json.dumps(data, ensure_ascii=False), flush=True)
                else:
                    screen.print(session_line(data, screen.width))
        except ApiError as error:
            if error.status in (400, 401, 403):
                raise
        notes.print("the backend went away; trying again", style="dim")
        time.sleep(_WAIT_S)

"""``agentops spool``: what waits on disk for receivers that are away; ``agentops spool --clear`` drops it."""

import argparse
from datetime import datetime, timezone
from pathlib import Path

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        "--clear", action="store_true", help="drop what waits and belongs to no running program"
    )
    parser.add_argument("--directory", help="spool directory, default the configured one")


def run(options: argparse.Namespace) -> int:
    """Print one line for each destination."""
    # Reads files and the environment, and loads the encoder: only for this verb.
    from agentops.config import load
    from agentops.telemetry.spool import clear, survey

    directory = Path(options.directory or load().telemetry.spool.directory or "").expanduser()
    if options.clear:
        print(f"dropped {clear(directory)} records")
        return 0
    found = survey(directory)
    print(f"{directory}: {'nothing waits' if not any(each.records for each in found) else ''}")
    for each in found:
        since = datetime.fromtimestamp(each.oldest_ns / 1e9, tz=timezone.utc)
        waits = f"{each.records} records, {each.bytes} bytes"
        oldest = f", since {since:%Y-%m-%d %H:%M:%S} UTC" if each.records else ""
        print(f"  {each.path.name}: {waits}{oldest}{', in use' if each.in_use else ''}")
    return 0

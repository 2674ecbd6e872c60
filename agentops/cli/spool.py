"""``agentops spool``: what waits on disk for receivers that are away; ``agentops spool --clear`` drops it."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agentops.clock import iso_from_ns, now_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentops.telemetry.spool import SpoolSummary

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        "--clear", action="store_true", help="drop what waits and belongs to no running program"
    )
    parser.add_argument("--yes", action="store_true", help="with --clear: do not ask")
    parser.add_argument("--directory", help="spool directory, default the configured one")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(options: argparse.Namespace) -> int:
    """Print one line for each destination, or drop what waits; 1 when the answer was no."""
    # Reads files and the environment, and loads the encoder: only for this verb.
    from agentops.config import load
    from agentops.telemetry.spool import clear, survey

    directory = Path(options.directory or load().telemetry.spool.directory or "").expanduser()
    found = survey(directory)
    if options.clear:
        waiting = sum(each.records for each in found)
        if not options.yes and not _is_agreed(waiting, directory):
            print("nothing was dropped", file=sys.stderr)
            return 1
        dropped = clear(directory)
        print(json.dumps({"dropped": dropped}) if options.json else f"dropped {dropped} records")
        return 0
    if options.json:
        answer = {"directory": str(directory), "destinations": _figures(found)}
        print(json.dumps(answer, ensure_ascii=False))
        return 0
    print(f"{directory}: {'nothing waits' if not any(each.records for each in found) else ''}")
    for each in found:
        print(f"  {each.path.name}: {_line(each)}")
    return 0


def _is_agreed(records: int, directory: Path) -> bool:
    """Ask whoever sits there; nobody's silence is a no."""
    if not sys.stdin.isatty():
        print("nobody is here to ask; say --yes", file=sys.stderr)
        return False
    answer = input(f"Drop {records} records in {directory} for good? [y/N] ")
    return answer.strip().lower() in ("y", "yes")


def _figures(found: "Sequence[SpoolSummary]") -> list[dict[str, object]]:
    return [
        {
            "destination": each.path.name,
            "records": each.records,
            "bytes": each.bytes,
            "oldest": iso_from_ns(each.oldest_ns) if each.oldest_ns else None,
            "in_use": each.in_use,
        }
        for each in found
    ]


def _line(each: "SpoolSummary") -> str:
    waits = f"{each.records} records, {each.bytes} bytes"
    in_use = ", in use" if each.in_use else ""
    if not each.records:
        return waits + in_use
    since = iso_from_ns(each.oldest_ns)[:19].replace("T", " ")
    return f"{waits}, since {since} UTC ({_age(now_ns() - each.oldest_ns)}){in_use}"


def _age(age_ns: int) -> str:
    """Return an age in its largest whole unit: ``3 days``."""
    seconds = max(0, age_ns // 1_000_000_000)
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'s' if count != 1 else ''}"
    return "now"

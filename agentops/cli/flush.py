"""``agentops flush``: deliver what earlier programs left on disk, without running one."""

import argparse
import json
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentops.telemetry.manager import TelemetryManager
    from agentops.telemetry.stats import DestinationStats

__all__ = ["add_arguments", "run"]

_PROGRESS_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        "--timeout-ms", type=int, default=30_000, help="milliseconds it takes at most"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(options: argparse.Namespace) -> int:
    """Send to every configured destination what waits for it; 1 when something is left."""
    # Reads files and the environment, and loads the exporters: only for this verb.
    from agentops.config import load
    from agentops.telemetry.manager import TelemetryManager
    from agentops.telemetry.spool import survey

    config = load()
    manager = TelemetryManager(config.telemetry, service_name=config.service_name)
    is_done = _flush(manager, options.timeout_ms)
    found = manager.stats().destinations
    manager.shutdown(0)
    rest = [
        each
        for each in survey(Path(config.telemetry.spool.directory or "."))
        if each.records and not each.in_use and each.path.name not in _folders(manager)
    ]
    if options.json:
        figures = {
            name: {"sent": stats.sent, "left": stats.pending, "dropped": dict(stats.dropped)}
            for name, stats in found.items()
        }
        elsewhere = {each.path.name: each.records for each in rest}
        told = {"is_done": is_done, "destinations": figures, "not_configured": elsewhere}
        print(json.dumps(told, ensure_ascii=False))
    else:
        for line in _lines(found):
            print(line)
        for each in rest:
            print(f"{each.path.name}: {each.records} left; this destination is not configured here")
    if not is_done:
        print("not everything could be delivered; it stays on disk", file=sys.stderr)
    return 0 if is_done else 1


def _folders(manager: "TelemetryManager") -> set[str]:
    """Return the names of the folders that belong to what is configured."""
    from agentops.telemetry.spool import folder_name  # as in run

    return {folder_name(each.name, each.identity) for each in manager.exporters}


def _flush(manager: "TelemetryManager", timeout_ms: int) -> bool:
    """Flush, and tell somebody who watches each second how far it is."""
    if not sys.stderr.isatty():
        return manager.flush(timeout_ms)
    is_over = threading.Event()

    def tell() -> None:
        while not is_over.wait(_PROGRESS_S):
            for line in _lines(manager.stats().destinations):
                print(line, file=sys.stderr)

    teller = threading.Thread(target=tell, name="agentops-progress", daemon=True)
    teller.start()
    try:
        return manager.flush(timeout_ms)
    finally:
        is_over.set()
        teller.join()


def _lines(found: "Mapping[str, DestinationStats]") -> list[str]:
    lines = []
    for name, stats in found.items():
        dropped = sum(stats.dropped.values())
        lost = f", {dropped} dropped" if dropped else ""
        lines.append(f"{name}: {stats.sent} sent, {stats.pending} left{lost}")
    return lines

"""``agentops flush``: deliver what earlier programs left on disk, without running one."""

import argparse
import sys

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        "--timeout-ms", type=int, default=30_000, help="milliseconds it takes at most"
    )


def run(options: argparse.Namespace) -> int:
    """Send to every configured destination what waits for it; 1 when something is left."""
    # Reads files and the environment, and loads the exporters: only for this verb.
    from agentops.config import load
    from agentops.telemetry.manager import TelemetryManager

    config = load()
    manager = TelemetryManager(config.telemetry, service_name=config.service_name)
    is_done = manager.flush(options.timeout_ms)
    for name, stats in manager.stats().destinations.items():
        dropped = sum(stats.dropped.values())
        lost = f", {dropped} dropped" if dropped else ""
        print(f"{name}: {stats.sent} sent, {stats.pending} left{lost}")
    manager.shutdown(0)
    if not is_done:
        print("not everything could be delivered; it stays on disk", file=sys.stderr)
    return 0 if is_done else 1

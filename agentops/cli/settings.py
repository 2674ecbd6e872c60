"""``agentops config``: the effective configuration, where each value comes from, and whether a file is right."""

import argparse
import json

from agentops.cli.terminal import clean

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        "file", nargs="?", help="file to check, default the one that a program started here finds"
    )
    parser.add_argument(
        "--changed", action="store_true", help="leave out what has its default value"
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON: a list of {path, value, origin}"
    )


def run(options: argparse.Namespace) -> int:
    """Print every setting; an unusable file is an error that names the key path."""
    from agentops.config import (
        load,
        settings,
    )  # reads files and the environment: only for this verb

    loaded = load(config=options.file)
    found = [s for s in settings(loaded) if not (options.changed and s.origin == "default")]
    if options.json:
        rows = [{"path": s.path, "value": s.value, "origin": s.origin} for s in found]
        print(json.dumps(rows, ensure_ascii=False, default=str))
        return 0
    print(
        f"file: {loaded.file or 'none found (agentops.yaml here or above, AGENTOPS_CONFIG, pyproject.toml)'}"
    )
    width = max((len(s.path) for s in found), default=0)
    for setting in found:
        value = json.dumps(setting.value, ensure_ascii=False, default=str)
        print(f"{setting.path:<{width}}  {clean(value)}  ({setting.origin})")
    return 0

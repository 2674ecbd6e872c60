"""``agentops migrate``: a program written for agentops 0.3 or 0.4 becomes one for this release."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from agentops.cli.terminal import clean
from agentops.errors import AgentOpsError, MissingExtraError

if TYPE_CHECKING:
    from agentops.migrate import FileReport

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        "paths", nargs="*", default=["."], metavar="PATH", help="file or folder, default this one"
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--write", action="store_true", help="change the files; else the change is only shown"
    )
    kind.add_argument(
        "--check", action="store_true", help="exit with 1 if there is anything to change"
    )
    parser.add_argument("--json", action="store_true", help="print JSON: a list of files")


def run(options: argparse.Namespace) -> int:
    """Show or make the change; status 1 where ``--check`` finds something to change."""
    try:
        from agentops.migrate import examine  # needs an extra: only for this verb
    except ImportError as error:
        raise MissingExtraError("agentops migrate", "migrate", error.name) from error
    paths = [Path(path) for path in options.paths]
    for path in paths:
        if not path.exists():
            raise AgentOpsError(f"there is no {path}; give a Python file or a folder")
    reports = examine(paths)
    if options.write:
        for report in reports:
            _write(report)
    if options.json:
        print(json.dumps([_row(report) for report in reports], ensure_ascii=False))
    else:
        _print(reports, is_written=options.write)
    return 1 if options.check and any(report.changes for report in reports) else 0


def _write(report: "FileReport") -> None:
    if report.changes:
        try:
            report.write()
        except OSError as error:
            raise AgentOpsError(f"{report.path} cannot be written: {error.strerror}") from error


def _row(report: "FileReport") -> dict[str, object]:
    return {
        "path": str(report.path),
        "releases": report.releases,
        "diff": report.diff(),
        "notes": [{"line": note.line, "text": note.text} for note in report.notes],
    }


def _print(reports: "list[FileReport]", *, is_written: bool) -> None:
    if not is_written:
        for report in reports:
            print(clean(report.diff()), end="")
    for report in reports:
        for release, names in report.releases.items():
            print(clean(f"{report.path}: written for agentops {release} ({', '.join(names)})"))
        for note in report.notes:
            print(clean(f"{report.path}:{note.line}: {note.text}"))
    changed = sum(report.changes for report in reports)
    noted = sum(len(report.notes) for report in reports)
    verb = "changed" if is_written else "to change"
    hint = "" if is_written or not changed else "; `agentops migrate --write` changes them"
    files = "file" if changed == 1 else "files"
    places = "place" if noted == 1 else "places"
    print(f"{changed} {files} {verb}, {noted} {places} to look at{hint}")

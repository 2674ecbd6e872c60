"""``agentops doctor``: a test span through every configured exporter, and what is wrong in words."""

import argparse
import json
from dataclasses import asdict, dataclass

__all__ = ["add_arguments", "run"]

FLUSH_MS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        verdict: ``ok``, ``warning`` or ``error``.
        advice: What to do; ``""`` when all is well.
    """

    subject: str
    verdict: str
    detail: str
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("--json", action="store_true", help="print JSON: a list of findings")
    parser.add_argument(
        "--config",
        help="configuration file, default the one that a program started here would find",
    )


def run(options: argparse.Namespace) -> int:
    """Look at everything; the status is 1 if something is wrong."""
    findings = examine(options.config)
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        marks = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}
        for finding in findings:
            print(f"{marks[finding.verdict]}  {finding.subject}: {finding.detail}")
            if finding.advice:
                print(f"         -> {finding.advice}")
    return 1 if any(finding.verdict == "error" for finding in findings) else 0

"""The command line: ``agentops VERB``. One module for each group of verbs, imported when the verb is used."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from agentops.errors import AgentOpsError

__all__ = ["main"]

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class Verb(NamedTuple):
    """A verb and the module under ``agentops.cli`` that has ``add_arguments`` and ``run`` for it."""

    module: str
    summary: str


VERBS = {
    "serve": Verb("serve", "start the backend: dashboard, REST API and ingestion"),
    "demo": Verb("demo", "run a small multi-agent program against the backend"),
    "doctor": Verb("doctor", "send a test span through every exporter and say what is wrong"),
    "config": Verb("settings", "show the effective configuration and where each value comes from"),
    "flush": Verb("flush", "deliver what earlier programs left on disk"),
    "spool": Verb("spool", "show or drop what waits on disk for receivers that are away"),
    "sessions": Verb("sessions", "list sessions"),
    "show": Verb("show", "show one session as a tree with bars"),
    "migrate": Verb("migrate", "rewrite a program that was written for agentops 0.3 or 0.4"),
    "tail": Verb("tail", "print sessions as they come in"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: Arguments without the program's name; ``None`` takes those of the process.

    Returns:
        Exit status: 0 well, 1 the verb failed, 2 wrong usage, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(arguments[0] if arguments else "")
    options = parser.parse_args(arguments)
    if not getattr(options, "run", None):
        parser.print_help()
        return EXIT_USAGE if arguments else EXIT_OK
    try:
        status: int = options.run(options)
    except AgentOpsError as error:
        print(f"agentops: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does; the interpreter must not complain at exit.
        sys.stderr.close()
        return EXIT_OK
    return status


def _parser(asked: str) -> argparse.ArgumentParser:
    """Build the parser; only the module of the verb asked for is imported."""
    from agentops import __version__

    parser = argparse.ArgumentParser(prog="agentops", description="Observability for AI agents.")
    parser.add_argument("--version", action="version", version=f"agentops {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    for name, verb in VERBS.items():
        child = verbs.add_parser(
            name, help=verb.summary, description=f"{verb.summary[0].upper()}{verb.summary[1:]}."
        )
        if name == asked:
            module = importlib.import_module(f"agentops.cli.{verb.module}")
            module.add_arguments(child)
            child.set_defaults(run=module.run)
    return parser

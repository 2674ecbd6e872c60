"""``agentops config``: the effective configuration, where each value comes from, and whether a file is right."""

import argparse
import json
from typing import TYPE_CHECKING

from agentops.cli.terminal import clean

if TYPE_CHECKING:
    from agentops.telemetry.config import SamplingConfig

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
    explain = parser.add_argument_group("what sampling would do with a session")
    explain.add_argument("--explain", action="store_true", help="say it, for a session with:")
    explain.add_argument("--name", default="session", help="this name")
    explain.add_argument("--tag", action="append", default=[], help="this tag; may be repeated")
    explain.add_argument("--provider", help="a first model call to this provider")
    explain.add_argument("--model", help="a first model call of this model")
    explain.add_argument(
        "--attribute", action="append", default=[], metavar="KEY=VALUE", help="this attribute"
    )


def run(options: argparse.Namespace) -> int:
    """Print every setting; an unusable file is an error that names the key path."""
    # Reads files and the environment: only for this verb.
    from agentops.config import load, settings, unread_variables

    loaded = load(config=options.file)
    if options.explain:
        return _explain(loaded.telemetry.sampling, options)
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
    for name, why in unread_variables().items():
        print(f"{name} is not read: {why}")
    return 0


def _explain(sampling: "SamplingConfig", options: argparse.Namespace) -> int:
    """Print what becomes of a session, and which setting says so."""
    from agentops import semconv
    from agentops.telemetry.sampling import Facts, explain  # loads OpenTelemetry

    attributes = dict(pair.partition("=")[::2] for pair in options.attribute)
    call = {
        semconv.GEN_AI_PROVIDER_NAME: options.provider,
        semconv.GEN_AI_REQUEST_MODEL: options.model,
    }
    attributes |= {key: value for key, value in call.items() if value is not None}
    is_call = bool(options.provider or options.model)
    told = explain(sampling, Facts(options.name, options.tag, attributes, is_call=is_call))
    if options.json:
        row = {"rate": told.rate, "reason": told.reason, "kept_anyway_if": list(told.keeps)}
        print(json.dumps(row, ensure_ascii=False))
        return 0
    share = "it depends" if told.rate is None else f"recorded with probability {told.rate:g}"
    print(f"{share}: {told.reason}")
    if told.keeps and told.rate != 1:
        print(f"kept anyway if {', or '.join(told.keeps)}")
    if sampling.sessions_per_second_max is not None:
        print(f"at most {sampling.sessions_per_second_max:g} sessions per second")
    return 0

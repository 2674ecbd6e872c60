"""``agentops doctor``: a test span through every configured exporter, and what is wrong in words."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from agentops.cli.terminal import one_line
from agentops.errors import AgentOpsError

if TYPE_CHECKING:
    from agentops.config import Config
    from agentops.telemetry.config import ExporterConfig
    from agentops.telemetry.exporters.base import Exporter, ExportResult

__all__ = ["Finding", "add_arguments", "examine", "run"]

EXPORT_S = 10.0
MESSAGE_CHARACTERS_MAX = 300
MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}

ADVICE = {
    "http 401": "the key or token is not accepted: check api_key or headers",
    "http 403": "the key is known but may not write here: check its rights",
    "http 404": "nothing takes telemetry at this path: check the endpoint (OTLP over HTTP adds /v1/traces)",
    "http 405": "something else listens there: check port and path",
    "http 415": "the receiver does not take this encoding: try protocol http/protobuf",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What it is, as a key path where it is a setting.
        verdict: ``ok``, ``warning`` or ``error``.
        detail: What was seen.
        advice: What to do; ``""`` when all is well.
    """

    subject: str
    verdict: str
    detail: str
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        "--config", help="configuration file, default the one that a program started here finds"
    )
    parser.add_argument("--json", action="store_true", help="print JSON: a list of findings")


def run(options: argparse.Namespace) -> int:
    """Look at everything; the status is 1 if something is wrong."""
    findings = list(examine(options.config))
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            print(f"{MARKS[finding.verdict]}  {finding.subject}: {finding.detail}")
            if finding.advice:
                print(f"         -> {finding.advice}")
    return 1 if any(finding.verdict == "error" for finding in findings) else 0


def examine(file: str | None = None) -> Iterator[Finding]:
    """Yield a finding for the configuration, the providers and every exporter.

    Args:
        file: Configuration file; ``None`` means the one that a program started here would find.
    """
    from agentops.config import load  # reads files and the environment: only for this verb

    try:
        loaded = load(config=file)
    except AgentOpsError as error:
        yield Finding(
            subject="configuration",
            verdict="error",
            detail=str(error),
            advice="correct the setting; `agentops config` shows where each value comes from",
        )
        return
    yield Finding(
        subject="configuration",
        verdict="ok",
        detail=loaded.file or "no file, defaults and environment",
    )
    yield from _providers(loaded.instrument)
    for index, exporter in enumerate(loaded.telemetry.exporters):
        yield from _exporter(f"telemetry.exporters[{index}]", exporter, loaded)


def _providers(names: Sequence[str] | None) -> Iterator[Finding]:
    """Tell which vendors' packages are there, and whether what is known of others can be loaded.

    Args:
        names: What is to be instrumented; ``None``: all there is.
    """
    from agentops.instrumentation.providers import VENDORS, paths_of, provider_paths  # no vendor
    from agentops.providers import class_at  # as above

    for name in VENDORS:
        try:
            detail = f"{metadata.version(name)} is installed"
        except metadata.PackageNotFoundError:
            detail = "not installed, nothing to instrument"
        yield Finding(subject=f"provider {name}", verdict="ok", detail=detail)
    advice = "correct the setting, or uninstall the package that registers it"
    try:
        paths = provider_paths() if names is None else paths_of(names)
    except AgentOpsError as error:
        yield Finding(subject="instrument", verdict="error", detail=str(error), advice=advice)
        return
    for name, path in paths.items():
        if name in VENDORS:
            continue
        subject = f"provider {name}"
        try:
            detail = f"{path} is for {class_at(name, path).module}"
        except AgentOpsError as error:
            yield Finding(subject=subject, verdict="error", detail=str(error), advice=advice)
        else:
            yield Finding(subject=subject, verdict="ok", detail=detail)


def _exporter(path: str, config: "ExporterConfig", loaded: "Config") -> Iterator[Finding]:
    """Send a span through one exporter, in each encoding it speaks."""
    from agentops.telemetry.exporters import build  # builds destinations: only for this verb

    where = config.endpoint or config.path or ""
    subject = f"{path} ({config.type}{f' {where}' if where else ''})"
    try:
        exporter = build(config)
    except AgentOpsError as error:
        yield Finding(
            subject=subject, verdict="error", detail=str(error), advice="correct the setting"
        )
        return
    try:
        result = _send(exporter, loaded.service_name or "agentops-doctor")
        yield _judged(subject, result)
    finally:
        exporter.shutdown()


def _send(exporter: "Exporter", service_name: str) -> "ExportResult":
    """Export one span of a session of its own; the first encoding that carries spans counts."""
    from agentops import clock, semconv  # as above
    from agentops.telemetry.exporters.base import Batch
    from agentops.telemetry.records import SpanRecord

    now = clock.now_ns()
    span = SpanRecord(
        name="agentops doctor",
        trace_id=now << 64 | now,
        span_id=now,
        parent_span_id=0,
        start_ns=now,
        end_ns=now + 1_000_000,
        attributes={semconv.AGENTOPS_SPAN_KIND: "task", semconv.AGENTOPS_TAGS: ["doctor"]},
        resource={semconv.SERVICE_NAME: service_name},
    )
    batch = Batch([span])
    for encoding in exporter.encodings:
        if batch.part(encoding) is not None:
            break
    return exporter.export(batch, EXPORT_S)


def _judged(subject: str, result: "ExportResult") -> Finding:
    """Say what an answer means and what to do about it."""
    from agentops.telemetry.exporters.base import Outcome  # as above

    message = one_line(result.message, MESSAGE_CHARACTERS_MAX)
    if result.outcome is Outcome.DELIVERED and not result.rejected:
        return Finding(subject=subject, verdict="ok", detail="a test span was delivered")
    seen = " ".join(part for part in (result.reason, f"({message})" if message else "") if part)
    if result.outcome is Outcome.DELIVERED:
        detail = f"the receiver took the request and rejected the span {seen}".rstrip()
        return Finding(
            subject=subject, verdict="warning", detail=detail, advice="see the receiver's own log"
        )
    if result.is_unreachable:
        advice = "nothing listens there: start the receiver (`agentops serve` for the local backend) or check the endpoint"
    else:
        advice = ADVICE.get(
            result.reason, "see the receiver's own log; the SDK keeps trying what may succeed later"
        )
    return Finding(
        subject=subject, verdict="error", detail=seen or result.outcome.value, advice=advice
    )

"""How does a person see what happens? Telemetry floor: one short line for each span and event."""

import sys
from typing import TextIO

from agentops.clock import iso_from_ns
from agentops.telemetry.exporters.base import DELIVERED, Batch, Exporter, ExportResult
from agentops.telemetry.records import EventRecord, Record, SpanRecord

__all__ = ["ConsoleExporter"]

_LINE_MAX = 240


class ConsoleExporter(Exporter):
    """Writes lines for people to a stream.

    Args:
        stream: Where to write; ``None``: standard error, as it is when a line is written.
    """

    name = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def export(self, batch: Batch, timeout_s: float) -> ExportResult:  # noqa: ARG002 - a stream has no deadline
        """Write one line for each record."""
        stream = self._stream or sys.stderr
        if stream is not None:  # pythonw has none
            stream.write("".join(f"{_line(record)}\n" for record in batch.records))
            stream.flush()
        return DELIVERED


def _line(record: Record) -> str:
    text = _span_line(record) if isinstance(record, SpanRecord) else _event_line(record)
    # A name is the program's own data: it must not move the cursor or ring the bell.
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    text = text.encode("ascii", "backslashreplace").decode() if _is_ascii_only() else text
    return text if len(text) <= _LINE_MAX else f"{text[: _LINE_MAX - 1]}…"


def _is_ascii_only() -> bool:
    return "utf" not in (getattr(sys.stderr, "encoding", None) or "ascii").lower()


def _span_line(span: SpanRecord) -> str:
    duration_ms = (span.end_ns - span.start_ns) / 1e6
    line = f"{iso_from_ns(span.start_ns)[11:23]} {span.name} {duration_ms:.0f} ms"
    told = span.attributes
    tokens = [told.get(f"gen_ai.usage.{way}_tokens") for way in ("input", "output")]
    if any(count is not None for count in tokens):
        line += f" {tokens[0] or 0}+{tokens[1] or 0} tokens"
    if span.status_code == 2:
        line += f" ERROR {told.get('error.type', '')} {span.status_message}".rstrip()
    return f"{line} [{span.trace_id:032x}:{span.span_id:016x}]"


def _event_line(event: EventRecord) -> str:
    line = f"{iso_from_ns(event.time_ns)[11:23]} * {event.name}"
    if isinstance(event.body, str):
        line += f" {event.body}"
    return f"{line} [{event.trace_id:032x}:{event.span_id:016x}]"

"""How do records end up in a file? Telemetry floor: one OTLP JSON request per line.

The format is that of the OpenTelemetry Collector's file exporter, which its ``otlpjsonfile`` receiver and
other tools read back.
"""

import os
from pathlib import Path

from agentops.telemetry.exporters.base import DELIVERED, Batch, Exporter, ExportResult, Outcome

__all__ = ["FileExporter"]


class FileExporter(Exporter):
    """Appends each batch to a file that only its owner may read.

    Args:
        path: The file; it and its folder are made when the first batch comes.
    """

    encodings = ("traces_json", "logs_json")

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser()
        self.name = f"file {self._path.name}"

    def export(self, batch: Batch, timeout_s: float) -> ExportResult:  # noqa: ARG002 - a disk has no deadline
        """Append one line."""
        line = batch.parts()[0].body() + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            descriptor = os.open(self._path, flags, 0o600)
            try:
                _write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            return ExportResult(outcome=Outcome.RETRY, reason=error.strerror or "not writable")
        return DELIVERED


def _write(descriptor: int, line: bytes) -> None:
    """Write the whole line, or nothing: a torn line would spoil the next one."""
    start = os.fstat(descriptor).st_size
    left = memoryview(line)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        os.ftruncate(descriptor, start)
        raise

"""Where can a test look at what was recorded? Telemetry floor."""

from collections import deque

from agentops.telemetry.exporters.base import DELIVERED, Batch, Exporter, ExportResult
from agentops.telemetry.records import EventRecord, Record, SpanRecord

__all__ = ["MemoryExporter"]


class MemoryExporter(Exporter):
    """Keeps the latest records in memory. Call the pipeline's ``flush`` before reading.

    Args:
        records_max: Older records beyond this number are forgotten.
    """

    name = "memory"

    def __init__(self, records_max: int = 100_000) -> None:
        self._records: deque[Record] = deque(maxlen=records_max)

    def export(self, batch: Batch, timeout_s: float) -> ExportResult:  # noqa: ARG002 - never waits
        """Keep the records."""
        self._records.extend(batch.records)
        return DELIVERED

    @property
    def records(self) -> list[Record]:
        """Everything that arrived, in order; a fresh list."""
        return list(self._records)

    @property
    def spans(self) -> list[SpanRecord]:
        """The spans that arrived, in the order they ended."""
        return [record for record in self.records if isinstance(record, SpanRecord)]

    @property
    def events(self) -> list[EventRecord]:
        """The events that arrived, in order."""
        return [record for record in self.records if isinstance(record, EventRecord)]

    def clear(self) -> None:
        """Forget everything."""
        self._records.clear()

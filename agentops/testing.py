"""For the tests of those who build on AgentOps: an in-memory exporter and contract suites."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from agentops import client
from agentops.errors import SessionError
from agentops.telemetry.exporters.memory import MemoryExporter
from agentops.telemetry.records import EventRecord, Record, SpanRecord

__all__ = ["Recording", "recording"]

RecordT = TypeVar("RecordT", SpanRecord, EventRecord)


class Recording:
    """What was recorded so far; each reading waits until everything has arrived.

    Args:
        exporter: Where the records arrive.
    """

    def __init__(self, exporter: MemoryExporter) -> None:
        self._exporter = exporter

    @property
    def records(self) -> list[Record]:
        """Spans and events in the order they arrived; a fresh list."""
        client.flush()
        return self._exporter.records

    @property
    def spans(self) -> list[SpanRecord]:
        """The spans, in the order they ended."""
        return [record for record in self.records if isinstance(record, SpanRecord)]

    @property
    def events(self) -> list[EventRecord]:
        """The events."""
        return [record for record in self.records if isinstance(record, EventRecord)]

    def span(self, name: str) -> SpanRecord:
        """Return the only span called ``name``.

        Raises:
            LookupError: There is none, or more than one; the message lists the names there are.
        """
        return _only(name, self.spans)

    def event(self, name: str) -> EventRecord:
        """Return the only event called ``name``.

        Raises:
            LookupError: There is none, or more than one; the message lists the names there are.
        """
        return _only(name, self.events)

    def clear(self) -> None:
        """Forget what was recorded so far."""
        client.flush()
        self._exporter.clear()


@contextmanager
def recording(
    *,
    auto_start: bool = False,
    telemetry: Mapping[str, object] | None = None,
    **options: Any,  # noqa: ANN401 - keywords of init
) -> Iterator[Recording]:
    """Record into memory inside the block; nothing leaves the process.

    Args:
        auto_start: Whether there is an automatic session.
        telemetry: More of the configuration's ``telemetry``; its exporters are replaced.
        **options: Further keywords of :func:`agentops.init`. No provider is instrumented unless
            ``instrument`` names it.

    Raises:
        SessionError: AgentOps runs already.
    """
    if client.active() is not None:
        raise SessionError("agentops runs already; call agentops.shutdown() before recording()")
    exporter = MemoryExporter()
    configured = {"spool": {"enabled": False}, **(telemetry or {}), "exporters": [exporter]}
    quiet = {"instrument": [], "session": {"print_summary": False}}
    client.begin(
        client.merged(quiet, {**options, "telemetry": configured}), {"auto_start": auto_start}
    )
    try:
        yield Recording(exporter)
    finally:
        client.shutdown()


def _only(name: str, found: list[RecordT]) -> RecordT:
    same = [record for record in found if record.name == name]
    if len(same) != 1:
        names = ", ".join(sorted({record.name for record in found})) or "nothing"
        raise LookupError(f"{len(same)} records are called {name!r}; recorded: {names}")
    return same[0]

"""What is a destination? Telemetry floor: the interface of an exporter and what passes through it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from agentops.telemetry.encoder import EncodingName, Part, encode
from agentops.telemetry.records import EventRecord, Record, SpanRecord

__all__ = ["DELIVERED", "Batch", "ExportResult", "Exporter", "Outcome"]


class Batch:
    """Records that leave together. Not changed once made; exporters of all destinations share it.

    Args:
        records: Spans and events, in the order they ended. Empty for a batch read back from disk.
        parts: Encodings that exist already.
    """

    __slots__ = ("_parts", "records", "unencodable")

    def __init__(
        self,
        records: Sequence[Record] = (),
        parts: Mapping[EncodingName, Part | None] | None = None,
    ) -> None:
        self.records = records
        self.unencodable: dict[EncodingName, int] = {}
        self._parts: dict[EncodingName, Part | None] = dict(parts or {})

    @property
    def spans(self) -> list[SpanRecord]:
        """The spans among the records."""
        return [record for record in self.records if isinstance(record, SpanRecord)]

    @property
    def events(self) -> list[EventRecord]:
        """The events among the records."""
        return [record for record in self.records if isinstance(record, EventRecord)]

    def part(self, encoding: EncodingName) -> Part | None:
        """Return the records in ``encoding``, encoded on first use; ``None`` when none go out in it."""
        if encoding not in self._parts:
            self._parts[encoding], failed = encode(encoding, self.records)
            if failed:
                self.unencodable[encoding] = failed
        return self._parts[encoding]

    def parts(self) -> list[Part]:
        """Return the parts encoded so far."""
        return [part for part in self._parts.values() if part is not None]

    def traces_protobuf(self) -> bytes:
        """Return the spans as ``ExportTraceServiceRequest``; empty without spans."""
        return self._body("traces_protobuf")

    def logs_protobuf(self) -> bytes:
        """Return the events as ``ExportLogsServiceRequest``; empty without events."""
        return self._body("logs_protobuf")

    def traces_json(self) -> bytes:
        """Return the spans as OTLP JSON; empty without spans."""
        return self._body("traces_json")

    def logs_json(self) -> bytes:
        """Return the events as OTLP JSON; empty without events."""
        return self._body("logs_json")

    def _body(self, encoding: EncodingName) -> bytes:
        part = self.part(encoding)
        return b"" if part is None else part.body()


class Outcome(Enum):
    """What became of a batch at its receiver."""

    DELIVERED = "delivered"
    """The receiver has it. It is never sent again, whatever it rejected of it."""
    RETRY = "retry"
    """It may succeed later."""
    REFUSED = "refused"
    """It will never succeed."""
    TOO_LARGE = "too_large"
    """It may succeed in smaller pieces."""
    UNOFFERED = "unoffered"
    """The receiver has no place for records of this encoding; it takes others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """What an exporter says of one batch.

    Attributes:
        outcome: What became of it.
        rejected: Records the receiver took note of and threw away, of a delivered batch.
        reason: One or two words under which a loss is counted: ``http 400``, ``connect``.
        message: The receiver's own words; at most 300 characters, no secrets.
        retry_after_s: Seconds the receiver asked to wait; ``None`` when it did not.
        is_unreachable: Nobody listens there: trying again at once is of no use.
    """

    outcome: Outcome
    rejected: int = 0
    reason: str = ""
    message: str = ""
    retry_after_s: float | None = None
    is_unreachable: bool = False


DELIVERED = ExportResult(outcome=Outcome.DELIVERED)
"""The plain answer of an exporter that delivered everything."""


class Exporter(ABC):
    """One destination.

    All methods but the constructor are called from one thread of the pipeline, one at a time, and may
    block for as long as they are told. Errors raised here are counted as a refused batch.

    Attributes:
        name: What statistics and log lines call it; without secrets.
        encodings: Encodings it sends. When not empty, :meth:`export` receives batches of exactly one part
            each (``batch.parts()[0]``), possibly read back from disk and then without records.
        is_remote: Whether what it sends leaves this machine's memory for a receiver that can be away;
            only then is it spooled on disk.
        identity: Text that is equal for exporters that deliver to the same place in the same name; part of
            it may be secret. Only its hash is used, to name the spool.
        advice: What a reader of the log can do when nobody listens at the receiver's address.
    """

    name: str = "exporter"
    encodings: tuple[EncodingName, ...] = ()
    is_remote: bool = False
    identity: str = ""
    advice: str = ""

    @abstractmethod
    def export(self, batch: Batch, timeout_s: float) -> ExportResult:
        """Deliver ``batch``.

        Args:
            batch: What to deliver; not to be changed.
            timeout_s: Seconds after which the attempt has to be given up, in all.

        Returns:
            What became of it: :data:`DELIVERED`, or an outcome with the reason under which a loss is counted.
        """

    def flush(self, timeout_ms: int = 5000) -> bool:  # noqa: ARG002 - for those who buffer
        """Push out what the exporter itself holds back; return whether nothing is left."""
        return True

    def shutdown(self) -> None:  # noqa: B027 - optional
        """Let go of connections and files. Idempotent."""

    def after_fork(self) -> None:  # noqa: B027 - optional
        """Forget, in a new child process, what belongs to the parent: connections above all."""

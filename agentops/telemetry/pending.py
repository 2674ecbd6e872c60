"""What waits in the queue? Telemetry floor: what the caller's thread leaves for the worker to finish."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from agentops.events import Event
from agentops.telemetry.completion import Completion
from agentops.telemetry.head import Verdict
from agentops.telemetry.records import AnyValue, SpanRecord
from agentops.telemetry.sampling import Decision

__all__ = ["CompletedSpan", "Item", "LateSpan", "PendingEvent", "Place"]


class Place(NamedTuple):
    """Where and when a span begins.

    Attributes:
        context: The context it begins in, within a session.
        above: The span it stands below; ``None``: it begins a trace.
        ambient: What rides in the context.
        verdict: What becomes of all that begins there; ``None`` where that takes more to know.
        start_ns: Since the Unix epoch.
        began_ns: The same on the monotonic clock; ``None``: only ``start_ns`` is known.
    """

    context: Context
    above: SpanContext | None
    ambient: Mapping[str, AnyValue]
    verdict: Verdict | None
    start_ns: int
    began_ns: int | None


@dataclass(slots=True, kw_only=True)
class PendingEvent:
    """An event or log record before it is made a record.

    Attributes:
        name: OTel ``event_name``; empty for an AgentOps event, whose type names it.
        trace_id: 0 outside any span.
        trace_state: That of the span, where the sampling weight stands.
        ambient: What rode in the context.
        event: The AgentOps event, ``None`` for a plain log record.
        is_full: Whether the record carries the event's content: true for what the program records
            itself, false where the content rides on the span of the same call.
        resource: Attributes of the process.
        decision: About its session; ``None``: it is kept.
    """

    name: str
    time_ns: int
    trace_id: int = 0
    span_id: int = 0
    flags: int = 0
    trace_state: str = ""
    severity: int = 9
    body: AnyValue = None
    attributes: Mapping[str, AnyValue] = field(default_factory=dict)
    ambient: Mapping[str, AnyValue] = field(default_factory=dict)
    event: Event | None = None
    is_full: bool = True
    resource: Mapping[str, AnyValue] = field(default_factory=dict)
    decision: Decision | None = None


@dataclass(slots=True, frozen=True)
class CompletedSpan:
    """A stock span whose completion was resolved before it ended, because others see the span too."""

    span: ReadableSpan
    completion: Completion


class LateSpan(ABC):
    """A span that is over and not made yet: nobody but the worker looks at it."""

    __slots__ = ()

    @abstractmethod
    def ended(self) -> tuple[SpanRecord, Completion | None]:
        """Return its record and its completion. Runs on the worker, once."""


Item: TypeAlias = ReadableSpan | PendingEvent | CompletedSpan | LateSpan

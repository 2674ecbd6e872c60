"""What is known of a call only when it is over? Telemetry floor.

A completion is made off the caller's thread: :meth:`TelemetryManager.end_span` takes a callable that
returns one, and the pipeline's worker calls it once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentops.events import Event
from agentops.telemetry.records import AnyValue

__all__ = ["Completion", "Measurement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One value for a metric that cannot be read off the span itself.

    Attributes:
        name: Name of a metric that :mod:`agentops.telemetry.metrics` knows.
        value: Amount in the metric's own unit.
        attributes: Dimensions added to those of the span; a few values each, never free text.
    """

    name: str
    value: float
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Completion:
    """What the answer of a call adds to its span.

    Attributes:
        attributes: Set on the span over those it started with. Values may be nested; the worker
            serialises them. ``None`` as a value means absent.
        events: Recorded with the span's ids, after the span.
        is_model_call: Whether the span is a call of a model: an AgentOps event of it is recorded, which
            repeats what the span tells.
        measurements: Metrics that do not follow from the span's attributes and duration.
        error: What the answer says went wrong where nothing was raised: the span's status becomes
            ERROR with it, unless it has one. ``None`` for nothing.
    """

    attributes: Mapping[str, AnyValue] = field(default_factory=dict)
    events: Sequence[Event] = ()
    is_model_call: bool = False
    measurements: Sequence[Measurement] = ()
    error: str | None = None

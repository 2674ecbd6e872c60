"""What is done to a record before it leaves? Telemetry floor: plain callables, run on the worker."""

from collections.abc import Sequence
from typing import Final

from agentops import semconv
from agentops.telemetry.config import LimitsConfig
from agentops.telemetry.records import AnyValue, EventRecord, Record, SpanRecord
from agentops.telemetry.values import Cleaner, json_text

__all__ = ["Finisher"]

_SCALARS: Final = (str, bool, int, float, bytes)


class Finisher:
    """Cleans, limits and serialises the values of a record, in place.

    Args:
        limits: Bounds of values and of their number.
    """

    def __init__(self, limits: LimitsConfig) -> None:
        self._limits = limits
        self._cleaner = Cleaner(limits)

    def __call__(self, record: Record) -> None:
        """Finish one record."""
        cut: list[str] = []
        is_span = isinstance(record, SpanRecord)
        for key, value in record.attributes.items():
            cleaned = self._cleaner.clean(value)
            if self._cleaner.was_cut:
                cut.append(key)
            record.attributes[key] = _for_span(cleaned) if is_span else cleaned
        if cut:
            record.attributes[semconv.AGENTOPS_TRUNCATED] = cut
        if isinstance(record, SpanRecord):
            for event in record.events:
                for key, value in event.attributes.items():
                    event.attributes[key] = _for_span(self._cleaner.clean(value))
        elif isinstance(record, EventRecord):
            record.body = self._cleaner.clean(record.body)


def _for_span(value: AnyValue) -> AnyValue:
    """Return a cleaned value as span attributes carry it: nested values as JSON text."""
    if isinstance(value, dict):
        return json_text(value)
    if isinstance(value, list) and not _is_flat(value):
        return json_text(value)
    return value


def _is_flat(values: Sequence[AnyValue]) -> bool:
    """Whether all values are of one scalar type, as OpenTelemetry arrays want it."""
    return len({type(value) for value in values}) <= 1 and all(
        isinstance(value, _SCALARS) for value in values[:1]
    )

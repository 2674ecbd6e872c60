"""Which metrics follow from a span? Telemetry floor; runs on the worker, before sampling.

Instruments are those of the GenAI conventions, made with the OpenTelemetry metrics API when first
needed. Who wants them sets a MeterProvider, as with any OpenTelemetry library; without one nothing is
measured and nothing is imported.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeGuard

from agentops import __version__, semconv
from agentops.guard import guarded
from agentops.telemetry.completion import Completion
from agentops.telemetry.records import AnyValue, SpanRecord

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, Observation
    from opentelemetry.sdk.resources import Resource

    from agentops.telemetry.config import ExporterConfig
    from agentops.telemetry.metering import Metering
    from agentops.telemetry.stats import Stats

__all__ = ["HISTOGRAMS", "SELF_COUNTERS", "SELF_GAUGES", "Metrics", "metering_for"]

_SECONDS: Final = tuple(0.01 * 2**n for n in range(14))
_AGENT_SECONDS: Final = tuple(0.1 * 2**n for n in range(13))
_WORKFLOW_SECONDS: Final = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
_TOKENS: Final = tuple(float(4**n) for n in range(14))
_CALLS: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
_OPEN_MAX: Final = 10_000
_COUNT_MAX: Final = 1 << 40

HISTOGRAMS: Final[Mapping[str, tuple[str, tuple[float, ...]]]] = {
    "gen_ai.client.inference.duration": ("s", _SECONDS),
    "gen_ai.client.inference.time_to_first_chunk": ("s", _SECONDS),
    "gen_ai.client.inference.time_per_output_chunk": ("s", _SECONDS),
    "gen_ai.client.inference.operation.input_tokens": ("{token}", _TOKENS),
    "gen_ai.client.inference.operation.output_tokens": ("{token}", _TOKENS),
    "gen_ai.client.operation.duration": ("s", _SECONDS),
    "gen_ai.invoke_agent.duration": ("s", _AGENT_SECONDS),
    "gen_ai.invoke_agent.inference_calls": ("{inference_call}", _CALLS),
    "gen_ai.invoke_agent.tool_calls": ("{tool_call}", _CALLS),
    "gen_ai.execute_tool.duration": ("s", _SECONDS),
    "gen_ai.invoke_workflow.duration": ("s", _WORKFLOW_SECONDS),
}
"""Histograms by name: their unit and bucket boundaries."""

SELF_COUNTERS: Final = ("accepted", "recovered", "sent", "retried", "dropped")
"""Fields of a destination's statistics that only grow: ``agentops.records.{field}``."""

SELF_GAUGES: Final = ("pending", "spooled")
"""Fields of a destination's statistics that grow and shrink."""

_COUNTERS: Final[Mapping[str, str]] = {
    semconv.GEN_AI_USAGE_INPUT_TOKENS: "gen_ai.client.inference.usage.input_tokens",
    semconv.GEN_AI_USAGE_OUTPUT_TOKENS: "gen_ai.client.inference.usage.output_tokens",
    semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: "gen_ai.client.inference.usage.cache_read.input_tokens",
    semconv.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: "gen_ai.client.inference.usage.cache_write.input_tokens",
    semconv.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: "gen_ai.client.inference.usage.reasoning.output_tokens",
}
_MODALITIES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    semconv.GEN_AI_USAGE_INPUT_TOKENS: (
        ("text", semconv.GEN_AI_USAGE_TEXT_INPUT_TOKENS),
        ("image", semconv.GEN_AI_USAGE_IMAGE_INPUT_TOKENS),
        ("audio", semconv.GEN_AI_USAGE_AUDIO_INPUT_TOKENS),
    ),
    semconv.GEN_AI_USAGE_OUTPUT_TOKENS: (
        ("text", semconv.GEN_AI_USAGE_TEXT_OUTPUT_TOKENS),
        ("image", semconv.GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS),
        ("audio", semconv.GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS),
    ),
    semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: (
        ("text", semconv.GEN_AI_USAGE_TEXT_CACHE_READ_INPUT_TOKENS),
        ("image", semconv.GEN_AI_USAGE_IMAGE_CACHE_READ_INPUT_TOKENS),
        ("audio", semconv.GEN_AI_USAGE_AUDIO_CACHE_READ_INPUT_TOKENS),
    ),
}
_PER_OPERATION: Final = {
    semconv.GEN_AI_USAGE_INPUT_TOKENS: "gen_ai.client.inference.operation.input_tokens",
    semconv.GEN_AI_USAGE_OUTPUT_TOKENS: "gen_ai.client.inference.operation.output_tokens",
}
_INFERENCE: Final = frozenset({"chat", "text_completion", "generate_content"})
_DURATIONS: Final = {
    "invoke_agent": "gen_ai.invoke_agent.duration",
    "execute_tool": "gen_ai.execute_tool.duration",
    "invoke_workflow": "gen_ai.invoke_workflow.duration",
} | dict.fromkeys(_INFERENCE, "gen_ai.client.inference.duration")
_CALL_DIMENSIONS: Final = (
    semconv.GEN_AI_OPERATION_NAME,
    semconv.GEN_AI_PROVIDER_NAME,
    semconv.GEN_AI_REQUEST_MODEL,
    semconv.GEN_AI_RESPONSE_MODEL,
    semconv.SERVER_ADDRESS,
    semconv.SERVER_PORT,
    semconv.ERROR_TYPE,
)
_STEP_DIMENSIONS: Final = (
    semconv.GEN_AI_OPERATION_NAME,
    semconv.GEN_AI_AGENT_NAME,
    semconv.GEN_AI_TOOL_NAME,
    semconv.GEN_AI_WORKFLOW_NAME,
    semconv.ERROR_TYPE,
)
_STEPS: Final = frozenset({"invoke_agent", "execute_tool", "invoke_workflow"})


class Metrics:
    """Measures spans. For one thread.

    Args:
        metering: Our own way to receivers; ``None``: the global MeterProvider is used, if any.
    """

    def __init__(self, metering: "Metering | None" = None) -> None:
        self._metering = metering
        self._meter: Meter | None = None
        self._instruments: dict[str, object] = {}
        # Calls of models and of tools below a span that has not ended yet, by its id.
        self._below: OrderedDict[int, tuple[int, int]] = OrderedDict()
        self._stats: Callable[[], Stats] | None = None

    def watch(self, stats: "Callable[[], Stats]") -> None:
        """Tell, together with the first metric, how the pipeline itself fares."""
        self._stats = stats

    @property
    def is_wanted(self) -> bool:
        """Whether anybody listens: we send metrics, or somebody has loaded the SDK's metrics."""
        return self._metering is not None or "opentelemetry.sdk.metrics" in sys.modules

    def renew(self) -> None:
        """Make the instruments anew, in a child process."""
        self._meter = None
        self._instruments = {}

    def measure(self, record: SpanRecord, completion: Completion | None) -> None:
        """Record what a span tells."""
        if not self.is_wanted:
            return
        operation = record.attributes.get(semconv.GEN_AI_OPERATION_NAME)
        calls = self._count(operation, record)
        if not isinstance(operation, str):
            return
        with guarded("measuring a span"):
            if operation == "invoke_agent":
                self._agent(record, calls)
            self._measure(operation, record, completion)
            if self._metering is not None:
                self._metering.tick()

    def _count(self, operation: object, record: SpanRecord) -> tuple[int, int]:
        """Return calls of models and of tools below a span, and count it and them in above it.

        An agent's calls are its own: the agent above it has made none of them.
        """
        models, tools = self._below.pop(record.span_id, (0, 0))
        found = models, tools
        if operation == "invoke_agent" or not record.parent_span_id:
            return found
        models += operation in _INFERENCE
        tools += operation == "execute_tool"
        if models or tools:
            above = self._below.get(record.parent_span_id, (0, 0))
            self._below[record.parent_span_id] = above[0] + models, above[1] + tools
            if len(self._below) > _OPEN_MAX:
                self._below.popitem(last=False)
        return found

    def _agent(self, record: SpanRecord, calls: tuple[int, int]) -> None:
        """Record how many calls one invocation of an agent made."""
        names = (
            semconv.GEN_AI_OPERATION_NAME, semconv.GEN_AI_AGENT_NAME, semconv.ERROR_TYPE,
        )  # fmt: skip
        attributes = record.attributes
        dimensions = {name: attributes[name] for name in names if attributes.get(name) is not None}
        self._record("gen_ai.invoke_agent.inference_calls", calls[0], dimensions)
        self._record("gen_ai.invoke_agent.tool_calls", calls[1], dimensions)

    def _measure(self, operation: str, record: SpanRecord, completion: Completion | None) -> None:
        attributes = record.attributes
        names = _STEP_DIMENSIONS if operation in _STEPS else _CALL_DIMENSIONS
        dimensions = {name: attributes[name] for name in names if attributes.get(name) is not None}
        seconds = (record.end_ns - record.start_ns) / 1e9
        self._record(
            _DURATIONS.get(operation, "gen_ai.client.operation.duration"), seconds, dimensions
        )
        if operation in _INFERENCE:
            self._tokens(attributes, dimensions)
        for each in completion.measurements if completion is not None else ():
            self._record(each.name, each.value, {**dimensions, **each.attributes})

    def _tokens(self, attributes: Mapping[str, AnyValue], dimensions: dict[str, AnyValue]) -> None:
        for name, counter in _COUNTERS.items():
            value = attributes.get(name)
            if _is_count(value):
                for modality, count in _by_modality(name, value, attributes):
                    told = {**dimensions, semconv.GEN_AI_TOKEN_MODALITY: modality}
                    self._add(counter, count, told)
        for name, histogram in _PER_OPERATION.items():
            value = attributes.get(name)
            if _is_count(value):
                self._record(histogram, value, dimensions)
        first = attributes.get(semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK)
        if isinstance(first, (int, float)):
            self._record("gen_ai.client.inference.time_to_first_chunk", first, dimensions)

    def _record(self, name: str, value: float, dimensions: Mapping[str, AnyValue]) -> None:
        found = self._instruments.get(name)
        if found is None:
            unit, buckets = HISTOGRAMS[name]
            found = self._instruments[name] = self._own_meter().create_histogram(
                name, unit=unit, explicit_bucket_boundaries_advisory=list(buckets)
            )
        found.record(value, attributes=dimensions)  # type: ignore[attr-defined] # a histogram

    def _add(self, name: str, value: int, dimensions: Mapping[str, AnyValue]) -> None:
        found = self._instruments.get(name)
        if found is None:
            found = self._instruments[name] = self._own_meter().create_counter(name, unit="{token}")
        found.add(value, attributes=dimensions)  # type: ignore[attr-defined] # a counter

    def _own_meter(self) -> "Meter":
        if self._meter is None:
            # Imported when the first span is measured: not every program has metrics.
            from opentelemetry.metrics import get_meter_provider

            own = self._metering
            provider = get_meter_provider() if own is None else own.provider
            self._meter = provider.get_meter("agentops", __version__, semconv.SCHEMA_URL)
            self._observe(self._meter)
        return self._meter

    def _observe(self, meter: "Meter") -> None:
        """Make the instruments of the pipeline itself; they are read when metrics are collected."""
        for name in SELF_COUNTERS:
            meter.create_observable_counter(
                f"agentops.records.{name}", [partial(self._observed, name)], unit="{record}"
            )
        for name in SELF_GAUGES:
            meter.create_observable_up_down_counter(
                f"agentops.records.{name}", [partial(self._observed, name)], unit="{record}"
            )

    def _observed(self, name: str, _: object) -> "Iterable[Observation]":
        from opentelemetry.metrics import Observation  # loaded already: this is a callback of it

        found: list[Observation] = []
        with guarded("observing the pipeline"):
            for destination, stats in self._stats().destinations.items() if self._stats else ():
                where = {"agentops.destination": destination}
                value = getattr(stats, name)
                if isinstance(value, Mapping):
                    found += [
                        Observation(count, {**where, "agentops.drop.reason": reason})
                        for reason, count in value.items()
                    ]
                else:
                    found.append(Observation(value, where))
        return found


def _is_count(value: AnyValue) -> TypeGuard[int]:
    """Tell whether a value may be a call's count of tokens.

    A sum beyond 64 bits would keep back all metrics, the program's own too, as long as the process lives.
    """
    return isinstance(value, int) and 0 <= value <= _COUNT_MAX


def _by_modality(
    name: str, total: int, attributes: Mapping[str, AnyValue]
) -> "Iterable[tuple[str, int]]":
    """Yield how many tokens of each modality a count has; of what the rest are is unknown."""
    left = total
    for modality, part in _MODALITIES.get(name, ()):
        count = attributes.get(part)
        if isinstance(count, int) and 0 < count <= left:
            left -= count
            yield modality, count
    if left or not total:
        yield "unknown", left


def metering_for(exporters: "Sequence[ExporterConfig]", resource: "Resource") -> "Metering | None":
    """Return a meter of our own when an exporter asks for metrics; the SDK's metrics are loaded then."""
    wanting = {index: each for index, each in enumerate(exporters) if "metrics" in each.signals}
    if not wanting:
        return None
    from agentops.telemetry.metering import Metering  # 167 ms of CPU, only for those who ask

    return Metering(wanting, resource)

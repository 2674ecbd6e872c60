"""Whose TracerProvider is used? Telemetry floor: our own by default, the program's where it wants that."""

import os
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import PROCESS_PID, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace.sampling import Decision as OtelDecision
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from agentops.errors import ConfigurationError
from agentops.guard import guarded, tolerated
from agentops.semconv import SERVICE_NAME
from agentops.telemetry.ambient import get_ambient
from agentops.telemetry.config import LimitsConfig
from agentops.telemetry.spans import OwnIds

__all__ = [
    "Doorway",
    "OwnProvider",
    "StreetSampler",
    "foreign_provider",
    "global_provider",
    "own_resource",
]

_NOTHING_SET: Final = trace.ProxyTracerProvider()
_INSTANCE: Final = "service.instance.id"

Choose = Callable[[Context | None, int, str, Attributes], tuple[OtelDecision, TraceState | None]]
"""From context, trace id, name and attributes of a span that starts to what becomes of it."""


def own_resource(service_name: str | None) -> Resource:
    """Return who is speaking: ``service_name`` over OpenTelemetry's variables over their defaults."""
    named = {} if service_name is None else {SERVICE_NAME: service_name}
    # The detectors named in the environment are other people's code.
    return tolerated("resource detectors", _detected, named, otherwise=Resource(named))


def _detected(named: Mapping[str, str]) -> Resource:
    if not _is_mixed():
        with suppress(RuntimeError):
            return Resource.create(named)
    # OpenTelemetry runs the detectors in a thread pool, and no thread can be started here, or would ever be heard of.
    return OTELResourceDetector().detect().merge(Resource(named))


def _is_mixed() -> bool:
    """Return whether gevent has taken over queues and not threads: one of these never hears of the other."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None:
        return False
    is_patched: Callable[[str], bool] = monkey.is_module_patched
    return is_patched("queue") and not is_patched("threading")


def _of_this_process(resource: Resource) -> Resource:
    """Return the resource of a parent process as it has to be in its child."""
    known, renewed = resource.attributes, dict[str, str | int]()
    if PROCESS_PID in known:
        renewed[PROCESS_PID] = os.getpid()
    if _INSTANCE in known and _INSTANCE not in OTELResourceDetector().detect().attributes:
        renewed[_INSTANCE] = str(uuid.uuid4())
    return resource.merge(Resource(renewed))


class StreetSampler(Sampler):
    """Gives spans that the program makes on our provider the same decision as our own."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose

    def should_sample(  # noqa: PLR0913 - OpenTelemetry's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,  # noqa: ARG002
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,  # noqa: ARG002
        trace_state: TraceState | None = None,  # noqa: ARG002
    ) -> SamplingResult:
        """Return the session's decision."""
        with guarded("sampling a span"):
            decision, state = self._choose(parent_context, trace_id, name, attributes)
            return SamplingResult(decision, attributes, state)
        return SamplingResult(OtelDecision.RECORD_AND_SAMPLE, attributes)

    def get_description(self) -> str:
        """Return a name for logs."""
        return "AgentOpsSampler"


class OwnProvider(TracerProvider):
    """A TracerProvider of our own, which knows whether others look at its spans too.

    Attributes:
        has_strangers: Whether a processor that is not ours was added.
    """

    def __init__(
        self, resource: Resource, sampler: Sampler, ids: OwnIds, limits: LimitsConfig
    ) -> None:
        self.has_strangers = False
        super().__init__(
            resource=resource,
            sampler=sampler,
            id_generator=ids,
            shutdown_on_exit=False,
            # All are given, so that none is read from the environment, where garbage raises.
            span_limits=SpanLimits(
                max_attributes=limits.attributes_max,
                max_events=limits.events_max,
                max_links=limits.links_max,
                max_span_attributes=limits.attributes_max,
                max_event_attributes=limits.attributes_max,
                max_link_attributes=limits.attributes_max,
                max_attribute_length=SpanLimits.UNSET,
                max_span_attribute_length=SpanLimits.UNSET,
            ),
        )

    def _handle_fork(self) -> None:
        """Begin anew in a child process, without a thread.

        OpenTelemetry asks its detectors in a thread pool there. Under gevent that lets the greenlets of the
        program run on in a child that is about to become another program.
        """
        self._tracers_lock = threading.Lock()
        with guarded("starting anew after fork"):
            self._update_resource(_of_this_process(self._resource))

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Add a processor; one that is not ours makes every span a stock one, complete when it ends."""
        if not isinstance(span_processor, Doorway):
            self.has_strangers = True
            span_processor = Guest(span_processor)
        super().add_span_processor(span_processor)


class Guest(SpanProcessor):
    """A processor of the program on a provider of ours: what it raises costs neither the span nor the call.

    Args:
        processor: The program's own.
    """

    def __init__(self, processor: SpanProcessor) -> None:
        self._processor = processor

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Pass it on."""
        with guarded("starting a span in the program's processor"):
            self._processor.on_start(span, parent_context)

    def _on_ending(self, span: SdkSpan) -> None:
        with guarded("ending a span in the program's processor"):
            self._processor._on_ending(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Pass it on."""
        with guarded("ending a span in the program's processor"):
            self._processor.on_end(span)

    def shutdown(self) -> None:
        """Pass it on."""
        with guarded("ending the program's processor"):
            self._processor.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Pass it on."""
        with guarded("flushing the program's processor"):
            return self._processor.force_flush(timeout_millis)
        return False


class Doorway(SpanProcessor):
    """Lets the spans of a TracerProvider into the street.

    Args:
        submit: Takes a span that ended.
        flush: Delivers within milliseconds.
    """

    def __init__(
        self, submit: Callable[[ReadableSpan], None], flush: Callable[[int], bool]
    ) -> None:
        self._submit: Callable[[ReadableSpan], None] | None = submit
        self._flush: Callable[[int], bool] | None = flush

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Stamp what rides in the context."""
        with guarded("starting a span"):
            given = span.attributes or {}
            for key, value in get_ambient(parent_context).items():
                if key not in given:
                    span.set_attribute(key, value)  # type: ignore[arg-type] # an AnyValue

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span over."""
        submit = self._submit
        if submit is not None:
            with guarded("ending a span"):
                submit(span)

    def shutdown(self) -> None:
        """Let nothing more in, and let go of the street, which stays open for its owner.

        A TracerProvider of the program's never gives a processor back.
        """
        self._submit = self._flush = None

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Deliver what was let in."""
        flush = self._flush
        return flush is None or flush(timeout_millis)


def global_provider() -> trace.TracerProvider:
    """Return the global TracerProvider; the one that does nothing where there is none yet.

    OpenTelemetry's own function would also load the provider that a variable names, and raises, each
    time, where that does not exist.
    """
    found: trace.TracerProvider | None = getattr(trace, "_TRACER_PROVIDER", None)
    return _NOTHING_SET if found is None else found


def foreign_provider() -> TracerProvider:
    """Return the program's global TracerProvider.

    Raises:
        ConfigurationError: It has none that takes processors.
    """
    found = trace.get_tracer_provider()
    if not isinstance(found, TracerProvider):
        raise ConfigurationError(
            "provider",
            "attach",
            "a TracerProvider of the OpenTelemetry SDK, set with "
            "opentelemetry.trace.set_tracer_provider before AgentOps starts",
        )
    return found


def become_global(provider: TracerProvider) -> bool:
    """Make ours the global provider unless the program has one; return whether it is now."""
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return False
    trace.set_tracer_provider(provider)
    return trace.get_tracer_provider() is provider

"""Which libraries does OpenTelemetry instrument for us? HTTP clients, where they are named in ``instrument``.

The instrumentations are OpenTelemetry's own (extra ``agentops[http]``); what is ours is that their spans fall into
the session, and that the session's id goes out with the headers.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.propagators.composite import CompositePropagator

from agentops.errors import ConfigurationError
from agentops.guard import guarded
from agentops.instrumentation.context import ConfiguredPropagator
from agentops.instrumentation.providers import LIBRARIES

if TYPE_CHECKING:
    import logging

    from opentelemetry.context import Context
    from opentelemetry.propagators.textmap import TextMapPropagator

    from agentops.instrumentation.context import Within
    from agentops.telemetry.manager import TelemetryManager

__all__ = ["Libraries"]


class Libraries:
    """The libraries that are instrumented by OpenTelemetry on our behalf.

    Args:
        manager: Where the spans go.
        logger: Told what cannot be done.
    """

    def __init__(self, manager: "TelemetryManager", logger: "logging.Logger") -> None:
        self._provider = _SessionProvider(manager.tracer_provider, manager.in_session)
        self._logger = logger
        self._instrumentors: list[Any] = []
        self._before: TextMapPropagator | None = None

    def install(self, names: Iterable[str]) -> None:
        """Instrument the libraries called ``names``.

        One that the program has instrumented itself is left as it is.

        Raises:
            ConfigurationError: The instrumentation of one is not installed.
        """
        wanted = {name: _instrumentor(name) for name in names}
        self._send_session()
        for name, instrumentor in wanted.items():
            with guarded(f"instrumenting {name}"):
                if instrumentor.is_instrumented_by_opentelemetry:
                    self._logger.warning(
                        "agentops: %s is instrumented already; left as it is", name
                    )
                    continue
                instrumentor.instrument(
                    tracer_provider=self._provider, meter_provider=NoOpMeterProvider()
                )
                self._instrumentors.append(instrumentor)

    def uninstall(self) -> None:
        """Undo everything."""
        instrumentors, self._instrumentors = self._instrumentors, []
        for instrumentor in instrumentors:
            with guarded("undoing an instrumentation"):
                instrumentor.uninstrument()
        before, self._before = self._before, None
        if before is not None and isinstance(propagate.get_global_textmap(), ConfiguredPropagator):
            propagate.set_global_textmap(before)

    def _send_session(self) -> None:
        """Make ours the global propagator, which these instrumentations use, unless the program has set one."""
        found = propagate.get_global_textmap()
        if isinstance(found, CompositePropagator):
            self._before = found
            propagate.set_global_textmap(ConfiguredPropagator())
        elif not isinstance(found, ConfiguredPropagator):
            self._logger.warning(
                "agentops: the program has set the global propagator %s; HTTP requests carry what it"
                " writes, without the session",
                type(found).__name__,
            )


def _instrumentor(name: str) -> Any:  # noqa: ANN401 - a BaseInstrumentor, whose package may be absent
    module, _, kind = LIBRARIES[name].partition(":")
    # Imported by name, for those who ask: each brings the library it is for.
    try:
        return getattr(import_module(module), kind)()
    except (ImportError, AttributeError):
        raise ConfigurationError(
            "instrument",
            name,
            "it and its OpenTelemetry instrumentation; run: pip install 'agentops[http]'",
        ) from None


class _SessionProvider(trace.TracerProvider):
    """A provider whose spans fall into the automatic session where they are in no other."""

    def __init__(self, provider: trace.TracerProvider, within: "Within") -> None:
        self._provider = provider
        self._within = within

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:  # noqa: ANN401 - passed through
        """Return a tracer."""
        return _SessionTracer(self._provider.get_tracer(*args, **kwargs), self._within)


class _SessionTracer(trace.Tracer):
    def __init__(self, tracer: trace.Tracer, within: "Within") -> None:
        self._tracer = tracer
        self._within = within

    def start_span(
        self,
        name: str,
        context: "Context | None" = None,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> trace.Span:
        """Start a span."""
        current = otel_context.get_current() if context is None else context
        return self._tracer.start_span(name, self._within(current), *args, **kwargs)

    @contextmanager
    def start_as_current_span(  # type: ignore[override] # OpenTelemetry's decorator has a type of its own
        self,
        name: str,
        context: "Context | None" = None,
        *args: Any,  # noqa: ANN401
        end_on_exit: bool = True,
        **kwargs: Any,  # noqa: ANN401
    ) -> Iterator[trace.Span]:
        """Start a span and make it the current one in a block."""
        span = self.start_span(name, context, *args, **kwargs)
        with trace.use_span(
            span,
            end_on_exit=end_on_exit,
            record_exception=bool(kwargs.get("record_exception", True)),
            set_status_on_exception=bool(kwargs.get("set_status_on_exception", True)),
        ) as current:
            yield current

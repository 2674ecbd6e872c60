"""How do metrics reach an OTLP receiver? Telemetry floor: a meter of our own, read and sent now and then.

Only for exporters whose ``signals`` name ``metrics``; loaded only then. Values are cumulative, so a
delivery that fails loses nothing: the next one brings the sums again.
"""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.resources import Resource

from agentops import __version__
from agentops.clock import monotonic_ns
from agentops.errors import ConfigurationError
from agentops.guard import guarded
from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.exporters.base import Outcome
from agentops.telemetry.exporters.otlp import is_grpc, path_of
from agentops.telemetry.exporters.transport import (
    HttpTransport,
    TransportError,
    warn_of_plain_headers,
)
from agentops.telemetry.metrics_wire import metrics_json, metrics_protobuf

if TYPE_CHECKING:
    from agentops.telemetry.exporters.otlp_grpc import OtlpGrpcExporter

__all__ = ["Metering"]

_PERIOD_NS: Final = 60_000_000_000
_TIMEOUT_S: Final = 10.0


class _OwnMeters(MeterProvider):
    """A MeterProvider that starts no thread in a forked child: :class:`Metering` makes a new one there."""

    def _handle_fork(self) -> None:
        type(self)._all_metric_readers_lock = threading.Lock()


class Metering:
    """A MeterProvider and the receivers of what it measures.

    Args:
        exporters: Those that take metrics.
        who: Resource of the process.

    Raises:
        ConfigurationError: An exporter cannot carry metrics.
    """

    def __init__(self, exporters: Mapping[int, ExporterConfig], who: Resource) -> None:
        self._targets = [_target(index, config) for index, config in exporters.items()]
        self._who = who
        self._start()

    def _start(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = _OwnMeters([self._reader], self._who, shutdown_on_exit=False)
        self._sending = threading.Lock()
        self._sent_ns = monotonic_ns()

    def tick(self) -> None:
        """Send in the background when the last time is a minute ago; called for each span."""
        if monotonic_ns() - self._sent_ns > _PERIOD_NS and not self._sending.locked():
            self._sent_ns = monotonic_ns()
            with guarded("starting a thread for metrics"):
                threading.Thread(
                    target=self.send, args=(_TIMEOUT_S,), name="agentops-metrics", daemon=True
                ).start()

    def send(self, timeout_s: float) -> bool:
        """Send what was measured so far to every receiver; return whether each has it."""
        began = monotonic_ns()
        if not self._sending.acquire(timeout=max(0.0, timeout_s)):
            return False
        try:
            data = self._reader.get_metrics_data()
            if data is None:
                return True
            taken = []
            for target in self._targets:
                left_s = timeout_s - (monotonic_ns() - began) / 1e9
                taken.append(left_s > 0 and target.send(data, left_s))
            return all(taken)
        finally:
            self._sending.release()

    def after_fork(self, who: Resource) -> None:
        """Measure afresh in a child process, whose resource is ``who``."""
        self._who = who
        for target in self._targets:
            target.after_fork()
        self._start()


class _HttpTarget:
    """One receiver over HTTP."""

    def __init__(self, config: ExporterConfig) -> None:
        endpoint = config.endpoint or "http://127.0.0.1:4318"
        self._transport = HttpTransport(endpoint, config)
        self._path = path_of(config, urlsplit(endpoint).path, "metrics")
        self._encode = metrics_json if config.protocol == "http/json" else metrics_protobuf
        kind = "application/json" if config.protocol == "http/json" else "application/x-protobuf"
        agent = f"agentops/{__version__}"
        self._headers = {"User-Agent": agent, "Content-Type": kind, **config.headers}

    def send(self, data: MetricsData, timeout_s: float) -> bool:
        """Send one request; return whether the receiver took it."""
        try:
            body = self._encode(data)
            answer = self._transport.post(self._path, body, self._headers, timeout_s)
        except TransportError:
            return False
        return 200 <= answer.status < 300

    def after_fork(self) -> None:
        """Leave the connection to the parent."""
        self._transport.after_fork()


class _GrpcTarget:
    """One receiver over gRPC, on a channel of its own."""

    def __init__(self, exporter: "OtlpGrpcExporter") -> None:
        self._exporter = exporter

    def send(self, data: MetricsData, timeout_s: float) -> bool:
        """Send one request; return whether the receiver took it."""
        result = self._exporter.call("metrics", metrics_protobuf(data), timeout_s)
        return result.outcome is Outcome.DELIVERED

    def after_fork(self) -> None:
        """Leave the channel to the parent."""
        self._exporter.after_fork()


def _target(index: int, config: ExporterConfig) -> _HttpTarget | _GrpcTarget:
    if config.type != "otlp":
        raise ConfigurationError(
            f"exporters[{index}].signals",
            "metrics",
            "traces and logs only; metrics go by type otlp",
        )
    if set(config.signals) == {"metrics"}:  # else its exporter of records says so
        warn_of_plain_headers(config)
    if not is_grpc(config):
        return _HttpTarget(config)
    # grpc is an extra and costs 185 ms to import.
    from agentops.telemetry.exporters.otlp_grpc import OtlpGrpcExporter

    return _GrpcTarget(OtlpGrpcExporter(config))

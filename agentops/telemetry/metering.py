"""How do metrics reach an OTLP receiver? Telemetry floor: a meter of our own, read and sent now and then.

Only for exporters whose ``signals`` name ``metrics``; loaded only then. Values are cumulative, so a
delivery that fails loses nothing: the next one brings the sums again.
"""

import struct
import threading
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    Metric,
    MetricsData,
    NumberDataPoint,
)
from opentelemetry.sdk.metrics.export import Sum as SumData
from opentelemetry.sdk.resources import Resource

from agentops import __version__
from agentops.clock import monotonic_ns
from agentops.errors import ConfigurationError
from agentops.guard import guarded
from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.exporters.transport import HttpTransport, TransportError
from agentops.telemetry.protobuf import attribute, resource, scope, varint
from agentops.telemetry.records import Scope

__all__ = ["Metering", "encode_metrics"]

_PERIOD_NS: Final = 60_000_000_000
_TIMEOUT_S: Final = 10.0
_CUMULATIVE: Final = b"\x10\x02"


class Metering:
    """A MeterProvider and the receivers of what it measures.

    Args:
        exporters: Those that take metrics.
        who: Resource of the process.

    Raises:
        ConfigurationError: An exporter cannot carry metrics.
    """

    def __init__(self, exporters: Mapping[int, ExporterConfig], who: Resource) -> None:
        self._targets = [_Target(index, config) for index, config in exporters.items()]
        self._who = who
        self._start()

    def _start(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], self._who, shutdown_on_exit=False)
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
            body = encode_metrics(data)
            left_s = timeout_s - (monotonic_ns() - began) / 1e9
            taken = [target.post(body, left_s) for target in self._targets]
            return all(taken)
        finally:
            self._sending.release()

    def after_fork(self) -> None:
        """Measure afresh in a child process."""
        for target in self._targets:
            target.transport.after_fork()
        self._start()


class _Target:
    """One receiver."""

    def __init__(self, index: int, config: ExporterConfig) -> None:
        endpoint = config.endpoint or "http://127.0.0.1:4318"
        if config.type != "otlp" or config.protocol == "grpc" or "://" not in endpoint:
            raise ConfigurationError(
                f"exporters[{index}].signals",
                "metrics",
                "traces and logs only; metrics go by type otlp with protocol http/protobuf",
            )
        self.transport = HttpTransport(endpoint, config)
        path = urlsplit(endpoint).path.rstrip("/")
        for signal in ("traces", "logs", "metrics"):
            path = path.removesuffix(f"/v1/{signal}")
        self._path = f"{path}/v1/metrics"
        self._headers = {
            "User-Agent": f"agentops/{__version__}",
            "Content-Type": "application/x-protobuf",
            **config.headers,
        }

    def post(self, body: bytes, timeout_s: float) -> bool:
        """Send one request; return whether the receiver took it."""
        if timeout_s <= 0:
            return False
        try:
            status = self.transport.post(self._path, body, self._headers, timeout_s).status
        except TransportError:
            return False
        return 200 <= status < 300


def encode_metrics(data: MetricsData) -> bytes:
    """Return an ``ExportMetricsServiceRequest`` with the sums and histograms of ``data``."""
    groups = []
    for group in data.resource_metrics:
        parts = [resource(dict(group.resource.attributes))]
        for scoped in group.scope_metrics:
            named = scoped.scope
            head = scope(Scope(named.name, named.version or "", named.schema_url or ""))
            body = b"".join(_field(2, _metric(each)) for each in scoped.metrics)
            parts.append(_field(2, head + body))
        groups.append(_field(1, b"".join(parts)))
    return b"".join(groups)


def _metric(metric: Metric) -> bytes:
    # Metric: 1 name, 2 description, 3 unit, 7 sum, 9 histogram
    head = _field(1, metric.name.encode()) + _field(3, (metric.unit or "").encode())
    if isinstance(metric.data, SumData):
        body = b"".join(_field(1, _number(each)) for each in metric.data.data_points)
        return head + _field(
            7, body + _CUMULATIVE + (b"\x18\x01" if metric.data.is_monotonic else b"")
        )
    if isinstance(metric.data, HistogramData):
        body = b"".join(_field(1, _histogram(each)) for each in metric.data.data_points)
        return head + _field(9, body + _CUMULATIVE)
    return head


def _number(point: NumberDataPoint) -> bytes:
    # NumberDataPoint: 2 start, 3 time, 4 double, 6 integer, 7 attributes
    is_integer = isinstance(point.value, int)
    value = struct.pack("<Bq" if is_integer else "<Bd", 0x31 if is_integer else 0x21, point.value)
    return _times(point) + value + _attributes(7, point.attributes)


def _histogram(point: HistogramDataPoint) -> bytes:
    # HistogramDataPoint: 4 count, 5 sum, 6 bucket counts, 7 bounds, 9 attributes, 11 min, 12 max
    counts = struct.pack(f"<{len(point.bucket_counts)}Q", *point.bucket_counts)
    bounds = struct.pack(f"<{len(point.explicit_bounds)}d", *point.explicit_bounds)
    return (
        _times(point)
        + struct.pack("<BQBd", 0x21, point.count, 0x29, point.sum)
        + _field(6, counts)
        + _field(7, bounds)
        + _attributes(9, point.attributes)
        + struct.pack("<BdBd", 0x59, point.min, 0x61, point.max)
    )


def _times(point: NumberDataPoint | HistogramDataPoint) -> bytes:
    return struct.pack("<BQBQ", 0x11, point.start_time_unix_nano or 0, 0x19, point.time_unix_nano)


def _attributes(number: int, given: Mapping[str, object] | None) -> bytes:
    items: Iterable[tuple[str, object]] = (given or {}).items()
    return b"".join(attribute(number, key, value) for key, value in items)


def _field(number: int, body: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + varint(len(body)) + body

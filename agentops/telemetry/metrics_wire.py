"""What do metrics look like on the wire? Telemetry floor: ``ExportMetricsServiceRequest``, binary and JSON.

Sums and histograms only, cumulative: nothing else is measured here.
"""

import json
import struct
from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
)
from opentelemetry.sdk.metrics.export import Sum as SumData

from agentops.telemetry import otlp_json
from agentops.telemetry.protobuf import attribute, resource, scope, varint
from agentops.telemetry.records import Scope

__all__ = ["metrics_json", "metrics_protobuf"]

_CUMULATIVE: Final = 2
_CUMULATIVE_FIELD: Final = bytes((0x10, _CUMULATIVE))


def metrics_protobuf(data: MetricsData) -> bytes:
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
            7, body + _CUMULATIVE_FIELD + (b"\x18\x01" if metric.data.is_monotonic else b"")
        )
    if isinstance(metric.data, HistogramData):
        body = b"".join(_field(1, _histogram(each)) for each in metric.data.data_points)
        return head + _field(9, body + _CUMULATIVE_FIELD)
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


def metrics_json(data: MetricsData) -> bytes:
    """Return the same in the JSON mapping: 64-bit integers as text, enums as numbers."""
    groups = []
    for group in data.resource_metrics:
        scopes = []
        for scoped in group.scope_metrics:
            named = scoped.scope
            head = otlp_json.scope(Scope(named.name, named.version or "", named.schema_url or ""))
            metrics = json.dumps([_metric_json(each) for each in scoped.metrics]).encode()
            scopes.append(b"{" + head + b',"metrics":' + metrics + b"}")
        who = otlp_json.resource(dict(group.resource.attributes))
        groups.append(b'{"resource":' + who + b',"scopeMetrics":[' + b",".join(scopes) + b"]}")
    return b'{"resourceMetrics":[' + b",".join(groups) + b"]}"


def _metric_json(metric: Metric) -> dict[str, object]:
    out: dict[str, object] = {"name": metric.name, "unit": metric.unit or ""}
    if isinstance(metric.data, SumData):
        points = [_number_json(each) for each in metric.data.data_points]
        kind = {"aggregationTemporality": _CUMULATIVE, "isMonotonic": metric.data.is_monotonic}
        out["sum"] = {"dataPoints": points, **kind}
    elif isinstance(metric.data, HistogramData):
        points = [_histogram_json(each) for each in metric.data.data_points]
        out["histogram"] = {"dataPoints": points, "aggregationTemporality": _CUMULATIVE}
    return out


def _number_json(point: NumberDataPoint) -> dict[str, object]:
    is_integer = isinstance(point.value, int)
    value = {"asInt": str(point.value)} if is_integer else {"asDouble": point.value}
    return {**_point_json(point), **value}


def _histogram_json(point: HistogramDataPoint) -> dict[str, object]:
    return {
        **_point_json(point),
        "count": str(point.count),
        "sum": point.sum,
        "bucketCounts": [str(count) for count in point.bucket_counts],
        "explicitBounds": list(point.explicit_bounds),
        "min": point.min,
        "max": point.max,
    }


def _point_json(point: NumberDataPoint | HistogramDataPoint) -> dict[str, object]:
    return {
        "startTimeUnixNano": str(point.start_time_unix_nano or 0),
        "timeUnixNano": str(point.time_unix_nano),
        "attributes": otlp_json.attributes(dict(point.attributes or {})),
    }

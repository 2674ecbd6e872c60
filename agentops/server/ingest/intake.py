"""What happens to an OTLP request, whichever way it came? Decode, keep, answer."""

import random
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import anyio.to_thread
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from agentops.errors import StorageBusyError, StorageError
from agentops.server.ingest.acceptor import Acceptor
from agentops.server.ingest.decode import Decoded, decode_logs, decode_metrics, decode_traces
from agentops.server.ingest.mapping import PRICES
from agentops.server.ingest.refusal import Refusal
from agentops.server.ingest.settings import IngestSettings
from agentops.server.ingest.values import Wire
from agentops.server.rows import Row

__all__ = ["SIGNALS", "Intake", "Signal", "beside_loop", "keep"]

_RETRY_AFTER_MAX_S: Final = 5
_Result = TypeVar("_Result")


class Signal:
    """One kind of OTLP request.

    Attributes:
        name: ``traces``, ``logs`` or ``metrics``.
        service: Full name of its gRPC service.
        decode: Takes body, ``is_json``, limits and project id.
        response: Class of the answer.
        rejected: Name of the count in its partial success.
    """

    __slots__ = ("decode", "name", "rejected", "response", "service")

    def __init__(
        self, name: str, decode: Callable[..., Decoded], response: Wire, rejected: str
    ) -> None:
        self.name = name
        self.service = (
            "opentelemetry.proto.collector."
            + {
                "traces": "trace.v1.TraceService",
                "logs": "logs.v1.LogsService",
                "metrics": "metrics.v1.MetricsService",
            }[name]
        )
        self.decode = decode
        self.response = response
        self.rejected = rejected

    def answer(self, decoded: Decoded) -> Wire:
        """Return the answer to a request that was taken, as a protobuf message."""
        if not decoded.message:
            return self.response()
        partial = {self.rejected: decoded.rejected, "error_message": decoded.message}
        return self.response(partial_success=partial)


SIGNALS: Final = (
    Signal("traces", decode_traces, ExportTraceServiceResponse, "rejected_spans"),
    Signal("logs", decode_logs, ExportLogsServiceResponse, "rejected_log_records"),
    Signal("metrics", decode_metrics, ExportMetricsServiceResponse, "rejected_data_points"),
)
"""Every signal that is taken."""


class Intake:
    """Takes the requests of one signal."""

    def __init__(self, signal: Signal, acceptor: Acceptor, settings: IngestSettings) -> None:
        self.signal = signal
        self.settings = settings
        self._acceptor = acceptor

    async def take(self, body: bytes, *, is_json: bool, project_id: str) -> Wire:
        """Keep what ``body`` holds and return the answer, a protobuf message.

        Raises:
            Refusal: Nothing was kept.
        """

        def decode() -> Decoded:
            return self.signal.decode(
                body, is_json=is_json, limits=self.settings.limits, project_id=project_id
            )

        decoded = await beside_loop(decode, len(body) >= self.settings.limits.thread_bytes_min)
        await keep(self._acceptor, decoded.rows)
        return self.signal.answer(decoded)


async def beside_loop(job: Callable[[], _Result], is_large: bool) -> _Result:
    """Run ``job``; in a thread when it would hold up the event loop."""
    if is_large or not PRICES.is_loaded:
        return await anyio.to_thread.run_sync(job)
    return job()


async def keep(acceptor: Acceptor, rows: Sequence[Row]) -> None:
    """Hand rows on; return when they are durable.

    Raises:
        Refusal: 503, the storage cannot keep them now.
    """
    if not rows:
        return
    try:
        await acceptor.accept(rows)
    except StorageError as error:
        reason = str(error) if isinstance(error, StorageBusyError) else "storage failed"
        raise Refusal(
            503,
            f"{reason}; nothing was stored, send again",
            retry_after_s=random.randint(1, _RETRY_AFTER_MAX_S),
        ) from error

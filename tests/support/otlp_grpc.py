"""A real OTLP/gRPC receiver on loopback whose answers a test plans."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

__all__ = ["Receiver"]


class Receiver:
    """A real gRPC server with the OTLP services; answers as planned, else OK.

    Args:
        signals: The services it has; ``trace``, ``logs``, ``metrics``.
    """

    def __init__(self, signals=("trace", "logs", "metrics")):
        self.requests = []
        self.metadata = []
        self.plan = []
        self.answer = ExportTraceServiceResponse()
        self._lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(2))
        for service, request in (
            ("trace.v1.TraceService", ExportTraceServiceRequest),
            ("logs.v1.LogsService", ExportLogsServiceRequest),
            ("metrics.v1.MetricsService", ExportMetricsServiceRequest),
        ):
            if service.partition(".")[0] not in signals:
                continue
            handler = grpc.unary_unary_rpc_method_handler(
                self._export,
                request_deserializer=request.FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
            name = f"opentelemetry.proto.collector.{service}"
            handlers = grpc.method_handlers_generic_handler(name, {"Export": handler})
            self._server.add_generic_rpc_handlers((handlers,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _export(self, request, context):
        with self._lock:
            self.requests.append(request)
            self.metadata.append(dict(context.invocation_metadata()))
            planned = self.plan.pop(0) if self.plan else None
        if planned is not None:
            code, trailers, details = planned
            context.set_trailing_metadata(trailers)
            context.abort(code, details)
        return self.answer

    @property
    def span_names(self):
        return [
            span.name
            for request in self.requests
            for resource in getattr(request, "resource_spans", ())
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def stop(self):
        self._server.stop(None).wait()

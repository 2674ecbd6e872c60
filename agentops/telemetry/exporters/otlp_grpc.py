"""How do records reach an OTLP receiver over gRPC? Telemetry floor; needs ``agentops[grpc]``.

The bytes are encoded already: the stub's serializer is the identity.
"""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from agentops import __version__
from agentops.errors import ConfigurationError, MissingExtraError
from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.encoder import ENCODINGS, EncodingName
from agentops.telemetry.exporters.answers import (
    from_grpc_status,
    from_http_success,
    retry_info_s,
)
from agentops.telemetry.exporters.base import Batch, Exporter, ExportResult, Outcome
from agentops.telemetry.exporters.transport import is_loopback

try:
    import grpc
except ImportError as error:
    raise MissingExtraError("OTLP over gRPC", "grpc") from error

__all__ = ["OtlpGrpcExporter"]

_DEFAULT_TARGET = "127.0.0.1:4317"
_METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_UNIMPLEMENTED = "grpc 12"
_UNREADABLE = "received metadata size exceeds"
_ENCODINGS: dict[str, EncodingName] = {"traces": "traces_protobuf", "logs": "logs_protobuf"}
_OPTIONS = (
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.primary_user_agent", f"agentops/{__version__}"),
    ("grpc.enable_retries", 0),  # the destination retries
    # An answer is a few bytes: small reads and windows bound what an endless one costs.
    ("grpc.experimental.tcp_read_chunk_size", 16384),
    ("grpc.experimental.tcp_max_read_chunk_size", 65536),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 10_000),
)


class OtlpGrpcExporter(Exporter):
    """Sends spans and events as OTLP over gRPC.

    Args:
        config: ``endpoint`` is ``host:port``, encrypted unless it is on this machine or ``insecure`` is
            set; ``http://host:port`` and ``https://host:port`` say it themselves.
    """

    is_remote = True

    def __init__(self, config: ExporterConfig) -> None:
        endpoint = config.endpoint or _DEFAULT_TARGET
        parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
        if not parts.hostname or parts.scheme not in ("", "http", "https"):
            raise ConfigurationError("endpoint", endpoint, "host:port, such as localhost:4317")
        self._target = f"{parts.netloc}" if parts.port else f"{parts.netloc}:4317"
        here = is_loopback(parts.hostname)
        plain_by_default = not parts.scheme and (here or config.insecure)
        self._is_plain = parts.scheme == "http" or plain_by_default
        self._config = config
        self._metadata = [(name.lower(), value) for name, value in config.headers.items()]
        zips = (config.compression or ("none" if here else "gzip")) == "gzip"
        self._compression = grpc.Compression.Gzip if zips else grpc.Compression.NoCompression
        self._channel: grpc.Channel | None = None
        self.encodings = tuple(_ENCODINGS[each] for each in config.signals if each in _ENCODINGS)
        self.name = f"otlp grpc {self._target}"
        self.identity = f"{self.name} {self.encodings} {sorted(config.headers.items())}"

    def export(self, batch: Batch, timeout_s: float) -> ExportResult:
        """Send the batch's part."""
        part = batch.parts()[0]
        signal = ENCODINGS[part.encoding].signal
        result = self.call(signal, part.body(), timeout_s)
        if signal == "logs" and result.reason == _UNIMPLEMENTED:
            # Not every receiver of traces takes logs.
            return replace(result, outcome=Outcome.UNOFFERED)
        return result

    def call(self, signal: str, body: bytes, timeout_s: float) -> ExportResult:
        """Send one request of a signal: ``traces``, ``logs`` or ``metrics``."""
        try:
            call = (self._channel or self._open()).unary_unary(_METHODS[signal])
        except OSError:  # a certificate that cannot be read may be there later
            return ExportResult(outcome=Outcome.RETRY, reason="certificate cannot be read")
        try:
            answer: bytes = call(
                body, timeout=timeout_s, metadata=self._metadata, compression=self._compression
            )
        except grpc.RpcError as error:
            return self._failed(error)
        return from_http_success(answer, is_json=False)

    def _failed(self, error: "grpc.RpcError") -> ExportResult:
        code: int = error.code().value[0]
        details = " ".join((error.details() or "").split())[:300]
        wait_s = retry_info_s(dict(error.trailing_metadata() or ()))
        if _UNREADABLE in details:  # what the receiver said of the batch was not read
            code = grpc.StatusCode.UNAVAILABLE.value[0]
        if code == grpc.StatusCode.UNAVAILABLE.value[0]:
            # A channel that was refused waits by itself before it tries again: the destination does that.
            # One whose answer is too long would read on.
            self.shutdown()
        gone = code == grpc.StatusCode.UNAVAILABLE.value[0] and "refused" in details
        return from_grpc_status(code, wait_s, details, is_unreachable=gone)

    def _open(self) -> "grpc.Channel":
        if self._is_plain:
            self._channel = grpc.insecure_channel(self._target, options=_OPTIONS)
        else:
            self._channel = grpc.secure_channel(self._target, self._credentials(), options=_OPTIONS)
        return self._channel

    def _credentials(self) -> "grpc.ChannelCredentials":
        config = self._config
        return grpc.ssl_channel_credentials(
            root_certificates=_read(config.certificate_file),
            private_key=_read(config.client_key_file),
            certificate_chain=_read(config.client_certificate_file),
        )

    def shutdown(self) -> None:
        """Close the channel; the next batch opens another."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def after_fork(self) -> None:
        """Leave the channel to the parent: it cannot be used, nor closed, on this side."""
        self._channel = None


def _read(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()

"""How do records reach an OTLP receiver over HTTP? Telemetry floor: ``http/protobuf`` and ``http/json``."""

import importlib.util
import json
from dataclasses import replace
from urllib.parse import urlsplit

from agentops import __version__
from agentops.errors import MissingExtraError
from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.encoder import ENCODINGS, EncodingName, Part
from agentops.telemetry.exporters.answers import from_http_status, from_http_success
from agentops.telemetry.exporters.base import Batch, Exporter, ExportResult, Outcome
from agentops.telemetry.exporters.transport import (
    HttpTransport,
    TransportError,
    is_loopback,
    warn_of_plain_headers,
)

__all__ = [
    "OtlpHttpExporter",
    "build",
    "compression_of",
    "is_grpc",
    "path_of",
    "post_part",
]

_DEFAULT_ENDPOINT = "http://127.0.0.1:4318"
_NO_SUCH_PLACE = frozenset({"http 404", "http 405", "http 501"})
_PROTOBUF: dict[str, EncodingName] = {"traces": "traces_protobuf", "logs": "logs_protobuf"}
_JSON: dict[str, EncodingName] = {"traces": "traces_json", "logs": "logs_json"}


def post_part(
    transport: HttpTransport, path: str, part: Part, headers: dict[str, str], timeout_s: float
) -> ExportResult:
    """Send a part and read the answer. ``headers`` decide on compression by ``Content-Encoding``."""
    is_json = part.encoding.endswith("_json")
    sent = {"Content-Type": "application/json" if is_json else "application/x-protobuf"} | headers
    try:
        body = part.body_as(sent.get("Content-Encoding", ""))
        answer = transport.post(path, body, sent, timeout_s)
    except TransportError as error:
        return ExportResult(
            outcome=Outcome.RETRY, reason=error.reason, is_unreachable=error.is_unreachable
        )
    if 200 <= answer.status < 300:
        return from_http_success(answer.body, is_json=is_json)
    return from_http_status(answer.status, answer.headers, _words(answer.body))


def _words(body: bytes) -> str:
    """Return what a receiver says of a failure, printable and short."""
    text = body[:2048].decode("utf-8", "replace")
    try:
        found = json.loads(text)
        text = (
            str(found.get("message") or found.get("error") or "") if isinstance(found, dict) else ""
        )
    except ValueError:
        text = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(text.split())[:300]


class OtlpHttpExporter(Exporter):
    """Sends spans and events as OTLP over HTTP.

    Args:
        config: ``endpoint`` is the base URL; ``/v1/traces`` and ``/v1/logs`` are appended, unless it ends
            with one of them.
    """

    is_remote = True

    def __init__(self, config: ExporterConfig) -> None:
        endpoint = config.endpoint or _DEFAULT_ENDPOINT
        parts = urlsplit(endpoint)
        self._transport = HttpTransport(endpoint, config)
        table = _JSON if config.protocol == "http/json" else _PROTOBUF
        self.encodings = tuple(table[signal] for signal in config.signals if signal in table)
        self._paths = {
            encoding: path_of(config, parts.path, ENCODINGS[encoding].signal)
            for encoding in self.encodings
        }
        base = _base(parts.path)
        self._headers = {"User-Agent": f"agentops/{__version__}", **config.headers}
        compression = compression_of(config, parts.hostname or "")
        if compression:
            self._headers["Content-Encoding"] = compression
        self.name = f"otlp {parts.scheme}://{parts.netloc}{base}"
        # The same however it is spelled: what one program left is found by the next, or by agentops flush.
        places = sorted(self._paths.items())
        self.identity = f"{self.name} {places} {sorted(config.headers.items())}"

    def export(self, batch: Batch, timeout_s: float) -> ExportResult:
        """Send the batch's part."""
        part = batch.parts()[0]
        path = self._paths[part.encoding]
        result = post_part(self._transport, path, part, self._headers, timeout_s)
        if result.reason == "http 415" and self._headers.pop("Content-Encoding", ""):
            # It does not take the compression: from now on it gets none.
            result = post_part(self._transport, path, part, self._headers, timeout_s)
        if result.reason in _NO_SUCH_PLACE and ENCODINGS[part.encoding].signal == "logs":
            # Not every receiver of traces takes logs; a wrong address shows at the traces.
            return replace(result, outcome=Outcome.UNOFFERED)
        return result

    def shutdown(self) -> None:
        """Close the connection."""
        self._transport.close()

    def after_fork(self) -> None:
        """Leave the connection to the parent."""
        self._transport.after_fork()


def is_grpc(config: ExporterConfig) -> bool:
    """Return whether an exporter speaks gRPC: it says so, or its endpoint has no scheme."""
    endpoint = config.endpoint or _DEFAULT_ENDPOINT
    return (config.protocol or ("http" if "://" in endpoint else "grpc")) == "grpc"


def path_of(config: ExporterConfig, path: str, signal: str) -> str:
    """Return the path that a signal is sent to, from that of the endpoint."""
    return (path or "/") if config.is_whole_url else f"{_base(path)}/v1/{signal}"


def _base(path: str) -> str:
    base = path.rstrip("/")
    for signal in ("traces", "logs", "metrics"):
        base = base.removesuffix(f"/v1/{signal}")
    return base


def compression_of(config: ExporterConfig, host: str) -> str:
    """Return how bodies for a host are compressed; ``""``: not at all.

    Raises:
        MissingExtraError: zstd, and its package is not installed.
    """
    name = config.compression or ("none" if is_loopback(host) else "gzip")
    if name == "zstd" and importlib.util.find_spec("zstandard") is None:
        raise MissingExtraError("compression with zstd", "server")
    return "" if name == "none" else name


def build(config: ExporterConfig) -> Exporter:
    """Make the exporter for the protocol ``config`` names or its endpoint implies."""
    warn_of_plain_headers(config)
    if is_grpc(config):
        # grpc is an extra and costs 185 ms to import.
        from agentops.telemetry.exporters.otlp_grpc import OtlpGrpcExporter

        return OtlpGrpcExporter(config)
    return OtlpHttpExporter(config)

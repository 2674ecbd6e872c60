"""How do records reach AgentOps, hosted or local? Telemetry floor."""

from urllib.parse import urlsplit

from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.exporters.base import Batch, Exporter, ExportResult
from agentops.telemetry.exporters.otlp import post_part
from agentops.telemetry.exporters.transport import HttpTransport

__all__ = ["AgentOpsExporter"]

_DEFAULT_ENDPOINT = "http://127.0.0.1:4320"


class AgentOpsExporter(Exporter):
    """Sends spans and events to an AgentOps backend.

    Args:
        config: ``endpoint`` and ``api_key``.
    """

    is_remote = True
    encodings = ("traces_protobuf", "logs_protobuf")

    def __init__(self, config: ExporterConfig) -> None:
        endpoint = config.endpoint or _DEFAULT_ENDPOINT
        self._transport = HttpTransport(endpoint, config)
        parts = urlsplit(endpoint)
        self.name = f"agentops {parts.scheme}://{parts.netloc}"
        self.identity = f"agentops {endpoint} {config.api_key}"

    def export(self, batch: Batch, timeout_s: float) -> ExportResult:
        """Send the batch's part."""
        part = batch.parts()[0]
        path = "/v1/traces" if part.encoding == "traces_protobuf" else "/v1/logs"
        return post_part(self._transport, path, part, {}, timeout_s)

    def shutdown(self) -> None:
        """Close the connection."""
        self._transport.close()

    def after_fork(self) -> None:
        """Leave the connection to the parent."""
        self._transport.after_fork()

"""Which paths take telemetry? The routes that the composition root mounts."""

import msgspec
from starlette.routing import Route

from agentops.server.ingest.acceptor import Acceptor
from agentops.server.ingest.access import Access, open_access
from agentops.server.ingest.agentops_http import AgentOpsHttp
from agentops.server.ingest.limits import IngestLimits
from agentops.server.ingest.otlp_http import SIGNALS, OtlpHttp

__all__ = ["IngestSettings", "routes"]


class IngestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What ingest needs to know of the server.

    Attributes:
        public_url: Where people open the pages, without a slash at the end: senders are told the
            address of their session.
        secret: Key that signs the tokens of the AgentOps protocols, 32 bytes, the same after a restart.
        limits: Bounds of a request.
        access: Who may send.
    """

    public_url: str = "http://127.0.0.1:4320"
    secret: bytes = b""
    limits: IngestLimits = IngestLimits()
    access: Access = open_access


def routes(acceptor: Acceptor, settings: IngestSettings) -> list[Route]:
    """Return the routes of OTLP/HTTP and of the AgentOps protocols."""
    agentops = AgentOpsHttp(
        acceptor, settings.access, settings.secret, settings.public_url, settings.limits
    )
    otlp = [
        Route(f"/v1/{name}", OtlpHttp(signal, acceptor, settings.limits, settings.access))
        for name, signal in SIGNALS.items()
    ]
    return [*otlp, *agentops.routes()]

"""Which paths take telemetry? The routes that the composition root mounts."""

from starlette.routing import Route

from agentops.server.ingest.acceptor import Acceptor
from agentops.server.ingest.agentops_http import AgentOpsHttp
from agentops.server.ingest.budget import Budget
from agentops.server.ingest.intake import SIGNALS, Intake
from agentops.server.ingest.otlp_http import OtlpHttp
from agentops.server.ingest.settings import IngestSettings

__all__ = ["routes"]


def routes(acceptor: Acceptor, settings: IngestSettings) -> list[Route]:
    """Return the routes of OTLP/HTTP and of the AgentOps protocols."""
    budget = Budget(settings.limits.held_bytes_max)
    otlp = [
        Route(f"/v1/{signal.name}", OtlpHttp(Intake(signal, acceptor, settings), budget))
        for signal in SIGNALS
    ]
    return [*otlp, *AgentOpsHttp(acceptor, settings, budget).routes()]

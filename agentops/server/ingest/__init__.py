"""How does telemetry come in? OTLP and the AgentOps protocols, decoded to rows.

Server floor, beside ``api``. Every protocol ends in the same call: ``await acceptor.accept(rows)``,
which returns when the rows are durable.
"""

from agentops.server.ingest.acceptor import Acceptor
from agentops.server.ingest.access import Access, open_access
from agentops.server.ingest.limits import IngestLimits
from agentops.server.ingest.refusal import Refusal
from agentops.server.ingest.routes import routes
from agentops.server.ingest.settings import IngestSettings

__all__ = [
    "Acceptor",
    "Access",
    "IngestLimits",
    "IngestSettings",
    "Refusal",
    "open_access",
    "routes",
]

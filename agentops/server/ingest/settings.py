"""What does ingest need to know of the server?"""

import msgspec

from agentops.server.ingest.access import Access, open_access
from agentops.server.ingest.limits import IngestLimits

__all__ = ["IngestSettings"]


class IngestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every protocol shares.

    Attributes:
        secret: Key that signs the tokens of the AgentOps protocols, 32 bytes, the same after a restart.
        public_url: Where people open the pages: senders are told the address of their session.
        limits: Bounds of a request.
        access: Who may send, and for which project.
    """

    secret: bytes
    public_url: str = "http://127.0.0.1:4320"
    limits: IngestLimits = IngestLimits()
    access: Access = open_access

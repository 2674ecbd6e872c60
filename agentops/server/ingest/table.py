"""What does the mapping table say? Reads ``mapping.json``, the data behind ``mapping.py``, once."""

from importlib import resources
from typing import Final

import msgspec

from agentops.server.ingest.values import Value

__all__ = ["TABLE", "finish_reason"]

TABLE: Final[dict[str, Value]] = msgspec.json.decode(
    resources.files("agentops.server.ingest").joinpath("mapping.json").read_bytes()
)
"""Sections ``columns``, ``kinds``, ``operations``, ``dialects``, ``families`` and tables of values."""


def finish_reason(told: str) -> str:
    """Return a finish reason in the words of the OTel GenAI conventions; unknown ones as they are."""
    return str(TABLE["finish_reasons"].get(told.lower(), told))

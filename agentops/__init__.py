"""AgentOps: observability for AI agents on OpenTelemetry."""

__version__ = "0.5.0"

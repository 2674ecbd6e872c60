"""Telemetry: spans, events, queues and destinations. Knows no session and no vendor."""

"""The decorators under the path that programs of agentops 0.4 import them from."""

from agentops.compat.reserved import track_endpoint
from agentops.compat.v0_4 import trace
from agentops.decorators import agent, guardrail, operation, session, task, tool, workflow

__all__ = [
    "agent",
    "guardrail",
    "operation",
    "session",
    "task",
    "tool",
    "trace",
    "track_endpoint",
    "workflow",
]

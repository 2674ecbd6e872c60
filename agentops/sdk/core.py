"""The core names under the path that programs of agentops 0.4 import them from."""

from agentops.compat.reserved import tracer
from agentops.compat.v0_4 import TraceHandle as TraceContext

__all__ = ["TraceContext", "tracer"]

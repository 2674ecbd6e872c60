"""The states of a trace under the path that programs of agentops 0.4 import them from."""

from agentops.compat.v0_4 import ERROR, SUCCESS, UNSET
from agentops.session.state import TraceState

__all__ = ["ERROR", "SUCCESS", "UNSET", "TraceState"]

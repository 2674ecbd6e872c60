"""What do older versions of the openai package do differently? Asked of the package itself.

The package is not imported here: who asks has a call of it under way.
"""

import sys

__all__ = ["closes_failed_streams", "renames_lost_connections"]


def closes_failed_streams() -> bool:
    """Tell whether a stream of events that cannot be read is closed before the error is raised; from 2.x on."""
    stream = getattr(sys.modules.get("openai"), "Stream", None)
    code = getattr(getattr(stream, "__stream__", None), "__code__", None)
    return code is None or "close" in code.co_names


def renames_lost_connections() -> bool:
    """Tell whether an error of httpx in the midst of a stream is raised as one of the SDK's own; from 3.x on."""
    return hasattr(sys.modules.get("openai._streaming"), "request_exceptions")

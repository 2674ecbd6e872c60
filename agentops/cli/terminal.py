"""What can this terminal show? Width, colour and characters, decided in one place.

``NO_COLOR`` and output that is not a terminal mean plain text; ``--ascii`` means no box characters.
Text that came in from outside is cleaned of control characters before it is printed.
"""

import re
import sys
from typing import TYPE_CHECKING

from agentops.errors import MissingExtraError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["clean", "console", "one_line"]

_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)


def console(*, is_error: bool = False) -> "Console":
    """Return a rich console for stdout, or stderr.

    Raises:
        MissingExtraError: The extra ``server``, which brings rich, is not installed.
    """
    try:
        from rich.console import Console  # an extra: the SDK alone does not need it
    except ImportError:
        raise MissingExtraError("This verb", "server") from None
    stream = sys.stderr if is_error else sys.stdout
    return Console(file=stream, highlight=False, soft_wrap=True, emoji=False, markup=False)


def clean(text: str) -> str:
    """Return text without escape sequences, control and bidirectional override characters."""
    return _CONTROL.sub("", text)


def one_line(text: str, width: int) -> str:
    """Return cleaned text on one line, cut to ``width`` characters with an ellipsis."""
    flat = " ".join(clean(text).split())
    return flat if len(flat) <= width else flat[: max(0, width - 1)] + "…"

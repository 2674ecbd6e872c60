"""What must never leave the process? Telemetry floor: patterns and functions that hide it.

Masks see every text of every record: attributes and keys inside them, events, status messages, exception
texts, bodies. A mask that fails withholds the whole text.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from agentops.guard import tolerated
from agentops.telemetry.config import Mask

__all__ = ["HIDDEN", "WITHHELD", "Masks"]

HIDDEN: Final = "***"
"""What stands where a pattern matched."""

WITHHELD: Final = "<withheld: a mask failed>"
"""What stands for a text whose mask raised or returned something else than text."""

_PROVIDER_KEYS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|rk|pk)-(?:ant-|proj-|svcacct-|admin-|or-v1-|lf-)?[A-Za-z0-9_*-]{16,}"
    r"|AIza[A-Za-z0-9_-]{30,}"
    r"|gsk_[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}|r8_[A-Za-z0-9]{20,}|pplx-[A-Za-z0-9]{20,}"
    r"|AKIA[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30,}|xox[abprs]-[A-Za-z0-9-]{10,}"
    r")"
)
_KEY_LENGTH_MIN: Final = 15


class Masks:
    """Hides the keys of known providers and what the program's own masks hide, in this order.

    Args:
        masks: Regular expressions, and functions from text to text.

    Attributes:
        length_min: No mask changes a text that is shorter.
    """

    __slots__ = ("_steps", "length_min")

    def __init__(self, masks: Sequence[Mask] = ()) -> None:
        self._steps = [_step(mask) for mask in masks]
        self.length_min = 0 if masks else _KEY_LENGTH_MIN

    def __call__(self, text: str) -> str:
        """Return the text as it may leave."""
        text = _hide_keys(text)
        for step in self._steps:
            text = step(text)
        return text


def _hide_keys(text: str) -> str:
    """Replace keys of known providers, also half hidden ones as providers echo them.

    Every such key contains one of four signs; texts without them are spared the pattern.
    """
    if "-" in text or "_" in text or "AI" in text or "KIA" in text:
        return _PROVIDER_KEYS.sub(HIDDEN, text)
    return text


def _step(mask: Mask) -> Callable[[str], str]:
    if callable(mask):
        function = mask
        return lambda text: _trusted(tolerated("a mask", function, text, otherwise=WITHHELD))
    pattern = re.compile(mask)
    return lambda text: pattern.sub(HIDDEN, text)


def _trusted(result: object) -> str:
    return result if type(result) is str else WITHHELD

"""What must never leave the process? Telemetry floor: patterns and functions that hide it.

Masks see every text of every record: attributes and keys inside them, events, status messages, exception
texts, bodies. A mask that fails withholds the whole text.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from agentops.guard import tolerated
from agentops.telemetry.config import Mask

__all__ = ["HIDDEN", "WITHHELD", "build_mask"]

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
_SIGNS: Final = ("-", "_", "AIza", "AKIA")


def build_mask(masks: Sequence[Mask]) -> Callable[[str], str]:
    """Return one function that applies the keys of known providers and then ``masks``, in order."""
    steps = [_hide_keys, *(_step(mask) for mask in masks)]

    def apply(text: str) -> str:
        for step in steps:
            text = step(text)
        return text

    return apply


def _hide_keys(text: str) -> str:
    """Replace keys of known providers, also half hidden ones as providers echo them."""
    return _PROVIDER_KEYS.sub(HIDDEN, text) if any(sign in text for sign in _SIGNS) else text


def _step(mask: Mask) -> Callable[[str], str]:
    if callable(mask):
        function = mask
        return lambda text: _trusted(tolerated("a mask", function, text, otherwise=WITHHELD))
    pattern = re.compile(mask)
    return lambda text: pattern.sub(HIDDEN, text)


def _trusted(result: object) -> str:
    return result if type(result) is str else WITHHELD

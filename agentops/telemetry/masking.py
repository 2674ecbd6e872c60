"""What must never leave the process? Telemetry floor: patterns and functions that hide it.

Masks see every text of every record: attributes, events, status messages, exception texts, bodies. Keys inside
values are seen by patterns only: a function that changes every text would leave none apart. A mask that fails
withholds the whole text.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, AnyStr, Final

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
_HEADS: Final = ("sk", "rk", "pk", "xai", "pplx", "xoxa", "xoxb", "xoxp", "xoxr", "xoxs")
_LOW_HEADS: Final = ("gsk", "hf", "r8", "ghp", "gho", "ghu", "ghs", "ghr")
_SHORT_HEADS: Final = {"-": ("k-", "xai-", "plx-", "xox"), "_": ("gsk_", "hf_", "r8_", "gh")}
_SHORT: Final = 64
_MARKS_MIN: Final = 16
_MARK_DISTANCE: Final = 32


class Masks:
    """Hides the keys of known providers, also half hidden ones as they echo them, then what the program's masks hide.

    Args:
        masks: Regular expressions, and functions from text to text.

    Attributes:
        length_min: No mask changes a text that is shorter.
        is_steady: The same text is masked in the same way each time; functions need not do so.
        may_change: Returns whether a mask may change a text that is this one or part of it, JSON of it for example.
        may_change_utf8: The same of a text given as UTF-8.
    """

    __slots__ = (
        "_patterns", "_steps", "is_steady", "length_min", "may_change", "may_change_utf8",
    )  # fmt: skip

    def __init__(self, masks: Sequence[Mask] = ()) -> None:
        self._steps = [_step(mask) for mask in masks]
        self._patterns = [re.compile(mask) for mask in masks if isinstance(mask, str)]
        self.length_min = 0 if masks else _KEY_LENGTH_MIN
        self.is_steady = not any(map(callable, masks))
        self.may_change: Callable[[str], bool] = _always if masks else _may_hold_key
        self.may_change_utf8: Callable[[bytes], bool] = _always if masks else _may_hold_key_utf8

    def __call__(self, text: str) -> str:
        """Return the text as it may leave."""
        if _may_hold_key(text):
            text = _PROVIDER_KEYS.sub(HIDDEN, text)
        for step in self._steps:
            text = step(text)
        return text

    def in_key(self, key: str) -> str:
        """Return a key inside a value as it may leave."""
        if _may_hold_key(key):
            key = _PROVIDER_KEYS.sub(HIDDEN, key)
        for pattern in self._patterns:
            key = pattern.sub(HIDDEN, key)
        return key


def _always(_: object) -> bool:
    return True


def _key_look(spell: Callable[[str], AnyStr]) -> Callable[[AnyStr], bool]:
    """Return what tells whether the pattern is worth trying; false takes a hundredth of its time.

    Looking for one character is next to free, so the rarest one of each key is looked for first.

    Args:
        spell: Makes of a text what is looked into: itself, or its bytes.
    """
    dash, underscore, capital = spell("-"), spell("_"), spell("A")
    # To ask for a byte by its number takes a seventh of the time.
    a_dash: Any = dash[0]
    an_underscore: Any = underscore[0]
    a_capital: Any = capital[0]
    heads, low_heads = tuple(map(spell, _HEADS)), tuple(map(spell, _LOW_HEADS))
    short_heads = {spell(mark): tuple(map(spell, ends)) for mark, ends in _SHORT_HEADS.items()}
    google, amazon = spell("AIza"), spell("AKIA")

    def may_hold_key(text: AnyStr) -> bool:
        if a_dash in text and has_head(text, dash, heads):
            return True
        if an_underscore in text and has_head(text, underscore, low_heads):
            return True
        return a_capital in text and (google in text or amazon in text)

    def has_head(text: AnyStr, mark: AnyStr, heads: tuple[AnyStr, ...]) -> bool:
        """Whether one of ``heads`` stands before one of the marks; of a short text true as well for the end of a head."""
        if len(text) < _SHORT:
            one, two, three, four = short_heads[mark]
            return one in text or two in text or three in text or four in text
        if text.count(mark) > len(text) // _MARK_DISTANCE + _MARKS_MIN:
            # As in code and tables: to look for each head takes the same time however many marks there are.
            return any(head + mark in text for head in heads)
        at = text.find(mark)
        while at >= 0:
            if text.endswith(heads, 0, at):
                return True
            at = text.find(mark, at + 1)
        return False

    return may_hold_key


_may_hold_key = _key_look(str)
_may_hold_key_utf8 = _key_look(str.encode)


def _step(mask: Mask) -> Callable[[str], str]:
    if callable(mask):
        function = mask
        return lambda text: _trusted(tolerated("a mask", function, text, otherwise=WITHHELD))
    pattern = re.compile(mask)
    return lambda text: pattern.sub(HIDDEN, text)


def _trusted(result: object) -> str:
    return result if type(result) is str else WITHHELD

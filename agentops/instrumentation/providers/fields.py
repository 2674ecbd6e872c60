"""How is a JSON value of unknown shape looked into? Instrumentation floor: typed looks that never fail."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["Json", "code", "count", "json_value", "mapping", "mappings", "parsed", "text"]

_CODE = re.compile(r"[\w.:/-]{1,128}")

Json: TypeAlias = Mapping[str, object]
"""A JSON object."""

_NOTHING: Json = {}
# What json.loads ends in, by a longer way.
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # typeshed does not know it


def json_value(spelled: str) -> object:
    """Return the value that a JSON text spells.

    Raises:
        ValueError: It spells none.
    """
    try:
        value, end = _scan(spelled, 0)
    except StopIteration:  # space before it, or no JSON
        return json.loads(spelled)
    return value if end == len(spelled) else json.loads(spelled)


def text(body: Json, name: str) -> str:
    """Return the text under ``name``, ``""`` when there is none."""
    value = body.get(name)
    return value if isinstance(value, str) else ""


def code(*values: object) -> str:
    """Return the first that is a code and no sentence, which might quote a prompt; ``""`` for none."""
    for value in values:
        if isinstance(value, (str, int)) and _CODE.fullmatch(told := str(value)):
            return told
    return ""


def count(body: Json, name: str) -> int | None:
    """Return the whole number under ``name``, ``None`` when there is none."""
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def mapping(body: Json, name: str) -> Json:
    """Return the object under ``name``, an empty one when there is none."""
    value = body.get(name)
    return value if isinstance(value, dict) else _NOTHING


def mappings(body: Json, name: str) -> Sequence[Json]:
    """Return the objects in the array under ``name``; what is no object is left out."""
    value = body.get(name)
    if not isinstance(value, list):
        return ()
    return [each for each in value if isinstance(each, dict)]


def parsed(value: object) -> object:
    """Return the JSON value that a text spells, or ``value`` itself when it spells none."""
    if not isinstance(value, str) or not value:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value

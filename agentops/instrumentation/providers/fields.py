"""How is a JSON value of unknown shape looked into? Instrumentation floor: typed looks that never fail."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["Json", "code", "count", "json_value", "mapping", "mappings", "parsed", "text"]

_CODE = re.compile(r"[\w.:/-]{1,128}")

Json: TypeAlias = Mapping[str, object]
"""A JSON object."""

_NOTHING: Json = {}


def json_value(spelled: str | bytes) -> object:
    """Return the value that a JSON text spells, the same as :func:`json.loads` does.

    The vendors' packages load ``pydantic_core``, which reads three to six times as fast; it is never loaded for this.

    Raises:
        ValueError: It spells none.
        RecursionError: It is nested too deep.
    """
    read = getattr(sys.modules.get("pydantic_core"), "from_json", None)
    if read is not None:
        try:
            # Its cache is the process's: it would keep what programs say, and saves nothing here (2.50, measured).
            value: object = read(spelled, cache_strings=False)
        except (TypeError, ValueError):
            # Older than 2.17, or a text that only the other one takes: lone surrogates, 200 levels, not UTF-8.
            pass
        else:
            return value
    found: object = json.loads(spelled)
    return found


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
    for each in value:
        if not isinstance(each, dict):
            return [other for other in value if isinstance(other, dict)]
    return value


def parsed(value: object) -> object:
    """Return the JSON value that a text spells, or ``value`` itself when it spells none."""
    if not isinstance(value, str) or not value:
        return value
    try:
        return json_value(value)
    except (ValueError, RecursionError):
        return value

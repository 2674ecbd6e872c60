"""What does the text in the search field mean? Grammar, syntax tree and translation to a condition.

::

    query   = { [ "-" ] term }
    term    = key ":" value | key ( ">" | ">=" | "<" | "<=" | "=" ) number | text
    value   = word | quoted          a * in a word stands for any text
    text    = word | quoted          looked for in names, previews and messages

All terms must hold; ``-`` negates one. Values become bound parameters, never part of a statement.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from agentops.errors import AgentOpsError
from agentops.server.storage.base import Condition
from agentops.server.storage.sql import shown_name

__all__ = [
    "MATCHES",
    "NUMBERS",
    "Comparison",
    "FilterError",
    "Match",
    "Term",
    "Text",
    "compile_terms",
    "parse",
]

_LENGTH_MAX: Final = 1_000
_TERMS_MAX: Final = 20
_VALUE_MAX: Final = (1 << 63) - 1  # the columns are Int64
_STATUSES: Final = ("running", "ok", "error", "stopped")

Operator = Literal[">", ">=", "<", "<=", "="]


class FilterError(AgentOpsError, ValueError):
    """A query was not understood.

    Args:
        message: What was seen and what was expected.
        position: Index of the character where it went wrong.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"at {position}: {message}")
        self.position = position


@dataclass(frozen=True, slots=True)
class Match:
    """``key:value``."""

    key: str
    value: str
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """``key>number``; the number is in the unit of the column."""

    key: str
    operator: Operator
    number: int
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Text:
    """Free text."""

    text: str
    is_negated: bool


Term: TypeAlias = Match | Comparison | Text


def _any(column: str) -> str:
    return f"arrayExists(x -> x ILIKE {{value}}, {column})"


MATCHES: Final = {
    "status": "status = {value}",
    "model": _any("models"),
    "agent": _any("agents"),
    "tool": _any("tools"),
    "tag": _any("tags"),
    "user": _any("users"),
    "service": _any("services"),
    "name": f"{shown_name()} ILIKE {{value}}",
    "session": "session_id ILIKE {value}",
    "error": "tupleElement(error, 'type') ILIKE {value}",
}
"""Keys of ``key:value`` and what each means for a session line; ``{value}`` stands for the parameter."""

NUMBERS: Final = {
    "cost": "cost_nano_usd",
    "dur": "(end_ns - start_ns)",
    "tokens": "(input_tokens + output_tokens)",
    "spans": "span_count",
    "errors": "error_count",
}
"""Keys of comparisons and the number of a session line that each compares."""

_TEXT: Final = (
    "(tupleElement(name, 'text') ILIKE {value} OR tupleElement(input, 'text') ILIKE {value} "
    "OR tupleElement(output, 'text') ILIKE {value} OR tupleElement(error, 'message') ILIKE {value} "
    "OR session_id IN (SELECT session_key FROM $spans WHERE project_id = {project:String} AND "
    "(name ILIKE {value} OR input_messages ILIKE {value} OR output_messages ILIKE {value})))"
)

_DURATIONS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_COUNTS: Final = {"": 1, "k": 10**3, "m": 10**6}
_UNITS: Final[dict[str, dict[str, int]]] = {
    "cost": {"": 10**9, "$": 10**9},
    "dur": {"": 10**9, **_DURATIONS},
    "tokens": _COUNTS,
    "spans": _COUNTS,
    "errors": _COUNTS,
}

_TERM: Final = re.compile(r"(?P<key>[A-Za-z]+)(?P<operator>:|>=|<=|>|<|=)")
_NUMBER: Final = re.compile(r"\$?(\d{1,12}(?:\.\d{1,9})?)([^\s\d.]*)")
_WORD: Final = re.compile(r"\S+")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')


def parse(text: str) -> tuple[Term, ...]:
    """Read a query; an empty one has no terms.

    Raises:
        FilterError: With the position in ``text``.
    """
    if len(text) > _LENGTH_MAX:
        raise FilterError(f"a query has at most {_LENGTH_MAX} characters", _LENGTH_MAX)
    terms: list[Term] = []
    position = 0
    while True:
        position += len(text[position:]) - len(text[position:].lstrip())
        if position >= len(text):
            return tuple(terms)
        if len(terms) == _TERMS_MAX:
            raise FilterError(f"a query has at most {_TERMS_MAX} terms", position)
        term, position = _term(text, position)
        terms.append(term)


def compile_terms(terms: tuple[Term, ...]) -> Condition:
    """Return the condition that all terms make together; values stand in its parameters."""
    parts: list[str] = []
    parameters: dict[str, str | int | float] = {}
    for index, term in enumerate(terms):
        name = f"q{index}"
        sql, value = _compile(term, name)
        parts.append(f"NOT ({sql})" if term.is_negated else f"({sql})")
        parameters[name] = value
    return Condition(" AND ".join(parts) or "1", parameters)


def _term(text: str, position: int) -> tuple[Term, int]:
    begin = position
    is_negated = (
        text[position] == "-" and position + 1 < len(text) and not text[position + 1].isspace()
    )
    position += is_negated
    head = _TERM.match(text, position)
    if head is None:
        value, position = _value(text, position)
        if not value:
            raise FilterError("empty text; expected something to look for", begin)
        return Text(value, is_negated), position
    key, operator = head["key"].lower(), head["operator"]
    if operator == ":":
        return _match(text, head.end(), key, begin, is_negated)
    return _comparison(text, head.end(), key, operator, is_negated)


def _match(text: str, position: int, key: str, begin: int, is_negated: bool) -> tuple[Term, int]:
    if key not in MATCHES:
        if key in NUMBERS:
            raise FilterError(f"{key!r} is a number; expected {key}>…, {key}<… or {key}=…", begin)
        raise FilterError(f"unknown key {key!r}; expected one of {', '.join(MATCHES)}", begin)
    value, end = _value(text, position)
    if not value:
        raise FilterError(f"nothing after '{key}:'; expected a value", position)
    if key == "status" and value not in _STATUSES:
        raise FilterError(f"status {value!r}; expected one of {', '.join(_STATUSES)}", position)
    return Match(key, value, is_negated), end


def _comparison(
    text: str, position: int, key: str, operator: str, is_negated: bool
) -> tuple[Term, int]:
    if key not in NUMBERS:
        known = ", ".join(NUMBERS)
        raise FilterError(f"{key!r} cannot be compared; expected one of {known}", position)
    units = _UNITS[key]
    word = _WORD.match(text, position)
    number = _NUMBER.fullmatch(word[0]) if word else None
    unit = number[2].lower() if number else ""
    if word is None or number is None or unit not in units:
        known = ", ".join(unit for unit in units if unit)
        raise FilterError(f"expected a number, with or without {known}", position)
    value = round(float(number[1]) * units[unit])
    if value > _VALUE_MAX:
        raise FilterError(f"{word[0]} is more than can be compared", position)
    accepted: dict[str, Operator] = {">": ">", ">=": ">=", "<": "<", "<=": "<=", "=": "="}
    return Comparison(key, accepted[operator], value, is_negated), word.end()


def _value(text: str, position: int) -> tuple[str, int]:
    if position < len(text) and text[position] == '"':
        quoted = _QUOTED.match(text, position)
        if quoted is None:
            raise FilterError('a quote is not closed; expected "', position)
        return re.sub(r"\\(.)", r"\1", quoted[1]), quoted.end()
    word = _WORD.match(text, position)
    return (word[0], word.end()) if word else ("", position)


def _compile(term: Term, name: str) -> tuple[str, str | int]:
    if isinstance(term, Comparison):
        return f"{NUMBERS[term.key]} {term.operator} {{{name}:Int64}}", term.number
    bound = f"{{{name}:String}}"
    if isinstance(term, Text):
        return _TEXT.replace("{value}", bound), f"%{_pattern(term.text)}%"
    value = term.value if term.key == "status" else _pattern(term.value)
    return MATCHES[term.key].replace("{value}", bound), value


def _pattern(value: str) -> str:
    """The LIKE pattern of a value in which only ``*`` has a meaning."""
    escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")

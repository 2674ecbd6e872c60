"""How do attributes of any dialect fill the uniform columns of a row?

The table is data: ``mapping.json`` names for each dialect, in the order in which they are believed,
which attribute fills which column. Raw attributes are never touched. Columns that a row does not have
(``kind``, ``input``, ``tool_arguments`` and so on) are steps on the way to those it has.
"""

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from agentops import semconv
from agentops.pricing import Prices, is_stand_in, priced_models
from agentops.server.ingest.content import fill_content
from agentops.server.ingest.failures import read_failure
from agentops.server.ingest.messages import as_json, unflatten
from agentops.server.ingest.table import TABLE, finish_reason
from agentops.server.ingest.values import Value, time_ns_of
from agentops.server.rows import EventRow, SpanRow

__all__ = ["PRICES", "fill_event", "fill_span"]

PRICES: Final = Prices()
"""What a call costs that does not say so."""

_TEXT_CHARS_MAX: Final = 1024
_COUNT_MAX: Final = 1 << 53
_WEIGHT_MAX: Final = 1e6
_PRICED: Final = ("llm", "embedding")
_CONTAINERS: Final = ("agent", "workflow", "session", "task", "guardrail")
_THRESHOLDS: Final = 1 << 56
_RANK_LAST: Final = 1 << 30


def _text(value: Value) -> str | None:
    return value[:_TEXT_CHARS_MAX] if isinstance(value, str) and value else None


def _json_text(value: Value) -> str | None:
    """MLflow writes every value as JSON, plain text too."""
    return _text(as_json(value))


def _provider(value: Value) -> str | None:
    text = _text(value)
    if text is None:
        return None
    name = text.strip().lower()
    return str(TABLE["providers"].get(name, name))


def _count(value: Value) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) < 17:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _COUNT_MAX:
        return None
    return value


def _number(value: Value) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _seconds(value: Value) -> int | None:
    number = _number(value)
    return int(number * 1e9) if number is not None and number < 1e9 else None


def _milliseconds(value: Value) -> int | None:
    number = _number(value)
    return int(number * 1e6) if number is not None and number < 1e12 else None


def _texts(value: Value) -> list[str] | None:
    read = as_json(value)
    if isinstance(read, str):
        read = [part.strip() for part in read.split(",")]
    if not isinstance(read, list):
        return None
    return [str(item)[:_TEXT_CHARS_MAX] for item in read[:64] if item not in (None, "")] or None


def _reasons(value: Value) -> list[str] | None:
    found = _texts(value)
    return [finish_reason(reason) for reason in found] if found else None


def _end_state(value: Value) -> str | None:
    text = _text(value)
    return str(TABLE["end_states"].get(text.lower(), text)) if text else None


def _weight(value: Value) -> float | None:
    number = _number(value)
    return min(max(number, 1.0), _WEIGHT_MAX) if number is not None else None


_CONVERTERS: Final[dict[str, Callable[[Value], Value]]] = {
    "text": _text,
    "lower": lambda value: value.lower() if isinstance(value, str) and value else None,
    "raw": lambda value: value if value not in (None, "") else None,
    "provider": _provider,
    "vercel_provider": lambda value: _provider(str(value).split(".", 1)[0]),
    "json_provider": lambda value: _provider(as_json(value)),
    "json_text": _json_text,
    "count": _count,
    "money": _number,
    "seconds": _seconds,
    "milliseconds": _milliseconds,
    "texts": _texts,
    "reasons": _reasons,
    "end_state": _end_state,
    "weight": _weight,
}


class _Rule:
    """One attribute fills one column.

    Attributes:
        rank: Lower is believed more.
        kinds: Table from a kind of span to operation and span type; only for the column ``kind``.
        inside: Rules for the keys of a JSON object that the attribute holds.
        is_plain: Whether it has neither of them.
    """

    __slots__ = ("column", "convert", "inside", "is_plain", "kinds", "rank")

    def __init__(self, target: str | dict[str, Value], rank: int) -> None:
        told: dict[str, Value] = {"to": target} if isinstance(target, str) else target
        self.column: str = told.get("to", "")
        self.rank = rank
        name = told.get("as", TABLE["columns"].get(self.column, "raw"))
        self.convert = _CONVERTERS[name]
        self.kinds: dict[str, list[str]] | None = (
            TABLE["kinds"][told["kinds"]] if "kinds" in told else None
        )
        self.inside = {key: _Rule(column, rank) for key, column in told.get("json", {}).items()}
        self.is_plain = not self.inside and self.kinds is None


def _compile() -> dict[str, tuple[_Rule, ...]]:
    rules: dict[str, tuple[_Rule, ...]] = {}
    rank = 0
    for dialect in TABLE["dialects"].values():
        for key, targets in dialect.items():
            rank += 1
            listed = targets if isinstance(targets, list) else [targets]
            rules[key] = (*rules.get(key, ()), *(_Rule(target, rank) for target in listed))
    return rules


_RULES: Final = _compile()
_FAMILIES: Final[dict[str, str]] = TABLE["families"]
_PREFIXES: Final = tuple(_FAMILIES)
_WITHHELD: Final = frozenset(TABLE["withheld"])
_FIRST_CHUNK: Final = "langfuse.observation.completion_start_time"  # a moment, not a duration
_OPERATIONS: Final[dict[str, str]] = TABLE["operations"]


class _Found:
    """Columns found so far, each with the rank of the attribute it comes from."""

    __slots__ = ("columns", "families", "kinds", "ranks")

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.columns: dict[str, Value] = {}
        self.ranks: dict[str, int] = {}
        self.families: dict[str, list[tuple[str, Value]]] = {}
        self.kinds: list[str] | None = None
        columns, ranks = self.columns, self.ranks
        for key, value in values.items():
            rules = _RULES.get(key)
            if rules is not None:
                for rule in rules:
                    if not rule.is_plain:
                        self._apply(rule, value)
                    elif ranks.get(rule.column, _RANK_LAST) > rule.rank:
                        converted = rule.convert(value)
                        if converted is not None:
                            columns[rule.column] = converted
                            ranks[rule.column] = rule.rank
            elif key.startswith(_PREFIXES):
                prefix = next(prefix for prefix in _PREFIXES if key.startswith(prefix))
                self.families.setdefault(prefix, []).append((key[len(prefix) :], value))

    def _apply(self, rule: _Rule, value: Value) -> None:
        if rule.inside:
            read = as_json(value)
            for key in read.keys() & rule.inside.keys() if isinstance(read, dict) else ():
                self._apply(rule.inside[key], read[key])
            return
        if self.ranks.get(rule.column, _RANK_LAST) <= rule.rank:
            return
        converted = rule.convert(as_json(value) if rule.kinds and str(value)[:1] == '"' else value)
        if rule.kinds is not None:
            kinds = rule.kinds.get(str(converted).lower())
            if kinds is None:
                return
            self.kinds = kinds
        if converted is not None:
            self.columns[rule.column] = converted
            self.ranks[rule.column] = rule.rank


def fill_span(
    row: SpanRow,
    values: Mapping[str, Value],
    events: Sequence[Mapping[str, Value]],
    resource: Mapping[str, Value],
) -> None:
    """Fill the uniform columns of ``row`` from its attribute values.

    Args:
        row: The span with its raw parts; changed in place.
        values: Its attribute values by key.
        events: Attribute values of its events, beside ``row.events``.
        resource: Attribute values of the resource it comes from.
    """
    found = _Found(values)
    columns = found.columns
    _fill_type(row, found)
    for name, value in columns.items():
        if name in _COPIED:
            setattr(row, name, value)
    _fill_identity(row, columns, resource)
    _fill_error(row, columns, events)
    for name in _WITHHELD & row.attributes.keys():
        row.attributes[name] = "withheld: headers may hold secrets"
        row.attribute_types.pop(name, None)
    if row.time_to_first_chunk_ns is None and _FIRST_CHUNK in values:
        first_ns = time_ns_of(as_json(values[_FIRST_CHUNK]))
        row.time_to_first_chunk_ns = first_ns - row.start_ns if first_ns >= row.start_ns else None
    _fill_families(row, found)
    # What is nested too deep to be read stays in the raw attributes.
    with contextlib.suppress(RecursionError):
        fill_content(row, columns, events)
    _fill_usage(row, columns)


_SAID: Final = frozenset(
    {"role", "content", "contents", "text", "parts", "tool_calls", "function_call"}
)


def _fill_families(row: SpanRow, found: _Found) -> None:
    """Rebuild lists from attributes with a number in their key, and find finish reasons among them."""
    for prefix, pairs in found.families.items():
        column = _FAMILIES[prefix]
        built = [item for item in unflatten(pairs) if isinstance(item, dict)]
        if column == "output_messages" and not row.finish_reasons:
            row.finish_reasons = _reasons([item.get("finish_reason") for item in built]) or []
        if column.endswith("_messages"):
            built = [item for item in built if not _SAID.isdisjoint(item)]
        if built:
            found.columns.setdefault(column, built)


_COPIED: Final = frozenset(
    name
    for name in TABLE["columns"]
    if name in SpanRow.__struct_fields__
    and name not in ("input_messages", "output_messages", "system_instructions", "tool_definitions")
    and name not in ("error_type", "error_message", "operation", "session_name")
)


def _fill_type(row: SpanRow, found: _Found) -> None:
    """Decide the operation and what the span is for a person."""
    operation, span_type = found.kinds or ("", "")
    row.operation = found.columns.get("operation") or operation
    span_type = span_type or _OPERATIONS.get(row.operation, "")
    if span_type in ("", "other", "workflow") and row.operation in _OPERATIONS:
        span_type = _OPERATIONS[row.operation]
    if span_type == "session" and row.parent_span_id:
        span_type = "workflow"  # agentops 0.4 opens "session" spans inside its session
    if not span_type:
        columns = found.columns
        if "request_model" in columns or "response_model" in columns or "input_tokens" in columns:
            span_type = "llm"
        elif "tool_arguments" in columns or "tool_name" in columns:
            span_type = "tool"
        elif any(
            key in row.attributes for key in ("http.request.method", "http.method", "url.full")
        ):
            span_type = "http"
    row.span_type = span_type or "other"


def _fill_identity(
    row: SpanRow, columns: Mapping[str, Value], resource: Mapping[str, Value]
) -> None:
    """Fill session, agent, tool and their names."""
    if not row.session_id:
        own = resource.get(semconv.SESSION_ID)
        if isinstance(own, str):
            row.session_id = own[:_TEXT_CHARS_MAX]
        elif "agentops.project.id" in resource:
            row.session_id = row.trace_id  # agentops 0.4 has no other: its trace is the session
    entity = columns.get("entity_name", "")
    if row.span_type == "session":
        row.session_name = (
            columns.get("session_name") or entity or row.name.removesuffix(".session")
        )
    elif columns.get("session_name") and not row.parent_span_id:
        row.session_name = columns["session_name"]
    if row.span_type == "agent" and not row.agent_name:
        row.agent_name = entity or row.name.removeprefix("invoke_agent ")
    if row.span_type == "tool" and not row.tool_name:
        row.tool_name = entity or row.name.removeprefix("execute_tool ").removeprefix("tool_call.")
    if row.span_type != "session":
        row.end_state = ""


def _fill_error(
    row: SpanRow, columns: Mapping[str, Value], events: Sequence[Mapping[str, Value]]
) -> None:
    if row.attributes.get("langfuse.observation.level") == "ERROR" or row.attributes.get(
        "tool.status"
    ) in ("failed", "error"):
        row.status_code = "error"
    if row.status_code != "error":
        return
    failure = read_failure([event.name for event in row.events], events) if events else None
    row.error_type = columns.get("error_type") or (failure.type if failure else "")
    told = (failure.message if failure else "") or columns.get("error_message", "")
    row.error_message = told or row.status_message[:8192]
    row.error_location = failure.location if failure else ""
    if not row.error_location and semconv.CODE_FILE_PATH in row.attributes:
        path = row.attributes[semconv.CODE_FILE_PATH].replace("\\", "/").rsplit("/", 1)[-1]
        line = row.attributes.get(semconv.CODE_LINE_NUMBER, "?")
        function = row.attributes.get(semconv.CODE_FUNCTION_NAME, "?")
        row.error_location = f"{path}:{line} in {function}"


def _fill_usage(row: SpanRow, columns: Mapping[str, Value]) -> None:
    """Decide whether usage counts, and find the cost."""
    if row.weight == 1.0 and row.trace_state:
        row.weight = _weight_of(row.trace_state)
    row.counts_usage = row.span_type not in _CONTAINERS or (
        row.span_type == "agent" and row.kind == "client"
    )
    if row.cost_usd is None and ("cost_input_usd" in columns or "cost_output_usd" in columns):
        row.cost_usd = columns.get("cost_input_usd", 0.0) + columns.get("cost_output_usd", 0.0)
    if row.cost_usd is not None or row.span_type not in _PRICED:
        return
    if row.input_tokens is None and row.output_tokens is None:
        return
    if semconv.AGENTOPS_COST_UNKNOWN in row.attributes:
        return
    if is_stand_in(row.attributes.get(semconv.SERVER_ADDRESS), row.attributes):
        return
    tokens = (
        row.input_tokens or 0,
        row.output_tokens or 0,
        row.cache_read_tokens or 0,
        row.cache_write_tokens or 0,
    )
    for model in priced_models(row.provider, row.request_model, row.response_model):
        if model and row.cost_usd is None:
            row.cost_usd = PRICES.cost_usd(row.provider, model, tokens, row.start_ns)


def _weight_of(trace_state: str) -> float:
    """Return how many spans one with this W3C ``tracestate`` stands for: ``ot=th:``, its threshold."""
    for member in trace_state.split(","):
        name, _, told = member.strip().partition("=")
        if name != "ot":
            continue
        for field in told.split(";"):
            key, _, digits = field.partition(":")
            if key == "th" and 0 < len(digits) <= 14 and digits.isalnum():
                try:
                    threshold = int(digits.ljust(14, "0"), 16)
                except ValueError:
                    return 1.0
                return min(_THRESHOLDS / (_THRESHOLDS - threshold), _WEIGHT_MAX)
    return 1.0


def fill_event(row: EventRow, values: Mapping[str, Value], resource: Mapping[str, Value]) -> None:
    """Fill identity, type and session of a log record from its attribute values."""
    columns = _Found(values).columns
    row.event_id = str(values.get(semconv.AGENTOPS_EVENT_ID) or "")[:128]
    row.event_name = row.event_name or str(values.get("event.name") or "")[:_TEXT_CHARS_MAX]
    row.event_type = str(values.get(semconv.AGENTOPS_EVENT_TYPE) or "")[:_TEXT_CHARS_MAX]
    session = columns.get("session_id") or resource.get(semconv.SESSION_ID) or ""
    row.session_id = session[:_TEXT_CHARS_MAX] if isinstance(session, str) else ""
    if not row.session_id and "agentops.project.id" in resource:
        row.session_id = row.trace_id

"""Which statements make the tables, and which expressions do writer and readers share?

The schema is the ``.sql`` files beside this module, one object each, run in the order of their names.
Engine clauses are filled in here: one node, or replicated tables behind distributed ones.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Template
from typing import Final

from agentops.server.storage.engine import Dialect

__all__ = [
    "ADDITIVE",
    "CHOSEN",
    "SCHEMA_VERSION",
    "lines_select",
    "local_table",
    "retention_statements",
    "rollup_select",
    "schema_statements",
    "shown_name",
    "status_expression",
]

SCHEMA_VERSION: Final = "1"
"""Changes whenever tables made by an earlier version cannot be used as they are."""

ADDITIVE: Final = (
    "span_count",
    "llm_count",
    "tool_count",
    "error_count",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "reasoning_tokens",
    "cost_nano_usd",
    "priced_count",
    "time_llm_ns",
    "time_tool_ns",
)
"""Columns of a session line that add up."""

_CHOSEN: Final = {
    **dict.fromkeys(("start_ns", "input"), "min"),
    **dict.fromkeys(
        ("end_ns", "received_ns", "announced", "root", "name", "service", "output", "error"), "max"
    ),
    **dict.fromkeys(
        ("agents", "tools", "models", "tags", "services", "users"), "groupUniqArrayArray"
    ),
}

CHOSEN: Final = tuple(_CHOSEN)
"""Columns of a session line that are minima, maxima and sets: adding the same value again changes nothing."""

_STOPPED_AFTER_NS: Final = 300 * 10**9

_TABLES: Final = {
    "spans": "cityHash64(session_key)",
    "events": "cityHash64(session_key)",
    "sessions": "cityHash64(session_id)",
}


_TIMES: Final = {"spans": "start_ns", "events": "time_ns", "sessions": "start_ns"}


def schema_statements(dialect: Dialect) -> list[str]:
    """Return the statements that make everything that is missing, in order."""
    names = sorted(
        f.name for f in files(__package__).joinpath("schema").iterdir() if f.name[:1].isdigit()
    )
    on_cluster = _on_cluster(dialect)
    statements = [f"CREATE DATABASE IF NOT EXISTS {dialect.database} {on_cluster}"]
    values = _clauses(dialect)
    statements += [Template(_schema_file(name)).substitute(values) for name in names]
    if dialect.cluster is not None:
        statements += [
            f"CREATE TABLE IF NOT EXISTS {dialect.database}.{table} {on_cluster} "
            f"AS {dialect.database}.{table}_local "
            f"ENGINE = Distributed({dialect.cluster}, {dialect.database}, {table}_local, {key})"
            for table, key in _TABLES.items()
        ]
    return statements


def retention_statements(dialect: Dialect, tables: Mapping[str, str]) -> list[str]:
    """Return what changes the retention of tables that stand already.

    Args:
        dialect: Says how long rows are kept.
        tables: Statement that made each table, as the engine tells it, by the table's local name.
    """
    statements = []
    for table, column in _TIMES.items():
        name = local_table(dialect, table)
        told = re.search(r"\bTTL\b.*toIntervalDay\((\d+)\)", tables.get(name.split(".")[1], ""))
        days = int(told[1]) if told else None
        if days == dialect.retention_days:
            continue
        change = f"MODIFY {_ttl(dialect.retention_days, column)}"
        if dialect.retention_days is None:
            change = "REMOVE TTL"
        statements.append(f"ALTER TABLE {name} {_on_cluster(dialect)} {change}")
    return statements


def rollup_select() -> str:
    """Return the select list that turns spans, grouped by session, into session lines."""
    return _schema_file("rollup.sql")


def local_table(dialect: Dialect, table: str) -> str:
    """Return the full name of the table that holds the rows themselves."""
    suffix = "" if dialect.cluster is None else "_local"
    return f"{dialect.database}.{table}{suffix}"


def lines_select(database: str, where: str) -> str:
    """Return a select of complete session lines; ``where`` is fixed text over the table ``r``."""
    columns = ", ".join(
        f"{function}(r.{column}) AS {column}"
        for column, function in {**_CHOSEN, **dict.fromkeys(ADDITIVE, "sum")}.items()
    )
    return (
        f"SELECT r.session_id AS session_id, {columns} FROM {database}.sessions AS r "
        f"WHERE r.project_id = {{project:String}} AND {where} GROUP BY r.session_id"
    )


def shown_name(prefix: str = "") -> str:
    """Return the name of a session line; a session that nothing has named yet is a ``session``.

    agentops 0.3 names no session before it ends. The line itself stays without a name, because the
    highest of all that are told counts.

    Args:
        prefix: ``r.`` where the line is called ``r``.
    """
    name = f"tupleElement({prefix}name, 'text')"
    return f"if({name} = '', 'session', {name})"


def status_expression() -> str:
    """Return the status of a session line; needs the parameter ``now_ns``.

    A session ends with its session span, with the event ``session.end``, or, where no session was
    announced, with the root span of a trace.
    """
    return (
        "multiIf(root.rank >= 2 OR (root.rank = 1 AND announced = 0), "
        "if(root.is_error = 1, 'error', 'ok'), "
        f"received_ns < {{now_ns:Int64}} - {_STOPPED_AFTER_NS}, 'stopped', 'running')"
    )


@cache  # the files are part of the package and do not change
def _schema_file(name: str) -> str:
    return (files(__package__) / "schema" / name).read_text(encoding="utf-8")


def _on_cluster(dialect: Dialect) -> str:
    return "" if dialect.cluster is None else f"ON CLUSTER {dialect.cluster}"


def _clauses(dialect: Dialect) -> dict[str, str]:
    replicated = "" if dialect.cluster is None else "Replicated"
    suffix = "" if dialect.cluster is None else "_local"
    return {
        "database": dialect.database,
        "on_cluster": _on_cluster(dialect),
        "meta": f"{replicated}ReplacingMergeTree",
        "replacing": f"{replicated}ReplacingMergeTree(received_ns)",
        "aggregating": f"{replicated}AggregatingMergeTree",
        "ttl_start": _ttl(dialect.retention_days, "start_ns"),
        "ttl_time": _ttl(dialect.retention_days, "time_ns"),
        "rollup": rollup_select(),
        "input_preview": _preview(
            "input_messages",
            "m -> JSONExtractString(m, 'role') = 'user'",
            "input",
        ),
        "output_preview": _preview("output_messages", "m -> 1", "output"),
        "failed": "lower(attributes['agentops.session.end_state']) IN ('fail', 'failed', 'failure', 'error')",
        **{table: table + suffix for table in _TABLES},
    }


def _ttl(days: int | None, column: str) -> str:
    if days is None:
        return ""
    return f"TTL toDateTime(intDiv({column}, 1000000000)) + INTERVAL {int(days)} DAY"


def _preview(column: str, choose: str, told: str) -> str:
    """The text of the last message that ``choose`` accepts, or else what the program told."""
    parts = f"JSONExtractArrayRaw(arrayLast({choose}, JSONExtractArrayRaw({column})), 'parts')"
    texts = (
        "arrayMap(p -> JSONExtractString(p, 'content'), "
        f"arrayFilter(p -> JSONExtractString(p, 'type') = 'text', {parts}))"
    )
    text = f"leftUTF8(arrayStringConcat({texts}, ' '), 200)"
    plain = f"leftUTF8(attributes['agentops.{told}'], 200)"
    return (
        f"multiIf({text} != '', (toUInt8(0), {text}), "
        f"{plain} != '', (toUInt8(1), {plain}), (toUInt8(2), ''))"
    )

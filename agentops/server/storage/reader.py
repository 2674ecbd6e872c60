"""How are questions answered from the tables? The reading half of the shared SQL."""

from typing import Final, TypeVar

import msgspec

from agentops.server.rows import EventRow, SpanRow
from agentops.server.schemas import ErrorBrief, Histogram, SessionRow, SessionsSummary
from agentops.server.storage.base import (
    Limits,
    SessionFacts,
    SessionQuery,
    Sort,
    SpanBrief,
    SpanContent,
    Totals,
)
from agentops.server.storage.engine import Engine, Parameter
from agentops.server.storage.lines import restore
from agentops.server.storage.sql import lines_select, shown_name, status_expression

__all__ = ["SqlReader"]

T = TypeVar("T")

_BUCKETS_MAX: Final = 60
_BUCKET_STEPS_US: Final = tuple(
    seconds * 1_000_000
    for seconds in (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800)
)
_PERCENTILES_FROM: Final = 20

_SORT_VALUES: Final[dict[Sort, str]] = {
    "start": "intDiv(start_ns, 1000)",
    "duration": "intDiv(greatest(end_ns - start_ns, 0), 1000)",
    "cost": "cost_nano_usd",
    "tokens": "input_tokens + output_tokens",
}

_LINE: Final = (
    f"l.session_id AS session_id, {shown_name('l.')} AS name, "
    "tupleElement(l.service, 'text') AS service_name, "
    "l.status AS status, intDiv(l.start_ns, 1000) AS start_us, "
    "intDiv(greatest(l.end_ns - l.start_ns, 0), 1000) AS duration_us, "
    "intDiv(l.end_ns, 1000) AS last_event_us, l.span_count, l.llm_count, l.tool_count, "
    "toInt64(length(l.agents)) AS agent_count, l.error_count, l.input_tokens, l.output_tokens, "
    "if(l.priced_count = 0, NULL, l.cost_nano_usd / 1e9) AS cost_usd, "
    "intDiv(l.time_llm_ns, 1000) AS time_llm_us, intDiv(l.time_tool_ns, 1000) AS time_tool_us, "
    "arraySort(l.tags) AS tags, arraySort(l.models) AS models, l.users[1] AS user_id, "
    "tupleElement(l.input, 'text') AS input_preview, "
    "tupleElement(l.output, 'text') AS output_preview, l.error AS error"
)

_ORDER: Final = "start_ns, end_ns DESC, span_id"
_ARGUMENTS: Final = ("gen_ai.tool.call.arguments", "agentops.input")
_RESULTS: Final = ("gen_ai.tool.call.result", "agentops.output")


class SqlReader:
    """Reads through any engine; see the reader interfaces in :mod:`agentops.server.storage.base`."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine = engine
        self._limits = limits
        self._database = engine.dialect.database

    def sessions(self, query: SessionQuery) -> list[SessionRow]:
        """See :meth:`SpanReader.sessions`."""
        lines, parameters = self._matching(query)
        after = ""
        if query.after is not None:
            after = "WHERE (l.sort_value, l.session_id) < ({after_value:Int64}, {after_id:String}) "
            parameters |= {"after_value": query.after[0], "after_id": query.after[1]}
        sql = (
            f"SELECT {_LINE} FROM ({lines}) AS l {after}"
            f"ORDER BY l.sort_value DESC, l.session_id DESC LIMIT {int(query.limit)}"
        )
        return [_finished(row) for row in self._rows(SessionRow, sql, parameters)]

    def count_sessions(self, query: SessionQuery, maximum: int) -> int:
        """See :meth:`SpanReader.count_sessions`."""
        lines, parameters = self._matching(query)
        sql = f"SELECT count() AS n FROM (SELECT 1 FROM ({lines}) LIMIT {int(maximum)})"
        return self._one(_Count, sql, parameters).n

    def summarize(self, query: SessionQuery) -> SessionsSummary:
        """See :meth:`SpanReader.summarize`."""
        lines, parameters = self._matching(query)
        sums = self._one(
            _Sums,
            "SELECT count() AS session_count, countIf(status = 'error') AS error_count, "
            "sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, "
            "if(sum(priced_count) = 0, NULL, sum(cost_nano_usd) / 1e9) AS cost_usd, "
            "toInt64(quantileExact(0.5)(end_ns - start_ns)) AS p50, "
            "toInt64(quantileExact(0.95)(end_ns - start_ns)) AS p95, "
            f"min(start_ns) AS first_ns, max(start_ns) AS last_ns FROM ({lines})",
            parameters,
        )
        first_us = sums.first_ns // 1000 if query.from_us is None else query.from_us
        last_us = sums.last_ns // 1000 if query.to_us is None else query.to_us - 1
        histogram = _empty_histogram(first_us, max(first_us, last_us))
        if sums.session_count:
            self._fill(histogram, lines, parameters)
        extent = self._one(
            _Extent,
            f"SELECT count() AS n, min(start_ns) AS first_ns, max(start_ns) AS last_ns "
            f"FROM {self._database}.sessions WHERE project_id = {{project:String}} AND start_ns > 0",
            {"project": query.project_id},
        )
        enough = sums.session_count >= _PERCENTILES_FROM
        return SessionsSummary(
            session_count=sums.session_count,
            error_count=sums.error_count,
            input_tokens=sums.input_tokens,
            output_tokens=sums.output_tokens,
            cost_usd=sums.cost_usd,
            duration_p50_us=sums.p50 // 1000 if enough else None,
            duration_p95_us=sums.p95 // 1000 if enough else None,
            histogram=histogram,
            oldest_us=extent.first_ns // 1000 if extent.n else None,
            newest_us=extent.last_ns // 1000 if extent.n else None,
        )

    def session_ids(self, project_id: str, prefix: str, limit: int) -> list[str]:
        """See :meth:`SpanReader.session_ids`."""
        sql = (
            f"SELECT session_id AS id FROM {self._database}.sessions "
            "WHERE project_id = {project:String} AND startsWith(session_id, {prefix:String}) "
            f"GROUP BY session_id ORDER BY length(session_id), session_id LIMIT {int(limit)}"
        )
        return [row.id for row in self._rows(_Id, sql, {"project": project_id, "prefix": prefix})]

    def neighbours(
        self, project_id: str, session_id: str, start_us: int
    ) -> tuple[str | None, str | None]:
        """See :meth:`SpanReader.neighbours`."""
        lines, parameters = self._matching(SessionQuery(project_id=project_id, now_us=0))
        parameters |= {"start": start_us, "session": session_id}
        place = "(intDiv(start_ns, 1000), session_id)"
        here = "({start:Int64}, {session:String})"
        sql = (
            f"SELECT maxIf({place}, {place} < {here}) AS older, "
            f"minIf({place}, {place} > {here}) AS newer FROM ({lines})"
        )
        row = self._one(_Neighbours, sql, parameters)
        return row.older[1] or None, row.newer[1] or None

    def session_facts(self, project_id: str, session_id: str) -> SessionFacts | None:
        """See :meth:`SpanReader.session_facts`."""
        parameters: dict[str, Parameter] = {"project": project_id, "session": session_id}
        lines = lines_select(self._database, "r.session_id = {session:String}")
        spans, _ = self._spans_of("groupUniqArray(trace_id)", project_id, session_id)
        sql = (
            "SELECT tupleElement(l.root, 'end_state') AS end_state, "
            f"arraySort(ifNull(({spans}), [])) AS trace_ids, "
            "arraySort(l.services) AS service_names, arraySort(l.agents) AS agents, "
            f"l.cache_read_tokens, l.reasoning_tokens FROM ({lines}) AS l"
        )
        return next(iter(self._rows(SessionFacts, sql, parameters)), None)

    def span_briefs(self, project_id: str, session_id: str, maximum: int) -> list[SpanBrief]:
        """See :meth:`SpanReader.span_briefs`."""
        columns = (
            "span_id, trace_id, parent_span_id, start_ns, end_ns, span_type, name, service_name, "
            "if(response_model = '', request_model, response_model) AS model, agent_name, "
            "status_code, if(counts_usage, input_tokens, NULL) AS input_tokens, "
            "if(counts_usage, output_tokens, NULL) AS output_tokens, "
            "if(counts_usage, cost_usd, NULL) AS cost_usd, received_ns"
        )
        inner, parameters = self._spans_of(columns, project_id, session_id)
        sql = f"SELECT * FROM ({inner}) ORDER BY {_ORDER} LIMIT {int(maximum)}"
        return _newest(self._rows(SpanBrief, sql, parameters))

    def span_contents(self, project_id: str, session_id: str, maximum: int) -> list[SpanContent]:
        """See :meth:`SpanReader.span_contents`."""
        columns = (
            "span_id, trace_id, parent_span_id, start_ns, end_ns, span_type, name, "
            "if(response_model = '', request_model, response_model) AS model, agent_name, "
            "tool_name, status_code, error_type, error_message, error_location, input_messages, "
            "output_messages, system_instructions, "
            f"{_told(('gen_ai.tool.call.id',), 'input', 'String', 'id')} AS tool_call_id, "
            f"{_told(_ARGUMENTS, 'input', 'Raw', 'arguments')} AS tool_input, "
            f"{_told(_RESULTS, 'output', 'Raw', 'response')} AS tool_output, "
            "received_ns"
        )
        inner, parameters = self._spans_of(columns, project_id, session_id)
        sql = f"SELECT * FROM ({inner}) ORDER BY {_ORDER} LIMIT {int(maximum)}"
        return _newest(self._rows(SpanContent, sql, parameters))

    def span(self, project_id: str, trace_id: str, span_id: str) -> tuple[SpanRow, str] | None:
        """See :meth:`SpanReader.span`."""
        columns = ", ".join(SpanRow.__struct_fields__)
        sql = (
            f"SELECT {columns}, session_key FROM {self._database}.spans "
            "WHERE project_id = {project:String} AND trace_id = {trace:String} "
            "AND span_id = {span:String} ORDER BY received_ns DESC LIMIT 1"
        )
        answer = self._query(sql, {"project": project_id, "trace": trace_id, "span": span_id})
        if not answer.strip():
            return None
        key = msgspec.json.decode(answer, type=_Key).session_key
        return restore(msgspec.json.decode(answer, type=SpanRow)), key

    def session_of_trace(self, project_id: str, trace_id: str) -> str | None:
        """See :meth:`SpanReader.session_of_trace`."""
        sql = (
            f"SELECT session_key AS id FROM {self._database}.spans "
            "WHERE project_id = {project:String} AND trace_id = {trace:String} "
            "ORDER BY received_ns DESC LIMIT 1"
        )
        rows = self._rows(_Id, sql, {"project": project_id, "trace": trace_id})
        return rows[0].id if rows else None

    def totals(self, project_id: str) -> Totals:
        """See :meth:`SpanReader.totals`."""
        sql = (
            "SELECT uniqExactIf(session_id, span_count > 0 OR announced = 1) AS session_count, "
            f"sum(span_count) AS span_count FROM {self._database}.sessions "
            "WHERE project_id = {project:String}"
        )
        return self._one(Totals, sql, {"project": project_id})

    def events(
        self, project_id: str, session_id: str, after: tuple[int, str] | None, limit: int
    ) -> list[EventRow]:
        """See :meth:`EventReader.events`."""
        traces, parameters = self._spans_of("DISTINCT trace_id", project_id, session_id)
        page = ""
        if after is not None:
            page = "AND (time_ns, event_id) > ({after_ns:Int64}, {after_id:String}) "
            parameters |= {"after_ns": after[0], "after_id": after[1]}
        columns = ", ".join(EventRow.__struct_fields__)
        sql = (
            f"SELECT {columns} FROM (SELECT * FROM {self._database}.events "
            "WHERE project_id = {project:String} "
            f"AND (session_key = {{session:String}} OR session_key IN ({traces})) {page}"
            "ORDER BY received_ns DESC LIMIT 1 BY event_id) "
            f"ORDER BY time_ns, event_id LIMIT {int(limit)}"
        )
        return self._rows(EventRow, sql, parameters)

    def _matching(self, query: SessionQuery) -> tuple[str, dict[str, Parameter]]:
        """A select of the complete lines that match, with ``status`` and ``sort_value``."""
        parameters: dict[str, Parameter] = {
            "project": query.project_id,
            "now_ns": query.now_us * 1000,
            **query.condition.parameters,
        }
        condition = query.condition.sql.replace("$spans", self._spans_in(query))
        where, having = "1", ["(span_count > 0 OR announced = 1)", f"({condition})"]
        if query.session_ids is not None:
            where = "r.session_id IN {ids:Array(String)}"
            parameters["ids"] = list(query.session_ids)
        if query.from_us is not None:
            having.append("start_ns >= {from_ns:Int64}")
            parameters["from_ns"] = query.from_us * 1000
        if query.to_us is not None:
            having.append("start_ns < {to_ns:Int64}")
            parameters["to_ns"] = query.to_us * 1000
        sql = (
            f"SELECT *, {status_expression()} AS status, "
            f"toInt64({_SORT_VALUES[query.sort]}) AS sort_value "
            f"FROM ({lines_select(self._database, where)}) WHERE {' AND '.join(having)}"
        )
        return sql, parameters

    def _spans_in(self, query: SessionQuery) -> str:
        """The table of spans, without those that cannot be in a session asked for."""
        bounds = []
        if query.from_us is not None:
            bounds.append("start_ns >= {from_ns:Int64}")
        if query.session_ids is not None:
            bounds.append("session_key IN {ids:Array(String)}")
        table = f"{self._database}.spans"
        return f"(SELECT * FROM {table} WHERE {' AND '.join(bounds)})" if bounds else table

    def _spans_of(
        self, columns: str, project_id: str, session_id: str
    ) -> tuple[str, dict[str, Parameter]]:
        """A select over the rows of one session, bounded in time so that few parts are read."""
        bounds = (
            "SELECT {what}(start_ns) FROM "
            f"{self._database}.sessions WHERE project_id = {{project:String}} "
            "AND session_id = {session:String}"
        )
        first = bounds.replace("{what}", "min")
        last = bounds.replace("{what}(start_ns)", "max(end_ns)")
        sql = (
            f"SELECT {columns} FROM {self._database}.spans WHERE project_id = {{project:String}} "
            f"AND session_key = {{session:String}} AND start_ns >= ({first}) "
            f"AND start_ns <= greatest(({last}), ({first.replace('min(', 'max(')}))"
        )
        return sql, {"project": project_id, "session": session_id}

    def _fill(self, histogram: Histogram, lines: str, parameters: dict[str, Parameter]) -> None:
        sql = (
            "SELECT intDiv(intDiv(start_ns, 1000) - {origin:Int64}, {bucket:Int64}) AS i, "
            f"count() AS n, countIf(status = 'error') AS errors FROM ({lines}) GROUP BY i"
        )
        bounds = {"origin": histogram.start_us, "bucket": histogram.bucket_us}
        for row in self._rows(_Bucket, sql, parameters | bounds):
            if 0 <= row.i < len(histogram.counts):
                histogram.counts[row.i] = row.n
                histogram.error_counts[row.i] = row.errors

    def _query(self, sql: str, parameters: dict[str, Parameter]) -> bytes:
        return self._engine.query(sql, parameters, self._limits)

    def _rows(self, kind: type[T], sql: str, parameters: dict[str, Parameter]) -> list[T]:
        return msgspec.json.Decoder(kind).decode_lines(self._query(sql, parameters))

    def _one(self, kind: type[T], sql: str, parameters: dict[str, Parameter]) -> T:
        return msgspec.json.decode(self._query(sql, parameters), type=kind)


class _Count(msgspec.Struct):
    n: int


class _Id(msgspec.Struct):
    id: str


class _Key(msgspec.Struct):
    session_key: str


class _Extent(msgspec.Struct):
    n: int
    first_ns: int
    last_ns: int


class _Bucket(msgspec.Struct):
    i: int
    n: int
    errors: int


class _Neighbours(msgspec.Struct):
    older: tuple[int, str]
    newer: tuple[int, str]


class _Sums(msgspec.Struct):
    session_count: int
    error_count: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    p50: int
    p95: int
    first_ns: int
    last_ns: int


def _told(names: tuple[str, ...], side: str, form: str, key: str) -> str:
    """What a tool span tells in its attributes, or else in its message: the same in every dialect."""
    attributes = ", ".join(f"nullIf(attributes['{name}'], '')" for name in names)
    message = f"JSONExtract{form}({side}_messages, 1, 'parts', 1, '{key}')"
    return f"coalesce({attributes}, {message})"


_Span = TypeVar("_Span", SpanBrief, SpanContent)


def _newest(spans: list[_Span]) -> list[_Span]:
    """Leave out rows that a newer one replaces and that have not been removed yet."""
    newest: dict[tuple[str, str], int] = {}
    for span in spans:
        identity = (span.trace_id, span.span_id)
        newest[identity] = max(newest.get(identity, span.received_ns), span.received_ns)
    if len(newest) == len(spans):
        return spans
    chosen = {
        (s.trace_id, s.span_id): s for s in spans if newest[s.trace_id, s.span_id] == s.received_ns
    }
    return list(chosen.values())


def _finished(row: SessionRow) -> SessionRow:
    """Show an error only where the session did not come to a good end."""
    error: ErrorBrief | None = row.error
    if error is not None and (not error.span_id or row.status == "ok"):
        row.error = None
    return row


def _empty_histogram(first_us: int, last_us: int) -> Histogram:
    span_us = last_us - first_us + 1
    fitting = (step for step in _BUCKET_STEPS_US if span_us // step + 2 <= _BUCKETS_MAX)
    bucket_us = next(fitting, -(-span_us // (_BUCKETS_MAX - 1)))
    start_us = first_us // bucket_us * bucket_us
    count = (last_us - start_us) // bucket_us + 1
    return Histogram(
        start_us=start_us, bucket_us=bucket_us, counts=[0] * count, error_counts=[0] * count
    )

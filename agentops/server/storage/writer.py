"""How do rows get into the tables exactly once? The writing half of the shared SQL.

One check before each insert finds what is stored already. Rows that are new are inserted, and the
materialized views add them to the session lines. Only where rows replace others, or where a write may
have been cut short, the lines of the sessions concerned are set right by one more insert: the truth,
computed from the spans, minus what the lines say.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from agentops import clock
from agentops.server.storage.base import Limits, StoredChange
from agentops.server.storage.engine import Engine, Parameter
from agentops.server.storage.sql import ADDITIVE, CHOSEN, lines_select, local_table, rollup_select
from agentops.server.storage.usage import CALL_COLUMNS, Call, Calls, without_usage

__all__ = ["SqlWriter"]

_CHECK_LIMITS: Final = Limits(seconds_max=60, memory_bytes_max=1 << 30, result_rows_max=10_000_000)
_SLACK_NS: Final = 86_400 * 10**9
_IDS_MAX: Final = 1_000  # of one statement; ClickHouse bounds the size of a parameter
_DIGEST_MASK: Final = (1 << 63) - 1


class _SpanHead(Call, kw_only=True):
    """What the writer must know of a span; the rest of the line is left unread."""

    project_id: str = "default"
    session_id: str = ""


class _EventHead(msgspec.Struct):
    event_id: str
    time_ns: int
    project_id: str = "default"
    session_id: str = ""
    trace_id: str = ""


class _StoredSpan(Call, kw_only=True):
    session_id: str
    session_key: str
    digest: int
    received_ns: int


class _StoredEvent(msgspec.Struct):
    event_id: str
    digest: int
    received_ns: int


_Head = TypeVar("_Head", _SpanHead, _EventHead)


@dataclass(slots=True)
class _Plan:
    """What one write does to the spans of one project."""

    lines: list[bytes] = field(default_factory=list)
    changed: dict[str, int] = field(default_factory=dict)
    replaced: list[tuple[str, str]] = field(default_factory=list)
    to_correct: set[str] = field(default_factory=set)
    uncounted: dict[str, _StoredSpan] = field(default_factory=dict)

    def count(self, session: str) -> None:
        self.changed[session] = self.changed.get(session, 0) + 1


class SqlWriter:
    """Writes through any engine; see :class:`agentops.server.storage.base.Writer`. One thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._database = engine.dialect.database
        self._received_ns = 0
        self._span_head = msgspec.json.Decoder(_SpanHead)
        self._event_head = msgspec.json.Decoder(_EventHead)
        self._stored_spans = msgspec.json.Decoder(_StoredSpan)
        self._stored_events = msgspec.json.Decoder(_StoredEvent)

    def write(
        self, spans: Sequence[bytes], events: Sequence[bytes], *, is_replay: bool
    ) -> list[StoredChange]:
        """See :meth:`agentops.server.storage.base.Writer.write`."""
        changes: dict[str, dict[str, int]] = {}
        span_groups = _by_project((self._span_head.decode(line), line) for line in spans)
        event_groups = _by_project((self._event_head.decode(line), line) for line in events)
        for project, span_rows in span_groups.items():
            changes[project] = self._write_spans(project, span_rows, is_replay=is_replay)
        for project, event_rows in event_groups.items():
            changed = changes.setdefault(project, {})
            for session in self._write_events(project, event_rows):
                changed.setdefault(session, 0)
        return [StoredChange(project_id=p, sessions=sessions) for p, sessions in changes.items()]

    # spans

    def _write_spans(
        self, project: str, rows: list[tuple[_SpanHead, bytes]], *, is_replay: bool
    ) -> dict[str, int]:
        newest = {(head.trace_id, head.span_id): (head, line) for head, line in rows}
        traces = sorted({trace for trace, _ in newest})
        starts = [head.start_ns for head, _ in newest.values()]
        stored = self._stored(project, traces, min(starts), max(starts))
        sessions = {s.trace_id: s.session_id for s in stored if s.session_id}
        sessions |= {h.trace_id: h.session_id for h, _ in newest.values() if h.session_id}
        plan = self._plan(newest, stored, sessions)
        self._rewrite(project, newest, stored, sessions, plan)
        if plan.lines:
            self._insert("spans", plan.lines)
        if plan.replaced:
            self._delete_older(project, plan.replaced)
        if is_replay:
            plan.to_correct |= {_session_key(h, sessions) for h, _ in newest.values()}
        if plan.to_correct:
            for some in _some(sorted(plan.to_correct)):
                self._correct(project, some)
        for session in plan.to_correct:
            plan.changed.setdefault(session, 0)
        return plan.changed

    def _stored(
        self, project: str, traces: list[str], first_ns: int, last_ns: int
    ) -> list[_StoredSpan]:
        """Every stored row of these traces that started within a day of the batch."""
        sql = (
            f"SELECT {CALL_COLUMNS}, session_id, session_key, digest, received_ns "
            f"FROM {self._database}.spans WHERE project_id = {{project:String}} "
            "AND start_ns >= {first:Int64} AND start_ns <= {last:Int64} "
            "AND trace_id IN {traces:Array(String)}"
        )
        bounds: dict[str, Parameter] = {
            "project": project,
            "first": max(first_ns - _SLACK_NS, -(1 << 63)),
            "last": min(last_ns + _SLACK_NS, (1 << 63) - 1),
        }
        found = []
        for some in _some(traces):
            answer = self._engine.query(sql, {**bounds, "traces": some}, _CHECK_LIMITS)
            found += self._stored_spans.decode_lines(answer)
        return found

    def _plan(
        self,
        newest: dict[tuple[str, str], tuple[_SpanHead, bytes]],
        stored: list[_StoredSpan],
        sessions: dict[str, str],
    ) -> _Plan:
        plan = _Plan()
        known: dict[tuple[str, str], list[_StoredSpan]] = {}
        for row in stored:
            known.setdefault((row.trace_id, row.span_id), []).append(row)
        received_ns, fresh = self._tick(stored), {}
        for identity, (head, line) in sorted(newest.items(), key=_counted_first):
            key, digest = _session_key(head, sessions), _digest(line)
            copies = known.get(identity, [])
            if len(copies) == 1 and (copies[0].digest, copies[0].session_key) == (digest, key):
                continue
            fresh[identity] = head, _with_columns(line, key, digest, received_ns)
            plan.count(key)
            if copies:
                plan.replaced.append(identity)
                plan.to_correct |= {key, *(copy.session_key for copy in copies)}
        calls = Calls(row for row in stored if (row.trace_id, row.span_id) not in fresh)
        _count_once(list(fresh.values()), calls, plan)
        return plan

    def _rewrite(
        self,
        project: str,
        newest: dict[tuple[str, str], tuple[_SpanHead, bytes]],
        stored: list[_StoredSpan],
        sessions: dict[str, str],
        plan: _Plan,
    ) -> None:
        """Write stored spans again where what came tells more of them.

        Those that stood alone under their trace id go into the session now known of the trace; of those that turn
        out to tell the same call one counts.
        """
        orphans = {
            s.trace_id + s.span_id: s
            for s in stored
            if not s.session_id
            and s.session_key == s.trace_id
            and s.trace_id in sessions
            and (s.trace_id, s.span_id) not in newest
        }
        changed = orphans | plan.uncounted
        if not changed:
            return
        sql = (
            "SELECT * EXCEPT (session_key, received_ns, digest) "
            f"FROM {self._database}.spans WHERE project_id = {{project:String}} "
            "AND concat(trace_id, span_id) IN {ids:Array(String)} "
            "ORDER BY received_ns DESC LIMIT 1 BY trace_id, span_id"
        )
        lines = [
            line
            for some in _some(sorted(changed))
            for line in self._engine.query(
                sql, {"project": project, "ids": some}, _CHECK_LIMITS
            ).splitlines()
        ]
        for line in lines:
            head = self._span_head.decode(line)
            identity = head.trace_id + head.span_id
            before = changed[identity]
            key = sessions[head.trace_id] if identity in orphans else before.session_key
            if identity in plan.uncounted:
                line = without_usage(line)
            plan.lines.append(_with_columns(line, key, before.digest, self._received_ns))
            plan.count(key)
            plan.replaced.append((head.trace_id, head.span_id))
            plan.to_correct |= {key, before.session_key}

    def _delete_older(self, project: str, identities: list[tuple[str, str]]) -> None:
        """Remove every row of these spans but the newest."""
        table = local_table(self._engine.dialect, "spans")
        cluster = self._engine.dialect.cluster
        on_cluster = f" ON CLUSTER {cluster}" if cluster else ""
        sql = (
            f"DELETE FROM {table}{on_cluster} WHERE project_id = {{project:String}} "
            "AND concat(trace_id, span_id) IN {ids:Array(String)} "
            "AND received_ns < {newest:Int64}"
        )
        ids = [trace + span for trace, span in identities]
        for some in _some(ids):
            self._engine.command(
                sql, {"project": project, "ids": some, "newest": self._received_ns}
            )

    def _correct(self, project: str, sessions: list[str]) -> None:
        """Add to the session lines the difference between what the spans say and what the lines say."""
        spans, database = f"{self._database}.spans", self._database
        truth = (
            f"{rollup_select()} FROM (SELECT *, input_preview, output_preview FROM {spans} "
            "WHERE project_id = {project:String} AND session_key IN {sessions:Array(String)} "
            "ORDER BY received_ns DESC LIMIT 1 BY trace_id, span_id) AS s "
            "GROUP BY project_id, session_key"
        )
        columns = ", ".join((*CHOSEN, *ADDITIVE))
        current = (
            f"SELECT {{project:String}} AS project_id, session_id, {', '.join(CHOSEN)}, "
            + ", ".join(f"-{column} AS {column}" for column in ADDITIVE)
            + f" FROM ({lines_select(database, 'r.session_id IN {sessions:Array(String)}')})"
        )
        self._engine.command(
            f"INSERT INTO {database}.sessions (project_id, session_id, {columns}) "
            f"SELECT project_id, session_id, {columns} FROM ({truth}) "
            f"UNION ALL SELECT project_id, session_id, {columns} FROM ({current})",
            {"project": project, "sessions": sessions},
        )

    # events

    def _write_events(self, project: str, rows: list[tuple[_EventHead, bytes]]) -> set[str]:
        newest = {head.event_id: (head, line) for head, line in rows}
        sql = (
            f"SELECT event_id, digest, received_ns FROM {self._database}.events "
            "WHERE project_id = {project:String} AND session_key IN {keys:Array(String)} "
            "AND event_id IN {ids:Array(String)} ORDER BY received_ns"
        )
        known: dict[str, int] = {}
        for some in _some(sorted(newest)):
            keys = sorted({_event_key(newest[event_id][0]) for event_id in some})
            answer = self._engine.query(
                sql, {"project": project, "keys": keys, "ids": some}, _CHECK_LIMITS
            )
            stored = self._stored_events.decode_lines(answer)
            self._tick(stored)
            known |= {row.event_id: row.digest for row in stored}
        received_ns, lines, changed = self._tick([]), [], set()
        for event_id, (head, line) in newest.items():
            digest = _digest(line)
            if known.get(event_id) != digest:
                key = _event_key(head)
                lines.append(_with_columns(line, key, digest, received_ns))
                changed.add(key)
        if lines:
            self._insert("events", lines)
        return changed

    # both

    def _insert(self, table: str, lines: list[bytes]) -> None:
        block = b"\n".join(lines) + b"\n"
        self._engine.insert(table, block, hashlib.blake2b(block, digest_size=16).hexdigest())

    def _tick(self, stored: Sequence[_StoredSpan] | Sequence[_StoredEvent]) -> int:
        """A time of receipt that is later than those of all rows that may be replaced.

        It is so even if the clock was set back, or is behind that of another server.
        """
        latest = max((row.received_ns for row in stored), default=0)
        self._received_ns = max(clock.now_ns(), self._received_ns + 1, latest + 1)
        return self._received_ns


def _by_project(rows: Iterable[tuple[_Head, bytes]]) -> dict[str, list[tuple[_Head, bytes]]]:
    groups: dict[str, list[tuple[_Head, bytes]]] = {}
    for head, line in rows:
        groups.setdefault(head.project_id, []).append((head, line))
    return groups


def _some(ids: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(ids), _IDS_MAX):
        yield ids[first : first + _IDS_MAX]


def _session_key(head: _SpanHead, sessions: dict[str, str]) -> str:
    return head.session_id or sessions.get(head.trace_id, head.trace_id)


def _count_once(fresh: list[tuple[_SpanHead, bytes]], calls: Calls, plan: _Plan) -> None:
    """Choose which spans of a write count their usage, and which stored ones no longer do."""
    told = [head for head, _ in fresh if head.tells_usage and head.counts_usage]
    for head in told:
        head.counts_usage = False  # until it is chosen; meanwhile it shows what stands in what
    for head, _ in fresh:
        calls.add(head)
    for head in told:
        head.counts_usage = not calls.is_counted(head)
        for other in calls.counted_twice(head):
            other.counts_usage = False
            if isinstance(other, _StoredSpan):
                plan.uncounted[other.trace_id + other.span_id] = other
    uncounted = {id(head) for head in told if not head.counts_usage}
    plan.lines += [without_usage(line) if id(head) in uncounted else line for head, line in fresh]


def _counted_first(item: tuple[object, tuple[_SpanHead, bytes]]) -> tuple[bool, int, int]:
    head, _ = item[1]
    return head.cost_usd is None, head.start_ns, -head.end_ns


def _event_key(head: _EventHead) -> str:
    return head.session_id or head.trace_id


def _digest(line: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(line, digest_size=8).digest(), "big") & _DIGEST_MASK


def _with_columns(line: bytes, session_key: str, digest: int, received_ns: int) -> bytes:
    """Append the writer's own columns to the JSON text of a row, which is not parsed for it."""
    own = {"session_key": session_key, "digest": digest, "received_ns": received_ns}
    return line[:-1] + b"," + msgspec.json.encode(own)[1:]

"""What every storage does, in the words of ``agentops/server/storage/base.py``."""

import copy

import msgspec
import pytest
from support.seed import support_session
from support.storages import new_storage

from agentops import clock
from agentops.errors import RowsRefusedError, StorageBusyError
from agentops.server.query.filter import compile_terms, parse
from agentops.server.rows import EventRow, SpanEvent, SpanLink, SpanRow
from agentops.server.storage.base import Limits, SessionFacts, SessionQuery, Totals
from agentops.server.storage.lines import REPEATED, encode_row

START_NS = 1_763_800_000_000_000_000
SECOND = 1_000_000_000
SORTS = ("start", "duration", "cost", "tokens")


@pytest.fixture(params=["chdb", "clickhouse"])
def kind(request):
    return request.param


@pytest.fixture
def storage(kind):
    with new_storage(kind) as storage:
        yield storage


def span(number=1, **values):
    defaults = {
        "trace_id": f"{1:032x}",
        "span_id": f"{number:016x}",
        "name": f"span {number}",
        "start_ns": START_NS + number * SECOND,
        "end_ns": START_NS + (number + 2) * SECOND,
        "session_id": "session-1",
    }
    return SpanRow(**(defaults | values))


def event(number=1, **values):
    defaults = {
        "event_id": f"event-{number}",
        "session_id": "session-1",
        "trace_id": f"{1:032x}",
        "event_name": "agentops.action",
        "time_ns": START_NS + number * SECOND,
    }
    return EventRow(**(defaults | values))


def write(storage, *rows, is_replay=False):
    spans = [encode_row(copy.deepcopy(row)) for row in rows if isinstance(row, SpanRow)]
    events = [encode_row(row) for row in rows if isinstance(row, EventRow)]
    return storage.write(spans, events, is_replay=is_replay)


def query(text="", now_ns=START_NS + 60 * SECOND, **values):
    return SessionQuery(condition=compile_terms(parse(text)), now_us=now_ns // 1000, **values)


def ids(storage, text="", **values):
    return [row.session_id for row in storage.sessions(query(text, **values))]


def only(storage, **values):
    [row] = storage.sessions(query(**values))
    return row


def test_span_comes_back_as_it_was_accepted(storage):
    row = span(
        name="ünï \U0001f600 '\"\\ \n\t",
        status_code="error",
        attributes={
            "__proto__": "x",
            "a.b": "1",
            "a": "{}",
            "nul": "a\0b",
            "quote'\"": "\\'; DROP",
        },
        attribute_types={"a.b": "int"},
        resource_attributes={"service.name": "svc"},
        events=[SpanEvent(time_ns=START_NS, name="exception", attributes='{"a": [1, null]}')],
        links=[SpanLink(trace_id="2" * 32, span_id="3" * 16)],
        tags=["a", "ü"],
        input_tokens=0,
        cost_usd=1e-9,
        counts_usage=False,
        flags=(1 << 32) - 1,
        finish_reasons=["stop"],
        input_messages='[{"role": "user", "parts": []}]',
    )
    write(storage, row)

    assert (row, "session-1") == storage.span("default", row.trace_id, row.span_id)


def test_content_that_an_attribute_repeats_is_stored_once_and_comes_back(storage):
    text = '[{"role": "user", "parts": [{"type": "text", "content": "needle"}]}]'
    row = span(span_type="llm", attributes=dict.fromkeys(REPEATED.values(), text))
    for column in REPEATED:
        setattr(row, column, text)
    assert len(encode_row(copy.deepcopy(row))) < len(msgspec.json.encode(row)) - 3 * len(text)
    write(storage, row)

    assert row == storage.span("default", row.trace_id, row.span_id)[0]
    assert text == storage.span_contents("default", "session-1", 9)[0].input_messages
    assert ("needle", "needle") == (only(storage).input_preview, only(storage).output_preview)
    assert ["session-1"] == ids(storage, '"eedl"')


def test_event_comes_back_as_it_was_accepted(storage):
    row = event(body='{"a": "\\u0000"}', attributes={"k": "v'"}, attribute_types={"k": "int"})
    write(storage, row)

    assert [row] == storage.events("default", "session-1", None, 10)


def test_line_of_a_whole_session(storage):
    write(storage, *support_session(1, START_NS))
    row = only(storage)

    assert ("support_session", "support-agent", "ok") == (row.name, row.service_name, row.status)
    assert (7, 2, 2, 2, 1) == (
        row.span_count,
        row.llm_count,
        row.tool_count,
        row.agent_count,
        row.error_count,
    )
    assert (1931, 580, 0.0087) == (row.input_tokens, row.output_tokens, row.cost_usd)
    assert (["prod"], ["claude-sonnet-4-5", "gpt-4o-mini"]) == (row.tags, row.models)
    assert row.input_preview == "Mon colis n'est pas arrivé, que faire ?"
    assert row.output_preview == "Je suis désolée ! Votre colis sera livré **demain**."
    assert row.error is None


def test_rows_sent_again_change_nothing(storage):
    rows = support_session(1, START_NS)
    first = write(storage, *rows)
    before = only(storage)
    second = write(storage, *rows)

    assert [7] == [sum(change.sessions.values()) for change in first]
    assert [{}] == [change.sessions for change in second]
    assert before == only(storage)
    assert Totals(session_count=1, span_count=7) == storage.totals("default")
    assert 1 == len(storage.events("default", before.session_id, None, 10))


def test_of_several_copies_in_one_write_the_last_wins(storage):
    write(storage, span(name="old", input_tokens=5), span(name="new", input_tokens=7))

    assert (1, 7, "new") == (
        only(storage).span_count,
        only(storage).input_tokens,
        storage.span("default", f"{1:032x}", f"{1:016x}")[0].name,
    )


@pytest.mark.parametrize("moved_ns", [0, -1, 7200 * SECOND])
def test_newer_content_replaces_a_span_in_lists_and_totals(storage, moved_ns):
    write(storage, span(1), span(2, input_tokens=10, cost_usd=0.5, status_code="error"))
    newer = span(2, input_tokens=3, cost_usd=0.25, output_tokens=1)
    newer.start_ns += moved_ns
    newer.end_ns += moved_ns
    write(storage, newer)
    row = only(storage)

    assert (2, 3, 1, 0.25, 0) == (
        row.span_count,
        row.input_tokens,
        row.output_tokens,
        row.cost_usd,
        row.error_count,
    )
    assert newer == storage.span("default", newer.trace_id, newer.span_id)[0]
    assert 2 == len(storage.span_briefs("default", "session-1", 10))


def test_newer_content_replaces_even_if_the_clock_was_set_back(storage, monkeypatch):
    write(storage, span(1, name="old"), event(1, body="old"))
    monkeypatch.setattr(clock, "now_ns", lambda: START_NS)
    storage._writer._received_ns = 0  # as in a process that has just started
    write(storage, span(1, name="new"), event(1, body="new"))

    assert "new" == storage.span("default", f"{1:032x}", f"{1:016x}")[0].name
    assert ["new"] == [s.name for s in storage.span_briefs("default", "session-1", 9)]
    assert ["new"] == [e.body for e in storage.events("default", "session-1", None, 9)]
    assert 1 == only(storage).span_count


def test_session_span_sent_again_changes_how_the_session_ended(storage):
    root = span(1, span_type="session", end_state="Success")
    write(storage, root)
    before = only(storage).status
    root.end_state = "Fail"
    write(storage, root)

    assert ("ok", "error") == (before, only(storage).status)
    assert "Fail" == storage.session_facts("default", "session-1").end_state


def test_replay_completes_a_write_that_stored_rows_but_not_their_totals(storage):
    engine, database = storage._engine, storage._engine.dialect.database
    engine.command(f"DROP VIEW {database}.sessions_from_spans SYNC", {})
    rows = support_session(2, START_NS)
    write(storage, *rows)
    storage.open()
    write(storage, *rows, is_replay=True)
    row = only(storage)

    assert (7, 1931, 2) == (row.span_count, row.input_tokens, row.llm_count)
    write(storage, *rows, is_replay=True)
    assert row == only(storage)


def test_span_without_session_stands_alone_under_its_trace(storage):
    write(storage, span(session_id="", span_type="llm", input_tokens=2))
    row = only(storage)

    assert (f"{1:032x}", "ok", "span 1") == (row.session_id, row.status, row.name)
    assert f"{1:032x}" == storage.session_of_trace("default", f"{1:032x}")


@pytest.mark.parametrize("is_session_first", [True, False])
def test_span_without_session_joins_the_session_of_its_trace(storage, is_session_first):
    stray = span(2, session_id="", parent_span_id=f"{1:016x}", input_tokens=4)
    rows = [span(1, span_type="session"), stray]
    for row in rows if is_session_first else reversed(rows):
        write(storage, row)
    row = only(storage)

    assert ("session-1", 2, 4) == (row.session_id, row.span_count, row.input_tokens)
    assert ["session-1"] == storage.session_ids("default", "", 10)[:1]
    assert 2 == len(storage.span_briefs("default", "session-1", 10))
    write(storage, stray)
    assert 2 == only(storage).span_count


def test_announced_session_runs_until_its_own_span_ends(storage):
    start = event(
        event_name="session.start",
        attributes={"agentops.session.name": "night run", "agentops.tags": '["prod","a"]'},
    )
    seen = []
    for rows in (
        [start],
        [span(2, parent_span_id="")],
        [span(1, span_type="session", session_name="night run")],
    ):
        write(storage, *rows)
        seen.append((only(storage).name, only(storage).status, only(storage).span_count))

    assert [
        ("night run", "running", 0),
        ("night run", "running", 1),
        ("night run", "ok", 2),
    ] == seen
    assert ["a", "prod"] == only(storage).tags


def test_session_that_nothing_has_named_yet_is_shown_and_found_as_a_session(storage):
    write(storage, event(event_name="session.start"), span(2, parent_span_id="01" * 8))
    shown = only(storage).name
    write(storage, span(1, span_type="session", session_name="night run"))

    assert ("session", "night run") == (shown, only(storage).name)
    assert ([], ["session-1"]) == (ids(storage, "name:session"), ids(storage, "name:night*"))


def test_session_end_event_ends_a_session_whose_span_is_lost(storage):
    end = event(2, event_name="session.end", attributes={"agentops.session.end_state": "Fail"})
    write(storage, event(1, event_name="session.start"), end)

    assert "error" == only(storage).status


def test_session_that_nobody_ended_is_stopped_after_five_minutes(storage):
    write(storage, event(event_name="session.start"))
    received_ns = max(START_NS, only(storage).last_event_us * 1000)
    later = query(now_ns=4_000_000_000 * SECOND)

    assert "running" == only(storage, now_ns=received_ns).status
    assert ["stopped"] == [row.status for row in storage.sessions(later)]


@pytest.mark.parametrize(
    ("root", "status"),
    [
        ({"status_code": "error"}, "error"),
        ({"end_state": "Fail"}, "error"),
        ({"end_state": "Success"}, "ok"),
        ({}, "ok"),
    ],
)
def test_only_the_end_of_a_session_makes_it_fail(storage, root, status):
    tool = span(2, span_type="tool", status_code="error", error_type="TimeoutError")
    write(storage, tool, span(1, span_type="session", **root))
    row = only(storage)

    assert (status, 1 + (root.get("status_code") == "error")) == (row.status, row.error_count)
    assert (row.error is not None) == (status == "error")


def test_error_of_a_session_is_the_deepest(storage):
    write(
        storage,
        span(1, span_type="session", status_code="error", error_type="Outer"),
        span(
            2, status_code="error", error_type="Inner", error_message="m", error_location="a.py:1"
        ),
    )
    error = only(storage).error

    assert ("Inner", "m", "a.py:1", "span 2") == (
        error.type,
        error.message,
        error.location,
        error.span_name,
    )


def test_line_names_the_service_of_its_root_and_what_an_agent_said_last(storage):
    def said(text):
        return msgspec.json.encode(
            [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]
        ).decode()

    write(
        storage,
        span(4, span_type="llm", service_name="a-service", output_messages=said("OK")),
        span(
            3, span_type="llm", service_name="b-service", agent_name="w", output_messages=said("Hi")
        ),
    )
    write(storage, span(1, span_type="session", service_name="main"))

    assert ("main", "Hi") == (only(storage).service_name, only(storage).output_preview)


def test_usage_of_a_container_is_not_summed(storage):
    write(
        storage,
        span(1, input_tokens=5, cost_usd=1.0, counts_usage=False),
        span(2, input_tokens=5, cost_usd=1.0),
    )

    assert (5, 1.0) == (only(storage).input_tokens, only(storage).cost_usd)


def test_unknown_cost_is_not_zero(storage):
    write(storage, span(1, input_tokens=5))

    assert only(storage).cost_usd is None
    assert storage.summarize(query()).cost_usd is None


@pytest.mark.parametrize("sort", SORTS)
def test_pages_hold_every_session_once_in_order(storage, sort):
    rows = [
        span(
            number,
            trace_id=f"{number:032x}",
            session_id=f"s{number:02}",
            start_ns=START_NS + number // 3 * SECOND,
            end_ns=START_NS + (10 + number // 2) * SECOND,
            cost_usd=number // 2 / 10,
            input_tokens=number // 2,
        )
        for number in range(11)
    ]
    write(storage, *rows)
    everything = storage.sessions(query(sort=sort, limit=100))
    values = {
        "start": lambda row: row.start_us,
        "duration": lambda row: row.duration_us,
        "cost": lambda row: round(row.cost_usd * 1e9),
        "tokens": lambda row: row.input_tokens,
    }[sort]
    paged, after = [], None
    while page := storage.sessions(query(sort=sort, limit=3, after=after)):
        paged += page
        after = (values(page[-1]), page[-1].session_id)

    assert everything == paged
    assert sorted(everything, key=lambda r: (values(r), r.session_id), reverse=True) == everything
    assert 11 == len(everything)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {0, 1, 2, 3}),
        ("status:error", {3}),
        ("-status:error", {0, 1, 2}),
        ("model:gpt-4o*", {0, 1, 2, 3}),
        ("model:gpt-4", set()),
        ("agent:PLANNER tool:search_orders", {0, 1, 2, 3}),
        ("tag:beta", {0, 2}),
        ("user:user-3", {3}),
        ("service:support-agent -user:user-1", {0, 2, 3}),
        ("cost>0.005", {0, 1, 2}),
        ("tokens>=2511", {0, 1, 2}),
        ("dur>2m", set()),
        ("dur<60000ms", {0, 1, 2, 3}),
        ("errors>2", {3}),
        ('"colis n\'est"', {1}),
        ("#5512", {0}),
        ("100%", set()),
        ("error:RateLimit*", {3}),
        ("'; DROP TABLE spans; --", set()),
    ],
)
def test_filter_chooses_sessions(kind, text, expected, seeded):
    storage, names = seeded[kind]

    assert {names[number] for number in expected} == set(ids(storage, text))
    assert len(expected) == storage.count_sessions(query(text), 100)


@pytest.fixture(scope="module")
def seeded():
    """For tests that only read: four sessions in each kind of storage."""
    with new_storage("chdb") as embedded, new_storage("clickhouse") as remote:
        made = {}
        for kind, storage in (("chdb", embedded), ("clickhouse", remote)):
            names = {}
            for number in range(4):
                rows = support_session(number, START_NS + number * SECOND)
                names[number] = rows[0].session_id
                write(storage, *rows)
            made[kind] = (storage, names)
        yield made


def test_range_of_starts_is_half_open(kind, seeded):
    storage, names = seeded[kind]
    first_us = START_NS // 1000 + 1_000_000

    assert [names[2], names[1]] == ids(storage, from_us=first_us, to_us=first_us + 2_000_000)


def test_text_is_found_within_a_range(kind, seeded):
    storage, names = seeded[kind]
    first_us = START_NS // 1000 + 1_000_000

    assert [names[1]] == ids(storage, '"colis n\'est"', from_us=first_us)
    assert [] == ids(storage, '"colis n\'est"', from_us=first_us + 1)


def test_summary_adds_up_what_matches(kind, seeded):
    storage, _ = seeded[kind]
    summary = storage.summarize(query("-status:error"))

    assert (3, 0, 3 * 1931, 3 * 580) == (
        summary.session_count,
        summary.error_count,
        summary.input_tokens,
        summary.output_tokens,
    )
    assert summary.cost_usd == pytest.approx(3 * 0.0087)
    assert (3, 0) == (sum(summary.histogram.counts), sum(summary.histogram.error_counts))
    assert len(summary.histogram.counts) <= 60
    assert (None, None) == (summary.duration_p50_us, summary.duration_p95_us)
    assert START_NS // 1000 == summary.oldest_us


def test_summary_of_nothing_is_zero(storage):
    summary = storage.summarize(query())

    assert (0, 0, None, None) == (
        summary.session_count,
        summary.input_tokens,
        summary.cost_usd,
        summary.oldest_us,
    )


def test_percentiles_are_told_from_twenty_sessions_on(storage):
    rows = [span(n, trace_id=f"{n:032x}", session_id=f"s{n}", parent_span_id="") for n in range(20)]
    write(storage, *rows)
    summary = storage.summarize(query())

    assert (2_000_000, 2_000_000) == (summary.duration_p50_us, summary.duration_p95_us)


def test_neighbours_are_the_sessions_just_before_and_after(kind, seeded):
    storage, names = seeded[kind]
    place = START_NS // 1000

    assert (None, names[1]) == storage.neighbours("default", names[0], place)
    assert (names[1], names[3]) == storage.neighbours("default", names[2], place + 2_000_000)


def test_facts_of_a_session(kind, seeded):
    storage, names = seeded[kind]
    rows = support_session(1, START_NS)

    assert storage.session_facts("default", names[1]) == SessionFacts(
        end_state="Success",
        trace_ids=[rows[0].trace_id],
        service_names=["support-agent"],
        agents=["planner", "writer"],
        cache_read_tokens=256,
        reasoning_tokens=0,
    )


def test_spans_are_ordered_by_start_and_cut_at_the_maximum(kind, seeded):
    storage, names = seeded[kind]
    briefs = storage.span_briefs("default", names[0], 100)

    assert sorted(briefs, key=lambda s: (s.start_ns, -s.end_ns, s.span_id)) == briefs
    assert briefs[:3] == storage.span_briefs("default", names[0], 3)
    contents = storage.span_contents("default", names[0], 100)
    assert [brief.span_id for brief in briefs] == [content.span_id for content in contents]
    [tool, *_] = [content for content in contents if content.span_type == "tool"]
    assert ("call_0", '{"order_id": 5512}') == (tool.tool_call_id, tool.tool_input)


def test_prefix_finds_session_ids(kind, seeded):
    storage, names = seeded[kind]

    assert [names[2]] == storage.session_ids("default", names[2][:8], 5)
    assert [] == storage.session_ids("default", "%", 5)


def test_events_come_in_pages_by_time(storage):
    write(
        storage,
        *(event(number) for number in (3, 1, 2)),
        event(4, session_id="", trace_id=f"{1:032x}"),
    )
    write(storage, span(1))
    first = storage.events("default", "session-1", None, 2)
    rest = storage.events("default", "session-1", (first[-1].time_ns, first[-1].event_id), 9)

    assert ["event-1", "event-2", "event-3", "event-4"] == [e.event_id for e in first + rest]


def test_event_of_the_same_id_replaces_the_older(storage):
    write(storage, event(1, body="old"))
    write(storage, event(1, body="new"))

    assert ["new"] == [e.body for e in storage.events("default", "session-1", None, 9)]


def test_projects_do_not_see_each_other(storage):
    write(storage, span(1, project_id="a", name="mine", input_tokens=1))
    write(storage, span(1, project_id="b", name="theirs", input_tokens=2), event(1, project_id="b"))
    mine = storage.sessions(query(project_id="a"))

    assert [1] == [row.input_tokens for row in mine]
    assert "mine" == storage.span("a", f"{1:032x}", f"{1:016x}")[0].name
    assert [] == storage.events("a", "session-1", None, 9)
    assert [] == storage.sessions(query(project_id="c"))
    assert ["theirs"] == [s.name for s in storage.span_briefs("b", "session-1", 9)]


def test_unknown_ids_have_empty_answers(storage):
    assert storage.span("default", "x", "y") is None
    assert storage.session_facts("default", "x") is None
    assert storage.session_of_trace("default", "x") is None
    assert [] == storage.span_briefs("default", "x", 9)
    assert [] == storage.events("default", "x", None, 9)
    assert (None, None) == storage.neighbours("default", "x", 0)


def test_rows_that_do_not_fit_are_refused_and_nothing_is_stored(storage):
    good = msgspec.json.encode(span(1))
    bad = msgspec.json.encode(span(2)).replace(b'"flags":0', b'"flags":"no number"')

    with pytest.raises(RowsRefusedError):
        storage.write([good, bad], [])
    assert Totals(session_count=0, span_count=0) == storage.totals("default")


def test_read_over_its_memory_limit_is_refused_for_now(kind):
    with new_storage(kind, Limits(memory_bytes_max=1_000)) as storage:
        write(storage, *support_session(1, START_NS))
        with pytest.raises(StorageBusyError):
            storage.sessions(query())


def test_odd_times_are_kept(storage):
    odd = [
        span(1, start_ns=-1_000_000_000 * SECOND, end_ns=0),
        span(2, start_ns=START_NS, end_ns=START_NS - 5),
    ]
    odd.append(span(3, start_ns=9_200_000_000 * SECOND, end_ns=9_200_000_000 * SECOND))
    write(storage, *odd)

    assert [1, 2, 3] == [int(s.span_id, 16) for s in storage.span_briefs("default", "session-1", 9)]
    assert odd[0] == storage.span("default", odd[0].trace_id, odd[0].span_id)[0]

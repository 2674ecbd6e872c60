"""Of several spans that tell the usage of one model call the totals count one."""

import copy
import itertools

import msgspec
import pytest
from support.storages import new_storage

from agentops.server.query.filter import compile_terms, parse
from agentops.server.rows import SpanRow
from agentops.server.storage.base import SessionQuery
from agentops.server.storage.lines import encode_row

START_NS = 1_763_800_000_000_000_000
SECOND = 1_000_000_000


@pytest.fixture
def storage():
    with new_storage("chdb") as storage:
        yield storage


def write(storage, *rows, is_replay=False):
    lines = [encode_row(copy.deepcopy(row)) for row in rows]
    storage.write(lines, [], is_replay=is_replay)


def only(storage):
    everything = SessionQuery(condition=compile_terms(parse("")), now_us=START_NS // 1000)
    [row] = storage.sessions(everything)
    return row


def call(number, parent="", scope="ours", **values):
    defaults = {
        "trace_id": f"{1:032x}",
        "span_id": f"{number:016x}",
        "name": "chat",
        "session_id": "session-1",
        "span_type": "llm",
        "parent_span_id": parent and f"{parent:016x}",
        "scope_name": scope,
        "start_ns": START_NS + number,
        "end_ns": START_NS + SECOND - number,
        "input_tokens": 5,
        "output_tokens": 3,
        "cost_usd": 1.0,
    }
    return SpanRow(**(defaults | values))


@pytest.mark.parametrize("is_one_write", [False, True], ids=["in turn", "together"])
@pytest.mark.parametrize(
    ("calls", "counted"),
    [
        ([call(2, parent=1), call(1, scope="theirs")], 1),
        ([call(1, scope="theirs"), call(2, parent=1)], 1),
        ([call(2, parent=9), call(1, parent=9, scope="theirs")], 1),
        ([call(1, parent=9, scope="theirs"), call(2, parent=9)], 1),
        ([call(3, parent=2), call(2, parent=1, scope="b"), call(1, scope="c")], 1),
        ([call(2, parent=1), call(1, input_tokens=10, cost_usd=2.0), call(3, parent=1)], 2),
        ([call(2, parent=9), call(1, parent=9)], 2),
        ([call(1, parent=9), call(2, parent=9, scope="theirs", output_tokens=4)], 2),
        ([call(1, parent=9), call(2, parent=9, scope="theirs", end_ns=START_NS + SECOND)], 2),
        ([call(1), call(2, parent=1, trace_id="2" * 32)], 2),
        ([call(1), call(2, parent=1, span_type="tool")], 2),
        ([call(1, input_tokens=None, cost_usd=None), call(2, parent=1)], 1),
        ([call(1, input_tokens=0, output_tokens=0, cost_usd=None), call(2, parent=1)], 1),
        ([call(2, parent=1, input_tokens=0, output_tokens=0, cost_usd=None), call(1)], 1),
    ],
)
def test_a_call_that_spans_of_several_requests_tell_counts_once(
    storage, calls, counted, is_one_write
):
    writes = [calls] if is_one_write else [[each] for each in calls]
    for rows in writes:
        write(storage, *rows)
    told = only(storage)
    for rows in writes:  # and what is sent again changes nothing
        write(storage, *rows, is_replay=True)

    assert (5 * counted, counted) == (told.input_tokens, told.cost_usd)
    assert only(storage) == told
    briefs = storage.span_briefs("default", "session-1", 9)
    assert 5 * counted == sum(brief.input_tokens or 0 for brief in briefs)


@pytest.mark.parametrize("is_one_write", [False, True], ids=["in turn", "together"])
def test_calls_of_a_loop_that_all_say_the_same_count_once_each(storage, is_one_write):
    ends = [START_NS + number * SECOND for number in range(1, 21)]
    ours = [call(n, 9, start_ns=end - SECOND, end_ns=end) for n, end in enumerate(ends, 100)]
    theirs = [
        call(n, 9, "theirs", start_ns=end - SECOND + 1, end_ns=end - 1)
        for n, end in enumerate(ends, 200)
    ]
    for rows in [ours + theirs] if is_one_write else [ours, theirs]:
        write(storage, *rows)

    assert 5 * len(ends) == only(storage).input_tokens


@pytest.mark.parametrize("order", [1, -1])
def test_of_spans_that_tell_a_call_together_the_outer_one_counts(storage, order):
    write(storage, *[call(1, scope="theirs"), call(2, parent=1), call(3, parent=2)][::order])
    briefs = storage.span_briefs("default", "session-1", 9)

    assert [5, None, None] == [brief.input_tokens for brief in briefs]


@pytest.mark.parametrize("order", [1, -1])
def test_of_spans_that_tell_a_call_together_one_that_has_a_cost_counts(storage, order):
    write(storage, *[call(1, cost_usd=None), call(2, parent=1), call(3, parent=2)][::order])
    told = only(storage)

    assert (5, 1.0) == (told.input_tokens, told.cost_usd)
    briefs = storage.span_briefs("default", "session-1", 9)
    assert [None, 5, None] == [brief.input_tokens for brief in briefs]


@pytest.mark.parametrize("costs", [(1.0, 1.0, 1.0), (None, 1.0, 1.0), (1.0, None, 1.0)])
def test_three_spans_that_tell_a_call_together_count_once_in_whatever_order_they_come(
    storage, costs
):
    orders = itertools.permutations(range(3))
    writes = [[(0, 1, 2)], [(0, 2), (1,)], *([(index,) for index in order] for order in orders)]
    for number, rows in enumerate(writes, 1):
        own = {"trace_id": f"{number:032x}", "session_id": f"session-{number}"}
        calls = [
            call(1, scope="theirs", cost_usd=costs[0], **own),
            call(2, parent=1, scope="others", cost_usd=costs[1], **own),
            call(3, parent=2, cost_usd=costs[2], **own),
        ]
        for some in rows:
            write(storage, *[calls[index] for index in some])
        for some in rows:
            write(storage, *[calls[index] for index in some], is_replay=True)
    everything = SessionQuery(condition=compile_terms(parse("")), now_us=START_NS // 1000)
    sessions = storage.sessions(everything)

    assert [len(writes), {5}] == [len(sessions), {each.input_tokens for each in sessions}]
    assert {each.cost_usd for each in sessions} <= {1.0, None}  # who came first may have none


def test_what_a_sum_stands_for_counts_although_the_sum_comes_last(storage):
    parts = [call(2, parent=1), call(3, parent=1, start_ns=START_NS + SECOND // 2)]
    write(storage, *parts)
    write(storage, call(9, scope="theirs", input_tokens=7))
    write(storage, call(1, scope="theirs", input_tokens=10, cost_usd=2.0))

    assert 17 == only(storage).input_tokens


def test_a_call_that_does_not_count_is_stored_with_what_it_tells(storage):
    text = '"counts_usage":true'
    repeated = call(2, parent=1, name=text, attributes={"counts_usage": "true", "text": text})
    write(storage, call(1))
    write(storage, repeated)
    stored, _ = storage.span("default", repeated.trace_id, repeated.span_id)

    assert stored == msgspec.structs.replace(repeated, counts_usage=False)

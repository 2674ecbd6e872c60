"""W3C Trace Context, Level 2: what a service built from our middleware and ``inject`` answers to the world.

The cases are those of the W3C's own suite in our words: three suites, 41 cases, each once without ``agentops.init``
and once with it. The service is real, and the header lines are sent byte for byte.
"""

import re

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from support.http_service import AsgiService, ask
from support.waiting import eventually

import agentops
from agentops.middleware import ASGIMiddleware
from agentops.testing import recording

TRACE, SPAN = "12345678901234567890123456789012", "1234567890123456"
PARENT = f"00-{TRACE}-{SPAN}-01"
OUT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-0[0-3]")
MEMBERS = [f"bar{number:02}={number:02}" for number in range(1, 34)]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in ",=")


async def call_on(request):
    """Answer with the headers of as many outgoing requests as were asked for."""
    times = int(request.query_params.get("times", 1))
    return JSONResponse([agentops.TraceContext.current().inject({}) for _ in range(times)])


@pytest.fixture(scope="module")
def port():
    with AsgiService(ASGIMiddleware(Starlette(routes=[Route("/", call_on)]))) as service:
        yield service.port


@pytest.fixture(params=["idle", "running", "running with an automatic session"])
def send(request, port):
    """Send requests and return what goes out: ids and tracestate of each outgoing request."""

    def send(*headers, times=1):
        status, told = ask(port, headers, f"/?times={times}")
        assert (status, len(told)) == (200, times)
        matches = [OUT.fullmatch(each["traceparent"]) for each in told]
        assert all(matches), told
        return [
            (match[1], match[2], each.get("tracestate", ""))
            for match, each in zip(matches, told, strict=True)
        ]

    if request.param == "idle":
        yield send
    else:
        with recording(auto_start="automatic" in request.param):
            yield send


def parent(value=PARENT):
    return ("traceparent", value)


def state_of(send, *values, flags="00"):
    sent = [("tracestate", value) for value in values]
    trace_id, _, state = send(parent(f"00-{TRACE}-{SPAN}-{flags}"), *sent)[0]
    assert trace_id == TRACE
    return state


def test_a_trace_is_begun_where_none_comes(send, request):
    is_one = "automatic" in request.node.name  # then it is the one of that session

    assert (send()[0][0] == send()[0][0]) is is_one


def test_a_trace_goes_on_with_a_new_parent_id(send):
    trace_id, span_id, _ = send(parent())[0]

    assert trace_id == TRACE
    assert span_id != SPAN


@pytest.mark.parametrize("name", ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"])
def test_the_name_is_read_in_any_case(send, name):
    assert send((name, PARENT))[0][0] == TRACE


@pytest.mark.parametrize("value", [" {}", "\t{}", "{} ", "{}\t", "\t {} \t"])
def test_white_space_around_the_value_is_no_part_of_it(send, value):
    assert send(parent(value.format(PARENT)))[0][0] == TRACE


@pytest.mark.parametrize(
    "value",
    [
        f"cc-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
        f"00-{TRACE}-{SPAN}-00",
        f"00-{TRACE}-{SPAN}-ff",
        f"cc-{TRACE}-{SPAN}-ff",
    ],
)
def test_a_later_version_and_unknown_flags_are_understood(send, value):
    trace_id, _, _ = send(parent(value))[0]

    assert trace_id == TRACE  # and OUT allows only the flags of version 00


@pytest.mark.parametrize(
    "headers",
    [
        [parent(f"00-{TRACE[:-1]}1-{SPAN}-01"), parent()],
        [("trace-parent", PARENT)],
        [("trace.parent", PARENT)],
        [parent(f"{PARENT}.")],
        [parent(f"{PARENT}-what-the-future-will-be-like")],
        [parent(f"cc-{TRACE}-{SPAN}-01.what-the-future-will-be-like")],
        [parent(f"ff-{TRACE}-{SPAN}-01")],
        [parent(f".0-{TRACE}-{SPAN}-01")],
        [parent(f"0.-{TRACE}-{SPAN}-01")],
        [parent(f"000-{TRACE}-{SPAN}-01")],
        [parent(f"0000-{TRACE}-{SPAN}-01")],
        [parent(f"0-{TRACE}-{SPAN}-01")],
        [parent(f"00-{'0' * 32}-{SPAN}-01")],
        [parent(f"00-.{TRACE[1:]}-{SPAN}-01")],
        [parent(f"00-{TRACE[:-1]}.-{SPAN}-01")],
        [parent(f"00-{TRACE}3-{SPAN}-01")],
        [parent(f"00-{TRACE[:-1]}-{SPAN}-01")],
        [parent(f"00-{'A' + TRACE[1:]}-{SPAN}-01")],
        [parent(f"00-{TRACE}-{'0' * 16}-01")],
        [parent(f"00-{TRACE}-.{SPAN[1:]}-01")],
        [parent(f"00-{TRACE}-{SPAN[:-1]}.-01")],
        [parent(f"00-{TRACE}-{SPAN}7-01")],
        [parent(f"00-{TRACE}-{SPAN[:-1]}-01")],
        [parent(f"00-{TRACE}-{SPAN}-.0")],
        [parent(f"00-{TRACE}-{SPAN}-0.")],
        [parent(f"00-{TRACE}-{SPAN}-001")],
        [parent(f"00-{TRACE}-{SPAN}-1")],
    ],
    ids=str,
)
def test_what_is_not_valid_begins_a_new_trace(send, headers):
    trace_id, _, _ = send(*headers)[0]

    assert trace_id not in (TRACE, TRACE[:-1] + "1")
    assert TRACE[:-1] not in trace_id


def test_a_state_without_a_trace_is_not_passed_on(send):
    assert send(("tracestate", "foo=1"))[0][2] == send(("tracestate", "foo=1,bar=2"))[0][2] == ""


@pytest.mark.parametrize("flags", ["00", "01"])
def test_the_state_goes_on(send, flags):
    assert state_of(send, "foo=1,bar=2", flags=flags) == "foo=1,bar=2"


@pytest.mark.parametrize("name", ["TraceState", "TrAcEsTaTe", "TRACESTATE"])
def test_the_name_of_the_state_is_read_in_any_case(send, name):
    assert send(parent(), (name, "foo=1"))[0][2] == "foo=1"


@pytest.mark.parametrize("name", ["trace-state", "trace.state"])
def test_another_name_is_no_state(send, name):
    assert send(parent(), (name, "foo=1"))[0][2] == ""


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([""], ""),
        (["foo=1", ""], "foo=1"),
        (["", "foo=1"], "foo=1"),
        (["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3"),
        (["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        (["foo=1\t \t,\t \tbar=2,\t \tbaz=3"], "foo=1,bar=2,baz=3"),
        ([" foo=1"], "foo=1"),
        (["\tfoo=1"], "foo=1"),
        (["foo=1 "], "foo=1"),
        (["foo=1\t"], "foo=1"),
        (["\t foo=1 \t"], "foo=1"),
        ([f"{LETTERS}={PRINTABLE}!"], f"{LETTERS}={PRINTABLE}!"),
        ([f"{LETTERS}@a-z0-9_-*/={PRINTABLE}!"], f"{LETTERS}@a-z0-9_-*/={PRINTABLE}!"),
        (["0foo=1"], "0foo=1"),
        (["foo@bar@baz=1"], "foo@bar@baz=1"),
        ([",".join(MEMBERS[:10]), ",".join(MEMBERS[10:32])], ",".join(MEMBERS[:32])),
        (["foo=1", "z" * 256 + "=1"], "foo=1," + "z" * 256 + "=1"),
        (
            ["foo=1", "t" * 241 + "@" + "v" * 14 + "=1"],
            "foo=1," + "t" * 241 + "@" + "v" * 14 + "=1",
        ),
        (["foo=" + "v" * 256], "foo=" + "v" * 256),
    ],
)
def test_every_valid_state_goes_on_in_its_order(send, values, expected):
    assert state_of(send, *values) == expected.rstrip(" ")


@pytest.mark.parametrize("values", [["foo=1,foo=1"], ["foo=1,foo=2"], ["foo=1", "foo=1"]])
def test_a_repeated_key_does_not_cost_the_state(send, values):
    assert state_of(send, "first=0", *values, "last=9") in (
        "first=0,foo=1,last=9",
        f"first=0,{','.join(values)},last=9",
    )


@pytest.mark.parametrize(
    "values",
    [
        ["foo =1"],
        ["FOO=1"],
        ["foo.bar=1"],
        ["@foo=1,bar=2"],
        [",".join(MEMBERS[:10]), ",".join(MEMBERS[10:33])],
        ["foo=1", "z" * 257 + "=1"],
        ["foo=1", "t" * 242 + "@" + "v" * 14 + "=1"],
        ["foo=bar=baz"],
        ["foo=,bar=3"],
        ["foo=" + "v" * 257],
        ["foo"],
    ],
    ids=str,
)
def test_a_malformed_state_is_dropped_and_the_trace_goes_on(send, values):
    assert state_of(send, *values) == ""


@pytest.mark.parametrize("headers", [[parent()], [], [parent(f"00-{'0' * 32}-{SPAN}-01")]])
def test_several_requests_of_one_trace_can_be_told_apart(send, headers):
    told = send(*headers, times=3)

    assert len({trace_id for trace_id, _, _ in told}) == 1
    assert (told[0][0] == TRACE) is (headers == [parent()])
    assert len({span_id for _, span_id, _ in told}) == 3


def test_every_id_that_goes_out_is_that_of_a_recorded_span(port):
    with recording() as recorded:
        _, told = ask(port, [parent()], "/?times=3")
        eventually(lambda: len(recorded.spans) == 3)
        spans = {f"{span.span_id:016x}": span for span in recorded.spans}

    sent = [each["traceparent"].split("-")[2] for each in told]
    server = spans[sent[0]]
    assert [spans[each].name for each in sent] == ["GET", "outgoing request", "outgoing request"]
    assert server.parent_span_id == int(SPAN, 16)
    assert {spans[each].parent_span_id for each in sent[1:]} == {server.span_id}


def test_a_step_inside_the_request_sends_its_own_id(recorded):
    async def work(_request):
        with agentops.tool("search") as run:
            told = [agentops.TraceContext.current().inject({}) for _ in range(2)]
        return JSONResponse([told, f"{run.span.get_span_context().span_id:016x}"])

    with AsgiService(ASGIMiddleware(Starlette(routes=[Route("/", work)]))) as service:
        _, (told, step) = ask(service.port, [parent()])

    assert {each["traceparent"] for each in told} == {f"00-{TRACE}-{step}-01"}

"""W3C Trace Context, Level 2: what is read, what is refused, what is written."""

import pytest
from opentelemetry.trace import get_current_span

from agentops.instrumentation.propagators import TraceContextPropagator
from agentops.instrumentation.propagators.tracecontext import ReceivedTraceState, parse_tracestate

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


def extract(*headers):
    context = TraceContextPropagator().extract([*headers])
    return get_current_span(context).get_span_context()


@pytest.mark.parametrize(
    "value",
    [
        GOOD,
        f" \t{GOOD}\t ",
        f"01-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what-the-future-brings",
        f"cc-{TRACE}-{SPAN}-01-",
    ],
)
def test_valid_traceparent_is_read(value):
    span = extract(("traceparent", value))

    assert (int(TRACE, 16), int(SPAN, 16), True) == (span.trace_id, span.span_id, span.is_remote)
    assert span.trace_flags.sampled


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01.",
        f"cc-{TRACE}-{SPAN}-01.rest",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}x-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        GOOD + "\n",
    ],
)
def test_invalid_traceparent_is_no_trace(value):
    assert not extract(("traceparent", value), ("tracestate", "a=1")).is_valid


def test_two_traceparents_are_none():
    assert not extract(("traceparent", GOOD), ("traceparent", GOOD)).is_valid


def test_unknown_flags_are_not_sent_on():
    context = TraceContextPropagator().extract({"traceparent": f"00-{TRACE}-{SPAN}-ff"})
    carrier = {}
    TraceContextPropagator().inject(carrier, context)

    assert carrier["traceparent"].endswith("-03")


def test_headers_are_found_in_any_case():
    assert extract(("TraceParent", GOOD), ("TRACESTATE", "a=1")).trace_state == {"a": "1"}


def test_tracestate_headers_are_joined_in_order():
    span = extract(("traceparent", GOOD), ("tracestate", "a=1,b=2"), ("tracestate", "c=3"))

    assert [("a", "1"), ("b", "2"), ("c", "3")] == list(span.trace_state.items())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foo=1,,bar=2,", {"foo": "1", "bar": "2"}),
        (" foo=1 \t, \tbar=2", {"foo": "1", "bar": "2"}),
        ("foo=1,foo=2", {"foo": "1"}),
        ("0v=1,tenant@system=2,a@b@c=3", {"0v": "1", "tenant@system": "2", "a@b@c": "3"}),
        (f"{'z' * 256}=1", {"z" * 256: "1"}),
        ("a=b c", {"a": "b c"}),
        (",".join(f"k{n}=1" for n in range(32)), {f"k{n}": "1" for n in range(32)}),
        (",".join(f"k{n}=1" for n in range(33)), {}),
        (f"{'z' * 257}=1", {}),
        (f"a={'v' * 257}", {}),
        ("foo =1", {}),
        ("FOO=1", {}),
        ("foo", {}),
        ("foo=", {}),
        ("foo=bar=baz", {}),
        ("@foo=1", {}),
        ("foo=\u00e9", {}),
    ],
)
def test_tracestate_grammar(text, expected):
    assert expected == dict(parse_tracestate([text]))


def test_malformed_tracestate_does_not_cost_the_trace():
    span = extract(("traceparent", GOOD), ("tracestate", "no equals sign"))

    assert span.is_valid
    assert not span.trace_state


def test_updated_member_moves_to_the_front_and_pushes_out_the_last():
    state = ReceivedTraceState([(f"k{n}", "1") for n in range(32)])

    assert ["ot", *(f"k{n}" for n in range(31))] == list(state.update("ot", "th:8"))
    assert ["k5", "k0"] == list(state.update("k5", "2"))[:2]
    assert state is state.update("Not Valid", "1")
    assert "k3" not in state.delete("k3")

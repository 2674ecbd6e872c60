"""B3 in both forms: debug, deferred and denied are preserved, short ids joined."""

import pytest
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span

from agentops.instrumentation.propagators import (
    B3MultiPropagator,
    B3Propagator,
    JaegerPropagator,
    compose,
)
from agentops.telemetry.ambient import sampling_is_deferred, sampling_is_denied

TRACE = "80f198ee56343ba864fe8b2a57d3eff7"
SPAN = "e457b5a2e4d86bd1"
PARENT = "05e3ac9a4f6e3b90"


def extract(carrier, propagator=None):
    return (propagator or B3Propagator()).extract(carrier, Context())


def span_of(context):
    return get_current_span(context).get_span_context()


def inject(context, propagator=None):
    carrier = {}
    (propagator or B3Propagator()).inject(carrier, context)
    return carrier


@pytest.mark.parametrize("state", ["1", "0", "d"])
@pytest.mark.parametrize("tail", ["", f"-{PARENT}"])
def test_single_header_goes_through_unchanged_but_for_the_parent(state, tail):
    context = extract({"b3": f"{TRACE}-{SPAN}-{state}{tail}"})

    assert (state != "0") == span_of(context).trace_flags.sampled
    assert {"b3": f"{TRACE}-{SPAN}-{state}"} == inject(context)


def test_deferred_decision_stays_deferred():
    single = extract({"b3": f"{TRACE}-{SPAN}"})
    multi = extract({"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN})

    assert sampling_is_deferred(single)
    assert sampling_is_deferred(multi)
    assert {"b3": f"{TRACE}-{SPAN}"} == inject(single) == inject(multi)


def test_denial_without_ids_is_kept():
    for carrier in ({"b3": "0"}, {"x-b3-sampled": "0"}, {"x-b3-sampled": "false"}):
        context = extract(carrier)

        assert sampling_is_denied(context)
        assert not span_of(context).is_valid


def test_64_bit_trace_id_is_padded_and_written_short_again():
    context = extract({"b3": f"{TRACE[16:]}-{SPAN}-1"})

    assert int(TRACE[16:], 16) == span_of(context).trace_id
    assert {"b3": f"{TRACE[16:]}-{SPAN}-1"} == inject(context)


def test_several_headers_and_debug():
    context = extract({"X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Flags": "1"})

    assert span_of(context).trace_flags.sampled
    expected = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-flags": "1"}
    assert expected == inject(context, B3MultiPropagator())


@pytest.mark.parametrize("sampled", ["1", "true", "True"])
def test_legacy_spelling_of_sampled(sampled):
    context = extract({"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": sampled})

    expected = {"x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "1"}
    assert expected == inject(context, B3MultiPropagator())


def test_single_header_wins():
    other = "1" * 32
    context = extract({"b3": f"{TRACE}-{SPAN}-1", "x-b3-traceid": other, "x-b3-spanid": SPAN})

    assert int(TRACE, 16) == span_of(context).trace_id


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-",
        "x",
        f"{'0' * 32}-{SPAN}-1",
        f"{TRACE}-{'0' * 16}-1",
        f"{TRACE}-{SPAN}-2",
        f"{TRACE}-{SPAN}-1-zz",
        f"{TRACE}-{SPAN}-1-{PARENT}-x",
        f"{TRACE[1:]}-{SPAN}-1",
        TRACE,
    ],
)
def test_malformed_header_is_no_trace(value):
    context = extract({"b3": value})

    assert not span_of(context).is_valid
    assert {} == inject(context)


def test_first_valid_format_wins_in_the_configured_order():
    w3c = "0af7651916cd43dd8448eb211c80319c"
    carrier = {"traceparent": f"00-{w3c}-{SPAN}-01", "b3": f"{TRACE}-{SPAN}-1", "baggage": "a=1"}

    assert int(w3c, 16) == span_of(extract(carrier, compose(["w3c", "b3"]))).trace_id
    assert int(TRACE, 16) == span_of(extract(carrier, compose(["b3", "w3c"]))).trace_id
    carrier["b3"] = "garbage"
    assert int(w3c, 16) == span_of(extract(carrier, compose(["b3", "w3c"]))).trace_id
    assert {"traceparent", "b3", "baggage"} == set(
        inject(extract(carrier, compose(["w3c"])), compose(["b3", "w3c"]))
    )


@pytest.mark.parametrize(
    "value",
    [f"{TRACE}:{SPAN}:0:1", f"{TRACE}%3A{SPAN}%3A0%3A3", "1f:2e:0:1"],
    ids=["plain", "encoded", "short"],
)
def test_jaeger_is_read_and_never_written(value):
    context = extract({"uber-trace-id": value, "uberctx-user": "u%204"}, JaegerPropagator())

    assert span_of(context).trace_flags.sampled
    assert {} == inject(context, JaegerPropagator())

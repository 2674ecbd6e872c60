"""TraceContext: every carrier in, every carrier out, and into threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from agentops import semconv
from agentops.instrumentation.context import TraceContext, configure_propagation, propagator
from agentops.telemetry.ambient import set_ambient
from agentops.telemetry.config import ContextConfig

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
SESSION = "4f7f3c1e-5b83-4b0f-9d0b-0d8e6a0f7a11"


@pytest.fixture
def here():
    span = NonRecordingSpan(SpanContext(int(TRACE, 16), int(SPAN, 16), False, TraceFlags(1)))
    return TraceContext(
        set_span_in_context(span, set_ambient(Context(), {semconv.SESSION_ID: SESSION}))
    )


@pytest.mark.parametrize(
    "carrier",
    [
        {"traceparent": PARENT, "baggage": f"session.id={SESSION}"},
        {"Traceparent": PARENT, "Baggage": f"session.id={SESSION}"},
        {"traceparent": [PARENT], "baggage": [f"session.id={SESSION}"]},
        [(b"traceparent", PARENT.encode()), (b"baggage", f"session.id={SESSION}".encode())],
        (("traceparent", PARENT), ("baggage", f"session.id={SESSION}")),
        {
            "type": "http",
            "headers": [
                (b"traceparent", PARENT.encode()),
                (b"baggage", f"session.id={SESSION}".encode()),
            ],
        },
        {
            "wsgi.version": (1, 0),
            "HTTP_TRACEPARENT": PARENT,
            "HTTP_BAGGAGE": f"session.id={SESSION}",
        },
        {"name": "tool", "_meta": {"traceparent": PARENT, "baggage": f"session.id={SESSION}"}},
    ],
    ids=["dict", "any case", "lists", "asgi pairs", "metadata", "asgi scope", "wsgi", "mcp"],
)
def test_every_carrier_is_read(carrier):
    context = TraceContext.extract(carrier)

    assert (TRACE, SPAN, SESSION, True) == (
        context.trace_id,
        context.span_id,
        context.session_id,
        context.is_sampled,
    )


@pytest.mark.parametrize(
    "carrier", [None, 5, "traceparent", {}, [], {"traceparent": b"\xff\xfe"}, {1: 2}]
)
def test_garbage_is_no_trace(carrier, monkeypatch):
    from agentops import guard

    guard.be_strict(False)
    assert not TraceContext.extract(carrier).is_valid


def test_inject_returns_the_same_carrier_with_trace_and_session(here):
    carrier = {"accept": "*/*"}

    assert carrier is here.inject(carrier)
    assert {"accept": "*/*", "traceparent": PARENT, "baggage": f"session.id={SESSION}"} == carrier


def test_pairs_are_written_as_the_pairs_that_stand_there(here):
    messages = [("k", b"v"), ("TraceParent", b"old")]
    assert [
        ("k", b"v"),
        ("traceparent", PARENT.encode()),
        ("baggage", f"session.id={SESSION}".encode()),
    ] == here.inject(messages)

    scope = {"type": "http", "headers": [(b"host", b"x")]}
    assert (b"traceparent", PARENT.encode()) in here.inject(scope)["headers"]


def test_environment_carries_the_context_to_a_child_process(here):
    environment = here.inject_environment({"PATH": "/bin"})

    assert {
        "PATH": "/bin",
        "TRACEPARENT": PARENT,
        "BAGGAGE": f"session.id={SESSION}",
    } == environment
    assert TRACE == TraceContext.extract_environment(environment).trace_id


def test_mcp_keys_that_stand_there_already_are_left(here):
    assert PARENT == here.inject_mcp({"name": "search"})["_meta"]["traceparent"]
    mine = {"_meta": {"traceparent": "00-mine"}}
    assert {"_meta": {"traceparent": "00-mine"}} == here.inject_mcp(mine)


def test_nothing_is_written_outside_a_trace():
    assert {} == TraceContext().inject({})


def test_context_goes_into_threads_and_does_not_stay(here):
    def seen():
        return TraceContext.current().trace_id

    with ThreadPoolExecutor(1) as executor:
        assert TRACE == executor.submit(here.wrap(seen)).result()
        assert "" == executor.submit(seen).result()
    with here.attach():
        assert TRACE == TraceContext.current().trace_id
    assert "" == TraceContext.current().trace_id


def test_configured_formats_are_used(here):
    try:
        configure_propagation(ContextConfig(propagation=("b3", "w3c")))
        assert {"b3", "traceparent", "tracestate", "baggage"} == propagator().fields
        assert {
            "b3": f"{TRACE}-{SPAN}-1",
            "traceparent": PARENT,
            "baggage": f"session.id={SESSION}",
        } == here.inject({})
    finally:
        configure_propagation(ContextConfig())

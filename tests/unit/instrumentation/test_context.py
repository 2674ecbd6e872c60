"""TraceContext: every carrier in, every carrier out, and into threads."""

import asyncio
import inspect
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import pytest
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

import agentops
from agentops import semconv
from agentops.instrumentation.context import (
    ConfiguredPropagator,
    TraceContext,
    configure_propagation,
)
from agentops.telemetry.ambient import get_ambient, set_ambient
from agentops.telemetry.config import ContextConfig
from agentops.testing import recording

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
    assert PARENT == here.inject_mcp({"_meta": None})["_meta"]["traceparent"]
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
        assert {"b3", "traceparent", "tracestate", "baggage"} == ConfiguredPropagator().fields
        assert {
            "b3": f"{TRACE}-{SPAN}-1",
            "traceparent": PARENT,
            "baggage": f"session.id={SESSION}",
        } == here.inject({})
    finally:
        configure_propagation(ContextConfig())


def test_the_automatic_session_goes_out_where_there_is_no_other():
    with recording(auto_start=True) as recorded:
        session = agentops.current_session()
        context = agentops.TraceContext.current()
        assert (context.session_id, context.trace_id) == (str(session.id), session.trace_id)
        assert recorded.events == []  # looking is not using

        carrier = context.inject({})
        events = recorded.events

    assert f"session.id={session.id}" in carrier["baggage"]
    assert carrier["traceparent"].split("-")[1] == session.trace_id
    assert [event.name for event in events] == ["session.start"]


def test_work_wrapped_in_the_automatic_session_announces_it():
    def work():
        with agentops.tool("search"):
            pass

    with recording(auto_start=True) as recorded:
        session = agentops.current_session()
        with ThreadPoolExecutor(1) as executor:
            executor.submit(agentops.TraceContext.current().wrap(work)).result()
        assert "session.start" in {event.name for event in recorded.events}
        span = recorded.span("execute_tool search")

    assert f"{span.trace_id:032x}" == session.trace_id
    assert span.parent_span_id == session.span.get_span_context().span_id


def test_a_coroutine_function_stays_one(here):
    async def seen(*, twice):
        await asyncio.sleep(0)
        return TraceContext.current().trace_id * twice

    wrapped = here.wrap(seen)

    assert inspect.iscoroutinefunction(wrapped)
    assert wrapped.__name__ == "seen"
    assert TRACE * 2 == asyncio.run(wrapped(twice=2))


def test_what_can_leave_the_process_is_pickled(here):
    with_tags = TraceContext(set_ambient(here.context, {semconv.AGENTOPS_TAGS: ("a",)}))

    context = pickle.loads(pickle.dumps(with_tags))
    work = pickle.loads(pickle.dumps(here.wrap(pickled_work)))

    assert (TRACE, SPAN, SESSION) == (context.trace_id, context.span_id, context.session_id)
    assert {semconv.SESSION_ID: SESSION, semconv.AGENTOPS_TAGS: ("a",)} == get_ambient(
        context.context
    )
    assert (TRACE, 3) == work(3)
    assert "pickled_work" == work.__name__


def pickled_work(number):
    return TraceContext.current().trace_id, number


def test_the_propagators_are_there_for_other_libraries():
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    points = dict(
        re.findall(r'^(agentops\w*) = "(agentops\.instrumentation\.\S+)"$', project, re.M)
    )

    assert {"agentops", "agentops_tracecontext", "agentops_baggage", "agentops_b3"} <= set(points)
    for path in points.values():
        module, _, name = path.partition(":")
        assert {} == getattr(import_module(module), name)().extract({})


def test_other_libraries_write_the_session_too(here):
    carrier = {}
    ConfiguredPropagator().inject(carrier, here.context)

    assert {"traceparent": PARENT, "baggage": f"session.id={SESSION}"} == carrier
    assert SESSION == TraceContext(ConfiguredPropagator().extract(carrier)).session_id

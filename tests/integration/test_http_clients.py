"""Outgoing HTTP through OpenTelemetry's instrumentations: the session goes out, the span falls into it."""

import asyncio
import json

import pytest
from opentelemetry import propagate
from opentelemetry.propagators.composite import CompositePropagator
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from support.http_service import AsgiService
from support.waiting import eventually

import agentops
from agentops.errors import ConfigurationError
from agentops.middleware import ASGIMiddleware
from agentops.testing import recording

CLIENT, SERVER = 3, 2


async def headers_of(request):
    here = agentops.TraceContext.current()
    return JSONResponse([dict(request.headers), here.trace_id, here.session_id])


def test_a_propagator_that_the_program_sets_meanwhile_stays():
    theirs = CompositePropagator([])
    before = propagate.get_global_textmap()
    try:
        with recording(instrument=["requests"]):
            propagate.set_global_textmap(theirs)
        assert propagate.get_global_textmap() is theirs
    finally:
        propagate.set_global_textmap(before)


@pytest.fixture(scope="module")
def url():
    with AsgiService(ASGIMiddleware(Starlette(routes=[Route("/", headers_of)]))) as service:
        yield service.url


def by_httpx(url):
    import httpx

    with httpx.Client(trust_env=False) as client:
        return client.get(url).json()


def by_httpx2(url):
    import httpx2

    with httpx2.Client(trust_env=False) as client:
        return client.get(url).json()


def by_httpx_async(url):
    import httpx

    async def main():
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(url)).json()

    return asyncio.run(main())


def by_requests(url):
    import requests

    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=60).json()


def by_aiohttp(url):
    import aiohttp

    async def main():
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return await answer.json()

    return asyncio.run(main())


def by_urllib3(url):
    import urllib3

    with urllib3.PoolManager() as pool:
        return json.loads(pool.request("GET", url).data)


WAYS = {
    "httpx": by_httpx,
    "httpx asynchronously": by_httpx_async,
    "httpx2": by_httpx2,
    "requests": by_requests,
    "aiohttp": by_aiohttp,
    "urllib3": by_urllib3,
}


def installed(name):
    module = "aiohttp_client" if name == "aiohttp" else name.removesuffix("2")
    reason = f"{name} or its instrumentation is not installed"
    pytest.importorskip(name, reason=reason)
    pytest.importorskip(f"opentelemetry.instrumentation.{module}", reason=reason)


@pytest.mark.parametrize("is_automatic", [False, True], ids=["session", "automatic session"])
@pytest.mark.parametrize("way", WAYS)
def test_the_request_is_a_span_of_the_session_and_carries_it(url, way, is_automatic):
    library = way.split()[0]
    installed(library)
    before = propagate.get_global_textmap()

    with recording(auto_start=is_automatic, instrument=[library]) as recorded:
        session = agentops.current_session() or agentops.start_session("caller")
        headers, trace_id, session_id = WAYS[way](url)
        session.end()
        # The server's span ends after its answer is sent.
        eventually(lambda: any(span.kind == SERVER for span in recorded.spans))
        spans = recorded.spans
    client = next(span for span in spans if span.kind == CLIENT)
    server = next(span for span in spans if span.kind == SERVER)

    assert (trace_id, session_id) == (session.trace_id, str(session.id))
    assert headers["traceparent"] == f"00-{session.trace_id}-{client.span_id:016x}-03"
    assert headers["baggage"] == f"session.id={session.id}"
    assert client.parent_span_id == session.span.get_span_context().span_id
    assert server.parent_span_id == client.span_id
    assert {span.session_id for span in spans} == {str(session.id)}
    assert propagate.get_global_textmap() is before
    assert "traceparent" not in WAYS[way](url)[0]


def test_our_own_deliveries_make_no_spans(tmp_path):
    installed("urllib3")
    from support.collector import Collector

    with Collector() as collector:
        telemetry = {
            "exporters": [{"type": "otlp", "endpoint": collector.url}],
            "spool": {"enabled": False},
        }
        agentops.init(
            instrument=["urllib3"],
            telemetry=telemetry,
            session={"auto_start": False, "print_summary": False},
        )
        with agentops.session("one"):
            pass
        assert agentops.flush(30_000)
        assert agentops.flush(30_000)
        agentops.shutdown()
        assert collector.span_names == ["one"]


def test_a_library_that_is_not_there_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.requests", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'agentops\[http\]'"):
        agentops.init(instrument=["requests"], telemetry={"exporters": ["memory"]})
    assert agentops.get_client() is None
    with pytest.raises(ConfigurationError, match="httpx2"):
        agentops.init(instrument=["htpx"], telemetry={"exporters": ["memory"]})


def test_a_propagator_of_the_program_stays(url, caplog):
    installed("httpx")
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    before, mine = propagate.get_global_textmap(), TraceContextTextMapPropagator()
    propagate.set_global_textmap(mine)
    try:
        with recording(instrument=["httpx"]), agentops.session("caller"):
            headers, _, session_id = by_httpx(url)
        assert propagate.get_global_textmap() is mine
    finally:
        propagate.set_global_textmap(before)

    assert "traceparent" in headers
    assert session_id == ""
    assert "TraceContextTextMapPropagator" in caplog.text

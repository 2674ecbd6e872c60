"""FastAPI, Starlette, Flask and Django, served for real: a request continues the caller's trace and session."""

import sys
from types import SimpleNamespace

import pytest
from support.http_service import AsgiService, WsgiService, ask
from support.waiting import eventually

import agentops
from agentops.middleware import ASGIMiddleware, WSGIMiddleware
from agentops.testing import recording

SERVER = 2


def work():
    """What a handler does: a step, an event; return where it was."""
    with agentops.tool("search"):
        here = agentops.TraceContext.current()
    agentops.record(agentops.ActionEvent(action_type="refund"))
    return [here.trace_id, here.session_id]


def fail():
    raise ZeroDivisionError("not the middleware's")


def starlette(trust):
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def handle(request):  # a plain function: Starlette runs it in a thread
        return JSONResponse(work())

    async def broken(request):
        fail()

    routes = [Route("/", handle), Route("/fail", broken)]
    return AsgiService(
        Starlette(routes=routes, middleware=[Middleware(ASGIMiddleware, trust=trust)])
    )


def fastapi(trust):
    fastapi = pytest.importorskip("fastapi", reason="FastAPI is not installed")
    app = fastapi.FastAPI()
    app.add_middleware(ASGIMiddleware, trust=trust)
    app.get("/")(work)

    @app.get("/fail")
    async def broken():
        fail()

    return AsgiService(app)


def flask(trust):
    flask = pytest.importorskip("flask", reason="Flask is not installed")
    app = flask.Flask("shop")
    app.logger.disabled = True
    app.add_url_rule("/", "work", work)
    app.add_url_rule("/fail", "fail", fail)
    app.wsgi_app = WSGIMiddleware(app.wsgi_app, trust=trust)
    return WsgiService(app)


def django_configured():
    pytest.importorskip("django", reason="Django is not installed")
    import django
    from django.conf import settings
    from django.http import JsonResponse
    from django.urls import path

    if not settings.configured:
        urls = SimpleNamespace(
            urlpatterns=[
                path("", lambda request: JsonResponse(work(), safe=False)),
                path("fail", lambda request: fail()),
            ]
        )
        sys.modules["shop_urls"] = urls
        settings.configure(ROOT_URLCONF="shop_urls", ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None)
        django.setup()


def django_wsgi(trust):
    django_configured()
    from django.core.wsgi import get_wsgi_application

    return WsgiService(WSGIMiddleware(get_wsgi_application(), trust=trust))


def django_asgi(trust):
    django_configured()
    from django.core.asgi import get_asgi_application

    return AsgiService(ASGIMiddleware(get_asgi_application(), trust=trust))


FRAMEWORKS = [starlette, fastapi, flask, django_wsgi, django_asgi]
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda each: each.__name__),
]


def called(framework, path="/", trust="continue", **options):
    """Call a service inside a session; return the session, the answer and all that was recorded."""
    with recording(**options) as recorded, framework(trust) as service:
        with agentops.session("caller") as session:
            headers = agentops.TraceContext.current().inject({})
            answer = ask(service.port, headers.items(), path)
        recorded_server = eventually(
            lambda: [s for s in recorded.spans if s.kind == SERVER] or None
        )
        return session, answer, recorded_server[0], recorded.spans, recorded.events


def test_trace_and_session_go_on(framework):
    session, (status, told), server, spans, events = called(framework)

    assert (status, told) == (200, [session.trace_id, str(session.id)])
    assert server.parent_span_id == session.span.get_span_context().span_id
    step = next(span for span in spans if span.name == "execute_tool search")
    assert step.parent_span_id == server.span_id
    assert {span.session_id for span in spans} == {str(session.id)}
    refund = next(event for event in events if getattr(event.event, "action_type", "") == "refund")
    assert (refund.session_id, refund.span_id) == (str(session.id), server.span_id)
    assert server.attributes["http.response.status_code"] == 200
    assert server.status_code == 0


def test_an_exception_fails_the_span(framework, caplog):
    _, (status, _), server, _, _ = called(framework, "/fail")

    assert status == 500
    assert server.attributes.get("http.response.status_code", 500) == 500
    assert server.status_code == 2
    assert server.attributes["error.type"] in ("ZeroDivisionError", "500")


@pytest.mark.parametrize(("trust", "links"), [("link", 1), ("refuse", 0)])
def test_a_stranger_is_linked_or_refused(framework, trust, links):
    session, (_, (trace_id, session_id)), server, _, _ = called(framework, trust=trust)

    assert trace_id != session.trace_id
    assert session_id == ""
    assert len(server.links) == links
    assert all(link.trace_id == int(session.trace_id, 16) for link in server.links)


def test_a_session_that_is_left_out_is_left_out_here_too(framework):
    with (
        recording(telemetry={"sampling": {"rate": 0}}) as recorded,
        framework("continue") as service,
    ):
        with agentops.session("caller") as session:
            headers = agentops.TraceContext.current().inject({})
            _, told = ask(service.port, headers.items())
        assert recorded.spans == recorded.events == []

    assert headers["traceparent"].endswith("-02")
    assert told == [f"{session.span.get_span_context().trace_id:032x}", str(session.id)]


def test_what_the_caller_decided_holds_where_rates_differ(framework):
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    for rate, flags in ((0, "01"), (1, "00")):
        with (
            recording(telemetry={"sampling": {"rate": rate}}) as recorded,
            framework("continue") as service,
        ):
            _, (trace_id, _) = ask(service.port, [("traceparent", f"00-{trace}-{span}-{flags}")])
            if flags == "01":
                eventually(lambda: len(recorded.spans) == 2)
            assert len(recorded.spans) == (2 if flags == "01" else 0)
        assert trace_id == trace

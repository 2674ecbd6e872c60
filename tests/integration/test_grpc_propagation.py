"""gRPC, sync and aio, all four kinds of call, over a real channel: trace, session and metadata arrive."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from support.waiting import eventually

import agentops
from agentops.grpc_interceptors import (
    AioServerInterceptor,
    ClientInterceptor,
    ServerInterceptor,
    aio_client_interceptors,
)
from agentops.testing import recording

SERVER, CLIENT = 2, 3  # kinds of span, as OTLP numbers them
KINDS = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]
SENT = (("x-repeated", "1"), ("x-repeated", "2"), ("x-bytes-bin", b"\x00\xff"))


def seen(context):
    """What a servicer sees: trace, span, session, and the metadata that the test sent."""
    here = agentops.TraceContext.current()
    kept = [(k, v) for k, v in context.invocation_metadata() if k.startswith("x-")]
    return repr((here.trace_id, here.span_id, here.session_id, kept)).encode()


def unary_unary(request, context):
    if request == b"abort":
        context.abort(grpc.StatusCode.NOT_FOUND, "there is none")
    if request == b"fail":
        raise ZeroDivisionError
    return seen(context)


def unary_stream(request, context):
    for _ in range(3):
        yield seen(context)


def stream_unary(requests, context):
    assert len(list(requests)) == 3
    return seen(context)


def stream_stream(requests, context):
    return (seen(context) for _ in requests)


async def aio_unary_unary(request, context):
    await asyncio.sleep(0)
    if request == b"abort":
        await context.abort(grpc.StatusCode.NOT_FOUND, "there is none")
    if request == b"fail":
        raise ZeroDivisionError
    return seen(context)


async def aio_unary_stream(request, context):
    for _ in range(3):
        await asyncio.sleep(0)
        yield seen(context)


async def aio_stream_unary(requests, context):
    assert len([each async for each in requests]) == 3
    return seen(context)


async def aio_stream_stream(requests, context):  # the older style of grpc.aio: no generator
    async for _ in requests:
        await context.write(seen(context))


def service(functions):
    handlers = {
        kind: getattr(grpc, f"{kind}_rpc_method_handler")(function)
        for kind, function in zip(KINDS, functions, strict=True)
    }
    return grpc.method_handlers_generic_handler("demo.Service", handlers)


@contextmanager
def sync_server(**options):
    server = grpc.server(ThreadPoolExecutor(4), interceptors=[ServerInterceptor(**options)])
    functions = [unary_unary, unary_stream, stream_unary, stream_stream]
    server.add_generic_rpc_handlers([service(functions)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def call(channel, kind, request=b"r", **options):
    requests = iter([request] * 3) if kind.startswith("stream") else request
    answer = getattr(channel, kind)(f"/demo.Service/{kind}")(
        requests, metadata=SENT, timeout=60, **options
    )
    return list(answer) if kind.endswith("stream") else [answer]


async def aio_call(channel, kind, request=b"r"):
    async def requests():
        for _ in range(3):
            yield request

    argument = requests() if kind.startswith("stream") else request
    answer = getattr(channel, kind)(f"/demo.Service/{kind}")(argument, metadata=SENT, timeout=60)
    if kind.endswith("stream"):
        return [each async for each in answer]
    return [await answer]


def span_of(recorded, kind):
    """The span of that kind; gRPC tells of the end of a call on a thread of its own, soon after."""
    return eventually(lambda: [span for span in recorded.spans if span.kind == kind])[0]


def check(recorded, session, kind, answers):
    client = span_of(recorded, CLIENT)
    server = span_of(recorded, SERVER)
    expected = (
        session.trace_id,
        f"{server.span_id:016x}",
        str(session.id),
        [("x-repeated", "1"), ("x-repeated", "2"), ("x-bytes-bin", b"\x00\xff")],
    )

    assert {answer.decode() for answer in answers} == {repr(expected)}
    assert client.name == server.name == f"demo.Service/{kind}"
    assert server.parent_span_id == client.span_id
    assert client.parent_span_id == session.span.get_span_context().span_id
    for span in (client, server):
        assert span.session_id == str(session.id)
        assert span.attributes["rpc.response.status_code"] == "OK"
        assert span.status_code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_is_one_span_on_each_side_in_the_callers_session(recorded, kind):
    with sync_server() as target, grpc.insecure_channel(target) as channel:
        channel = grpc.intercept_channel(channel, ClientInterceptor())
        with agentops.session("caller") as session:
            answers = call(channel, kind)

    check(recorded, session, kind, answers)


@pytest.mark.parametrize("kind", KINDS)
def test_so_it_is_with_asyncio(recorded, kind):
    async def main():
        server = grpc.aio.server(interceptors=[AioServerInterceptor()])
        functions = [aio_unary_unary, aio_unary_stream, aio_stream_unary, aio_stream_stream]
        server.add_generic_rpc_handlers([service(functions)])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        interceptors = aio_client_interceptors()
        async with (
            grpc.aio.insecure_channel(f"127.0.0.1:{port}", interceptors=interceptors) as channel,
            agentops.session("caller") as session,
        ):
            answers = await aio_call(channel, kind)
        await server.stop(None)
        return session, answers

    session, answers = asyncio.run(main())

    check(recorded, session, kind, answers)


def failed(recorded, kind):
    span = span_of(recorded, kind)
    told = span.attributes
    return span.status_code, told["rpc.response.status_code"], told.get("error.type")


@pytest.mark.parametrize(
    ("request_", "client", "server"),
    [
        (b"abort", (2, "NOT_FOUND", "NOT_FOUND"), (0, "NOT_FOUND", None)),
        (b"fail", (2, "UNKNOWN", "UNKNOWN"), (2, "UNKNOWN", "ZeroDivisionError")),
    ],
)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "aio"])
def test_failures_reach_the_caller_and_both_spans(
    recorded, caplog, is_async, request_, client, server
):
    async def main():
        aio = grpc.aio.server(interceptors=[AioServerInterceptor()])
        functions = [aio_unary_unary, aio_unary_stream, aio_stream_unary, aio_stream_stream]
        aio.add_generic_rpc_handlers([service(functions)])
        port = aio.add_insecure_port("127.0.0.1:0")
        await aio.start()
        interceptors = aio_client_interceptors()
        async with grpc.aio.insecure_channel(
            f"127.0.0.1:{port}", interceptors=interceptors
        ) as channel:
            with pytest.raises(grpc.RpcError):
                await aio_call(channel, "unary_unary", request_)
        await aio.stop(None)

    if is_async:
        asyncio.run(main())
    else:
        with sync_server() as target, grpc.insecure_channel(target) as channel:
            channel = grpc.intercept_channel(channel, ClientInterceptor())
            with pytest.raises(grpc.RpcError):
                call(channel, "unary_unary", request_)

    assert failed(recorded, CLIENT) == client
    assert failed(recorded, SERVER) == server


def test_a_call_that_never_arrives_fails_its_span(recorded):
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        channel = grpc.intercept_channel(channel, ClientInterceptor())
        with pytest.raises(grpc.RpcError):
            call(channel, "unary_unary")

    assert failed(recorded, CLIENT) == (2, "UNAVAILABLE", "UNAVAILABLE")


def test_strangers_are_linked_or_refused():
    for trust, links in (("link", 1), ("refuse", 0)):
        with recording() as recorded, sync_server(trust=trust) as target:
            with grpc.insecure_channel(target) as channel:
                channel = grpc.intercept_channel(channel, ClientInterceptor())
                with agentops.session("caller") as session:
                    answers = call(channel, "unary_unary")
            server = span_of(recorded, SERVER)

        assert session.trace_id not in answers[0].decode()
        assert not server.session_id
        assert len(server.links) == links


def test_before_init_the_context_is_passed_on():
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    span = NonRecordingSpan(SpanContext(0xABC, 0xDEF, False, TraceFlags(1)))
    here = agentops.TraceContext(set_span_in_context(span, Context()))
    with sync_server() as target, grpc.insecure_channel(target) as channel:
        channel = grpc.intercept_channel(channel, ClientInterceptor())
        with here.attach():
            answers = call(channel, "unary_unary")

    assert f"{0xABC:032x}" in answers[0].decode()

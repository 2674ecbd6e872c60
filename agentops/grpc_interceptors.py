"""How does a trace cross gRPC? Interceptors for clients and servers, for grpc and grpc.aio.

Needs the extra ``agentops[grpc]``. Metadata stays a list of pairs, so that repeated keys and ``-bin`` values are kept.
Each call is one CLIENT and one SERVER span; before ``agentops.init`` the context is passed on and nothing recorded.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from agentops import client, semconv
from agentops.errors import MissingExtraError
from agentops.guard import guarded
from agentops.incoming import Arrival, Incoming, Trust
from agentops.instrumentation.context import TraceContext
from agentops.session.wrapping import wrap

if TYPE_CHECKING:
    from opentelemetry.context import Context

try:
    import grpc
except ImportError as error:
    raise MissingExtraError("agentops.grpc_interceptors", "grpc", error.name) from None

__all__ = [
    "AioServerInterceptor",
    "ClientInterceptor",
    "ServerInterceptor",
    "aio_client_interceptors",
]

_SCOPE = "agentops.grpc"
_OK = "OK"
_CALLER_IS_TO_BLAME = frozenset(
    {"CANCELLED", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED"}
    | {"FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNAUTHENTICATED", "RESOURCE_EXHAUSTED"}
)
_FACTORIES = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


class _Details(NamedTuple):
    """What a client is about to call, with the metadata to send."""

    method: str | bytes
    timeout: float | None
    metadata: list[tuple[str, str | bytes]]
    credentials: object
    wait_for_ready: bool | None
    compression: object


class _Outgoing:
    """One call that goes out: its span, and what is sent along.

    Args:
        details: As gRPC gives them to an interceptor.
    """

    def __init__(self, details: Any) -> None:  # noqa: ANN401 - grpc and grpc.aio have a type each
        self.span: Span | None = None
        self._manager = active.telemetry if (active := client.active()) is not None else None
        context = TraceContext.current()
        with guarded("starting the span of a call"):
            if self._manager is not None:
                name = _text(details.method).lstrip("/")
                self.span = self._manager.create_span(
                    name, kind=SpanKind.CLIENT, attributes=_described(name), scope=_SCOPE
                )
                context = TraceContext(set_span_in_context(self.span))
        headers: dict[str, str] = context.inject({})
        kept = [(k, v) for k, v in details.metadata or () if k not in headers]
        self.details = _Details(
            details.method,
            details.timeout,
            [*kept, *headers.items()],
            details.credentials,
            getattr(details, "wait_for_ready", None),
            getattr(details, "compression", None),
        )

    def end(self, code: object = None, error: BaseException | None = None) -> None:
        """End the span with the status the server gave, or the exception that kept the call from going out."""
        if self._manager is None or self.span is None:
            return
        with guarded("ending the span of a call"):
            name = getattr(code, "name", None)
            if name is not None:
                self.span.set_attribute(semconv.RPC_RESPONSE_STATUS_CODE, name)
                if name != _OK:
                    self.span.set_attribute(semconv.ERROR_TYPE, name)
                    self.span.set_status(Status(StatusCode.ERROR))
            self._manager.end_span(self.span, error=error)


class ClientInterceptor(
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[misc] # grpc has no types
    grpc.UnaryStreamClientInterceptor,  # type: ignore[misc]
    grpc.StreamUnaryClientInterceptor,  # type: ignore[misc]
    grpc.StreamStreamClientInterceptor,  # type: ignore[misc]
):
    """Sends trace and session along with every call: ``grpc.intercept_channel(channel, ClientInterceptor())``."""

    def _intercept(
        self,
        continuation: Callable[[Any, Any], Any],
        client_call_details: Any,  # noqa: ANN401 - grpc's own
        request: object,
    ) -> object:
        outgoing = _Outgoing(client_call_details)
        try:
            call = continuation(outgoing.details, request)
        except BaseException as error:
            outgoing.end(error=error)
            raise
        call.add_done_callback(lambda done: outgoing.end(done.code()))
        return call

    intercept_unary_unary = _intercept
    intercept_unary_stream = _intercept
    intercept_stream_unary = _intercept
    intercept_stream_stream = _intercept


class _AioClient:
    """What the four interceptors of a grpc.aio channel have in common."""

    async def _intercept(
        self,
        continuation: Callable[[Any, Any], Awaitable[Any]],
        client_call_details: Any,  # noqa: ANN401 - grpc's own
        request: object,
    ) -> object:
        outgoing = _Outgoing(client_call_details)
        details = grpc.aio.ClientCallDetails(
            method=outgoing.details.method,
            timeout=outgoing.details.timeout,
            metadata=grpc.aio.Metadata(*outgoing.details.metadata),
            credentials=outgoing.details.credentials,
            wait_for_ready=outgoing.details.wait_for_ready,
        )
        try:
            call = await continuation(details, request)
        except BaseException as error:
            outgoing.end(error=error)
            raise
        call.add_done_callback(lambda done: outgoing.end(_told(done.code())))
        return call


def aio_client_interceptors() -> list[object]:
    """Return what a client of grpc.aio needs: ``grpc.aio.insecure_channel(target, interceptors=...)``.

    There is one for each kind of call, because grpc.aio asks one interceptor for one kind only.
    """
    kinds = ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream")
    names = _FACTORIES.values()
    return [
        type(
            f"{kind}Client",
            (_AioClient, getattr(grpc.aio, f"{kind}ClientInterceptor")),
            {f"intercept_{name}": _AioClient._intercept},
        )()
        for kind, name in zip(kinds, names, strict=True)
    ]


class _Run:
    """One call that is served; see :class:`agentops.session.wrapping.Run`."""

    def __init__(self, name: str, trust: Trust, servicer_context: Any) -> None:  # noqa: ANN401
        metadata = list(servicer_context.invocation_metadata() or ())
        arrival = Arrival(name=name, scope=_SCOPE, attributes=_described(name))
        self._incoming = Incoming(metadata, trust, arrival)
        self._servicer_context = servicer_context
        self.context: Context = self._incoming.context

    def end(self, output: object = None, error: BaseException | None = None) -> None:  # noqa: ARG002
        """End the span with the status the servicer set, or the exception that left it."""
        with guarded("ending the span of a call"):
            given = getattr(self._servicer_context.code(), "name", None)
            status = given or ("UNKNOWN" if error is not None else _OK)
            is_failure = status != _OK and status not in _CALLER_IS_TO_BLAME
            attributes = {semconv.RPC_RESPONSE_STATUS_CODE: status}
            # abort() leaves the servicer as an exception that says nothing
            is_abort = given is not None and given != _OK
            failure = status if is_failure else None
            self._incoming.end(attributes, None if is_abort else error, failure)
        self._servicer_context = None


class ServerInterceptor(grpc.ServerInterceptor):  # type: ignore[misc] # grpc has no types
    """Continues trace and session of each call: ``grpc.server(pool, interceptors=[ServerInterceptor()])``.

    Args:
        trust: ``continue`` for callers you know; ``link`` or ``refuse`` at the edge to the world.
    """

    def __init__(self, *, trust: Trust = "continue") -> None:
        self._trust = trust

    def intercept_service(
        self,
        continuation: Callable[[Any], Any],
        handler_call_details: Any,  # noqa: ANN401 - grpc's own
    ) -> object:
        """Return the handler, made to run in the caller's context."""
        handler = continuation(handler_call_details)
        return _serving(handler, handler_call_details.method, self._trust)


class AioServerInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc] # grpc has no types
    """Continues trace and session of each call: ``grpc.aio.server(interceptors=[AioServerInterceptor()])``.

    Args:
        trust: As for :class:`ServerInterceptor`.
    """

    def __init__(self, *, trust: Trust = "continue") -> None:
        self._trust = trust

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,  # noqa: ANN401 - grpc's own
    ) -> object:
        """Return the handler, made to run in the caller's context."""
        handler = await continuation(handler_call_details)
        return _serving(handler, handler_call_details.method, self._trust)


def _serving(handler: Any, method: str | bytes, trust: Trust) -> object:  # noqa: ANN401
    """Return a handler of the same kind, whose behaviour runs inside a span; ``None`` stays ``None``."""
    if handler is None:
        return None
    kind = _FACTORIES[bool(handler.request_streaming), bool(handler.response_streaming)]
    behaviour = getattr(handler, kind)
    name = _text(method).lstrip("/")

    def begin(
        _function: Callable[..., object],
        args: tuple[Any, ...],
        _kwargs: Mapping[str, object],
    ) -> _Run | None:
        with guarded("starting the span of a call"):
            return _Run(name, trust, args[1])
        return None

    served = wrap(_of_a_kind(behaviour, is_stream=bool(handler.response_streaming)), begin)
    factory = getattr(grpc, f"{kind}_rpc_method_handler")
    return factory(
        served,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


def _of_a_kind(behaviour: Callable[..., Any], *, is_stream: bool) -> Callable[..., Any]:
    """Return the behaviour as a function; one that returns an iterator, as a generator function."""
    plain = behaviour if inspect.isroutine(behaviour) else behaviour.__call__  # type: ignore[operator]
    is_told = (
        inspect.isgeneratorfunction(plain)
        or inspect.isasyncgenfunction(plain)
        or inspect.iscoroutinefunction(plain)
    )
    if is_told or not is_stream:
        return plain

    @functools.wraps(plain)
    def generator(request: object, context: object) -> Iterator[object]:
        yield from plain(request, context)

    return generator


def _described(name: str) -> dict[str, str]:
    return {semconv.RPC_SYSTEM_NAME: "grpc", semconv.RPC_METHOD: name}


def _text(method: str | bytes) -> str:
    return method.decode() if isinstance(method, bytes) else method


def _told(code: Coroutine[Any, Any, object]) -> object:
    """Return the status of a grpc.aio call that is done: there is nothing to wait for."""
    try:
        code.send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        code.close()
    return None

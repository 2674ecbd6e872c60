"""OTLP over gRPC: the three collector services, unary, on grpc.aio.

Requests arrive as bytes and go the same way as those over HTTP, so that text that is not UTF-8 and
spans that are bad are treated alike.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as ProtobufAny
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from agentops.server.ingest.acceptor import Acceptor
from agentops.server.ingest.budget import Budget
from agentops.server.ingest.intake import SIGNALS, Intake
from agentops.server.ingest.refusal import Refusal
from agentops.server.ingest.settings import IngestSettings
from agentops.server.ingest.values import Wire

__all__ = ["GrpcServer", "start"]

_Trailers: TypeAlias = tuple[tuple[str, bytes], ...]

_CODES: Final = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.UNAVAILABLE,
    503: grpc.StatusCode.UNAVAILABLE,
}
_RESPONSE_BYTES_MAX: Final = 4 << 20
_STREAMS_MAX: Final = 64  # of one connection; further calls wait at the sender and are not lost


class GrpcServer:
    """A running OTLP/gRPC receiver.

    Attributes:
        port: The port it listens on.
    """

    def __init__(self, server: grpc.aio.Server, port: int) -> None:
        self._server = server
        self.port = port

    async def stop(self, grace_s: float = 5.0) -> None:
        """Take no more requests and wait at most ``grace_s`` for those under way. May be called twice."""
        await self._server.stop(grace_s)


async def start(acceptor: Acceptor, settings: IngestSettings, address: str) -> GrpcServer:
    """Start to listen.

    Args:
        acceptor: Keeps the rows.
        settings: As for the HTTP routes.
        address: ``127.0.0.1:4317``; port 0 takes any free one.

    Raises:
        OSError: The address is taken or not ours.
    """
    limit = settings.limits.decoded_bytes_max
    server = grpc.aio.server(
        options=(
            ("grpc.max_receive_message_length", limit),
            ("grpc.max_send_message_length", _RESPONSE_BYTES_MAX),
            ("grpc.max_metadata_size", 16 << 10),
            ("grpc.so_reuseport", 0),
            ("grpc.max_concurrent_streams", _STREAMS_MAX),
        ),
    )
    budget = Budget(settings.limits.held_bytes_max)
    for signal in SIGNALS:
        export = _export(Intake(signal, acceptor, settings), budget)
        method = grpc.unary_unary_rpc_method_handler(export)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(signal.service, {"Export": method}),)
        )
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}: {error}") from error
    await server.start()
    return GrpcServer(server, port)


def _export(intake: Intake, budget: Budget) -> Callable[[bytes, Wire], Awaitable[bytes]]:
    """Return the handler of one ``Export`` method."""

    async def export(body: bytes, context: Wire) -> bytes:
        metadata = context.invocation_metadata() or ()
        try:
            project_id = intake.settings.access(
                {key: value for key, value in metadata if isinstance(value, str)}
            )
            with budget.hold() as held:
                held.add(len(body))
                answer = await intake.take(body, is_json=False, project_id=project_id)
        except Refusal as refusal:
            code = _CODES.get(refusal.status, grpc.StatusCode.UNKNOWN)
            await context.abort(code, refusal.message, _trailers(code, refusal))
            raise
        return bytes(answer.SerializeToString())

    return export


def _trailers(code: grpc.StatusCode, refusal: Refusal) -> _Trailers:
    """Say when to come back, for Go (status details) and for Python (a trailer of its own)."""
    if refusal.retry_after_s is None:
        return ()
    retry = RetryInfo(retry_delay=Duration(seconds=refusal.retry_after_s))
    packed = ProtobufAny()
    packed.Pack(retry)
    status = Status(code=code.value[0], message=refusal.message, details=[packed])
    return (
        ("google.rpc.retryinfo-bin", retry.SerializeToString()),
        ("grpc-status-details-bin", status.SerializeToString()),
    )

"""OTLP over HTTP: a raw ASGI application for each signal, protobuf and JSON by ``Content-Type``.

OpenTelemetry Protocol specification 1.11, "OTLP/HTTP": the answer has the encoding of the request,
success is an empty or partial-success response, failure a ``google.rpc.Status``.
"""

import json
from collections.abc import Mapping
from typing import Final

from google.rpc.status_pb2 import Status
from starlette.types import Receive, Scope, Send

from agentops.server.ingest.bodies import read_body
from agentops.server.ingest.budget import Budget
from agentops.server.ingest.intake import Intake
from agentops.server.ingest.refusal import Refusal
from agentops.server.ingest.values import Wire

__all__ = ["OtlpHttp"]

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_GRPC_CODES: Final = {
    400: 3,
    401: 16,
    403: 7,
    404: 12,
    405: 12,
    408: 4,
    413: 8,
    415: 3,
    429: 8,
    503: 14,
}


class OtlpHttp:
    """ASGI application that takes one signal."""

    def __init__(self, intake: Intake, budget: Budget) -> None:
        self._intake = intake
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        content_type = headers.get("content-type", "").split(";", 1)[0].strip().lower()
        is_json = content_type == JSON
        extra: tuple[tuple[bytes, bytes], ...] = ()
        try:
            answer = await self._take(scope, receive, headers, content_type)
            body, status = _encode(answer, is_json), 200
        except Refusal as refusal:
            status = refusal.status
            body = _failure(refusal, is_json)
            extra = _extra(refusal)
        await _respond(send, status, JSON if is_json else PROTOBUF, body, extra)

    async def _take(
        self, scope: Scope, receive: Receive, headers: Mapping[str, str], content_type: str
    ) -> Wire:
        if scope["method"] != "POST":
            raise Refusal(405, f"method {scope['method']}: expected POST")
        if content_type not in (PROTOBUF, JSON):
            raise Refusal(415, f"Content-Type {content_type[:80]!r}: expected {PROTOBUF} or {JSON}")
        settings = self._intake.settings
        project_id = settings.access(headers)
        with self._budget.hold() as held:
            body = await read_body(receive, headers, settings.limits, held)
            is_json = content_type == JSON
            return await self._intake.take(body, is_json=is_json, project_id=project_id)


def _encode(answer: Wire, is_json: bool) -> bytes:
    if not is_json:
        return bytes(answer.SerializeToString())
    if not answer.HasField("partial_success"):
        return b"{}"
    partial = {}
    for field, value in answer.partial_success.ListFields():
        partial[field.json_name] = str(value) if isinstance(value, int) else value
    return json.dumps({"partialSuccess": partial}).encode()


def _failure(refusal: Refusal, is_json: bool) -> bytes:
    code = _GRPC_CODES.get(refusal.status, 2)
    if is_json:
        return json.dumps({"code": code, "message": refusal.message}).encode()
    return bytes(Status(code=code, message=refusal.message).SerializeToString())


def _extra(refusal: Refusal) -> tuple[tuple[bytes, bytes], ...]:
    if refusal.status == 405:
        return ((b"allow", b"POST"),)
    if refusal.status == 408:
        return ((b"connection", b"close"),)  # the rest of the body is still to come
    if refusal.retry_after_s is not None:
        return ((b"retry-after", str(refusal.retry_after_s).encode()),)
    return ()


async def _respond(
    send: Send, status: int, content_type: str, body: bytes, extra: tuple[tuple[bytes, bytes], ...]
) -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

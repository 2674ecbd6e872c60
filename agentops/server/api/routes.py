"""How does HTTP become a question and its answer HTTP? One handler for each entry of the endpoint table."""

import asyncio
import gzip
import logging
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agentops.errors import StorageBusyError, StorageError
from agentops.server.api import openapi
from agentops.server.api.endpoints import ENDPOINTS, PREFIX, Endpoint
from agentops.server.api.live import Live
from agentops.server.api.security import ScopedRoute
from agentops.server.query import sessions, spans
from agentops.server.query.filter import FilterError, parse
from agentops.server.query.transcript import transcript
from agentops.server.schemas import ErrorAnswer, ServerStatus
from agentops.server.storage.base import SessionQuery, Sort, Storage

__all__ = ["ApiContext", "routes"]

logger = logging.getLogger("agentops.server")

_GZIP_FROM: Final = 1_024
_TEXT_MAX: Final = 2_048
_INTEGER_MAX: Final = (1 << 53) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    """What handlers need.

    Attributes:
        storage: Answers the questions.
        project_id: Whose data is shown.
        executor: Runs questions; each of its threads has a handle of the storage.
        live: Hands out the event stream.
        status: Makes the answer of ``/status``; blocks.
    """

    storage: Storage
    project_id: str
    executor: Executor
    live: Live
    status: Callable[[], ServerStatus]


def routes(context: ApiContext) -> list[ScopedRoute]:
    """Return the routes of the REST API."""
    found = []
    for endpoint in ENDPOINTS:
        app: ASGIApp = _Question(endpoint, context)
        if endpoint.operation == "streamEvents":
            app = _stream(endpoint, context.live)
        found.append(ScopedRoute(PREFIX + endpoint.path, app, endpoint.scope, ["GET"]))
    return found


class _ParameterError(ValueError):
    """A query parameter is not what the endpoint table says."""


class _Told:
    """What one request tells, read as the endpoint table declares it."""

    def __init__(self, endpoint: Endpoint, request: Request) -> None:
        self.path: Mapping[str, str] = request.path_params
        self._declared = {parameter.name: parameter for parameter in endpoint.parameters}
        self._query = request.query_params
        for name, value in self._query.multi_items():
            if name not in self._declared:
                known = ", ".join(self._declared) or "none"
                raise _ParameterError(f"unknown parameter {name[:40]!r}; expected one of: {known}")
            if len(value) > _TEXT_MAX:
                raise _ParameterError(f"{name} is longer than {_TEXT_MAX} characters")

    def text(self, name: str) -> str:
        """A text, or its default."""
        declared = self._declared[name]
        value = self._query.get(name) or str(declared.default or "")
        if declared.choices and value not in declared.choices:
            known = ", ".join(declared.choices)
            raise _ParameterError(f"{name} {value[:40]!r}; expected one of: {known}")
        return value

    def limit(self, maximum: int) -> int:
        """The parameter ``limit``."""
        return self.integer("limit", 1, maximum) or maximum

    def integer(self, name: str, minimum: int = 0, maximum: int = _INTEGER_MAX) -> int | None:
        """An integer, or its default."""
        value = self._query.get(name) or self._declared[name].default
        if value is None:
            return None
        text = str(value)
        if not (text.isascii() and text.isdigit()) or not minimum <= int(text) <= maximum:
            raise _ParameterError(f"{name} {text[:40]!r}; expected {minimum} to {maximum}")
        return int(text)


_Handler: TypeAlias = Callable[[ApiContext, _Told], object]


def _query(context: ApiContext, told: _Told) -> SessionQuery:
    return sessions.session_query(
        context.project_id, told.text("q"), from_us=told.integer("from"), to_us=told.integer("to")
    )


def _session(context: ApiContext, told: _Told) -> str:
    return sessions.resolve(context.storage, context.project_id, told.path["session_id"])


def _list(context: ApiContext, told: _Told) -> object:
    return sessions.session_list(
        context.storage,
        _query(context, told),
        sort=cast("Sort", told.text("sort")),
        cursor=told.text("cursor"),
        limit=told.limit(200),
    )


def _events(context: ApiContext, told: _Told) -> object:
    return sessions.event_list(
        context.storage,
        context.project_id,
        _session(context, told),
        cursor=told.text("cursor"),
        limit=told.limit(1_000),
    )


_HANDLERS: Final[dict[str, _Handler]] = {
    "listSessions": _list,
    "summarizeSessions": lambda c, told: sessions.summary(c.storage, _query(c, told)),
    "getSession": lambda c, told: sessions.session_detail(
        c.storage, c.project_id, _session(c, told)
    ),
    "getSkeleton": lambda c, told: spans.skeleton(c.storage, c.project_id, _session(c, told)),
    "getTranscript": lambda c, told: transcript(c.storage, c.project_id, _session(c, told)),
    "listEvents": _events,
    "getSpan": lambda c, told: spans.span_detail(
        c.storage, c.project_id, told.path["trace_id"], told.path["span_id"]
    ),
    "locateTrace": lambda c, told: spans.trace_location(
        c.storage, c.project_id, told.path["trace_id"]
    ),
    "getStatus": lambda c, _: c.status(),
    "getOpenapi": lambda _, __: openapi.document(),
}


class _Question:
    """ASGI application of one endpoint: reads the request, asks on a thread, answers JSON."""

    def __init__(self, endpoint: Endpoint, context: ApiContext) -> None:
        self._endpoint = endpoint
        self._context = context
        self._handler = _HANDLERS.get(endpoint.operation)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        is_gzip_taken = "gzip" in request.headers.get("accept-encoding", "")
        loop = asyncio.get_running_loop()
        response = await loop.run_in_executor(
            self._context.executor, self._answer, request, is_gzip_taken
        )
        await response(scope, receive, send)

    def _answer(self, request: Request, is_gzip_taken: bool) -> Response:
        try:
            told = _Told(self._endpoint, request)
            assert self._handler is not None
            return _json(200, self._handler(self._context, told), is_gzip_taken)
        except FilterError as error:
            return _failure(400, str(error), position=error.position)
        except (_ParameterError, sessions.CursorError) as error:
            return _failure(400, str(error))
        except sessions.UnknownIdError as error:
            return _failure(404, str(error))
        except sessions.AmbiguousIdError as error:
            return _failure(409, str(error))
        except StorageBusyError as error:
            logger.warning("a question was not answered: %s", str(error)[:500])
            response = _failure(503, "the question took too much time or memory; ask for less")
            response.headers["retry-after"] = "1"
            return response
        except StorageError as error:
            number = secrets.token_hex(4)
            logger.warning("question %s failed: %s", number, str(error)[:2_000])
            return _failure(500, f"the storage failed; the server's log has more under {number}")


def _stream(endpoint: Endpoint, live: Live) -> ASGIApp:
    async def follow(scope: Scope, receive: Receive, send: Send) -> None:
        await _followed(endpoint, live, Request(scope, receive))(scope, receive, send)

    return follow


def _followed(endpoint: Endpoint, live: Live, request: Request) -> Response:
    """Return the stream of live updates, or why there is none."""
    try:
        q = _Told(endpoint, request).text("q")
        parse(q)
    except FilterError as error:
        return _failure(400, str(error), position=error.position)
    except _ParameterError as error:
        return _failure(400, str(error))
    if live.is_full:
        response = _failure(503, "too many pages follow already")
        response.headers["retry-after"] = "5"
        return response
    messages = live.follow(request.headers.get("last-event-id", ""), q)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(messages, media_type="text/event-stream", headers=headers)


def _json(status: int, value: object, is_gzip_taken: bool = False) -> Response:
    content = msgspec.json.encode(value)
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    if len(content) > _GZIP_FROM and is_gzip_taken:
        content = gzip.compress(content, 1, mtime=0)  # 4 takes three times as long for 6 %
        headers |= {"content-encoding": "gzip", "vary": "accept-encoding"}
    return Response(content, status, headers)


def _failure(status: int, message: str, position: int | None = None) -> Response:
    return _json(status, ErrorAnswer(error=message, position=position))

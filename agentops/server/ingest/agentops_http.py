"""The AgentOps protocols v2, v3 and v4, as the released packages 0.2 to 0.4 speak them.

Request and answer shapes are those of the hosted service; the released packages are the judges.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from agentops.server.ingest.acceptor import Acceptor
from agentops.server.ingest.agentops_events import (
    SessionState,
    agent_key,
    end_rows,
    event_rows,
    log_row,
    session_uuid,
    start_row,
)
from agentops.server.ingest.bodies import read_body
from agentops.server.ingest.budget import Budget
from agentops.server.ingest.documents import read_json
from agentops.server.ingest.intake import beside_loop, keep
from agentops.server.ingest.refusal import Refusal
from agentops.server.ingest.settings import IngestSettings
from agentops.server.ingest.tokens import issue, verify
from agentops.server.ingest.values import Value
from agentops.server.rows import Row

__all__ = ["AgentOpsHttp"]

_SESSIONS_MAX: Final = 4096
_AGENTS_MAX: Final = 1024
_EVENTS_AT_ONCE: Final = 1_000
_DAY_S: Final = 86_400
_SESSION: Final = "session"
_PROJECT: Final = "authenticated"

_Handler: TypeAlias = Callable[[Request, Mapping[str, Value], str], Awaitable[Response]]


class AgentOpsHttp:
    """The endpoints of the AgentOps protocols.

    Args:
        acceptor: Keeps the rows.
        settings: Tokens, limits, access, and the address of the pages.
        budget: Bytes that all requests may hold together.
    """

    def __init__(self, acceptor: Acceptor, settings: IngestSettings, budget: Budget) -> None:
        self._acceptor = acceptor
        self._budget = budget
        self._settings = settings
        self._limits = settings.limits
        self._secret = settings.secret
        self._public_url = settings.public_url.rstrip("/")
        self._states: OrderedDict[str, SessionState] = OrderedDict()

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        posts: dict[str, _Handler] = {
            "/v2/create_session": self._create_session,
            "/v2/sessions": self._create_session,
            "/v2/update_session": self._update_session,
            "/v2/create_events": self._create_events,
            "/v2/update_events": self._create_events,
            "/v2/create_agent": self._create_agent,
            "/v2/create_thread": self._create_thread,
            "/v2/reauthorize_jwt": self._reauthorize,
            "/v2/developer_errors": self._developer_error,
            "/v4/logs/upload": partial(self._upload, name="agentops.logs"),
            "/v4/logs/upload/": partial(self._upload, name="agentops.logs"),
            "/v4/objects/upload": partial(self._upload, name="agentops.object"),
            "/v4/objects/upload/": partial(self._upload, name="agentops.object"),
        }
        routes = [
            Route(path, _Endpoint(partial(self._answer, "POST", handler)))
            for path, handler in posts.items()
        ]
        return [
            *routes,
            Route("/v2/update_logs", _Endpoint(partial(self._answer, "PUT", self._update_logs))),
            Route("/v2/ttd/{identity}", _Endpoint(self._no_time_travel)),
            Route("/v3/auth/token", _Endpoint(self._project_token)),
        ]

    async def _answer(self, method: str, handler: _Handler, request: Request) -> Response:
        """Read the body, call the handler, and turn a refusal into the protocol's own error."""
        try:
            headers = request.headers
            if request.method != method:
                raise Refusal(405, f"method {request.method}: expected {method}")
            content_type = headers.get("content-type", "").split(";", 1)[0].strip().lower()
            if content_type != "application/json":
                raise Refusal(415, "expected Content-Type application/json")
            project_id = self._settings.access(headers)
            with self._budget.hold() as held:
                body = await read_body(request.receive, headers, self._limits, held)
                is_large = len(body) >= self._limits.thread_bytes_min
                read = await beside_loop(partial(read_json, body), is_large)
                if not isinstance(read, dict):
                    raise Refusal(400, "expected a JSON object")
                return await handler(request, read, project_id)
        except Refusal as refusal:
            return _refused(request, refusal)

    def _state(self, session_id: str) -> SessionState:
        """Return what is remembered of a session; the least recently used ones are forgotten."""
        state = self._states.setdefault(session_id, SessionState())
        self._states.move_to_end(session_id)
        if len(self._states) > _SESSIONS_MAX:
            self._states.popitem(last=False)
        return state

    def _claims(self, request: Request) -> str:
        """Return the session id that the request's token was issued for."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(401, "expected Authorization: Bearer with the token of the session")
        return str(verify(self._secret, _SESSION, token.strip())["session_id"])

    def _session_token(self, session_id: str) -> str:
        return issue(self._secret, _SESSION, {"session_id": session_id}, _DAY_S)

    def _session_url(self, session_id: str) -> str:
        return f"{self._public_url}/s/{session_id}"

    async def _create_session(
        self, _: Request, body: Mapping[str, Value], project_id: str
    ) -> Response:
        session = _section(body, "session")
        session_id = str(session_uuid(session.get("session_id")))
        await keep(self._acceptor, [start_row(session, project_id)])
        self._state(session_id)
        return JSONResponse(
            {
                "status": "Success",
                "jwt": self._session_token(session_id),
                "session_url": self._session_url(session_id),
            }
        )

    async def _update_session(
        self, request: Request, body: Mapping[str, Value], project_id: str
    ) -> Response:
        session = _section(body, "session")
        session_id = self._claims(request)
        if str(session_uuid(session.get("session_id"))) != session_id:
            raise Refusal(401, "Invalid Token")
        rows: list[Row] = [start_row(session, project_id)]
        if session.get("end_timestamp"):
            rows += end_rows(session, project_id, self._limits)
        await keep(self._acceptor, rows)
        return JSONResponse(
            {
                "status": "success",
                "token_cost": f"{self._state(session_id).cost_usd:.6f}",
                "session_url": self._session_url(session_id),
            }
        )

    async def _create_events(
        self, request: Request, body: Mapping[str, Value], project_id: str
    ) -> Response:
        events = body.get("events")
        if not isinstance(events, list):
            raise Refusal(400, 'expected {"events": [...]}')
        if len(events) > self._limits.records_max:
            raise Refusal(413, f"a request may hold at most {self._limits.records_max} events")
        session = session_uuid(self._claims(request))
        state = self._state(str(session))

        def decode() -> list[Row]:
            return [
                row
                for event in events
                if isinstance(event, dict)
                for row in event_rows(event, (project_id, session), state, self._limits)
            ]

        is_large = len(events) > _EVENTS_AT_ONCE
        await keep(self._acceptor, await beside_loop(decode, is_large))
        return JSONResponse("Success")

    async def _create_agent(self, request: Request, body: Mapping[str, Value], _: str) -> Response:
        agents = self._state(self._claims(request)).agents
        if isinstance(body.get("name"), str) and len(agents) < _AGENTS_MAX:
            agents[agent_key(body.get("id"))] = body["name"][:1024]
        return JSONResponse("Success")

    async def _create_thread(self, request: Request, _: Mapping[str, Value], __: str) -> Response:
        self._claims(request)
        return JSONResponse("Success")

    async def _reauthorize(self, _: Request, body: Mapping[str, Value], __: str) -> Response:
        session_id = str(session_uuid(body.get("session_id")))
        return JSONResponse({"status": "Success", "jwt": self._session_token(session_id)})

    async def _developer_error(self, _: Request, __: Mapping[str, Value], ___: str) -> Response:
        return Response(status_code=204)

    async def _update_logs(
        self, request: Request, body: Mapping[str, Value], project_id: str
    ) -> Response:
        session = session_uuid(self._claims(request))
        row = log_row(session.hex, str(body.get("logs") or ""), "agentops.logs", project_id)
        row.session_id = str(session)
        await keep(self._acceptor, [row])
        return JSONResponse({"status": "success", "logs_url": self._session_url(str(session))})

    async def _no_time_travel(self, _: Request) -> Response:
        """Time travel of agentops 0.2 is not offered: there is nothing to replay."""
        return JSONResponse([])

    async def _token(self, _: Request, body: Mapping[str, Value], project_id: str) -> Response:
        if not isinstance(body.get("api_key"), str):
            raise Refusal(400, 'expected {"api_key": "..."}')
        claims = {"project_id": project_id, "project_prem_status": "pro"}
        token = issue(self._secret, _PROJECT, claims, 30 * _DAY_S)
        return JSONResponse({"token": token, **claims})

    async def _project_token(self, request: Request) -> Response:
        """Issue a token (POST) or say what it holds (GET)."""
        if request.method == "GET":
            return self._describe_token(request)
        return await self._answer("POST", self._token, request)

    def _describe_token(self, request: Request) -> Response:
        try:
            token = request.headers.get("authorization", "").partition(" ")[2]
            claims = verify(self._secret, _PROJECT, token.strip())
        except Refusal as refusal:
            return _refused(request, refusal)
        return JSONResponse(
            {"message": "valid token", "payload": claims, "expires_at": claims["exp"]}
        )

    async def _upload(
        self, request: Request, body: Mapping[str, Value], project_id: str, *, name: str
    ) -> Response:
        """Keep text beside its trace. The trace id is sent as a decimal number."""
        told = request.headers.get("trace-id", "").strip()
        trace_id = ""
        if told.isdecimal() and len(told) < 40 and 0 < int(told) < 1 << 128:
            trace_id = f"{int(told):032x}"
        content = body.get("body")
        text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
        row = log_row(trace_id, text, name, project_id)
        await keep(self._acceptor, [row])
        url = self._session_url(trace_id) if trace_id else self._public_url
        return JSONResponse({"url": url, "size": len(text.encode())})


class _Endpoint:
    """An ASGI application of a handler that judges the method itself, whoever mounts it."""

    def __init__(self, handler: Callable[[Request], Awaitable[Response]]) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._handler(Request(scope, receive))
        await response(scope, receive, send)


def _section(body: Mapping[str, Value], name: str) -> Mapping[str, Value]:
    section = body.get(name)
    if not isinstance(section, dict):
        raise Refusal(400, f'expected {{"{name}": {{...}}}}')
    return section


def _refused(request: Request, refusal: Refusal) -> Response:
    path = request.scope["path"]
    content = {"path": path, "message": refusal.message, "error": refusal.message}
    headers = {}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    return JSONResponse(content, refusal.status, headers)

"""The composition root of the backend: what is made, in which order it starts and stops.

``create_app`` makes the ASGI application, ``serve`` runs it on the ports until told to stop. This is the
only module that names a storage engine.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import uvicorn
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentops.errors import StorageError
from agentops.server.api.live import Live
from agentops.server.api.pages import Pages
from agentops.server.api.routes import ApiContext
from agentops.server.api.routes import routes as api_routes
from agentops.server.api.security import Gate, ScopedRoute, Tokens, load_token
from agentops.server.config import LOOPBACK_HOSTS, ServerConfig, ServerFile
from agentops.server.directory import announced, locked
from agentops.server.http_protocol import http_protocol
from agentops.server.ingest import IngestLimits, IngestSettings, otlp_grpc
from agentops.server.ingest import routes as ingest_routes
from agentops.server.pipeline import Pipeline, PipelineConfig
from agentops.server.query.sessions import session_rows
from agentops.server.rows import Row
from agentops.server.schemas import ReceiverStatus, ServerStatus, SessionRow
from agentops.server.storage.base import Limits, Storage, StoredChange
from agentops.server.storage.chdb import ChdbEngine
from agentops.server.storage.engine import Dialect, Engine
from agentops.server.storage.store import SqlStorage

__all__ = ["Backend", "create_app", "open_storage", "serve"]

logger = logging.getLogger("agentops.server")

_THREADS: Final = 4
_REASON_MAX: Final = 300


def serve(config: ServerConfig, ready: Callable[[ServerFile], None] = lambda told: None) -> None:  # noqa: ARG005
    """Run the backend until SIGINT or SIGTERM; then let requests end, store what was accepted, return.

    Args:
        config: What to do.
        ready: Called once every port listens, with what ``server.json`` says.

    Raises:
        StorageError: The data directory is in use or not usable, or a port that must be had is taken.
    """
    asyncio.run(_serve(config, ready))


def create_app(config: ServerConfig) -> ASGIApp:
    """Return the ASGI application; its lifespan opens and closes everything."""
    return Backend(config)


@contextlib.contextmanager
def open_storage(config: ServerConfig) -> Iterator[Storage]:
    """Open the storage of a data directory that no server uses; closed on leaving.

    Raises:
        StorageError: The directory is in use or not usable.
    """
    with locked(config.data_dir):
        storage = _storage(config)
        try:
            storage.open()
            yield storage
        finally:
            storage.close()


@dataclass(slots=True)
class _Requests:
    """What ingest was asked, for ``/status``."""

    received: int = 0
    rejected: int = 0
    last_rejected: str | None = None


@dataclass(slots=True, kw_only=True)
class _Parts:
    """Everything that lives between start and stop."""

    storage: Storage
    pipeline: Pipeline
    live: Live
    executor: ThreadPoolExecutor
    publisher: asyncio.Task[None]
    gate: Gate
    settings: IngestSettings
    grpc: otlp_grpc.GrpcServer | None = None


class Backend:
    """The backend as one ASGI application.

    Args:
        config: What to do.
        receivers: What ``/status`` says about ports; filled by who opens them.

    Attributes:
        token: The browser token; ``""`` before the start.
    """

    def __init__(self, config: ServerConfig) -> None:
        self.token = ""
        self.receivers: list[ReceiverStatus] = []
        self.ingest_ports: list[int] = []
        self.public_url = f"http://{_netloc(config.host)}:{config.port}"
        self._config = config
        self._requests = _Requests()
        self._parts: _Parts | None = None
        self._open = contextlib.ExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or run the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._parts is not None:
            await self._parts.gate(scope, receive, send)

    async def start(self) -> None:
        """Open the data directory and begin; what an earlier process left in the log is stored.

        Raises:
            StorageError: The directory is in use or not usable.
        """
        config = self._config
        loop = asyncio.get_running_loop()
        storage = self._open.enter_context(open_storage(config))
        self.token = load_token(config.data_dir / "token")
        executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="agentops-query")

        def read(session_ids: list[str], q: str) -> list[SessionRow]:
            return session_rows(storage, config.project_id, session_ids, q)

        live = Live(read, lambda job: loop.run_in_executor(executor, job), config.live_clients_max)

        def changed(change: StoredChange) -> None:
            if change.project_id == config.project_id:
                live.changed(dict(change.sessions))

        pipeline = Pipeline(
            storage,
            PipelineConfig(directory=config.data_dir / "wal", log_bytes_max=config.wal_bytes_max),
            changed,
        )
        context = ApiContext(
            storage=storage,
            project_id=config.project_id,
            executor=executor,
            live=live,
            status=self._status,
        )
        settings = IngestSettings(
            public_url=self.public_url,
            secret=hashlib.sha256(b"ingest" + self.token.encode()).digest(),
            limits=IngestLimits(
                decoded_bytes_max=config.body_bytes_max, body_timeout_s=config.body_seconds_max
            ),
        )
        self._parts = _Parts(
            storage=storage,
            pipeline=pipeline,
            live=live,
            executor=executor,
            publisher=asyncio.create_task(live.publish_forever()),
            gate=self._gate(context, pipeline, settings),
            settings=settings,
        )
        pipeline.start()

    async def open_grpc(self, host: str, port: int) -> None:
        """Open the OTLP/gRPC port if it is free; ``/status`` tells about it either way."""
        parts = self._parts
        assert parts is not None
        endpoint, note = f"{_netloc(host)}:{port}", ""
        try:
            acceptor = _Counting(parts.pipeline, self._requests)
            parts.grpc = await otlp_grpc.start(acceptor, parts.settings, endpoint)
            endpoint = f"{_netloc(host)}:{parts.grpc.port}"
        except OSError:
            note = "taken by another program"
        self.receivers.append(
            ReceiverStatus(
                protocol="otlp/grpc",
                endpoint=f"http://{endpoint}",
                is_listening=parts.grpc is not None,
                note=note,
            )
        )

    def end_streams(self) -> None:
        """End the event streams, which would otherwise hold up the stop. On the event loop."""
        if self._parts is not None:
            self._parts.live.close()

    async def stop(self) -> None:
        """Store what was accepted and let go of the data directory. May be called twice."""
        parts, self._parts = self._parts, None
        if parts is not None:
            parts.live.close()
            parts.publisher.cancel()
            if parts.grpc is not None:
                await parts.grpc.stop(self._config.stops_after_s)
            timeout_ms = round(self._config.stops_after_s * 1_000)
            if not await asyncio.to_thread(parts.pipeline.stop, timeout_ms):
                logger.warning("some rows stay in the write-ahead log until the next start")
            parts.executor.shutdown()
        self._open.close()

    def _gate(self, context: ApiContext, pipeline: Pipeline, settings: IngestSettings) -> Gate:
        config = self._config
        taken = [
            ScopedRoute(route.path, _counted(route.app, self._requests), "ingest")
            for route in ingest_routes(pipeline, settings)
        ]
        pages = ScopedRoute("/{path:path}", Pages(), "page", ["GET"])
        router = Router([*api_routes(context), *taken, pages], redirect_slashes=False)
        return Gate(
            router,
            Tokens(self.token),
            hosts=(*LOOPBACK_HOSTS, _netloc(config.host), *config.allowed_hosts),
            header_bytes_max=config.header_bytes_max,
            ingest_ports=self.ingest_ports,
        )

    def _status(self) -> ServerStatus:
        parts = self._parts
        if parts is None:
            raise StorageError("the server is stopping")
        totals = parts.storage.totals(self._config.project_id)
        return ServerStatus(
            version=version("agentops"),
            project_id=self._config.project_id,
            storage=parts.storage.capabilities.name,
            is_empty=totals.session_count == 0,
            session_count=totals.session_count,
            span_count=totals.span_count,
            requests_received=self._requests.received,
            spans_received=parts.pipeline.stats.spans,
            requests_rejected=self._requests.rejected,
            last_rejected=self._requests.last_rejected,
            receivers=self.receivers,
        )

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except BaseException as error:
            self._open.close()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


class _Counting:
    """Counts what comes in where there is no HTTP request to count."""

    def __init__(self, pipeline: Pipeline, requests: _Requests) -> None:
        self._pipeline = pipeline
        self._requests = requests

    async def accept(self, rows: Sequence[Row]) -> None:
        """See :meth:`Pipeline.accept`."""
        self._requests.received += 1
        await self._pipeline.accept(rows)


def _storage(config: ServerConfig) -> Storage:
    limits = Limits(
        seconds_max=config.query_seconds_max,
        memory_bytes_max=config.query_memory_bytes_max,
        result_rows_max=config.query_rows_max,
    )
    engine: Engine
    if config.storage:
        from agentops.server.storage.clickhouse import (  # a package the embedded engine needs not
            ClickHouseEngine,
        )

        engine = ClickHouseEngine(config.storage, retention_days=config.retention_days)
    else:
        engine = ChdbEngine(
            config.data_dir / "db",
            memory_bytes_max=config.engine_memory_bytes_max,
            dialect=Dialect(retention_days=config.retention_days),
        )
    return SqlStorage(engine, limits)


def _counted(app: ASGIApp, requests: _Requests) -> ASGIApp:
    """Count requests to ingest, and remember why the newest refused one was refused."""

    async def count(scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif status >= 400:
                reason = _printable(message.get("body", b""))
                requests.last_rejected = (
                    f"{scope['method']} {scope['path'][:80]}: {status} {reason}"
                )
            await send(message)

        requests.received += 1
        await app(scope, receive, watch)
        requests.rejected += status >= 400

    return count


def _printable(body: bytes) -> str:
    text = body[:_REASON_MAX].decode("utf-8", "ignore")
    return "".join(char for char in text if char.isprintable()).strip()


def _netloc(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class _Server(uvicorn.Server):
    """Leaves signals to us: event streams must end before uvicorn waits for requests to end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(config: ServerConfig, ready: Callable[[ServerFile], None]) -> None:
    with contextlib.ExitStack() as stack:
        main = stack.enter_context(contextlib.closing(_listen(config.host, config.port)))
        port = main.getsockname()[1]
        backend = Backend(config)
        backend.public_url = f"http://{_netloc(config.host)}:{port}"
        backend.receivers.append(
            ReceiverStatus(protocol="http", endpoint=backend.public_url, is_listening=True, note="")
        )
        sockets = [main]
        otlp = _optional_listen(config, backend)
        if otlp is not None:
            sockets.append(stack.enter_context(contextlib.closing(otlp)))
        await _run(config, backend, sockets, ready)


async def _run(
    config: ServerConfig,
    backend: Backend,
    sockets: list[socket.socket],
    ready: Callable[[ServerFile], None],
) -> None:
    settings = uvicorn.Config(
        backend,
        http=http_protocol(config.header_seconds_max, config.write_seconds_max),
        limit_concurrency=config.connections_max,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=max(1, round(config.stops_after_s)),
    )
    server = _Server(settings)

    def end() -> None:
        backend.end_streams()
        server.should_exit = True

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        await backend.start()
        task = asyncio.create_task(server.serve(sockets))
        is_up = asyncio.create_task(server.is_up.wait())
        await asyncio.wait((task, is_up), return_when=asyncio.FIRST_COMPLETED)
        if not is_up.done():
            is_up.cancel()
            await task  # raises why it ended
        if config.otlp_grpc_port is not None:
            await backend.open_grpc(config.host, config.otlp_grpc_port)
        told = ServerFile(
            pid=os.getpid(),
            url=backend.public_url,
            otlp_http=_endpoint(backend, "otlp/http"),
            otlp_grpc=_endpoint(backend, "otlp/grpc"),
        )
        with announced(config.data_dir, told):
            ready(told)
            await task
    finally:
        await backend.stop()


def _endpoint(backend: Backend, protocol: str) -> str | None:
    found = (r.endpoint for r in backend.receivers if r.protocol == protocol and r.is_listening)
    return next(found, None)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1_024)
    except OSError as error:
        listener.close()
        raise StorageError(
            f"port {port} of {host} cannot be opened: {error.strerror}; choose another with --port"
        ) from error
    return listener


def _optional_listen(config: ServerConfig, backend: Backend) -> socket.socket | None:
    """Open the standard OTLP/HTTP port if it is free; tell about it either way."""
    if config.otlp_http_port is None:
        return None
    endpoint = f"http://{_netloc(config.host)}:{config.otlp_http_port}"
    listener: socket.socket | None = None
    note = "taken by another program; use the main port"
    with contextlib.suppress(StorageError):
        listener = _listen(config.host, config.otlp_http_port)
        note, port = "", listener.getsockname()[1]
        endpoint = f"http://{_netloc(config.host)}:{port}"
        backend.ingest_ports.append(port)
    backend.receivers.append(
        ReceiverStatus(
            protocol="otlp/http", endpoint=endpoint, is_listening=listener is not None, note=note
        )
    )
    return listener

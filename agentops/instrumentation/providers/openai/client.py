"""Where is the openai package hooked, and what does a client tell? Part of what is known of openai."""

import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, cast

from agentops import semconv
from agentops.instrumentation.calls import LLMCall, Usage
from agentops.instrumentation.providers.base import Target
from agentops.instrumentation.providers.costs import RELAY_COST, read_relay_cost
from agentops.instrumentation.providers.fields import code
from agentops.instrumentation.providers.http import HttpExchange, amazon_code, header_fields
from agentops.instrumentation.providers.openai.older import (
    closes_failed_streams,
    renames_lost_connections,
)
from agentops.instrumentation.providers.openai.operations import (
    Operation,
    Operations,
    path_template,
)
from agentops.instrumentation.providers.openai.sockets import (
    SocketTurn,
    begin_turn,
    lane_of,
    read_socket,
    read_turn,
    socket_targets,
    step_of,
)
from agentops.instrumentation.providers.openai.tools import (
    find_actions,
    read_tool,
    read_tool_result,
    tool_targets,
)
from agentops.instrumentation.providers.openai.usage import TELLING, asking_options, is_usage_chunk
from agentops.instrumentation.providers.parts import blob
from agentops.instrumentation.providers.stainless import (
    HOSTS,
    ClientRequest,
    StainlessInstrumentation,
    keep_sent,
)
from agentops.instrumentation.tools import Action, ToolRun

if TYPE_CHECKING:
    from agentops.telemetry.manager import TelemetryManager

__all__ = ["OpenAIInstrumentation"]

_BASE: Final = "openai._base_client"
_CLIENTS: Final = (("OpenAI", "SyncAPIClient", False), ("AsyncOpenAI", "AsyncAPIClient", True))
_CHOKE_POINTS: Final[tuple[tuple[str, Literal["call", "response"]], ...]] = (
    ("request", "call"),
    ("_process_response", "response"),
)
_KNOWN_MAX = 4096
_ORIGIN = re.compile(r"^https?://[^/]*")
_HOST_ENDS = {
    ".openai.azure.com": "azure.ai.openai",
    ".cognitiveservices.azure.com": "azure.ai.openai",
    ".services.ai.azure.com": "azure.ai.openai",
    ".openai.azure.us": "azure.ai.openai",
    ".databricks.com": "databricks",
    ".azuredatabricks.net": "databricks",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
}
_BEDROCK = re.compile(r"(^|\.)bedrock-.*\.(amazonaws\.com(\.cn)?|api\.aws)$")
_CLASSES = {"BaseAzureClient": "azure.ai.openai", "BedrockOpenAI": "aws.bedrock"}
_IMAGES_LIMITED = "x-ratelimit-limit-input-images"


def _rate_limits(*units: str) -> tuple[tuple[str, str], ...]:
    """Return header names and attributes of the limits on each unit."""
    return tuple(
        (
            f"x-ratelimit-{what}-{unit}",
            f"{semconv.AGENTOPS_RATE_LIMIT}.{what}_{unit}".replace("-", "_"),
        )
        for what in ("limit", "remaining", "reset")
        for unit in units
    )


_RATE_LIMITS = _rate_limits("requests", "tokens")
_IMAGE_RATE_LIMITS = _rate_limits("requests", "tokens", "input-images")


def _client_targets() -> Iterator[Target]:
    """Yield the methods through which every request and every answer passes.

    They stand in the clients' base class, and what a program puts in their place there has to be called. A client
    that has one of its own, which another instrumentation put there, is hooked itself.
    """
    clients = vars(sys.modules["openai"])
    for kind, base, is_async in _CLIENTS:
        own = vars(clients.get(kind, object))
        for name, role in _CHOKE_POINTS:
            module, holder = ("openai", kind) if name in own else (_BASE, base)
            yield Target(module=module, name=f"{holder}.{name}", role=role, is_async=is_async)


class OpenAIInstrumentation(StainlessInstrumentation):
    """Reads the calls of OpenAI's own SDK, its Azure and Bedrock clients included.

    It hooks the client's ``request`` and not the methods above it: whatever the program calls, the call
    passes there, once, with the body as it is sent.
    """

    module: str = "openai"

    def __init__(self, telemetry_manager: "TelemetryManager") -> None:
        super().__init__(telemetry_manager)
        self._operations = Operations()
        self._counted: dict[str, None] = {}

    def targets(self) -> Sequence[Target]:
        """Return the choke points every call goes through, the connections, and the tool runners."""
        return (*_client_targets(), *socket_targets(), *tool_targets())

    def closes_failed_streams(self) -> bool:
        """Tell what the installed version does."""
        return closes_failed_streams()

    def read_tool(self, target: Target, args: tuple[object, ...]) -> ToolRun | None:
        """Read the tool that one of the SDK's runners is about to run."""
        return read_tool(target.name, args)

    def find_actions(self, target: Target, value: object) -> Sequence[Action]:  # noqa: ARG002
        """Find the actions that a decision may choose."""
        return find_actions(cast("Sequence[object]", value))

    def read_tool_result(self, run: ToolRun, result: object) -> None:
        """Read what goes back to the model."""
        read_tool_result(run, result)

    def read_socket(self, target: Target, connection: object) -> LLMCall | None:
        """Read a WebSocket that was just opened."""
        call = read_socket(target, connection, "openai")
        call.provider = self.provider_of(self, call.server_address)
        return call

    def socket_step(self, session: LLMCall, message: str | bytes) -> str:
        """Tell what an event of a WebSocket means."""
        return step_of(session, message)

    def socket_lane(self, message: str | bytes, step: str) -> str:
        """Tell which of the responses under way an event belongs to."""
        return lane_of(message, step)

    def socket_turn(
        self,
        session: LLMCall,
        said: list[str | bytes],
        setup: str | bytes,
        message: str | bytes,
    ) -> LLMCall:
        """Return the call that a response on a WebSocket is."""
        return begin_turn(session, SocketTurn(path="", said=said, session=setup), message)

    def read_stream(self, call: LLMCall, chunks: Sequence[object]) -> None:
        """Read the events of one response on a WebSocket.

        A response of a live session is told by each connection to it: its usage counts the first time.
        """
        if not isinstance(call.request, SocketTurn):
            return
        read_turn(call, call.request, chunks)
        if "/live/" not in call.request.path or not call.response_id or call.operation != "chat":
            return
        if call.response_id in self._counted:
            call.usage, call.priced_units, call.asides = Usage(), {}, []
        elif len(self._counted) >= _KNOWN_MAX:
            del self._counted[next(iter(self._counted))]
        self._counted[call.response_id] = None

    def read_response(self, call: LLMCall, response: object) -> None:
        """Read a call over HTTP; of a WebSocket itself nothing more is known."""
        if isinstance(call.request, ClientRequest):
            super().read_response(call, response)

    def provider_of(self, client: object, host: str) -> str:
        """Return who serves the client: told by its class, else by its host."""
        for base in type(client).__mro__:
            name = base.__name__.removeprefix("Async")
            if name in _CLASSES:
                return _CLASSES[name]
        for end, provider in _HOST_ENDS.items():
            if host.endswith(end):
                return provider
        return "aws.bedrock" if _BEDROCK.search(host) else HOSTS.get(host, "openai")

    def client_call(self, request: ClientRequest) -> LLMCall:
        """Name a request by the operation on its path, or by the path."""
        operation, method, path = self._find(request)
        request.operation = operation
        template = "" if operation.name else path_template(path)
        service, model = request.service, request.model
        call = LLMCall(
            operation=operation.name,
            provider=service.provider,
            model=model if isinstance(model, str) else "",
            span_name=_span_name(operation, request, template),
            span_kind=operation.kind,
            server_address=service.host,
            server_port=service.port,
            request=request,
        )
        if request.is_stream:
            call.start_attributes[semconv.GEN_AI_REQUEST_STREAM] = True
        if template:
            call.start_attributes[semconv.HTTP_REQUEST_METHOD] = method.upper()
            call.start_attributes[semconv.URL_PATH] = path.partition("?")[0]
        return call

    def ask_for_usage(self, request: ClientRequest, options: object) -> object | None:
        """Return options that make a streamed completion tell its usage."""
        if not request.is_stream or request.service.provider in TELLING:
            return None
        if not self._find(request)[0].reader.tells_usage_when_asked:
            return None
        asking = asking_options(options)
        if asking is not None:
            request.is_hidden = is_usage_chunk
        return asking

    def _find(self, request: ClientRequest) -> tuple[Operation, str, str]:
        """Return what a request does, its method in lower case, and its path."""
        method, path = str(request.method).lower(), str(request.url)
        if not path.startswith("/"):
            path = _path_below(path, request.service.base_url)
        return self._operations.find(method, path), method, path

    def read_input(self, call: LLMCall) -> None:
        """Read the body of the request, and what the path tells."""
        operation, request = _operation(call), call.request
        assert isinstance(request, ClientRequest)
        operation.reader.read_input(call, request.sent())
        if operation.name != "chat":
            _read_path(call, operation, str(request.url))

    def read_body(self, call: LLMCall, body: object, exchange: HttpExchange) -> None:
        """Read the answer of a call that was not streamed."""
        if not isinstance(body, dict):
            self._read_other(call, exchange)
            return
        _operation(call).reader.read_body(call, body)

    def _read_other(self, call: LLMCall, exchange: HttpExchange) -> None:
        """Read an answer that is neither a JSON object nor events: speech, files, plain text."""
        kind, _, subtype = exchange.content_type().partition("/")
        body = exchange.body()
        if not body or not call.operation:
            return
        is_speech = call.attributes.get(semconv.GEN_AI_OUTPUT_TYPE) == "speech"
        part = (
            {"type": "text", "content": body.decode("utf-8", "replace")}
            if kind == "text" or subtype == "json"
            else blob("audio" if is_speech else kind, exchange.content_type(), body)
        )
        call.output_messages.append({"role": "assistant", "parts": [part]})

    def read_events(self, call: LLMCall, exchange: HttpExchange) -> None:
        """Read the answer of a streamed call."""
        operation = _operation(call)
        if not operation.reader.joins_pieces:
            operation.reader.read_events(call, exchange.events())
            return
        events, joined = exchange.merged_events()
        operation.reader.read_events(call, events)
        call.chunk_count += joined

    def read_headers(self, call: LLMCall, exchange: HttpExchange) -> None:
        """Read status, request id, retries, rate limits and processing time."""
        header = exchange.fields().get
        attributes = call.attributes
        attributes[semconv.HTTP_RESPONSE_STATUS_CODE] = exchange.status
        if exchange.retries:
            attributes[semconv.AGENTOPS_RETRY_COUNT] = exchange.retries
        request_id = header("x-request-id") or header("apim-request-id")
        if request_id or (request_id := header("x-amzn-requestid")):
            attributes[semconv.AGENTOPS_REQUEST_ID] = request_id
        for name, attribute in _IMAGE_RATE_LIMITS if header(_IMAGES_LIMITED) else _RATE_LIMITS:
            if value := header(name):
                attributes[attribute] = int(value) if value.isdecimal() else value
        processing = header("openai-processing-ms")
        if processing and processing.isdecimal():
            attributes[semconv.AGENTOPS_PROCESSING_MS] = int(processing)
        if cost := header(RELAY_COST):
            read_relay_cost(call, cost)

    def read_error(self, call: LLMCall, error: BaseException) -> object:
        """Read the provider's code, and keep the answer that the exception carries."""
        if not hasattr(error, "body"):  # not one of the SDK's own, which know request and response
            call.error_type = type(error).__qualname__
            if type(error).__module__.startswith("httpx") and renames_lost_connections():
                # The SDK raises an error of its own from this one, after the stream was closed.
                is_timeout = "Timeout" in type(error).__name__
                call.error_type = "APITimeoutError" if is_timeout else "APIConnectionError"
            return None
        told = code(getattr(error, "code", None), getattr(error, "type", None))
        request = getattr(error, "request", None)
        response = getattr(error, "response", None)
        if not told and response is not None:
            told = amazon_code(header_fields(response.headers))
        call.error_type = told or type(error).__qualname__
        if response is None:
            keep_sent(call, request)
            return None
        retries = getattr(request, "headers", {}).get("x-stainless-retry-count", "")
        taken = int(retries) if retries.isdecimal() else 0
        return self.read_exchange({"response": response, "retries_taken": taken})


def _path_below(url: str, base_url: object) -> str:
    """Return a URL as the methods of the SDK give it: from the client's own address on, with a slash in front."""
    return "/" + _ORIGIN.sub("", url.removeprefix(str(base_url))).lstrip("/")


def _operation(call: LLMCall) -> Operation:
    """Return what a call does; it was named after it."""
    operation = getattr(call.request, "operation", None)
    assert isinstance(operation, Operation)
    return operation


def _span_name(operation: Operation, request: ClientRequest, template: str) -> str:
    if template:
        return f"{str(request.method).upper()} {template}"
    if operation.name == "fetch_response":
        return operation.name
    if operation.name == "create_agent":
        name = request.named("name")
        return f"{operation.name} {name}" if isinstance(name, str) else operation.name
    if operation.name == "retrieval":
        return f"{operation.name} {_segment(str(request.url), 'vector_stores')}"
    return ""


def _read_path(call: LLMCall, operation: Operation, path: str) -> None:
    """Read the ids that stand in the path only."""
    if operation.name == "fetch_response":
        call.response_id = path.rpartition("/")[2].partition("?")[0]
    elif operation.name == "retrieval":
        call.attributes[semconv.GEN_AI_DATA_SOURCE_ID] = _segment(path, "vector_stores")
    for name in ("threads", "conversations"):
        known = _segment(path, name) if name in path else ""
        if known and known != "runs":
            call.attributes[semconv.GEN_AI_CONVERSATION_ID] = known


def _segment(path: str, after: str) -> str:
    """Return the segment that follows ``after`` in ``path``, ``""`` when there is none."""
    segments = path.partition("?")[0].split("/")
    if after not in segments:
        return ""
    index = segments.index(after) + 1
    return segments[index] if index < len(segments) else ""

"""Where are the calls of the anthropic package, and who reads which? Instrumentation floor.

Every call of every client, the platforms' included, ends in ``request`` of one of two base classes.
What it is follows from its method and path.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import baggage, trace

from agentops import semconv
from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.anthropic.blocks import field, read_parts
from agentops.instrumentation.providers.anthropic.managed import (
    SessionReader,
    read_batch,
    read_batch_results,
    read_session_input,
)
from agentops.instrumentation.providers.anthropic.messages import (
    MessageStream,
    read_answer,
    read_completion,
    read_request_body,
    read_usage,
)
from agentops.instrumentation.providers.anthropic.tools import (
    read_tool,
    read_tool_result,
    tool_targets,
)
from agentops.instrumentation.providers.anthropic.wire import (
    AWS_EVENT_STREAM,
    json_lines,
    stream_events,
)
from agentops.instrumentation.providers.base import Target
from agentops.instrumentation.providers.costs import RELAY_COST, read_relay_cost
from agentops.instrumentation.providers.fields import code
from agentops.instrumentation.providers.http import HttpExchange, amazon_code, header_fields
from agentops.instrumentation.providers.stainless import (
    HOSTS,
    ClientRequest,
    StainlessInstrumentation,
    keep_sent,
)
from agentops.instrumentation.tools import ToolRun
from agentops.telemetry.ambient import get_ambient
from agentops.telemetry.provider import global_provider

if TYPE_CHECKING:
    from agentops.telemetry.manager import TelemetryManager

__all__ = ["AnthropicInstrumentation"]

_WITHHELD: Final = trace.NoOpTracer()


class _NamelessTracer(trace.NoOpTracer):
    """Makes spans without ids: of the context, the SDK then writes only the baggage into its requests."""

    def start_span(self, *args: Any, **kwargs: Any) -> trace.Span:  # noqa: ANN401, ARG002 - as OpenTelemetry has it
        return trace.INVALID_SPAN


_NAMELESS: Final = _NamelessTracer()
_BASE: Final = "anthropic._base_client"
_PLATFORMS: Final = (
    ("Bedrock", "aws.bedrock"),
    ("Vertex", "gcp.vertex_ai"),
    ("Foundry", "azure.ai.inference"),
)
_OPERATIONS: Final = {
    ("post", "/v1/messages"): "chat",
    ("post", "/v1/complete"): "text_completion",
}
_AGENTS_PATH: Final = "/v1/agents"
_COUNT_PATH: Final = "/v1/messages/count_tokens"
_RESULTS_PATH: Final = re.compile(r"^/v1/messages/batches/[^/]+/results$")
_SESSION_STREAM_PATH: Final = re.compile(
    r"^/v1/sessions/([^/]+)(?:/threads/([^/]+))?/(?:events/)?stream$"
)
_SUMS: Final = ("session", "session_thread")  # their usage is the sum of all turns so far
_ORIGIN: Final = re.compile(r"^(?:https?://[^/]*)?/?")
_IDENTIFIER: Final = re.compile(r"^(?=.*\d)[\w.:-]{12,}$")
_LIMITS: Final = {
    f"anthropic-ratelimit-{kind}-{state}": (
        f"{semconv.AGENTOPS_RATE_LIMIT}.{state}_{kind.replace('-', '_')}"
    )
    for kind in ("requests", "tokens", "input-tokens", "output-tokens")
    for state in ("limit", "remaining", "reset")
}


class AnthropicInstrumentation(StainlessInstrumentation):
    """Reads the calls of Anthropic's own SDK and of its Bedrock, Vertex, Foundry, AWS and Google clients."""

    module: str = "anthropic"

    def __init__(self, telemetry_manager: "TelemetryManager") -> None:
        super().__init__(telemetry_manager)
        self._sessions = SessionReader()

    def targets(self) -> Sequence[Target]:
        """Return the choke points every call of the SDK goes through, and the functions that run tools."""
        return (
            Target(module=_BASE, name="SyncAPIClient.request"),
            Target(module=_BASE, name="AsyncAPIClient.request", is_async=True),
            Target(module=_BASE, name="BaseClient._tracer", role="property"),
            Target(module=_BASE, name="SyncAPIClient._process_response", role="response"),
            Target(
                module=_BASE,
                name="AsyncAPIClient._process_response",
                role="response",
                is_async=True,
            ),
            *tool_targets(),
        )

    def read_tool(self, target: Target, args: tuple[object, ...]) -> ToolRun | None:
        """Read the tool that one of the SDK's runners is about to run."""
        return read_tool(target.name, args)

    def read_tool_result(self, run: ToolRun, result: object) -> None:
        """Read what the runner made of the tool's answer for the model."""
        read_tool_result(run, result)

    def replace_value(self, target: Target, instance: object, value: object) -> object:  # noqa: ARG002
        """Return the tracer the SDK is to make spans of its own with, or ``None`` for no such spans.

        A call is one span in each provider. Where the SDK's spans would stand beside ours, in the same
        provider, they are left out; the SDK still writes the context of our span into its requests.
        Where the program has no provider at all, the SDK would write the ids of a private span of ours
        into its requests, which it does not do without us; of the context it then writes the program's
        baggage alone. In all other cases nothing is changed.
        """
        if value is None:
            return None
        options = getattr(instance, "_open_telemetry", {})
        provider = field(options, "tracer_provider") or global_provider()
        if provider is self.telemetry_manager.tracer_provider:
            return _WITHHELD
        is_absent = isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider)
        if is_absent and self._is_ours(trace.get_current_span()):
            return _NAMELESS if baggage.get_all() else None
        return value

    def _is_ours(self, span: trace.Span) -> bool:
        """Tell whether a span is ours, and not one of another instrumentation with a provider of its own."""
        if not span.is_recording():
            return bool(get_ambient())  # one that is not sampled, in a session
        provider: object = self.telemetry_manager.tracer_provider
        return getattr(span, "resource", None) is getattr(provider, "resource", self)

    def provider_of(self, client: object, host: str) -> str:
        """Return whose service a client calls: the platforms tell by the names of their classes, others by their host."""
        for kind in type(client).__mro__:
            for name, provider in _PLATFORMS:
                if name in kind.__name__:
                    return provider
        return HOSTS.get(host, "anthropic")

    def client_call(self, request: ClientRequest) -> LLMCall:
        """Name a request by the operation on its path, or by the path."""
        method, url = str(request.method).lower(), str(request.url)
        path = (url if url.startswith("/") else _ORIGIN.sub("/", url)).partition("?")[0]
        model, service = request.model, request.service
        call = LLMCall(
            operation=_OPERATIONS.get((method, path), ""),
            provider=service.provider,
            model=model if isinstance(model, str) else "",
            server_address=service.host,
            server_port=service.port,
            request=request,
        )
        if request.is_stream and call.operation:
            call.start_attributes[semconv.GEN_AI_REQUEST_STREAM] = True
        if (method, path) == ("post", _AGENTS_PATH):
            _name_new_agent(call, request)
        elif not call.operation:
            _name_other(call, method, path, request.route)
        return call

    def read_input(self, call: LLMCall) -> None:
        """Read the body of the request."""
        assert isinstance(call.request, ClientRequest)
        body = call.request.sent()
        if call.operation == "chat" or _is_path(call, _COUNT_PATH):
            read_request_body(call, body)
        elif call.operation == "text_completion":
            parts = read_parts(body.get("prompt"))
            call.input_messages = [{"role": "user", "parts": parts}]
        elif body.get("events") is not None:
            read_session_input(call, body)
        elif isinstance(requests := body.get("requests"), (list, tuple)):
            call.attributes[semconv.ANTHROPIC_BATCH_SIZE] = len(requests)

    def read_headers(self, call: LLMCall, exchange: HttpExchange) -> None:
        """Read status, request id, organization, retries and rate limits."""
        told = exchange.fields()
        _read_http(call, exchange.status, told, exchange.retries)
        if cost := told.get(RELAY_COST):
            read_relay_cost(call, cost)

    def read_body(self, call: LLMCall, body: object, exchange: HttpExchange) -> None:
        """Read the answer of a call that was not streamed."""
        if exchange.content_type() == AWS_EVENT_STREAM:
            self.read_events(call, exchange)
            return
        call.first_chunk_ns = 0
        if call.operation == "chat":
            read_answer(call, body)
        elif call.operation == "text_completion":
            read_completion(call, [body])
        elif _is_results(call):
            if not exchange.has_gap:
                read_batch_results(call, json_lines(exchange.body()))
        elif isinstance(body, Mapping):
            self._read_other(call, body)

    def _read_other(self, call: LLMCall, body: Mapping[str, object]) -> None:
        """Read an answer that is no message: what is named alike everywhere, and usage where there is some."""
        if _is_path(call, _COUNT_PATH):
            tokens = body.get("input_tokens")
            if isinstance(tokens, int):
                call.attributes[semconv.AGENTOPS_TOKEN_COUNT] = tokens
            return
        identity, model = body.get("id"), body.get("model")
        if isinstance(identity, str):
            call.response_id = identity
            if call.operation == "create_agent":
                call.attributes[semconv.GEN_AI_AGENT_ID] = identity
        if isinstance(model, str):
            call.response_model = model
        if body.get("type") == "message_batch":
            read_batch(call, body)
        elif body.get("type") == "dream":
            self._sessions.read_dream(call, body)
        elif body.get("type") in _SUMS:
            call.attributes[semconv.GEN_AI_CONVERSATION_ID] = identity
        elif isinstance(body.get("usage"), Mapping) and not _is_look(call):
            read_usage(call, body["usage"])

    def read_events(self, call: LLMCall, exchange: HttpExchange) -> None:
        """Read the answer of a streamed call."""
        events: list[object] = []
        told, joined = stream_events(exchange, joins_pieces=call.operation == "chat")
        for name, event in told:
            if name == "error":
                _read_fault(call, field(event, "error"))
            events.append(event)
        if call.operation == "chat":
            stream = MessageStream()
            stream.add(events)
            call.chunk_count = stream.delta_count + joined
            if not stream.is_empty:
                read_answer(call, stream.message())
        elif call.operation == "text_completion":
            read_completion(call, events)
        elif call.operation == "invoke_agent":
            self._sessions.read_events(call, events)
        else:
            for event in events:
                self._read_event(call, event)

    def _read_event(self, call: LLMCall, event: object) -> None:
        """Read an event of a stream that no table names: what an answer of it would tell, the last word counts."""
        if isinstance(event, Mapping):
            call.chunk_count += 1
            inner = event.get("message")
            self._read_other(call, inner if isinstance(inner, Mapping) else event)

    def read_error(self, call: LLMCall, error: BaseException) -> None:
        """Read the provider's code, the exchange that failed, and the request it was for."""
        body = getattr(error, "body", None)
        if isinstance(body, list) and body:  # as Google's streams have it
            body = body[0]
        told_code = _fault_code(field(body, "error"))
        response = getattr(error, "response", None)
        request = _told(error, "request")
        headers = getattr(response, "headers", None)
        if headers is not None:
            retries = getattr(request, "headers", {}).get("x-stainless-retry-count", "")
            status = getattr(response, "status_code", 0)
            told = header_fields(headers)
            _read_http(call, status, told, int(retries) if str(retries).isdecimal() else 0)
            told_code = told_code or amazon_code(told)
        call.error_type = told_code or type(error).__name__
        keep_sent(call, request)


def _name_new_agent(call: LLMCall, request: ClientRequest) -> None:
    """Name a call that makes an agent after the agent."""
    name, model = request.named("name"), field(request.named("model"), "id")
    call.operation = "create_agent"
    call.span_name = f"create_agent {name if isinstance(name, str) else ''}".rstrip()
    call.span_kind = ""
    if isinstance(name, str):
        call.start_attributes[semconv.GEN_AI_AGENT_NAME] = name
    if isinstance(model, str):
        call.model = model


def _name_other(call: LLMCall, method: str, path: str, route: object) -> None:
    """Name a call that asks no model by its method and route; a session's stream is an agent's run."""
    session = _SESSION_STREAM_PATH.match(path) if method == "get" else None
    if session is not None:
        call.operation = call.span_name = "invoke_agent"
        call.span_kind = "agent"
        call.start_attributes[semconv.GEN_AI_CONVERSATION_ID] = session[2] or session[1]
    else:
        call.span_name = f"{method.upper()} {route if isinstance(route, str) else _route(path)}"
        call.span_kind = ""
    call.start_attributes[semconv.HTTP_REQUEST_METHOD] = method.upper()
    call.start_attributes[semconv.URL_PATH] = path


def _route(path: str) -> str:
    """Return a path without the ids in it, for SDK versions that do not tell the route."""
    return "/".join("{id}" if _IDENTIFIER.match(part) else part for part in path.split("/"))


def _is_look(call: LLMCall) -> bool:
    """Tell whether something is looked at again: what it used was told when it was made."""
    return call.start_attributes.get(semconv.HTTP_REQUEST_METHOD) == "GET"


def _is_path(call: LLMCall, path: str) -> bool:
    return call.start_attributes.get(semconv.URL_PATH) == path


def _is_results(call: LLMCall) -> bool:
    return bool(_RESULTS_PATH.match(str(call.start_attributes.get(semconv.URL_PATH, ""))))


def _read_http(call: LLMCall, status: int, told: Mapping[str, str], retries: int) -> None:
    attributes = call.attributes
    attributes[semconv.HTTP_RESPONSE_STATUS_CODE] = status
    for header, name in (
        ("x-amzn-requestid", semconv.AGENTOPS_REQUEST_ID),  # all that Bedrock tells
        ("request-id", semconv.AGENTOPS_REQUEST_ID),
        ("anthropic-organization-id", semconv.ANTHROPIC_ORGANIZATION_ID),
    ):
        if told.get(header):
            attributes[name] = told[header]
    if retries:
        attributes[semconv.AGENTOPS_RETRY_COUNT] = retries
    for header, name in _LIMITS.items():
        value = told.get(header)
        if value:
            attributes[name] = int(value) if value.isdecimal() else value


def _read_fault(call: LLMCall, fault: object) -> None:
    """Read an error that came in the middle of a stream."""
    message = field(fault, "message")
    call.error_type = _fault_code(fault) or call.error_type or "error"
    call.error_message = message if isinstance(message, str) else ""


def _fault_code(fault: object) -> str:
    """Return what an error is called: Anthropic's ``type``, Google's ``status``, Azure's ``code``; ``""`` for nothing."""
    told = (field(fault, name) for name in ("type", "status", "code"))
    return code(*(each for each in told if isinstance(each, str)))


def _told(value: object, name: str) -> object:
    """Return an attribute of an object of httpx, which raises where it has nothing to tell."""
    try:
        return getattr(value, name, None)
    except RuntimeError:
        return None

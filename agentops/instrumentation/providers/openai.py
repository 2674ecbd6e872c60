"""What is known of the openai package, from 1.x on: where to hook and how to read. No spans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from agentops import semconv
from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers import openai_chat
from agentops.instrumentation.providers.base import Target
from agentops.instrumentation.providers.http import HttpExchange
from agentops.instrumentation.providers.stainless import StainlessInstrumentation

if TYPE_CHECKING:
    from agentops.telemetry.manager import TelemetryManager

__all__ = ["OpenAIInstrumentation"]


@dataclass(frozen=True, slots=True)
class _Client:
    """What a client object tells: it is read once and again when its address was changed."""

    base_url: object
    provider: str
    host: str
    port: int | None


class OpenAIInstrumentation(StainlessInstrumentation):
    """Reads the calls of OpenAI's own SDK, its Azure and its Bedrock clients included."""

    module: str = "openai"
    _roles: ClassVar[tuple[Target, ...]] = (
        Target(module="openai", name="OpenAI.request"),
        Target(module="openai", name="AsyncOpenAI.request", is_async=True),
        Target(module="openai", name="OpenAI._process_response", role="response"),
        Target(
            module="openai", name="AsyncOpenAI._process_response", role="response", is_async=True
        ),
    )

    def __init__(self, telemetry_manager: "TelemetryManager") -> None:
        super().__init__(telemetry_manager)
        self._clients: WeakKeyDictionary[object, _Client] = WeakKeyDictionary()

    def targets(self) -> Sequence[Target]:
        """Return the choke points every call of the SDK goes through."""
        return self._roles

    def client_call(self, client: object, options: object, stream: bool) -> LLMCall | None:
        """Read a request that is about to be sent."""
        method = str(getattr(options, "method", "")).lower()
        path = str(getattr(options, "url", ""))
        body = getattr(options, "json_data", None)
        known = self._client(client)
        model = body.get("model") if isinstance(body, Mapping) else None
        operation = "chat" if (method, path) == ("post", "/chat/completions") else ""
        return LLMCall(
            operation=operation,
            provider=known.provider,
            model=model if isinstance(model, str) else "",
            span_name="" if operation else f"{method.upper()} {path}",
            server_address=known.host,
            server_port=known.port,
            request=body,
            start_attributes={semconv.GEN_AI_REQUEST_STREAM: True} if stream else {},
        )

    def read_input(self, call: LLMCall) -> None:
        """Read parameters, messages and tools off the request body."""
        if isinstance(call.request, Mapping):
            openai_chat.read_input(call, call.request)

    def read_headers(self, call: LLMCall, exchange: HttpExchange) -> None:
        """Read the request id and the retries."""
        request_id = exchange.headers.get("x-request-id")
        if request_id:
            call.attributes[semconv.AGENTOPS_REQUEST_ID] = request_id
        if exchange.retries:
            call.attributes[semconv.AGENTOPS_RETRY_COUNT] = exchange.retries

    def read_body(self, call: LLMCall, body: object, exchange: HttpExchange) -> None:
        """Read the answer of a call that was not streamed."""
        if isinstance(body, Mapping):
            openai_chat.read_body(call, body)
        elif exchange.status == 204:
            return

    def read_events(self, call: LLMCall, exchange: HttpExchange) -> None:
        """Read the answer of a streamed call."""
        openai_chat.read_events(call, exchange.events())

    def _client(self, client: object) -> _Client:
        base_url = getattr(client, "base_url", None)
        known = self._clients.get(client)
        if known is None or known.base_url is not base_url:
            port = getattr(base_url, "port", None)
            known = _Client(base_url, "openai", str(getattr(base_url, "host", "")), port)
            self._clients[client] = known
        return known

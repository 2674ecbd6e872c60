"""How are SDKs read that send every call through one ``request`` method? Instrumentation floor.

The openai and anthropic packages are built alike: each method of theirs ends in ``request(cast_to,
options, stream=...)`` of a base client, and each answer passes ``_process_response``. Hooking these
two sees every call there is, named or not, as it goes over the wire: helpers, raw and streaming
responses, retries, requests by path, platform clients, methods that were bound earlier.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from agentops import semconv
from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.base import ProviderInstrumentation, Target
from agentops.instrumentation.providers.fields import Json, json_value
from agentops.instrumentation.providers.http import HttpExchange, HttpResponse

if TYPE_CHECKING:
    from agentops.telemetry.manager import TelemetryManager

__all__ = ["HOSTS", "ClientRequest", "Service", "StainlessInstrumentation", "keep_sent"]

_WIRE_BYTES_MAX = 1024 * 1024
_SERVICES_MAX = 256
_NOTHING: Final[Json] = {}
HOSTS: Final[Mapping[str, str]] = {
    "api.anthropic.com": "anthropic",
    "api.cerebras.ai": "cerebras",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.deepseek.com": "deepseek",
    "api.fireworks.ai": "fireworks",
    "api.groq.com": "groq",
    "api.minimax.io": "minimax",
    "api.minimaxi.com": "minimax",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.perplexity.ai": "perplexity",
    "api.together.ai": "together",
    "api.together.xyz": "together",
    "api.x.ai": "x_ai",
    "api.z.ai": "zai",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "open.bigmodel.cn": "zhipuai",
    "openrouter.ai": "openrouter",
}
"""Hosts of services that speak the protocol of another vendor to their ``gen_ai.provider.name``.

One that has no name in OpenTelemetry has that of genai-prices.
"""


@dataclass(frozen=True, slots=True)
class Service:
    """What the clients of a class and an address ask.

    Attributes:
        base_url: Their address, as the SDK has it.
        provider: ``gen_ai.provider.name``.
        host: Host name.
        port: ``None`` when it is the default of the scheme.
    """

    base_url: object
    provider: str
    host: str
    port: int | None


class ClientRequest:
    """A request as the client was told to send it: references, nothing of the program's is iterated.

    Args:
        service: What is asked.
        options: The SDK's request options.
        is_stream: Whether the answer is to be streamed.

    Attributes:
        method: As the SDK has it.
        url: Relative to the client's base URL, with its query.
        body: What becomes the JSON body; the SDK has copied it from the program's arguments, but deep
            inside it may still be theirs. ``None`` once it is known what was sent.
        model: The model that the body names.
        route: The path with names in the place of ids, where the SDK tells it.
        operation: What it does, as the vendor's instrumentation has it, once that was looked for.
        is_hidden: Tells which events of the answer the program is not to see; ``None``: it sees all.
    """

    __slots__ = (
        "_sent", "_wire", "body", "is_hidden", "is_stream", "method", "model", "operation", "route", "service", "url",
    )  # fmt: skip

    def __init__(self, service: Service, options: object, *, is_stream: bool) -> None:
        self.service = service
        self.is_stream = is_stream
        # Now, for older versions of the SDKs change the options themselves.
        self.method: object = getattr(options, "method", "")
        self.url: object = getattr(options, "url", "")
        self.body: object = getattr(options, "json_data", None)
        self.operation: object = None
        self.is_hidden: Callable[[bytes], bool] | None = None
        self._wire = b""
        self._sent: Json | None = None
        body = self.body
        if type(body) is dict:  # as nearly always
            self.model: object = body.get("model")
        elif body is None:
            self.model = None
            query = getattr(options, "params", None)
            self._sent = query if isinstance(query, dict) else None
        else:
            self.model = self.named("model")
        # Not by getattr: where there is none, as in the openai package, pydantic takes long to say so.
        self.route: object = getattr(options, "__dict__", _NOTHING).get("span_route")

    def named(self, name: str) -> object:
        """Return what the body has under ``name``, ``None`` where there is nothing."""
        body = self.body
        if body is None:
            return self.sent().get(name)
        if type(body) is dict or isinstance(body, Mapping):  # the first asks for far less
            return body.get(name)
        return getattr(body, name, None)

    def take_sent(self, wire: bytes) -> None:
        """Keep the bytes that were sent in place of the values they were made of.

        Nobody can change them, and they are one object where a body is many, through each of which Python's
        garbage collector would go while the call waits for the worker.

        Args:
            wire: ``b""`` when they are not known, no JSON object, or very many; then the values stay.
        """
        if wire:
            self._wire, self.body, self._sent = wire, None, None

    def sent(self) -> Json:
        """Return the body that was sent, or else the one that was to be; the query where there is none."""
        if self._sent is None:
            value = self.body
            if self._wire:
                try:
                    value = json_value(self._wire)
                except (ValueError, RecursionError):
                    value = None
            is_object = type(value) is dict or isinstance(value, Mapping)
            self._sent = cast("Json", value) if is_object else _NOTHING
        return self._sent


class StainlessInstrumentation(ProviderInstrumentation):
    """Reads calls at ``request`` and answers at ``_process_response``; a vendor adds what it knows."""

    def __init__(self, telemetry_manager: "TelemetryManager") -> None:
        super().__init__(telemetry_manager)
        self._services: dict[tuple[type, int], Service] = {}

    @abstractmethod
    def provider_of(self, client: object, host: str) -> str:
        """Return ``gen_ai.provider.name`` of who serves a client at a host."""

    @abstractmethod
    def client_call(self, request: ClientRequest) -> LLMCall:
        """Return the call that a request is, with what its span starts with.

        Runs on the caller's thread before the request is sent, or on the worker when all is over.
        """

    def client_request(
        self, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> ClientRequest:
        """Take the client, the options and the stream flag off the arguments of ``request``, on the caller's thread."""
        client = args[0]
        # What the property of that name returns after a look at how the client signs in.
        base_url = getattr(client, "_base_url", None) or getattr(client, "base_url", None)
        service = self._services.get((type(client), id(base_url)))
        return ClientRequest(
            service or self._meet(client, base_url),
            args[2] if len(args) > 2 else kwargs.get("options"),
            is_stream=bool(kwargs.get("stream")),
        )

    def _meet(self, client: object, base_url: object) -> Service:
        host = str(getattr(base_url, "host", ""))
        port = getattr(base_url, "port", None)
        if len(self._services) >= _SERVICES_MAX:
            self._services.clear()
        # The address is kept: nothing else gets its id meanwhile.
        service = Service(base_url, self.provider_of(client, host), host, port)
        self._services[type(client), id(base_url)] = service
        return service

    def ask_for_usage(self, request: ClientRequest, options: object) -> object | None:  # noqa: ARG002
        """Return options that make a stream tell its usage, which then has ``is_hidden``.

        Args:
            request: What the SDK was told to send.
            options: The SDK's own for it, which stay as they are.

        Returns:
            ``None`` where it tells its usage anyway, or the program has said whether it is to.
        """
        return None

    def closes_failed_streams(self) -> bool:
        """Tell whether the SDK closes a stream of which it cannot read an event.

        Where it does not, the call ends when the SDK lets go of the bytes.
        """
        return True

    @abstractmethod
    def read_body(self, call: LLMCall, body: object, exchange: HttpExchange) -> None:
        """Fill ``call`` from a JSON body (``None``: there was none); runs on the worker."""

    @abstractmethod
    def read_events(self, call: LLMCall, exchange: HttpExchange) -> None:
        """Fill ``call`` from ``exchange.events()``; runs on the worker."""

    @abstractmethod
    def read_input(self, call: LLMCall) -> None:
        """Fill ``call`` from its request; runs on the worker, also when the call failed."""

    @abstractmethod
    def read_headers(self, call: LLMCall, exchange: HttpExchange) -> None:
        """Fill ``call`` from the headers of the response; runs on the worker."""

    def read_request(
        self,
        target: Target,  # noqa: ARG002 - both targets of this role are the same method
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> LLMCall | None:
        """Return the call that the arguments of ``request`` tell of."""
        return self.client_call(self.client_request(args, kwargs))

    def is_stream(self, result: object) -> bool:  # noqa: ARG002
        """Tell that nothing is followed but bytes: other results are made by a client of the program's own."""
        return False

    def read_exchange(self, kwargs: Mapping[str, object]) -> HttpExchange | None:
        """Return what ``_process_response`` was given, or ``None`` when that cannot be told."""
        answer: HttpResponse | None = kwargs.get("response")  # type: ignore[assignment] # what the SDK passes
        if answer is None:
            return None
        # What .request returns; that one raises for none.
        request = getattr(answer, "_request", None)
        retries = kwargs.get("retries_taken")
        return HttpExchange(
            status=answer.status_code,
            headers=answer.headers,
            response_type=type(answer),
            sent=sent_bytes(request),
            sent_bytes=len(getattr(request, "_content", b"")),
            is_event_stream_asked=bool(kwargs.get("stream")),
            retries=retries if isinstance(retries, int) else 0,
        )

    def read_response(self, call: LLMCall, response: object) -> None:
        """Read the request, then the answer by its media type."""
        self.read_input(call)
        if not isinstance(response, HttpExchange):
            return
        if not response.is_complete():
            call.attributes[semconv.AGENTOPS_STREAM_END] = response.end
        self.read_headers(call, response)
        if response.status >= 400:
            return
        if response.is_event_stream():
            self.read_events(call, response)
        else:
            self.read_body(call, response.json(), response)


def keep_sent(call: LLMCall, request: object) -> None:
    """Let a call that failed keep what was sent, or else lists of its own: the program may change its lists now.

    Args:
        call: Its ``request`` is a :class:`ClientRequest`, or nothing is done.
        request: An ``httpx`` or ``httpx2`` request; ``None``: nothing was sent.
    """
    told = call.request
    if not isinstance(told, ClientRequest):
        return
    told.take_sent(sent_bytes(request))
    if isinstance(told.body, Mapping):
        told.body = {
            name: list(value) if isinstance(value, list) else value
            for name, value in told.body.items()
        }


def sent_bytes(request: object) -> bytes:
    """Return the JSON object that an HTTP request carries as its body, ``b""`` when it carries none.

    Args:
        request: An ``httpx`` or ``httpx2`` request.
    """
    # What .content returns; that one raises for streams.
    content = getattr(request, "_content", b"")
    if isinstance(content, bytes) and content[:1] == b"{" and len(content) <= _WIRE_BYTES_MAX:
        return content
    return b""

"""How are SDKs read that send every call through one ``request`` method? Instrumentation floor.

The openai and anthropic packages are built alike: each method of theirs ends in ``request(cast_to,
options, stream=...)`` of a base client, and each answer passes ``_process_response``. Hooking these
two sees every call there is, named or not, as it goes over the wire: helpers, raw and streaming
responses, retries, requests by path, platform clients, methods that were bound earlier.
"""

from abc import abstractmethod
from collections.abc import Mapping

from agentops import semconv
from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.base import ProviderInstrumentation, Target
from agentops.instrumentation.providers.http import HttpExchange, HttpResponse

__all__ = ["StainlessInstrumentation", "sent_bytes"]

_WIRE_BYTES_MAX = 1024 * 1024


class StainlessInstrumentation(ProviderInstrumentation):
    """Reads calls at ``request`` and answers at ``_process_response``; a vendor adds what it knows.

    Class attributes:
        reads_sent: Whether requests are read from the bytes that were sent, where these are known, and not from the
            values that the SDK made them of.
    """

    reads_sent: bool = False

    @abstractmethod
    def client_call(self, client: object, options: object, stream: bool) -> LLMCall | None:
        """Read a request that is about to be sent; runs on the caller's thread.

        Args:
            client: The vendor's client object.
            options: Its request options: ``method``, ``url`` (the path), ``json_data``, ``headers``.
            stream: Whether the answer is to be streamed.
        """

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

    def take_request(self, call: LLMCall, exchange: HttpExchange) -> None:
        """Let ``call`` have the request as the exchange tells it; runs on the worker.

        By default it is the SDK's own copy: the program may have changed its lists by now, or they were
        iterators.
        """
        if exchange.request is not None:
            call.request = exchange.request

    def let_go(self, call: LLMCall, exchange: HttpExchange) -> None:  # noqa: ARG002
        """Let go of a request's values, for its bytes are kept; runs on the caller's thread, for large ones."""
        exchange.request = None

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
        """Read the client, the options and the stream flag off the arguments of ``request``."""
        options = args[2] if len(args) > 2 else kwargs.get("options")
        return self.client_call(args[0], options, bool(kwargs.get("stream")))

    def read_exchange(self, kwargs: Mapping[str, object]) -> HttpExchange | None:
        """Return what ``_process_response`` was given, or ``None`` when that cannot be told."""
        answer: HttpResponse | None = kwargs.get("response")  # type: ignore[assignment] # what the SDK passes
        if answer is None:
            return None
        request = getattr(answer, "request", None)
        retries = kwargs.get("retries_taken")
        return HttpExchange(
            status=answer.status_code,
            headers=answer.headers,
            response_type=type(answer),
            request=getattr(kwargs.get("options"), "json_data", None),
            sent=sent_bytes(request) if self.reads_sent else b"",
            sent_bytes=len(getattr(request, "_content", b"")),
            is_event_stream_asked=bool(kwargs.get("stream")),
            retries=retries if isinstance(retries, int) else 0,
        )

    def read_response(self, call: LLMCall, response: object) -> None:
        """Read the request, then the answer by its media type."""
        if isinstance(response, HttpExchange):
            self.take_request(call, response)
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

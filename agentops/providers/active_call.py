"""What is known of a call that is under way? The engine's side of one call."""

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import Span

from agentops.guard import failed
from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.http import HttpExchange
from agentops.instrumentation.providers.stainless import ClientRequest
from agentops.providers.nesting import ACTIVE, Attached
from agentops.telemetry.completion import Completion
from agentops.telemetry.pending import LateSpan, Place
from agentops.telemetry.records import SpanRecord

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context

    from agentops.providers.instrumented_provider import InstrumentedProvider
    from agentops.providers.streams import AsyncTap, Tap

__all__ = ["ActiveCall"]


class ActiveCall(LateSpan):
    """A call that is under way, from its span's start to its end.

    Where nobody looks at a span before it has ended, it is named and its span made by the worker only: until then
    there are references, a place and times. Whoever asks for the call or the span before has them made at once.

    Args:
        provider: Whose call it is.
        call: What is known of it; ``None``: ``request`` and ``place`` are.
        span: Its span, likewise.
        request: What its SDK was told to send, where that is one of its client's requests.
        place: Where and when it began.

    Attributes:
        provider: As given.
        request: As given.
        response: What the reader gets on the worker: the result, or the HTTP exchange.
        chunks: Objects of a stream that the program received; ``None`` when it is no such stream.
        context: Where its span was begun; ``None`` when nothing else is begun there.
        ended_ns: Monotonic clock at its end, where its span is made later.
        is_begun: Whether its span is made; else the worker can make it.
        tap: What follows the byte stream of the response, and so ends the span; ``None``: nothing does.
    """

    __slots__ = (
        "_attached", "_call", "_is_open", "_place", "_span", "_token", "chunks", "context", "ended_ns",
        "first_chunk_ns", "is_begun", "last_chunk_ns", "provider", "request", "response", "tap",
    )  # fmt: skip

    def __init__(
        self,
        provider: "InstrumentedProvider",
        call: LLMCall | None,
        span: Span | None,
        request: ClientRequest | None = None,
        place: Place | None = None,
    ) -> None:
        self._call = call
        self._span = span
        self.is_begun = span is not None
        self.request = request
        self._place = place
        self.response: object = None
        self.chunks: list[object] | None = None
        self.tap: type[Tap | AsyncTap] | None = None
        self.first_chunk_ns = 0
        self.last_chunk_ns = 0
        self.provider = provider
        self._is_open = True
        self._attached: Attached | None = None
        self._token: Token[ActiveCall | None] | None = None
        self.context: Context | None = None
        self.ended_ns = 0

    @property
    def call(self) -> LLMCall:
        """What is known of it."""
        if self._call is None:
            self._begin()
        return self._call  # type: ignore[return-value] # made by now

    @property
    def span(self) -> Span:
        """Its span."""
        if self._span is None:
            self._begin()
        return self._span  # type: ignore[return-value] # made by now

    def _begin(self) -> None:
        request, place = self._noted()
        self._call = self.provider.name_call(request, place)
        self._span = self.provider.create_span_at(place, self._call)
        self.is_begun = True

    def ended(self) -> tuple[SpanRecord, Completion | None]:
        """Return what became of it where it was handed over without a span; runs on the worker, once."""
        request, place = self._noted()
        call = self._call = self.provider.name_call(request, place)
        call.first_chunk_ns, call.last_chunk_ns = self.first_chunk_ns, self.last_chunk_ns
        record, completion = self.provider.record_at(place, call, self.ended_ns), None
        try:
            completion = self.provider.complete(self, call)
        except Exception as fault:  # noqa: BLE001 - as failed() tells
            failed("completing a span", fault)
        # All of it has been read, and others are read before this one goes: the next takes its memory.
        self._call = self.request = self._place = self.response = None
        return record, completion

    def _noted(self) -> tuple[ClientRequest, Place]:
        assert self.request is not None
        assert self._place is not None
        return self.request, self._place

    @property
    def is_under_way(self) -> bool:
        """Whether its span is open; a task that began within the call may outlive it."""
        return hasattr(self, "_is_open")

    @property
    def is_inside(self) -> bool:
        """Whether the vendor's function has not returned yet."""
        return self._token is not None

    def finish(self, error: BaseException | None = None, end: str = "complete") -> None:
        """End the span; the first of several calls counts. Safe from any thread and from finalisers."""
        try:
            del self._is_open  # only one thread can
        except AttributeError:
            return
        try:
            self.provider.end(self, error, end)
        except Exception as fault:  # noqa: BLE001 - as failed() tells
            failed("ending a call", fault)

    def enter(self, *, is_shared: bool) -> None:
        """Make it the call that this context is in, and its span the current one where that is shared."""
        if is_shared:
            self._attached = Attached(trace.set_span_in_context(self.span))
            self._attached.enter()
        self._token = ACTIVE.set(self)

    def exit(self) -> None:
        """Undo :meth:`enter`; in another context that does nothing."""
        if self._attached is not None:
            self._attached.leave()
            self._attached = None
        token, self._token = self._token, None
        if token is not None:
            try:
                ACTIVE.reset(token)
            except ValueError:
                return

    def leave(self) -> None:
        """End the span of a stream that nobody reads any more, where the SDK may not close it."""
        if self.provider.leaves_streams_open():
            self.finish(end="abandoned")

    def complete(self) -> Completion:
        """Read request and response; called once, on the pipeline's worker."""
        return self.provider.complete(self, self.call)

    def weight_bytes(self) -> int | None:
        """Return how much memory the call keeps until it is read, ``None`` when that is not known."""
        return self.response.weight_bytes() if isinstance(self.response, HttpExchange) else None

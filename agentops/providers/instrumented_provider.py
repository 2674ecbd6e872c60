"""What happens around a vendor's call? The engine: it patches, times, follows streams, ends spans.

It stands on :mod:`agentops.instrumentation` and does the same for every vendor; what differs is asked
of the :class:`~agentops.instrumentation.providers.base.ProviderInstrumentation`. On the caller's
thread it takes references; reading them is left to the pipeline's worker.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, cast
from weakref import WeakSet

from opentelemetry.context import get_current
from opentelemetry.trace import Span, SpanKind

from agentops import clock, semconv
from agentops.guard import failed, guarded
from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.base import ProviderInstrumentation, Target
from agentops.instrumentation.providers.http import HttpExchange, HttpResponse
from agentops.instrumentation.providers.stainless import ClientRequest, StainlessInstrumentation
from agentops.providers.active_call import ActiveCall
from agentops.providers.hiding import hide_events
from agentops.providers.nesting import ACTIVE, SUPPRESS_KEY, Passing
from agentops.providers.patching import (
    Args,
    Function,
    Kwargs,
    Patch,
    Wrapper,
    end_all,
    hide_frames,
    is_awaited,
    when_imported,
)
from agentops.providers.sockets import follow_socket
from agentops.providers.streams import AsyncTap, Tap, proxy_of
from agentops.providers.tools import actions_wrapper, tool_wrapper
from agentops.telemetry.completion import Completion
from agentops.telemetry.pending import Place
from agentops.telemetry.provider import global_provider
from agentops.telemetry.records import SpanRecord

if TYPE_CHECKING:
    from opentelemetry.context import Context

__all__ = ["InstrumentedProvider"]

_MODEL_KINDS = ("llm", "agent")
_BINARY_BYTES_MAX = 1024 * 1024  # files and videos larger than this are not held for the worker


class InstrumentedProvider:
    """Instruments one vendor's SDK.

    Args:
        instrumentation: What is known of the vendor: a ``ProviderInstrumentation``.
    """

    def __init__(self, instrumentation: ProviderInstrumentation) -> None:
        self.instrumentation = instrumentation
        self._stainless = (
            instrumentation if isinstance(instrumentation, StainlessInstrumentation) else None
        )
        self._asks_usage = (
            self._stainless is not None and instrumentation.telemetry_manager.config.stream_usage
        )
        self._patches: dict[Target, Patch] = {}
        self._former: WeakSet[Patch] = WeakSet()  # of modules since imported anew, while they live
        self._is_wanted = False
        self._ends: list[Callable[[], None]] = []  # each of a wait for an import of the package
        self._module_ends: list[Callable[[], None]] = []  # the same of its modules

    def install(self) -> None:
        """Hook every function of the vendor that is there, as soon as its package is imported.

        Doing it again changes nothing. What the installed version does not have is skipped.
        """
        if not self._is_wanted:
            self._is_wanted = True
            module, may_be_folder = self.instrumentation.module, self._stainless is None
            self._ends.append(when_imported(module, self._apply, may_be_folder=may_be_folder))

    def uninstall(self) -> None:
        """Put the vendor's own functions back; calls under way still end their spans."""
        self._is_wanted = False
        end_all(self._ends)
        end_all(self._module_ends)
        for patch in (*reversed(self._patches.values()), *self._former):
            with guarded("restoring a provider"):
                patch.remove()

    def _apply(self) -> None:
        if not self._is_wanted:
            return
        end_all(self._module_ends)
        if all(patch.is_off for patch in self._patches.values()):
            self._former.update(self._patches.values())
            self._patches = {
                each: Patch(each.module, each.name, partial(self._wrapper, each))
                for each in self.instrumentation.targets()
            }
        for patch in self._patches.values():
            # A module that the package loads when it is used is not loaded by us before.
            end = when_imported(patch.module, partial(self._apply_one, patch))
            self._module_ends.append(end)

    def _apply_one(self, patch: Patch) -> None:
        if self._is_wanted:
            patch.apply()
        if not self._is_wanted:  # any more: another thread may have had its way in between
            patch.remove()

    def create_span(self, operation: LLMCall) -> Span:
        """Start the span of a call.

        Args:
            operation: The call; its start attributes are what samplers see.
        """
        return self.instrumentation.create_span(
            operation.name(), kind=SpanKind.CLIENT, attributes=operation.to_start_attributes()
        )

    def handle_response(self, response: object, context: ActiveCall) -> object:
        """Take the vendor's answer; return what the program is given: the same object.

        Only an iterator of objects without a byte stream below it is given back in a proxy.

        Args:
            response: What the vendor's function returned.
            context: The call it answers.
        """
        if context.tap is not None:
            try:
                self._follow_other(response, context)
            except Exception as fault:  # noqa: BLE001 - as failed() tells
                failed("following a response", fault)
            if context.tap is not None:
                return response
        if context.response is None:
            with guarded("handling a response"):
                if self._stainless is not None:
                    self._look_at_hooks()
                proxy = self._follow(response, context)
                if proxy is not None:
                    return proxy
                context.response = response
        context.finish()
        return response

    def end(self, active: ActiveCall, error: BaseException | None, end: str) -> None:
        """End the span of ``active``; called by it, once."""
        if error is not None:
            with guarded("reading an error"):
                failed = self.instrumentation.read_error(active.call, error)
                if active.response is None:
                    active.response = failed
        manager, exchange = self.instrumentation.telemetry_manager, active.response
        if isinstance(exchange, HttpExchange):
            if not exchange.end:
                exchange.end = end if active.tap is not None else "complete"
            if active.request is not None:
                active.request.take_sent(exchange.sent)
            if error is None and not active.is_begun:
                active.ended_ns = clock.monotonic_ns()
                manager.end_late(active, exchange.weight_bytes())
                return
        call = active.call
        call.first_chunk_ns, call.last_chunk_ns = active.first_chunk_ns, active.last_chunk_ns
        if active.chunks is not None and end != "complete":
            call.attributes[semconv.AGENTOPS_STREAM_END] = end
        manager.end_span(active.span, complete=active.complete, error=error)

    def leaves_streams_open(self) -> bool:
        """Tell whether the SDK may drop a stream that it cannot read without closing it."""
        return self._stainless is not None and not self._stainless.closes_failed_streams()

    def complete(self, active: ActiveCall, call: LLMCall) -> Completion:
        """Read request and response of ``active``, which is ``call``; called once, on the pipeline's worker."""
        instrumentation = self.instrumentation
        manager = instrumentation.telemetry_manager
        try:
            if active.chunks is not None:
                instrumentation.read_stream(call, active.chunks)
                call.chunk_count = call.chunk_count or len(active.chunks)
            else:
                instrumentation.read_response(call, active.response)
            call.add_cost(manager.prices, manager.priced_hosts)
        except Exception as fault:  # noqa: BLE001 - as failed() tells
            failed("reading a response", fault)
        return Completion(
            attributes=call.to_attributes(manager.content_mode),
            is_model_call=call.span_kind in _MODEL_KINDS,
            measurements=call.to_measurements(),
            error=(call.error_message or call.error_type) if call.error_type else None,
        )

    def _follow(self, response: object, active: ActiveCall) -> object | None:
        """Return a proxy around ``response`` when it is a stream of objects, else ``None``."""
        if not self.instrumentation.is_stream(response):
            return None
        active.chunks = []
        return proxy_of(response, active.chunks, active)

    def _follow_other(self, result: object, active: ActiveCall) -> None:
        """Follow the answer that the program is given where a middleware has put it in place of the one that came."""
        answer = getattr(result, "response", None) or getattr(result, "http_response", None)
        came, tap = active.response, active.tap
        assert isinstance(came, HttpExchange)
        # The SDK may have put another stream around ours, so the stream does not tell.
        if tap is not None and getattr(answer, "headers", came.headers) is not came.headers:
            active.tap = None
            told = {"stream": came.is_event_stream_asked, "retries_taken": came.retries}
            self._observe(active, {"response": answer, **told}, tap)
            came = cast("HttpExchange", active.response)
        if came.end:  # a middleware has read it, or left it
            active.finish(end=came.end)

    def begin(self, call: LLMCall, parent: "Context | None") -> ActiveCall:
        """Start the span of ``call`` below ``parent`` (``None``: the current context)."""
        call.started_ns = clock.monotonic_ns()
        span = self.instrumentation.create_span(
            call.name(),
            kind=SpanKind.CLIENT,
            attributes=call.to_start_attributes(),
            parent=parent,
        )
        active = ActiveCall(self, call, span)
        active.context = get_current() if parent is None else parent
        return active

    def name_call(self, request: ClientRequest, place: Place) -> LLMCall:
        """Return the call that a request at a noted place is."""
        assert self._stainless is not None
        assert place.began_ns is not None
        call = self._stainless.client_call(request)
        call.started_ns = place.began_ns
        return call

    def create_span_at(self, place: Place, call: LLMCall) -> Span:
        """Start the span of a call at the place where it began."""
        manager, attributes = self.instrumentation.telemetry_manager, call.to_start_attributes()
        return manager.create_span_at(place, call.name(), SpanKind.CLIENT, attributes)

    def record_at(self, place: Place, call: LLMCall, ended_ns: int) -> SpanRecord:
        """Return the record of a call that is over."""
        manager = self.instrumentation.telemetry_manager
        return manager.record_at(place, call.name(), call.to_start_attributes(), ended_ns)

    def _start(self, target: Target, args: Args, kwargs: Kwargs) -> ActiveCall | None:
        """Begin a call and enter it, or return ``None`` to let it pass."""
        active = None
        try:
            outer, context = ACTIVE.get(), get_current()
            if (outer is not None and self._is_part_of(outer)) or context.get(SUPPRESS_KEY):
                return None
            active = self._begun(target, args, kwargs, context)
            if active is not None:
                active.enter(is_shared=active.is_begun and self._is_shared())
        except BaseException as fault:
            is_fault = isinstance(fault, Exception)  # and no signal, which ends the call
            if active is not None:
                if not is_fault:
                    active.finish(fault, "error")
                active.exit()  # no later call may seem to be inside of this one
            if not is_fault:
                raise
            failed("starting a call", cast("Exception", fault))
            return None
        return active

    def _is_part_of(self, outer: ActiveCall) -> bool:
        """Tell whether a call that begins is what an outer one does.

        Within a request only others' code calls: middleware, or one more instrumentation of the same package.
        """
        if outer.request is None or self._stainless is None:
            return outer.is_under_way
        is_other = outer.provider is not self
        is_same = outer.provider.instrumentation.module == self.instrumentation.module
        return outer.is_under_way and is_other and is_same

    def _begun(
        self, target: Target, args: Args, kwargs: Kwargs, context: "Context"
    ) -> ActiveCall | None:
        """Return a call that begins here; ``None``: it makes no span."""
        request = None
        if self._stainless is None:
            call = self.instrumentation.read_request(target, args, kwargs)
            if call is None:
                return None
        else:
            request = self._stainless.client_request(args, kwargs)
            service, manager = request.service, self.instrumentation.telemetry_manager
            place = manager.note_place(service.provider, service.host, context)
            if place is not None:
                return ActiveCall(self, None, None, request, place)
            call = self._stainless.client_call(request)
        call.started_ns = clock.monotonic_ns()
        return ActiveCall(self, call, self.create_span(call), request)

    def _ask_for_usage(
        self, active: ActiveCall, instance: object, args: Args, kwargs: Kwargs
    ) -> tuple[Args, Kwargs]:
        """Return the arguments of ``request``, those of a stream that tells no usage so that it does."""
        with guarded("asking for usage"):
            assert self._stainless is not None
            assert active.request is not None
            at = 2 if instance is None else 1
            options = args[at] if len(args) > at else kwargs.get("options")
            asking = self._stainless.ask_for_usage(active.request, options)
            if asking is not None:
                args = tuple([asking if each is options else each for each in args])
                kwargs = {**kwargs, "options": asking} if "options" in kwargs else kwargs
        return args, kwargs

    def _is_shared(self) -> bool:
        """Tell whether spans of ours go where the program's own go: only then are they its parents.

        Spans of a private provider are never made current around the vendor's code: what else runs
        there, the vendor's own tracing for one, would send their ids out into the world.
        """
        ours = self.instrumentation.telemetry_manager.tracer_provider
        return ours is global_provider()

    def _wrapper(self, target: Target, function: Callable[..., object]) -> Wrapper:
        if target.role == "response":
            return self._response_wrapper(target)
        if target.role == "tool":
            return tool_wrapper(self.instrumentation, target)
        if target.role == "actions":
            return actions_wrapper(self.instrumentation, target)
        if target.role == "property":
            return self._property_wrapper(target)
        if target.role == "socket":
            return self._socket_wrapper(target)
        is_async = is_awaited(function, otherwise=target.is_async)
        return self._async_call_wrapper(target) if is_async else self._call_wrapper(target)

    def _call_wrapper(self, target: Target) -> Wrapper:
        def wrapper(wrapped: Function, instance: object, args: Args, kwargs: Kwargs) -> object:
            active = self._start(target, args if instance is None else (instance, *args), kwargs)
            if active is None:
                with Passing():
                    return wrapped(*args, **kwargs)
            try:
                if self._asks_usage:
                    args, kwargs = self._ask_for_usage(active, instance, args, kwargs)
                result = wrapped(*args, **kwargs)
                active.exit()
            except BaseException as error:
                hide_frames(error)
                try:
                    active.finish(error, "error")
                finally:
                    active.exit()
                raise
            return self.handle_response(result, active)

        return wrapper

    def _async_call_wrapper(self, target: Target) -> Wrapper:
        async def wrapper(
            wrapped: Callable[..., Awaitable[object]],
            instance: object,
            args: Args,
            kwargs: Kwargs,
        ) -> object:
            active = self._start(target, args if instance is None else (instance, *args), kwargs)
            if active is None:
                with Passing():
                    return await wrapped(*args, **kwargs)
            try:
                if self._asks_usage:
                    args, kwargs = self._ask_for_usage(active, instance, args, kwargs)
                result = await wrapped(*args, **kwargs)
                active.exit()
            except GeneratorExit as error:
                # The coroutine is thrown away, maybe in another context: there is nothing to leave.
                hide_frames(error)
                active.finish(error, "abandoned")
                raise
            except BaseException as error:
                hide_frames(error)
                try:
                    active.finish(error, "error")
                finally:
                    active.exit()
                raise
            return self.handle_response(result, active)

        return cast("Wrapper", wrapper)

    def _socket_wrapper(self, target: Target) -> Wrapper:
        def wrapper(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> object:
            if not get_current().get(SUPPRESS_KEY):
                with guarded("following a connection"):
                    args, kwargs = follow_socket(self, target, args, kwargs)
            return wrapped(*args, **kwargs)

        return wrapper

    def _property_wrapper(self, target: Target) -> Wrapper:
        def wrapper(wrapped: Function, instance: object, args: Args, kwargs: Kwargs) -> object:
            value = wrapped(*args, **kwargs)
            try:
                return self.instrumentation.replace_value(target, instance, value)
            except Exception as fault:  # noqa: BLE001 - as failed() tells
                failed("choosing a value", fault)
            return value

        return wrapper

    def _response_wrapper(self, target: Target) -> Wrapper:
        def wrapper(wrapped: Function, _instance: object, args: Args, kwargs: Kwargs) -> object:
            active = ACTIVE.get()
            try:
                if active is None:
                    self._look_at_hooks()
                elif active.provider is self:
                    self._observe(active, kwargs, AsyncTap if target.is_async else Tap)
            except Exception as fault:  # noqa: BLE001 - as failed() tells
                failed("observing a response", fault)
            return wrapped(*args, **kwargs)

        return wrapper

    def _look_at_hooks(self) -> None:
        """Hook again what somebody else has undone: of a call not all was seen."""
        for target, patch in self._patches.items():
            if target.role in ("call", "response"):
                patch.apply_again()

    def _observe(self, active: ActiveCall, kwargs: Kwargs, tap: type[Tap | AsyncTap]) -> None:
        """Let the call hold the HTTP answer: the body that was read, or a tap on the one to come."""
        exchange = None if self._stainless is None else self._stainless.read_exchange(kwargs)
        if exchange is None:
            return
        response: HttpResponse = kwargs["response"]  # type: ignore[assignment] # see read_exchange
        request = active.request
        if response.is_closed:
            active.response, active.tap = exchange, None
            content = response.content
            if len(content) <= _BINARY_BYTES_MAX or exchange.is_worth_keeping():
                exchange.content = content
        elif isinstance(response.stream, Tap | AsyncTap):  # of several answers, one before
            active.response, active.tap = response.stream.exchange, tap
        else:
            active.response, active.tap = exchange, None
            # What failed tells nothing in its body, and is closed when the SDK asks again.
            if exchange.status < 400:
                active.tap, module = tap, self.instrumentation.module
                response.stream = tap(response.stream, exchange, active, module)
        if request is not None and request.is_hidden is not None:
            hide_events(response, request.is_hidden)

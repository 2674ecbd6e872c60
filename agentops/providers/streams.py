"""How is a stream followed without being changed? Stands beside the engine.

Two ways. A *tap* sits on the byte stream of an HTTP response: the vendor's SDK builds its own stream
object on it and the program gets that very object. A *proxy* stands around an iterator of objects
where there is no such place. Both keep references to what passes, parse nothing, attach no context,
and tell once how it ended.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any, Protocol, SupportsIndex, cast

from agentops import clock
from agentops.instrumentation.providers.http import HttpExchange
from agentops.providers.patching import UNSEEN, ObjectProxy, hide_frames

__all__ = ["AsyncStreamProxy", "AsyncTap", "StreamProxy", "Tap", "Watcher", "proxy_of"]

_BODY_BYTES_MAX = 32 * 1024 * 1024
_END_PARTS = 32  # hold the last event, though each be a byte


class Watcher(Protocol):
    """Who is told about a stream.

    Attributes:
        first_chunk_ns: Monotonic clock at the first chunk.
        last_chunk_ns: The same at the last one.
        response: What the call is read from: the answer that counts, where there were several.
    """

    first_chunk_ns: int
    last_chunk_ns: int
    response: object

    @property
    def is_inside(self) -> bool:
        """Whether the vendor's function has not returned yet; until then another answer may come."""

    def finish(self, error: BaseException | None = None, end: str = "complete") -> None:
        """Hear that the stream ended; called at least once, only the first time counts."""

    def leave(self) -> None:
        """Hear that nobody reads the bytes any more; the stream may still be closed."""


class _ByteTap:
    """What taps on sync and async byte streams have in common.

    Args:
        stream: The byte stream of the response.
        exchange: Where the body is kept.
        watcher: Who is told.
        module: Name of the vendor's package: an exception raised there ends the call.

    Attributes:
        exchange: As given.
    """

    def __init__(
        self, stream: object, exchange: HttpExchange, watcher: Watcher, module: str
    ) -> None:
        self._followed = stream
        self.exchange = exchange
        self._parts: list[bytes] = []
        exchange.parts = self._parts
        self._watcher = watcher
        self._module = module
        self._left = _BODY_BYTES_MAX if exchange.is_worth_keeping() else -1
        # The anthropic package (2.12) asks for it at each event, by a way that is long where there is none.
        self.stream_observer = getattr(stream, "stream_observer", None)

    @property  # type: ignore[misc]  # isinstance() of the SDK and of httpx must see the stream's own class
    def __class__(self) -> type:
        return type(self._followed)

    def __getattr__(self, name: str) -> object:
        return getattr(self._followed, name)

    def __repr__(self) -> str:
        return repr(self._followed)

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """A copy is one of the stream; it has no part in the call."""
        return self._followed.__reduce_ex__(protocol)

    def __del__(self) -> None:
        if "_watcher" in self.__dict__:
            self._end(None, "abandoned")

    def keeper(self) -> Callable[[bytes], None]:
        """Return what keeps a part and its time; it is called for each, so it looks up nothing twice.

        What comes after the last event is not kept: openai (3.x) reads an async stream on from there to drain it.
        Below a content encoding that event cannot be seen: there whoever begins to read again drains.
        """
        parts = self._parts
        if parts and (
            b"[DONE]" in b"".join(parts[-_END_PARTS:]) or self.exchange.header("content-encoding")
        ):
            return _ignore
        watcher, now = self._watcher, clock.monotonic_ns
        append = self._parts.append
        left = self._left

        def keep(part: bytes) -> None:
            nonlocal left
            watcher.last_chunk_ns = now()
            if not watcher.first_chunk_ns:
                watcher.first_chunk_ns = watcher.last_chunk_ns
            if left >= 0:
                append(part)
                left -= len(part)
                if left < 0:
                    left = self._let_go()

        return keep

    def _let_go(self) -> int:
        """Drop the middle of a body that is too large to hold: its end tells the usage.

        Returns:
            How many bytes more can be held, below 0 when none are wanted.
        """
        parts = self._parts
        self.exchange.has_gap = True
        if self.exchange.header("content-encoding") or len(parts) < 3:
            return -1
        quarter = max(1, len(parts) // 4)
        del parts[quarter:-quarter]
        return max(0, _BODY_BYTES_MAX - sum(map(len, parts)))

    def complete(self) -> None:
        """Hear that the body came to its end."""
        self.exchange.end = "complete"

    def leave(self) -> None:
        """Hear that nobody reads any more."""
        if self._watcher.response is self.exchange:
            self._watcher.leave()

    def fail(self, error: BaseException) -> None:
        """Hear that reading raised; after the last event that is only the vendor letting go."""
        if isinstance(error, GeneratorExit):
            self.leave()
            return
        if isinstance(error, Exception) or not self.exchange.has_end_mark():
            self._end(error, "error")

    def _closed(self) -> None:
        """Tell the watcher why the stream is closed, as far as can be seen from here."""
        error = sys.exc_info()[1]
        if error is not None and _raised_in(self._module, error):
            is_left = isinstance(error, GeneratorExit)
            self._end(None if is_left else error, "abandoned" if is_left else "error")
        else:
            self._end(None, "closed")

    def _end(self, error: BaseException | None, end: str) -> None:
        """End the call, unless another answer has taken the place of this one or may do so yet."""
        if self._watcher.response is not self.exchange:
            return
        if self._watcher.is_inside:
            self.exchange.end = self.exchange.end or end
        else:
            self._watcher.finish(error, end)


def _ignore(part: bytes) -> None:
    """Do not keep a part."""


class Tap(_ByteTap):
    """Stands in for the byte stream of a sync HTTP response."""

    def __iter__(self) -> Iterator[bytes]:
        # What keeper() returns, written out: its call would double what a part costs here.
        watcher, now = self._watcher, clock.monotonic_ns
        append, left, is_first = self._parts.append, self._left, True
        try:
            for part in self._followed:  # type: ignore[attr-defined]  # a SyncByteStream
                watcher.last_chunk_ns = now()
                if is_first:
                    is_first, watcher.first_chunk_ns = False, watcher.last_chunk_ns
                if left >= 0:
                    append(part)
                    left -= len(part)
                    if left < 0:
                        left = self._let_go()
                yield part
        except BaseException as error:
            hide_frames(error)
            self.fail(error)
            raise
        self.complete()

    def close(self) -> None:
        """Close the stream and tell the watcher."""
        try:
            self._followed.close()  # type: ignore[attr-defined]  # a SyncByteStream
        except BaseException as error:
            hide_frames(error)
            raise
        finally:
            self._closed()


class AsyncTap(_ByteTap):
    """Stands in for the byte stream of an async HTTP response."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _AsyncParts(self, self._followed.__aiter__())  # type: ignore[attr-defined]  # as above

    async def aclose(self) -> None:
        """Close the stream and tell the watcher."""
        try:
            await self._followed.aclose()  # type: ignore[attr-defined]  # an AsyncByteStream
        except BaseException as error:
            hide_frames(error)
            raise
        finally:
            self._closed()


class _AsyncParts:
    """Reads through an :class:`AsyncTap`.

    No generator: when one is dropped its event loop hears of it, and Trio's warns the program by our name. To
    httpx2, which closes a generator before it closes the response, it is the iterator that it reads.
    """

    __slots__ = ("_keep", "_parts", "_tap")

    @property  # type: ignore[misc]  # isinstance() of httpx2 must see a generator where there is one
    def __class__(self) -> type:
        return type(self._parts)

    def __getattr__(self, name: str) -> object:
        return getattr(self._parts, name)

    def __init__(self, tap: AsyncTap, parts: AsyncIterator[bytes]) -> None:
        self._tap = tap
        self._keep = tap.keeper()
        self._parts = parts

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            part = await self._parts.__anext__()
        except StopAsyncIteration:
            self._tap.complete()
            raise
        except BaseException as error:
            hide_frames(error)
            if self._keep is not _ignore:  # what drains a stream has no error of its own
                self._tap.fail(error)
            raise
        self._keep(part)
        return part

    def __del__(self) -> None:
        self._tap.leave()


def _raised_in(module: str, error: BaseException) -> bool:
    """Tell whether ``error`` is on its way out of the vendor's own code, and not of the program's."""
    traceback = error.__traceback__
    if traceback is None:
        return False
    name = traceback.tb_frame.f_globals.get("__name__", "")
    return isinstance(name, str) and name.partition(".")[0] == module


class _AnyProxy(ObjectProxy):
    """What stands around a stream of objects; every attribute is the stream's own.

    Args:
        stream: The stream.
        chunks: Where each object is noted.
        watcher: Who is told.
    """

    def __init__(self, stream: object, chunks: list[object], watcher: Watcher) -> None:
        super().__init__(stream)
        self._self_note = _noter(chunks, watcher)
        self._self_watcher = watcher

    def __getattr__(self, name: str) -> object:
        # No method of the class: what cannot be done with the stream is not to look as if it could.
        value = getattr(self.__wrapped__, name)
        if name in ("send", "throw"):
            return partial(_step, self, value)
        if name in ("asend", "athrow"):
            return partial(_async_step, self, value)
        return _telling(value, self._self_watcher) if name in ("close", "aclose") else value

    def _self_fail(self, error: BaseException) -> None:
        """Hear what came out of a step."""
        hide_frames(error)
        if isinstance(error, StopIteration | StopAsyncIteration):
            self._self_watcher.finish()
        else:
            self._self_watcher.finish(error, "error")

    def __del__(self) -> None:
        self._self_watcher.finish(end="abandoned")


class StreamProxy(_AnyProxy):
    """Stands around an iterator of objects."""

    def __iter__(self) -> Iterator[object]:
        stream = self.__wrapped__
        with UNSEEN:
            return self if hasattr(stream, "__next__") else _Pass(iter(stream), self)

    def __next__(self) -> object:
        try:
            chunk = next(self.__wrapped__)
        except BaseException as error:
            self._self_fail(error)
            raise
        self._self_note(chunk)
        return chunk

    def __enter__(self) -> object:
        with UNSEEN:
            entered = self.__wrapped__.__enter__()
        return self if entered is self.__wrapped__ else entered

    def __exit__(self, *details: Any) -> bool | None:  # noqa: ANN401 - as wrapt has it
        try:
            with UNSEEN:
                return cast("bool | None", self.__wrapped__.__exit__(*details))
        finally:
            self._self_watcher.finish(end="closed")


class AsyncStreamProxy(_AnyProxy):
    """The same around an async iterator."""

    def __aiter__(self) -> AsyncIterator[object]:
        stream = self.__wrapped__
        with UNSEEN:
            return self if hasattr(stream, "__anext__") else _AsyncPass(aiter(stream), self)

    async def __anext__(self) -> object:
        try:
            chunk = await self.__wrapped__.__anext__()
        except BaseException as error:
            self._self_fail(error)
            raise
        self._self_note(chunk)
        return chunk

    async def __aenter__(self) -> object:
        with UNSEEN:
            entered = await self.__wrapped__.__aenter__()
        return self if entered is self.__wrapped__ else entered

    async def __aexit__(self, *details: Any) -> bool | None:  # noqa: ANN401 - as wrapt has it
        try:
            with UNSEEN:
                return cast("bool | None", await self.__wrapped__.__aexit__(*details))
        finally:
            self._self_watcher.finish(end="closed")


def proxy_of(
    stream: object, chunks: list[object], watcher: Watcher
) -> StreamProxy | AsyncStreamProxy:
    """Return the proxy for a stream of objects, by how it is read."""
    is_sync = hasattr(stream, "__next__") or hasattr(stream, "__iter__")
    is_async = hasattr(stream, "__anext__") or (
        not is_sync and (hasattr(stream, "__aiter__") or hasattr(stream, "__aenter__"))
    )
    return (AsyncStreamProxy if is_async else StreamProxy)(stream, chunks, watcher)


class _OnePass(ObjectProxy):
    """One pass through a stream that is no iterator itself; the call ends with the stream's own proxy."""

    def __init__(self, iterator: object, stream: StreamProxy | AsyncStreamProxy) -> None:
        ObjectProxy.__init__(self, iterator)
        self._self_stream = stream
        self._self_note = stream._self_note
        self._self_watcher = stream._self_watcher

    def __del__(self) -> None:
        """The stream may be gone through again."""


class _Pass(_OnePass, StreamProxy):
    """A pass through a stream."""


class _AsyncPass(_OnePass, AsyncStreamProxy):
    """A pass through an async stream."""


def _step(proxy: _AnyProxy, function: Callable[..., object], *args: object) -> object:
    """Go on with a generator by another function than ``next``, and note what it gives."""
    try:
        chunk = function(*args)
    except BaseException as error:
        proxy._self_fail(error)
        raise
    proxy._self_note(chunk)
    return chunk


async def _async_step(
    proxy: _AnyProxy, function: Callable[..., Awaitable[object]], *args: object
) -> object:
    """The same for an async generator."""
    try:
        chunk = await function(*args)
    except BaseException as error:
        proxy._self_fail(error)
        raise
    proxy._self_note(chunk)
    return chunk


def _telling(close: Callable[..., object], watcher: Watcher) -> Callable[..., object]:
    """Return ``close``, a plain function or a coroutine function, so that its call ends what is watched."""

    def tell(*args: object, **kwargs: object) -> object:
        try:
            with UNSEEN:
                return close(*args, **kwargs)
        finally:
            watcher.finish(end="closed")

    return tell


def _noter(chunks: list[object], watcher: Watcher) -> Callable[[object], None]:
    """Return what notes a chunk and its time."""

    def note(chunk: object) -> None:
        now = clock.monotonic_ns()
        watcher.last_chunk_ns = now
        if not watcher.first_chunk_ns:
            watcher.first_chunk_ns = now
        chunks.append(chunk)

    return note

"""The taps on byte streams: what they keep of the parts that pass, and what they answer for the stream."""

import copy
import pickle
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from support.openai_wire import httpx2

from agentops import clock
from agentops.instrumentation.providers.http import HttpExchange
from agentops.providers import streams
from agentops.providers.streams import AsyncTap, Tap

PARTS = [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n", b"data: 4\n\n"]


class Stream:
    def __iter__(self):
        yield from PARTS

    async def __aiter__(self):
        for part in PARTS:
            yield part


class Watcher:
    first_chunk_ns = last_chunk_ns = 0
    is_inside = False
    end = ""

    def __init__(self, response):
        self.response = response

    def finish(self, error=None, end="complete"):
        self.end = self.end or end

    def leave(self):
        self.finish(end="abandoned")


@pytest.fixture
def exchange():
    headers = {"content-type": "text/event-stream"}
    return HttpExchange(status=200, headers=headers, response_type=object)


async def _read(kind, exchange, parts_max=0):
    """Return the watcher, and the parts that passed while the clock went on by one with each."""
    watcher, passed = Watcher(exchange), []
    tap = kind(Stream(), exchange, watcher, "openai")
    if kind is Tap:
        for part in tap:
            passed.append(part)
            if len(passed) == parts_max:
                break
    else:
        async for part in tap:
            passed.append(part)
            if len(passed) == parts_max:
                break
    return watcher, passed


@pytest.mark.parametrize("kind", [Tap, AsyncTap])
@pytest.mark.parametrize("count", [1, 3, 4])
async def test_parts_pass_and_are_kept_with_the_times_of_the_first_and_the_last(
    kind, count, exchange, monkeypatch
):
    monkeypatch.setattr(clock, "monotonic_ns", iter(range(7, 99)).__next__)
    watcher, passed = await _read(kind, exchange, count)

    assert passed == exchange.parts == PARTS[:count]
    assert (watcher.first_chunk_ns, watcher.last_chunk_ns) == (7, 6 + count)


@pytest.mark.parametrize("kind", [Tap, AsyncTap])
async def test_of_a_body_that_is_too_large_the_middle_is_let_go(kind, exchange, monkeypatch):
    monkeypatch.setattr(streams, "_BODY_BYTES_MAX", 30)
    watcher, passed = await _read(kind, exchange)

    assert passed == PARTS
    assert exchange.parts == [PARTS[0], PARTS[-1]]
    assert watcher.last_chunk_ns > watcher.first_chunk_ns > 0


@pytest.mark.parametrize("kind", [Tap, AsyncTap])
def test_the_observer_of_the_stream_is_the_streams_own_and_none_where_it_has_none(kind, exchange):
    stream = Stream()
    without = kind(stream, exchange, Watcher(exchange), "anthropic")
    stream.stream_observer = object()
    beside = kind(stream, exchange, Watcher(exchange), "anthropic")

    assert without.stream_observer is None
    assert beside.stream_observer is stream.stream_observer


class Closed(httpx2.AsyncByteStream):
    """Notes in which order its parts and itself are closed."""

    def __init__(self):
        self.order = []

    async def __aiter__(self):
        try:
            for part in PARTS:
                yield part
        finally:
            self.order.append("parts")

    async def aclose(self):
        self.order.append("stream")


async def test_a_stream_that_is_left_is_closed_in_the_order_of_without_us(exchange):
    orders = []
    for is_tapped in (False, True):
        stream = Closed()
        response = httpx2.Response(200, stream=stream)
        if is_tapped:
            response.stream = AsyncTap(stream, exchange, Watcher(exchange), "openai")
        async with aclosing(response.aiter_raw()) as parts:
            await anext(parts)
        orders.append(list(stream.order))

    assert orders[0] == orders[1]


def test_parts_are_a_generator_only_where_they_are_without_us(exchange):
    class Plain:
        def __aiter__(self):
            return self

        async def __anext__(self):
            raise StopAsyncIteration

    kinds = [
        isinstance(aiter(AsyncTap(stream, exchange, Watcher(exchange), "openai")), AsyncGenerator)
        for stream in (Stream(), Plain())
    ]

    assert kinds == [True, False]


@pytest.mark.parametrize("kind", [Tap, AsyncTap])
def test_the_stream_of_the_transport_is_found_where_it_is_without_us(kind, exchange):
    bound = Stream()
    bound._stream = object()  # as httpx and httpx2 call it

    assert kind(bound, exchange, Watcher(exchange), "openai")._stream is bound._stream


@pytest.mark.parametrize("kind", [Tap, AsyncTap])
def test_a_followed_stream_is_printed_as_itself(kind, exchange):
    stream = Stream()

    assert repr(kind(stream, exchange, Watcher(exchange), "openai")) == repr(stream)


@pytest.mark.parametrize("kind", [Tap, AsyncTap])
def test_a_copy_is_one_of_the_stream_and_ends_no_call(kind, exchange):
    watcher = Watcher(exchange)
    tap = kind(Stream(), exchange, watcher, "openai")
    copies = [type(copy.copy(tap)), type(pickle.loads(pickle.dumps(tap)))]

    assert copies == [Stream, Stream]
    assert watcher.end == ""

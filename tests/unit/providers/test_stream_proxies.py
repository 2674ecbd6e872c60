"""The proxies around iterators of objects: the program can do with them what it can do without."""

from types import SimpleNamespace

import pytest
from support.providers import DirectManager

from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.base import ProviderInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider
from agentops.providers.streams import AsyncStreamProxy, StreamProxy


class Watcher:
    first_chunk_ns = last_chunk_ns = 0
    end = ""

    def finish(self, error=None, end="complete"):
        self.end = self.end or end


class Chunks:
    """An async stream as SDKs have them, which is closed by ``await stream.close()``."""

    is_closed = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        return 1

    async def close(self):
        self.is_closed = True


@pytest.fixture
def watcher():
    return Watcher()


async def test_an_async_stream_with_a_close_of_its_own_ends_with_it(watcher):
    stream = AsyncStreamProxy(Chunks(), [], watcher)
    await stream.__anext__()
    await stream.close()

    assert (stream.is_closed, watcher.end) == (True, "closed")


@pytest.mark.parametrize("kind", [StreamProxy, AsyncStreamProxy])
@pytest.mark.parametrize("name", ["close", "aclose"])
def test_what_cannot_be_closed_does_not_look_as_if_it_could(watcher, kind, name):
    assert not hasattr(kind(iter([1]), [], watcher), name)


@pytest.mark.parametrize("kind", [StreamProxy, AsyncStreamProxy])
def test_a_followed_stream_is_printed_as_itself(watcher, kind):
    stream = Chunks()
    proxy = kind(stream, [], watcher)

    assert (repr(proxy), str(proxy), f"{proxy}") == (repr(stream), str(stream), f"{stream}")


class Restartable:
    """An iterable that is no iterator, sync and async."""

    def __iter__(self):
        yield from (1, 2)

    async def __aiter__(self):
        for each in (1, 2):
            yield each


def test_a_stream_that_is_no_iterator_is_followed_through_its_passes(watcher):
    chunks = []
    read = list(StreamProxy(Restartable(), chunks, watcher))

    assert (read, chunks, watcher.end) == ([1, 2], [1, 2], "complete")


async def test_an_async_stream_that_is_no_iterator_is_followed_through_its_passes(watcher):
    chunks = []
    read = [chunk async for chunk in AsyncStreamProxy(Restartable(), chunks, watcher)]

    assert (read, chunks, watcher.end) == ([1, 2], [1, 2], "complete")


def test_a_pass_that_is_dropped_leaves_its_stream_open(watcher):
    stream = StreamProxy(Restartable(), [], watcher)
    first = next(iter(stream))
    end = watcher.end
    del stream

    assert (first, end, watcher.end) == (1, "", "abandoned")


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("__iter__", StreamProxy),
        ("__next__", StreamProxy),
        ("__aiter__", AsyncStreamProxy),
        ("__anext__", AsyncStreamProxy),
    ],
)
def test_what_a_vendor_calls_a_stream_is_followed_as_it_is_read(watcher, method, kind):
    stream = type("Stream", (), {method: None})()
    provider = InstrumentedProvider(SimpleNamespace(is_stream=lambda _: True))
    active = SimpleNamespace(tap=None, response=None, finish=watcher.finish)

    assert type(provider.handle_response(stream, active)) is kind


class Reader(ProviderInstrumentation):
    """Reads nothing but what every provider has to."""

    def targets(self):
        return []

    def read_request(self, target, args, kwargs):
        return LLMCall(operation="chat", provider="vendor")

    def read_response(self, call, response):
        pass


def test_the_pace_of_a_stream_needs_no_reading():
    manager = DirectManager()
    provider = InstrumentedProvider(Reader(manager))
    active = provider.begin(LLMCall(operation="chat", provider="vendor"), None)
    read = list(provider.handle_response(iter(range(3)), active))

    [span] = manager.ended
    [pace] = span.measurements
    assert read == [0, 1, 2]
    assert pace.name == "gen_ai.client.inference.time_per_output_chunk"

"""The proxies around iterators of objects: the program can do with them what it can do without."""

import copy
import pickle
import sys
import traceback
from collections.abc import AsyncGenerator, Generator
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


def talking():
    """Answer what it is sent, and the errors that are thrown into it."""
    said = yield "hello"
    while said != "bye":
        try:
            said = yield said
        except KeyError as error:
            said = yield error.args
    return "end"


async def talking_async():
    said = yield "hello"
    while said != "bye":
        try:
            said = yield said
        except KeyError as error:
            said = yield error.args


STEPS = [
    [("send", None), ("send", "a"), ("throw", KeyError), ("send", "bye"), ("send", None)],
    [("send", None), ("throw", ValueError), ("send", None)],
    [("send", None), ("send", "a"), ("close",), ("send", "b")],
]


def gone_through(stream, steps):
    """Return what comes of each step; of an exception all there is to see."""
    seen = []
    for name, *args in steps:
        try:
            result = getattr(stream, name)(*args)
            if name.startswith("a"):
                awaiting = result.__await__()
                try:
                    next(awaiting)
                except StopIteration as stop:
                    result = stop.value
            seen.append(result)
        except (KeyError, StopIteration, StopAsyncIteration, ValueError) as error:
            seen.append(looks(error))
    return seen


def looks(error):
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    return type(error), error.args, frames if sys.version_info >= (3, 11) else None


@pytest.mark.parametrize(
    ("steps", "noted", "end"),
    [
        (STEPS[0], ["hello", "a", ()], "complete"),
        (STEPS[1], ["hello"], "error"),
        (STEPS[2], ["hello", "a"], "closed"),
    ],
)
@pytest.mark.parametrize(
    ("make", "kind", "prefix"),
    [(talking, StreamProxy, ""), (talking_async, AsyncStreamProxy, "a")],
)
def test_a_generator_is_talked_to_as_without_us_and_its_answers_are_noted(
    watcher, make, kind, prefix, steps, noted, end
):
    steps = [(prefix + name, *args) for name, *args in steps]
    bare, chunks = gone_through(make(), steps), []

    assert gone_through(kind(make(), chunks, watcher), steps) == bare
    assert (chunks, watcher.end) == (noted, end)


def test_only_a_generator_looks_like_one(watcher):
    def looked(stream):
        return isinstance(stream, Generator), isinstance(stream, AsyncGenerator)

    def around(kind, stream):
        return looked(kind(stream, [], watcher)) == looked(stream)

    assert around(StreamProxy, iter([1]))
    assert around(StreamProxy, talking())
    assert around(AsyncStreamProxy, Chunks())
    assert around(AsyncStreamProxy, talking_async())


class Failing:
    """A stream that can be done nothing with."""

    def fail(self, *_):
        raise ValueError("not now")

    async def fail_later(self, *_):
        raise ValueError("not now")

    __iter__ = __aiter__ = __enter__ = __exit__ = close = fail
    __aenter__ = __aexit__ = aclose = fail_later


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 keeps the frame")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (StreamProxy, "__iter__"),
        (StreamProxy, "__enter__"),
        (StreamProxy, "__exit__"),
        (StreamProxy, "close"),
        (AsyncStreamProxy, "__aiter__"),
        (AsyncStreamProxy, "__aenter__"),
        (AsyncStreamProxy, "__aexit__"),
        (AsyncStreamProxy, "aclose"),
    ],
)
def test_what_a_stream_raises_looks_as_without_us(watcher, kind, name):
    arguments = [None, None, None] if name.endswith("exit__") else []

    def raised(stream):
        try:
            result = getattr(stream, name)(*arguments)
            result.send(None)  # of a coroutine
        except ValueError as error:
            return looks(error)
        raise AssertionError("nothing was raised")

    assert raised(kind(Failing(), [], watcher)) == raised(Failing())


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda stream: pickle.loads(pickle.dumps(stream))]
)
@pytest.mark.parametrize("kind", [StreamProxy, AsyncStreamProxy])
def test_a_copy_of_a_followed_stream_is_one_of_the_stream(watcher, kind, copied):
    stream = copied(kind(Chunks(), [], watcher))

    assert type(stream) is Chunks


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

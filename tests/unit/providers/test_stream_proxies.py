"""The proxies around iterators of objects: the program can do with them what it can do without."""

import pytest

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

"""An exception looks as it does without us: the same frames, type, text, cause and context."""

import asyncio
import sys
import traceback

import anthropic
import openai
import pytest
from support import anthropic_wire, openai_wire
from support.providers import DirectManager

from agentops.instrumentation.providers.anthropic import AnthropicInstrumentation
from agentops.instrumentation.providers.openai import OpenAIInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider
from agentops.providers.sockets import AsyncSocketProxy, SocketProxy

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="Python 3.10 keeps the frame that raises again"
)
ERRORS = (
    openai.APIError,
    anthropic.APIError,
    openai_wire.httpx2.HTTPError,
    anthropic_wire.httpx2.HTTPError,
    ValueError,
)
KINDS = (OpenAIInstrumentation, AnthropicInstrumentation)


class Broken:
    """A body that breaks off, or one that cannot be closed."""

    def __new__(cls, http, piece, way):
        class Pieces(http.SyncByteStream, http.AsyncByteStream):
            def __iter__(self):
                yield piece
                if way == "broken":
                    raise http.ReadError("gone")

            async def __aiter__(self):
                yield piece
                if way == "broken":
                    raise http.ReadError("gone")

            def close(self):
                if way == "unclosable":
                    raise ValueError("stays open")

            async def aclose(self):
                self.close()

        return Pieces()


def answering(http, way):
    def answer(request):
        if way == "unreachable":
            raise http.ConnectError("nobody there")
        if way == "refused":
            return http.Response(404, json={"error": {"message": "None.", "code": "no"}})
        if way == "no_json":
            headers = {"content-type": "application/json"}
            return http.Response(200, headers=headers, content=b"{")
        headers = {"content-type": "text/event-stream"}
        return http.Response(
            200, headers=headers, stream=Broken(http, b'data: {"id": "x"}\n\n', way)
        )

    return answer


def client_of(vendor, way, is_async):
    wire = openai_wire if vendor == "openai" else anthropic_wire
    http = wire.httpx2
    transport = http.MockTransport(answering(http, way))
    if vendor == "openai":
        kind = openai.AsyncOpenAI if is_async else openai.OpenAI
    else:
        kind = anthropic.AsyncAnthropic if is_async else anthropic.Anthropic
    under = (http.AsyncClient if is_async else http.Client)(transport=transport)
    return kind(api_key="x", max_retries=0, http_client=under)


def failing(vendor, way, is_async):
    """Call the service; return the exception that comes out."""
    client = client_of(vendor, way, is_async)
    asked = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
    asked["stream"] = way in ("broken", "unclosable")
    create = client.chat.completions.create if vendor == "openai" else client.messages.create

    async def call_async():
        result = await create(**asked)
        if asked["stream"]:
            async for _ in result:
                pass

    try:
        if is_async:
            asyncio.run(call_async())
        else:
            result = create(**asked)
            if asked["stream"]:
                for _ in result:
                    pass
    except ERRORS as error:
        return error
    raise AssertionError("nothing was raised")


def looks(error):
    """Return all there is to see of an exception and of those behind it."""
    if error is None:
        return None
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    return (
        type(error),
        str(error),
        frames,
        error.__suppress_context__,
        looks(error.__cause__),
        looks(error.__context__),
    )


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("way", ["refused", "unreachable", "no_json", "broken", "unclosable"])
@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_an_exception_looks_as_without_us(vendor, way, is_async):
    bare = looks(failing(vendor, way, is_async))
    manager = DirectManager()
    providers = [InstrumentedProvider(kind(manager)) for kind in KINDS]
    for provider in providers:
        provider.install()
    try:
        told = looks(failing(vendor, way, is_async))
    finally:
        for provider in providers:
            provider.uninstall()

    assert told == bare
    assert len(manager.ended) == 1


class Session:
    """Hears what happens on a connection."""

    generation = 0

    def say(self, message):
        pass

    def lose(self, error, *, is_orderly):
        raise AssertionError("it is open")

    def leave(self, generation, end, *, is_asked=True):
        pass


class Connection:
    """A connection, each method of which is broken into."""

    def __init__(self, error):
        self.error = error

    def recv(self):
        raise self.error

    def send(self, message="Hi"):
        raise self.error

    def close(self):
        raise self.error


class AsyncConnection(Connection):
    async def recv(self):
        raise self.error

    async def send(self, message="Hi"):
        raise self.error

    async def close(self):
        raise self.error


@pytest.mark.parametrize("kind", [SocketProxy, AsyncSocketProxy])
@pytest.mark.parametrize("name", ["recv", "send", "close"])
@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, ValueError])
def test_what_breaks_into_a_connection_looks_as_without_us(kind, name, error):
    def broken(connection):
        arguments = ["Hi"] if name == "send" else []
        try:
            result = getattr(connection, name)(*arguments)
            result.send(None)  # of a coroutine
        except error as caught:
            return [frame.name for frame in traceback.extract_tb(caught.__traceback__)]
        raise AssertionError("nothing was raised")

    make = AsyncConnection if kind is AsyncSocketProxy else Connection

    assert broken(kind(make(error()), Session())) == broken(make(error()))

"""Streams that end in every way, seen from outside. Numbers are those of the fault catalogue.

Which status and which partial content the span has then: ``tests/unit/instrumentation/providers/openai/test_calls.py``.
"""

import json
import socket
import textwrap
import threading

import pytest

WAYS = {
    "S36 cancelled": """
        async def read():
            async with await ASYNC_CLIENT.chat.completions.create(**asked) as stream:
                async for chunk in stream: reached.set(); await asyncio.sleep(60)
        async def main():
            global reached
            reached = asyncio.Event(); task = asyncio.create_task(read())
            await reached.wait(); task.cancel()
            try: await task
            except asyncio.CancelledError as error: say(repr(error.args))
        asyncio.run(main())
    """,
    "S37 let go of": """
        import gc
        stream = CLIENT.chat.completions.create(**asked); say(next(stream).object); del stream; gc.collect()
    """,
    "S37 never read": """
        import gc
        stream = CLIENT.chat.completions.create(**asked); del stream; gc.collect()
    """,
    "S38 closed early": """
        with CLIENT.chat.completions.create(**asked) as stream: say(next(stream).choices[0].delta.role)
    """,
    "S39 read whole": """
        stream = CLIENT.chat.completions.create(**asked)
        say([type(stream).__module__, type(stream).__qualname__, isinstance(stream, openai.Stream)])
        say([[type(chunk).__name__, chunk.model_dump(exclude={"id", "created"})] for chunk in stream])
        say(stream.response.status_code)
    """,
}


@pytest.mark.parametrize("way", WAYS)
def test_every_end_of_a_stream_is_one_span_and_the_programs_own(host, calls, way):
    asked = "start(); asked = {**request(0), 'stream': True}\n"
    source = asked + textwrap.dedent(WAYS[way]) + "\nflush()"
    ours, bare = host(source).end(), host(source, url="").end()

    assert (bare.status, bare.out, bare.err) == (ours.status, ours.out, ours.err)
    assert {0: 1} == calls(1)


class BrokenModel:
    """Answers each request with the beginning of a stream, then ends the connection in the midst of it."""

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self):
        choice = {"index": 0, "delta": {"role": "assistant", "content": "Hel"}}
        kind = "chat.completion.chunk"
        chunk = {"id": "c", "object": kind, "created": 1, "model": "m-0", "choices": [choice]}
        line = f"data: {json.dumps(chunk)}\n\n".encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(head + b"%x\r\n%s\r\n" % (len(line), line) + b"ffff\r\nda")
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(
                    65536
                ):  # closing with something unread would reset the connection
                    pass


def test_s40_a_broken_stream_raises_what_it_would_without_us(host, calls, collector):
    body = """
    import traceback
    start(); client = openai.OpenAI(api_key="x", base_url=BROKEN, max_retries=0)
    stream = client.chat.completions.create(**request(0), stream=True)
    try:
        for chunk in stream: say(chunk.choices[0].delta.content)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        say([type(error).__name__, str(error), repr(error.args), type(error.__cause__).__name__,
             type(error.__context__).__name__, error.__suppress_context__, last.name])
    flush()
    """
    with BrokenModel() as url:
        source = body.replace("BROKEN", repr(url))
        ours, bare = host(source).end(), host(source, url="").end()

    assert (0, bare.out, bare.err) == (ours.status, ours.out, ours.err)
    assert "Hel" in ours.out
    assert {0: 1} == calls(1)
    assert any(b"error.type" in request.data for request in collector.accepted)

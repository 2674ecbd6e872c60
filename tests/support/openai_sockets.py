"""WebSocket connections of the openai package, spoken to by a real server on this machine."""

import asyncio
import json
import threading
import time

import openai
from websockets.sync.server import serve


class Server:
    """Says what the test wrote down: for each connection, lists of events that answer what comes."""

    def __init__(self):
        self.greeting = []
        self.scripts = []
        self._server = serve(self._handle, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self._server.socket.getsockname()[1]}/v1"

    @property
    def options(self):
        """Of a client that speaks to it."""
        sockets = self.address.replace("http", "ws")
        return {"api_key": "x", "base_url": self.address, "websocket_base_url": sockets}

    def _handle(self, socket):
        script = list(self.scripts.pop(0))
        self._say(socket, self.greeting)
        for _ in socket:
            if script:
                self._say(socket, script.pop(0))

    def _say(self, socket, events):
        for event in events:
            if isinstance(event, int):
                socket.close(event)
            elif isinstance(event, float):
                time.sleep(event)
            else:
                socket.send(json.dumps({"event_id": "ev", **event}))

    def stop(self):
        self._server.shutdown()
        self._thread.join()


def talk(server, is_async, connect, steps):
    """Connect, then send each dict and hear until each named type, or to the end (``None``)."""
    options = server.options
    if is_async:
        asyncio.run(talk_async(connect(openai.AsyncOpenAI(**options)), steps))
        return
    with connect(openai.OpenAI(**options)) as connection:
        for step in steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, dict):
                connection.send(step)
                continue
            for event in connection:
                if event.type == step:
                    break


async def talk_async(manager, steps):
    async with manager as connection:
        for step in steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, dict):
                await connection.send(step)
                continue
            async for event in connection:
                if event.type == step:
                    break


def spans(manager):
    """Return the span of the connection, and those below it."""
    *turns, session = manager.ended
    assert {turn.span.parent.span_id for turn in turns} <= {session.span.context.span_id}
    return session, turns

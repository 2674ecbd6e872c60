"""Bodies that take long to unpack hold nobody else up."""

import asyncio
import gzip
import os
import threading

from agentops.server.ingest import IngestLimits, bodies
from agentops.server.ingest.budget import Budget


def test_a_large_body_is_inflated_beside_the_event_loop(monkeypatch):
    content = os.urandom(100_000)
    goes_on = threading.Event()
    inflate = bodies.inflate

    def inflate_when_the_loop_goes_on(*arguments):
        assert goes_on.wait(30), "the event loop stands still"
        return inflate(*arguments)

    monkeypatch.setattr(bodies, "inflate", inflate_when_the_loop_goes_on)

    async def receive():
        asyncio.get_running_loop().call_later(0.01, goes_on.set)
        return {"type": "http.request", "body": gzip.compress(content)}

    async def read():
        headers = {"content-encoding": "gzip"}
        with Budget(1 << 20).hold() as held:
            return await bodies.read_body(receive, headers, IngestLimits(), held)

    assert asyncio.run(read()) == content

import asyncio
import http.client
import json
import time
import urllib.parse

import pytest
from support.backend import BackendProcess, otlp_span, random_ids
from support.promises import assert_within

from agentops.server.api.live import Live
from agentops.server.schemas import SessionRow


def row(session_id):
    values = dict.fromkeys(SessionRow.__struct_fields__, 0)
    texts = ("name", "service_name", "user_id", "input_preview", "output_preview")
    values |= dict.fromkeys(texts, "") | {"tags": [], "models": [], "error": None, "cost_usd": None}
    return SessionRow(**(values | {"session_id": session_id, "status": "ok"}))


class Stream:
    """What one page sees of a Live."""

    def __init__(self, live, last_id="", q=""):
        self._messages = live.follow(last_id, q)

    async def next(self):
        """The next message as (id, event, data); comments are skipped."""
        while True:
            text = (await asyncio.wait_for(self._messages.__anext__(), 30)).decode()
            fields = dict(line.split(": ", 1) for line in text.strip().split("\n"))
            if "event" in fields:
                return fields.get("id", ""), fields["event"], json.loads(fields["data"])

    async def close(self):
        await self._messages.aclose()


@pytest.fixture
def live():
    """A function that runs a test over a fresh Live with its publisher."""

    def run(test, read=lambda ids, q: [row(i) for i in ids], clients_max=4):
        async def main():
            loop = asyncio.get_running_loop()
            live = Live(read, lambda job: loop.run_in_executor(None, job), clients_max)
            publisher = asyncio.create_task(live.publish_forever())
            try:
                await test(live)
            finally:
                publisher.cancel()

        asyncio.run(main())

    return run


def test_change_reaches_every_page_with_growing_ids(live):
    async def test(live):
        streams = [Stream(live), Stream(live)]
        for stream in streams:
            assert "connected" == (await stream.next())[1]
        live.changed({"a": 2, "b": 0})

        for stream in streams:
            got = [await stream.next() for _ in range(3)]
            assert ["session.upsert", "session.upsert", "span.batch"] == [
                event for _, event, _ in got
            ]
            assert {"session_id": "a", "count": 2} == got[2][2]
            numbers = [int(identity.split("-")[1]) for identity, _, _ in got]
            assert sorted(set(numbers)) == numbers

    live(test)


def test_page_that_comes_back_gets_what_it_missed(live):
    async def test(live):
        stream = Stream(live)
        await stream.next()
        live.changed({"a": 1})
        seen = await stream.next()
        await stream.next()
        await stream.close()
        other = Stream(live)
        await other.next()
        live.changed({"b": 1})
        await other.next()

        back = Stream(live, seen[0])
        assert "connected" == (await back.next())[1]
        assert ["span.batch", "session.upsert"] == [(await back.next())[1] for _ in range(2)]

    live(test)


@pytest.mark.parametrize("last_id", ["deadbeef-1", "nonsense", "-", "{epoch}-999", "{epoch}-x"])
def test_page_with_an_id_that_is_not_known_reads_anew(live, last_id):
    async def test(live):
        stream = Stream(live, last_id.replace("{epoch}", live._epoch))
        await stream.next()

        assert "reset" == (await stream.next())[1]

    live(test)


def test_page_that_was_away_too_long_reads_anew(live):
    async def test(live):
        stream = Stream(live)
        first = await stream.next()
        for number in range(1_200):
            live._send("session.upsert", b"{}")
            assert number < 500 or len(live._kept) <= 1_000

        back = Stream(live, first[0])
        await back.next()
        assert "reset" == (await back.next())[1]

    live(test)


def test_page_that_reads_too_slowly_is_told_to_read_anew(live):
    async def test(live):
        stream = Stream(live)
        await stream.next()
        for _ in range(501):
            live._send("session.upsert", b"{}")

        assert "reset" == (await stream.next())[1]

    live(test)


def test_change_while_nobody_follows_is_not_hidden_from_who_comes_back(live):
    async def test(live):
        stream = Stream(live)
        first = await stream.next()
        await stream.close()
        await live._publish({"a": 1})

        back = Stream(live, first[0])
        await back.next()
        assert "reset" == (await back.next())[1]

    live(test)


def test_page_with_a_filter_gets_what_matches_it(live):
    async def test(live):
        stream, everything = Stream(live, q="name:b"), Stream(live)
        await stream.next()
        await everything.next()
        live.changed({"a": 1, "b": 1})

        got = [await stream.next() for _ in range(2)]
        assert ["session.upsert", "span.batch"] == [event for _, event, _ in got]
        assert {"b"} == {data["session_id"] for _, _, data in got}
        assert "a" == (await everything.next())[2]["session_id"]

    live(test, read=lambda ids, q: [row(i) for i in ids if q.removeprefix("name:") in ("", i)])


def test_page_with_a_filter_that_missed_something_reads_anew(live):
    async def test(live):
        stream = Stream(live, q="name:b")
        last_id = (await stream.next())[0]
        live._send("session.upsert", b"{}", "a", {"": ["a"]})

        back = Stream(live, last_id, q="name:b")
        await back.next()
        assert "reset" == (await back.next())[1]

    live(test)


def test_stream_begins_with_how_long_nothing_has_changed(live):
    async def test(live):
        quiet = (await Stream(live).next())[2]["quiet_ms"]
        await asyncio.sleep(0.1)
        stream = Stream(live)
        assert quiet + 90 <= (await stream.next())[2]["quiet_ms"]
        began = time.monotonic()
        live.changed({"a": 1})
        await stream.next()
        quiet = (await Stream(live).next())[2]["quiet_ms"]

        assert quiet <= (time.monotonic() - began) * 1e3

    live(test)


def test_closing_ends_streams(live):
    async def test(live):
        messages = live.follow("")
        await messages.__anext__()
        live.close()

        assert [b": the server is stopping\n\n"] == [message async for message in messages]

    live(test)


def open_stream(backend, last_id="", q=""):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(backend.url).netloc, timeout=60)
    headers = {"Authorization": f"Bearer {backend.token}", "Last-Event-ID": last_id}
    connection.request("GET", f"/api/v1/events?{urllib.parse.urlencode({'q': q})}", headers=headers)
    return connection, connection.getresponse()


def read_event(answer):
    fields = {}
    while line := answer.readline().decode().strip("\n"):
        key, _, value = line.partition(": ")
        fields[key] = value
    return fields


def test_accepted_span_is_on_a_page_within_a_second(tmp_path):
    with BackendProcess(tmp_path / "data", live_clients_max=1) as backend:
        connection, answer = open_stream(backend)
        assert "text/event-stream" in answer.headers["Content-Type"]
        read_event(answer)

        def send():
            trace, span = random_ids()
            began = time.monotonic()
            assert 200 == backend.send(otlp_span(trace, span, session__id=trace))
            event = read_event(answer)
            took_s = time.monotonic() - began
            assert "session.upsert" == event["event"]
            assert trace == json.loads(event["data"])["session_id"]
            assert "span.batch" == read_event(answer)["event"]
            return {"took_s": took_s}

        assert_within(send, tries=30, took_s=1.0)
        refused, refusal = open_stream(backend)
        assert 503 == refusal.status
        refused.close()
        assert 0 == backend.stop()
        answer.close()
        connection.close()


def test_stream_takes_the_filter_of_the_list_and_refuses_what_is_none(tmp_path):
    with BackendProcess(tmp_path / "data") as backend:
        refused, refusal = open_stream(backend, q="nonsense:1")
        assert (400, True) == (refusal.status, b"unknown key" in refusal.read())
        refused.close()
        connection, answer = open_stream(backend, q="user:wanted reply")
        read_event(answer)
        for user, name in (("other", "a reply"), ("wanted", "a plan"), ("wanted", "a reply")):
            trace, span = random_ids()
            body = otlp_span(trace, span, session__id=trace, name=name, user__id=user)
            assert 200 == backend.send(body)
        event = read_event(answer)

        assert ("session.upsert", trace) == (
            event["event"],
            json.loads(event["data"])["session_id"],
        )
        connection.close()

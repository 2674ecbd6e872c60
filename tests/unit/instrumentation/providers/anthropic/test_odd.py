"""Odd arguments and odd answers: the program gets what it gets from the bare SDK, and nothing of ours fails."""

import gzip
import json

import pytest
import zstandard
from support.anthropic_wire import (
    HEADERS,
    MESSAGE,
    REQUEST,
    Pieces,
    Wire,
    event_bytes,
    events,
    httpx2,
)


class Broken:
    def __repr__(self):
        raise RuntimeError("no words")


def _cycle():
    loop = {}
    loop["self"] = loop
    return loop


def _deep(depth):
    value = {"type": "text", "text": "core"}
    for _ in range(depth):
        value = {"type": "tool_result", "tool_use_id": "t", "content": [value]}
    return value


def _content(value):
    return {"messages": [{"role": "user", "content": value}]}


ARGUMENTS = {
    "a lone surrogate": lambda: _content("\ud800"),
    "a control character": lambda: _content("\x00"),
    "bytes": lambda: _content(b"bytes"),
    "no content": lambda: _content(None),
    "a number as content": lambda: _content(7),
    "content of numbers": lambda: _content([1, 2.5, None, True]),
    "a cycle": lambda: _content([{"type": "tool_use", "id": "t", "name": "n", "input": _cycle()}]),
    "a nest of 60": lambda: _content([_deep(60)]),
    "an object without words": lambda: _content(Broken()),
    "a tuple": lambda: _content(({"type": "text", "text": "a"},)),
    "no messages": lambda: {"messages": None},
    "messages that are a number": lambda: {"messages": 7},
    "messages that are a text": lambda: {"messages": "hi"},
    "messages that are numbers": lambda: {"messages": [1, None]},
    "messages that are a generator": lambda: {"messages": (m for m in REQUEST["messages"])},
    "no such number": lambda: {"temperature": float("nan")},
    "a number without end": lambda: {"temperature": float("inf")},
    "a very large number": lambda: {"max_tokens": 2**70},
    "a text as number": lambda: {"max_tokens": "many"},
    "a model that is none": lambda: {"model": None},
    "a model that is a number": lambda: {"model": 5},
    "tools that are a text": lambda: {"tools": "hammer"},
    "tools that are numbers": lambda: {"tools": [1]},
    "system of blocks without type": lambda: {"system": [{"text": "be brief"}]},
    "thinking that is a text": lambda: {"thinking": "hard"},
    "stop sequences that are a generator": lambda: {"stop_sequences": (s for s in ("a", "b"))},
    "headers": lambda: {"extra_headers": {"x-a": "b"}, "extra_query": {"q": "1"}},
    "extra body": lambda: {"extra_body": {"messages": [{"role": "user", "content": "over"}]}},
}

ANSWERS = {
    "null": b"null",
    "a list": b"[]",
    "a text": b'"hello"',
    "nothing": b"",
    "a web page": b"<html></html>",
    "half an object": b'{"id": "msg_1", "content": [',
    "no content": json.dumps({**MESSAGE, "content": None}).encode(),
    "content that is a text": json.dumps({**MESSAGE, "content": "hi"}).encode(),
    "content of numbers": json.dumps({**MESSAGE, "content": [1, None]}).encode(),
    "usage that is a text": json.dumps({**MESSAGE, "usage": "much"}).encode(),
    "usage of texts": json.dumps({**MESSAGE, "usage": {"input_tokens": "9"}}).encode(),
    "negative usage": json.dumps({**MESSAGE, "usage": {"output_tokens": -1}}).encode(),
    "an iteration of a kind that is no text": json.dumps(
        {**MESSAGE, "usage": {"iterations": [{"type": ["compaction"]}]}}
    ).encode(),
    "a model that is a number": json.dumps({**MESSAGE, "model": 5}).encode(),
    "a lone surrogate": b'{"id": "\\ud800", "content": [{"type": "text", "text": "\\ud800"}]}',
    "not a number": b'{"usage": {"input_tokens": NaN, "output_tokens": 1e999}}',
}

EVENTS = {
    "no events": [],
    "events that are no objects": [("message_start", 7), ("message_delta", None)],
    "a delta without a start": [
        ("content_block_delta", {"type": "content_block_delta", "index": 9, "delta": {}})
    ],
    "an index that is a text": [
        ("message_start", {"type": "message_start", "message": MESSAGE}),
        (
            "content_block_start",
            {"type": "content_block_start", "index": "x", "content_block": {"type": "text"}},
        ),
        (
            "content_block_delta",
            {"type": "content_block_delta", "index": "x", "delta": {"type": "text_delta"}},
        ),
    ],
    "a delta of a kind that is no text": [
        ("message_start", {"type": "message_start", "message": MESSAGE}),
        (
            "content_block_delta",
            {"type": "content_block_delta", "index": 0, "delta": {"type": ["text_delta"]}},
        ),
    ],
    "an error without a body": [("error", {"type": "error"})],
    "a start without a message": [("message_start", {"type": "message_start"})],
    "an end without usage": [("message_delta", {"type": "message_delta"})],
}


def _outcome(function):
    try:
        result = function()
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises is compared
        return type(error), str(error).partition(" at 0x")[0]
    return type(result), repr(result) if not isinstance(result, list) else [repr(r) for r in result]


def _compare(provider, wires, function):
    provider.uninstall()
    bare, watched = wires
    expected = _outcome(lambda: function(bare))
    provider.install()
    actual = _outcome(lambda: function(watched))

    assert actual == expected
    sent = [[(r.url, r.content) for r in wire.requests] for wire in wires]
    assert sent[1] == sent[0]


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_odd_arguments_give_what_the_bare_sdk_gives(name, provider, manager):
    make = ARGUMENTS[name]
    wires = Wire(), Wire()
    _compare(provider, wires, lambda wire: wire.client().messages.create(**{**REQUEST, **make()}))

    assert len(manager.ended) >= len(wires[1].requests)


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_odd_answers_give_what_the_bare_sdk_gives(name, kind, provider, manager):
    headers = {**HEADERS, "content-type": kind} if kind else HEADERS
    answer = httpx2.Response(200, headers=headers, content=ANSWERS[name])
    wires = Wire({"/v1/messages": answer}), Wire({"/v1/messages": answer})
    _compare(provider, wires, lambda wire: wire.client().messages.create(**REQUEST))

    assert len(manager.ended) == 1


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_odd_events_give_what_the_bare_sdk_gives(name, provider, manager):
    wires = Wire(), Wire()
    for wire in wires:
        wire.stream_pieces = event_bytes(EVENTS[name]) or [b"\n"]
    _compare(
        provider, wires, lambda wire: list(wire.client().messages.create(**REQUEST, stream=True))
    )

    assert len(manager.ended) == 1


def test_a_compressed_stream_is_read_like_any_other(provider, manager, wire):
    plain = b"".join(
        event_bytes([("message_start", {"type": "message_start", "message": MESSAGE})])
    )
    squeezed = gzip.compress(plain)
    headers = {**HEADERS, "content-type": "text/event-stream", "content-encoding": "gzip"}
    wire.answers["/v1/messages"] = httpx2.Response(
        200, headers=headers, stream=Pieces([squeezed[:20], squeezed[20:]])
    )
    events = list(wire.client().messages.create(**REQUEST, stream=True))

    [ended] = manager.ended
    assert len(events) == 1
    assert ended["gen_ai.usage.input_tokens"] == 16


@pytest.mark.skipif(
    "zstd" not in httpx2.Client().headers["accept-encoding"],
    reason="the HTTP package of this SDK does not read zstd",
)
def test_a_compressed_stream_that_the_program_leaves_is_read_as_far_as_it_came(
    provider, manager, wire
):
    squeezer = zstandard.ZstdCompressor().compressobj()
    pieces = [
        squeezer.compress(piece) + squeezer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        for piece in event_bytes(events(MESSAGE))
    ]
    headers = {**HEADERS, "content-type": "text/event-stream", "content-encoding": "zstd"}
    wire.answers["/v1/messages"] = httpx2.Response(200, headers=headers, stream=Pieces(pieces))
    with wire.client().messages.create(**REQUEST, stream=True) as stream:
        for event in stream:
            if event.type == "content_block_delta":
                break

    [ended] = manager.ended
    assert ended["gen_ai.usage.input_tokens"] == 16
    assert ended["gen_ai.output.messages"][0]["parts"][0]["content"] == "Hello"


def test_a_prompt_of_50_megabytes_costs_the_caller_no_walk(provider, manager, wire):
    content = "x" * 50_000_000
    wire.client().messages.create(**{**REQUEST, **_content(content)})

    [ended] = manager.ended
    assert ended["gen_ai.input.messages"][0]["parts"][0]["content"] is content

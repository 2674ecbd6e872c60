"""What is told of servers that speak OpenAI's protocol in their own ways."""

import pytest
from support.openai_wire import CHAT, Pieces, Wire, chat_chunk, httpx2, sse

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}

pytestmark = pytest.mark.usefixtures("provider")


def asked(manager, **body):
    """Ask once for a chat completion, answered with ``body`` over the usual one, and return the span."""
    wire = Wire(fail=lambda *_: httpx2.Response(200, json={**CHAT, **body}))
    wire.client().chat.completions.create(**ASKED)
    [span] = manager.ended
    return span


def read(manager, *events):
    """Read a stream of ``events`` to its end and return the span."""
    headers = {"content-type": "text/event-stream"}
    stream = Pieces(sse(*events, "[DONE]"))
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=stream))
    list(wire.client().chat.completions.create(**ASKED, stream=True))
    [span] = manager.ended
    return span


def test_tool_calls_of_a_stream_that_all_have_the_first_index_stay_apart(manager):
    def call(known, name, given):
        function = {"arguments": given, "name": name}
        called = {"function": function, "id": known, "index": 0, "type": "function"}
        return chat_chunk({"role": "assistant", "tool_calls": [called]})

    ends = chat_chunk(finish_reason="tool_calls")
    span = read(manager, call("a", "add", '{"a":1}'), call("b", "add", '{"b":2}'), ends)

    assert span["gen_ai.output.messages"][0]["parts"] == [
        {"type": "tool_call", "id": "a", "name": "add", "arguments": {"a": 1}},
        {"type": "tool_call", "id": "b", "name": "add", "arguments": {"b": 2}},
    ]


def test_a_tool_call_of_a_stream_whose_pieces_have_ids_of_their_own_stays_one(manager):
    def piece(known, **function):
        return chat_chunk({"tool_calls": [{"index": 0, "id": known, "function": function}]})

    begin, more = piece("a", name="add", arguments=""), piece("b", arguments='{"a":1}')
    span = read(manager, begin, more, chat_chunk(finish_reason="tool_calls"))

    [part] = span["gen_ai.output.messages"][0]["parts"]
    assert (part["name"], part["arguments"]) == ("add", {"a": 1})


def test_a_thought_that_is_sent_under_both_names_is_told_once(manager):
    thought = {"reasoning": "Hm.", "reasoning_content": "Hm."}
    span = read(manager, chat_chunk(thought), chat_chunk({"content": "Hi"}, finish_reason="stop"))

    assert span["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "Hi"},
    ]


def test_content_of_a_stream_that_comes_in_parts_is_put_together(manager):
    def thinking(piece):
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": piece}]}
        return chat_chunk({"content": [thought]})

    answer = chat_chunk({"content": [{"type": "text", "text": "Hel"}]})
    end = chat_chunk({"content": "lo."}, finish_reason="stop")
    span = read(manager, thinking("Well, "), thinking("hm."), answer, end)

    assert span["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "Well, hm."},
        {"type": "text", "content": "Hello."},
    ]

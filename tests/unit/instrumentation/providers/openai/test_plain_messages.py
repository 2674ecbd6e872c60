"""Messages of a chat that are written without a look at what they hold: the reader vouches for each of them."""

import json

import pytest
from support.openai_wire import CHAT, Wire, httpx2

from agentops.telemetry.records import PlainMessages

pytestmark = pytest.mark.usefixtures("provider")

USER = {"role": "user", "content": "What is 1 + 1?"}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "2"}


def calling(*arguments, **more):
    calls = [
        {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": each}}
        for each in arguments
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def told(manager, *messages, answer=USER):
    """Send messages; return what is told of them and of the answer."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **answer}}
    wire = Wire(fail=lambda *_: httpx2.Response(200, json={**CHAT, "choices": [choice]}))
    wire.client().chat.completions.create(model="m", messages=messages)
    [span] = manager.ended
    return span["gen_ai.input.messages"], span["gen_ai.output.messages"]


@pytest.mark.parametrize(
    "arguments",
    [
        '{"a": 1, "b": -9223372036854775807, "c": "é", "d": null, "e": true}',
        "{}",
        "",
        '"text"',
        "no JSON",
        json.dumps({"k" * 256: 1}),
        json.dumps(dict.fromkeys("abcdefgh", "x")),
    ],
)
def test_calls_with_flat_arguments_and_their_results_need_no_look(manager, arguments):
    called = calling(arguments, refusal=None, annotations=[])
    sent, answered = told(manager, USER, called, RESULT, answer=called)

    assert (type(sent), type(answered)) == (PlainMessages, PlainMessages)
    assert [len(message["parts"]) for message in (*sent, *answered)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "message",
    [
        calling('{"a": {"b": 1}}'),
        calling('{"a": [1]}'),
        calling("[1]"),
        calling("1"),
        calling('{"a": 1e16}'),
        calling('{"a": NaN}'),
        calling('{"a": 9223372036854775808}'),
        calling(json.dumps({"k" * 257: 1})),
        calling(json.dumps(dict.fromkeys(map(str, range(40)), "x"))),
        calling(*["{}"] * 6),
        calling("{}", name="eve"),
        calling("{}", annotations=[{"type": "url_citation", "n": 2**70}]),
        {"role": "user", "content": [{"type": "other", "n": 2**70}]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "other", "n": 2**70}]},
    ],
)
def test_messages_that_may_hold_anything_are_looked_into(manager, message):
    sent, _ = told(manager, USER, message, RESULT)

    assert type(sent) is list
    assert sent[0]["parts"] == [{"type": "text", "content": USER["content"]}]
    assert sent[2]["parts"] == [{"type": "tool_call_response", "response": "2", "id": "call_1"}]

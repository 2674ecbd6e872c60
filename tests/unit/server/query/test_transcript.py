import json

from agentops.server.query.transcript import turns
from agentops.server.storage.base import SpanContent


def text(role, content):
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def call(identity, name="look_up"):
    part = {"type": "tool_call", "id": identity, "name": name, "arguments": {"x": 1}}
    return {"role": "assistant", "parts": [part]}


def result(identity, value):
    part = {"type": "tool_call_response", "id": identity, "response": value}
    return {"role": "tool", "parts": [part]}


class Spans:
    def __init__(self):
        self.made = []

    def llm(self, inputs, outputs, *, agent="a", system="", parent="", **values):
        return self._add(
            span_type="llm",
            agent_name=agent,
            parent_span_id=parent,
            input_messages=json.dumps(inputs),
            output_messages=json.dumps(outputs),
            system_instructions=json.dumps(system) if system else "",
            **values,
        )

    def tool(self, identity="", output="", name="look_up", **values):
        return self._add(
            span_type="tool", tool_name=name, tool_call_id=identity, tool_output=output, **values
        )

    def _add(self, **values):
        number = len(self.made) + 1
        defaults = dict.fromkeys(SpanContent.__struct_fields__, "")
        defaults |= {
            "span_id": str(number),
            "trace_id": "t",
            "start_ns": number,
            "end_ns": number,
            "received_ns": 0,
        }
        self.made.append(SpanContent(**(defaults | {"status_code": "unset"} | values)))
        return str(number)


def told(spans):
    return [
        (
            turn.skipped,
            [
                (
                    message.role,
                    [part.get("content") or part.get("response") for part in message.parts],
                )
                for message in turn.messages
            ],
        )
        for turn in turns(spans.made)
    ]


def test_only_messages_that_are_new_to_an_agent_are_told():
    spans = Spans()
    first, answer, second = text("user", "1"), text("assistant", "2"), text("user", "3")
    spans.llm([first], [{**answer, "finish_reason": "stop"}])
    spans.llm([first, answer, second], [text("assistant", "4")])

    assert [
        (0, [("user", ["1"]), ("assistant", ["2"])]),
        (2, [("user", ["3"]), ("assistant", ["4"])]),
    ] == told(spans)


def test_the_same_words_said_again_are_told_again():
    spans = Spans()
    yes, ok = text("user", "yes"), text("assistant", "ok")
    spans.llm([yes], [ok])
    spans.llm([yes, ok, yes], [ok])

    assert (2, [("user", ["yes"]), ("assistant", ["ok"])]) == told(spans)[1]


def test_history_whose_beginning_was_cut_is_known():
    spans = Spans()
    history = [text("user", "1"), text("assistant", "2"), text("user", "3")]
    spans.llm(history, [text("assistant", "4")])
    spans.llm([history[2], text("assistant", "4"), text("user", "5")], [text("assistant", "6")])

    assert (2, [("user", ["5"]), ("assistant", ["6"])]) == told(spans)[1]


def test_thinking_that_is_not_sent_back_does_not_hide_that_a_message_is_known():
    spans = Spans()
    thought = {"type": "reasoning", "content": "hm"}
    answer = {"role": "assistant", "parts": [thought, {"type": "text", "content": "2"}]}
    spans.llm([text("user", "1")], [answer])
    spans.llm([text("user", "1"), text("assistant", "2"), text("user", "3")], [])

    assert (2, [("user", ["3"])]) == told(spans)[1]


def test_agents_have_histories_of_their_own():
    spans = Spans()
    spans.llm([text("user", "1")], [], agent="a")
    spans.llm([text("user", "1")], [], agent="b")

    assert [(0, [("user", ["1"])])] * 2 == told(spans)


def test_conversations_of_one_agent_that_alternate_are_kept_apart():
    spans = Spans()
    spans.llm([text("user", "1")], [text("assistant", "2")])
    spans.llm([text("user", "sum up")], [text("assistant", "short")])
    spans.llm([text("user", "1"), text("assistant", "2"), text("user", "3")], [])

    assert [0, 0, 2] == [skipped for skipped, _ in told(spans)]


def test_tool_that_is_tried_again_answers_the_same_call():
    spans = Spans()
    spans.llm([text("user", "q")], [call("c1"), call("c2")])
    spans.tool(status_code="error")
    spans.tool(output="1")
    spans.tool(output="2")

    assert ["c1", "c1", "c2"] == [t.messages[0].parts[0]["id"] for t in turns(spans.made)[1:]]


def test_instructions_are_told_once():
    spans = Spans()
    for system in ("be kind", "be kind", "be brief"):
        spans.llm([], [], system=[{"type": "text", "content": system}])

    assert [[("system", ["be kind"])], [], [("system", ["be brief"])]] == [
        t[1] for t in told(spans)
    ]


def test_tool_span_shows_the_result_that_the_next_call_repeats():
    spans = Spans()
    spans.llm([text("user", "q")], [call("c1")])
    spans.tool("c1", '{"found": 7}')
    spans.llm([text("user", "q"), call("c1"), result("c1", {"found": 7})], [text("assistant", "7")])

    assert [
        (0, [("user", ["q"]), ("assistant", [None])]),
        (0, [("tool", [None, {"found": 7}])]),
        (3, [("assistant", ["7"])]),
    ] == told(spans)


def test_tool_span_without_an_id_takes_the_call_that_waits():
    spans = Spans()
    spans.llm([text("user", "q")], [call("c1"), call("c2")])
    for value in ("1", "2"):
        spans.tool("", value)

    assert [["c1", "c1"], ["c2", "c2"]] == [
        [part["id"] for part in turn.messages[0].parts] for turn in turns(spans.made)[1:]
    ]


def test_result_without_a_tool_span_is_told_where_it_is_sent():
    spans = Spans()
    spans.llm([text("user", "q")], [call("c1")])
    spans.llm([text("user", "q"), call("c1"), result("c1", "r")], [])

    assert (2, [("tool", ["r"])]) == told(spans)[1]


def test_messages_in_no_known_shape_are_kept_as_text():
    spans = Spans()
    spans.llm(["plain", {"role": "user", "content": "old style"}, 5], [])

    assert [("", ["plain"]), ("user", ["old style"]), ("", [5])] == [
        (role, [p[0] if isinstance(p, list) else p for p in parts])
        for role, parts in told(spans)[0][1]
    ]


def test_failed_span_carries_its_error():
    spans = Spans()
    spans.llm([], [], status_code="error", error_type="RateLimitError", error_message="slow down")
    [turn] = turns(spans.made)

    assert ("RateLimitError", "slow down") == (turn.error.type, turn.error.message)

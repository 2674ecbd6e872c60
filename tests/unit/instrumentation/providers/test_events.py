import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.anthropic.messages import MessageStream
from agentops.instrumentation.providers.events import merged_events, parse_events
from agentops.instrumentation.providers.openai.chat import ChatReader
from agentops.instrumentation.providers.openai.responses import ResponseReader


def _parsed(text):
    return list(parse_events(text.encode() if isinstance(text, str) else text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('event: a\ndata: {"x":1}\n\n', [("a", {"x": 1})]),
        ('data: {"x":1}\n\n', [("", {"x": 1})]),
        ('event:a\ndata:{"x":1}\n\n', [("a", {"x": 1})]),
        ('data: {"x":1}\nevent: a\n\n', [("a", {"x": 1})]),
        ('id: 7\nevent: a\ndata: {"x":1}\n\n', [("a", {"x": 1})]),
        ('event: a\r\ndata: {"x":1}\r\n\r\n', [("a", {"x": 1})]),
        ('event: a\ndata: {"x":\ndata: 1}\n\n', [("a", {"x": 1})]),
        ('event: a\ndata: {"x":"data: 1"}\n\n', [("a", {"x": "data: 1"})]),
        (': hello\n\nevent: ping\n\ndata: {"x":1}\n\n', [("", {"x": 1})]),
        ("data: [DONE]\n\n", [("", "[DONE]")]),
        ("", []),
    ],
)
def test_lines_in_any_order_make_one_event(text, expected):
    assert expected == _parsed(text)


def test_data_that_is_no_json_is_skipped_alone():
    text = 'data: {"x":1}\n\ndata: oops\n\ndata: 1,2\n\ndata: {"x":3}\n\n'

    assert [("", {"x": 1}), ("", {"x": 3})] == _parsed(text)


def test_an_event_that_was_cut_off_is_left_out():
    assert [("a", {"x": 1})] == _parsed('event: a\ndata: {"x":1}\n\nevent: b\ndata: {"x"')


def test_bytes_that_are_no_text_are_replaced():
    assert [("", "\ufffd")] == _parsed(b'data: "\xff"\n\n')


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(st.from_regex(r"[a-z._]{0,9}", fullmatch=True), _VALUES)))
def test_what_was_sent_is_what_is_read(events):
    lines = [(f"event: {n}\n" if n else "") + f"data: {json.dumps(v)}\n\n" for n, v in events]

    assert events == _parsed("".join(lines))


# Joined pieces


def _chat(index=0, **delta):
    choice = {"index": index, "delta": delta, "finish_reason": None}
    return "", {"id": "c", "model": "m", "choices": [choice], "obfuscation": ""}


def _block(index, kind, name, piece):
    delta = {"type": kind, name: piece}
    return "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}


def _text(kind, index, piece):
    told = {"type": kind, "sequence_number": 0, "output_index": index, "delta": piece}
    return kind, {**told, "obfuscation": ""}


_CHAT = (
    lambda piece: _chat(content=piece),
    lambda piece: _chat(1, content=piece),
    lambda piece: _chat(reasoning_content=piece),
    lambda piece: _chat(content=piece, refusal="no"),
    lambda piece: _chat(tool_calls=[{"index": 0, "function": {"arguments": piece}}]),
    lambda piece: _chat(tool_calls=[{"index": 1, "id": "t", "function": {"arguments": piece}}]),
    lambda piece: ("", {"choices": [], "usage": {"completion_tokens": len(piece)}}),
)
_MESSAGES = (
    lambda piece: _block(0, "thinking_delta", "thinking", piece),
    lambda piece: _block(1, "text_delta", "text", piece),
    lambda piece: _block(2, "input_json_delta", "partial_json", piece),
    lambda _: ("ping", {"type": "ping"}),
)
_RESPONSES = (
    lambda piece: _text("response.output_text.delta", 0, piece),
    lambda piece: _text("response.output_text.delta", 1, piece),
    lambda piece: _text("response.function_call_arguments.delta", 2, piece),
    lambda piece: ("keepalive", {"type": "keepalive", "sequence_number": len(piece)}),
)


def _as_chat(events):
    call = LLMCall(operation="chat", provider="openai")
    ChatReader().read_events(call, events)
    return call.output_messages, call.usage.output_tokens, call.chunk_count


def _as_message(events):
    stream = MessageStream()
    start = {"type": "message_start", "message": {"id": "m"}}
    blocks = [{"type": "content_block_start", "index": n, "content_block": {}} for n in range(3)]
    stream.add([start, *blocks, *(event for _, event in events)])
    return stream.message(), stream.delta_count


def _as_response(events):
    call = LLMCall(operation="chat", provider="openai")
    ResponseReader().read_events(call, events)
    return call.output_messages, call.chunk_count


_ODD = (": a comment", "data: oops", "data: [DONE]", 'data: {"type":\ndata: "other"}', "", "id: 7")
_TEXTS = st.text(st.sampled_from('a "\\\n{}:,é😀') | st.characters(codec="utf-8"), max_size=6)
_CODED = st.sampled_from(["\ud83d", "\ude00", '","b":"', '"}', "\\", '\\"', '"content":"x"'])


@st.composite
def _bodies(draw, shapes):
    """A stream of runs of alike events in one vendor's shape, spelled in any way that means the same."""
    spaced, ascii_only, padded, end = (
        draw(st.booleans()), draw(st.booleans()), draw(st.booleans()), draw(st.sampled_from(["\n", "\r\n", "\r"])),
    )  # fmt: skip
    runs = st.tuples(st.sampled_from(shapes), st.lists(_TEXTS | _CODED, min_size=1, max_size=9))
    blocks = []
    for number, (shape, pieces) in enumerate(draw(st.lists(runs, max_size=8))):
        blocks += [_ODD[number % len(_ODD)]] if draw(st.integers(0, 5)) == 0 else []
        blocks += [
            _spelled(shape(piece), n, spaced, ascii_only, padded) for n, piece in enumerate(pieces)
        ]
    body = "".join(f"{block}\n\n" for block in blocks).replace("\n", end)
    cut = draw(st.integers(0, 80)) if draw(st.booleans()) else 0
    return body.encode("utf-8", "replace")[: len(body) - cut]


def _spelled(event, number, spaced, ascii_only, padded):
    name, value = event
    for varying, told in (("obfuscation", "x" * (number % 5)), ("sequence_number", number)):
        if varying in value:
            value = {**value, varying: told}
    separators = (", ", ": ") if spaced else (",", ":")
    told = json.dumps(value, ensure_ascii=ascii_only, separators=separators)
    if any(
        "\ud800" <= each <= "\udfff" for each in told
    ):  # no UTF-8: half a character comes escaped
        told = json.dumps(value, separators=separators)
    padding = " " * (number % 7) if padded else ""
    return (f"event: {name}\n" if name else "") + f"data: {told[:-1]}{padding}}}"


@pytest.mark.parametrize(
    ("shapes", "read"), [(_CHAT, _as_chat), (_MESSAGES, _as_message), (_RESPONSES, _as_response)]
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
@given(data=st.data())
def test_joined_events_are_read_as_they_are_one_by_one(shapes, read, data):
    body = data.draw(_bodies(shapes))
    events, joined = merged_events(body)
    *told, count = read(events)

    # Spelled in ASCII, halves of a character are the same whether they came together or not.
    assert json.dumps([*told, count + joined]) == json.dumps(read(parse_events(body)))


@pytest.mark.parametrize(
    ("shape", "read"), [(_CHAT[0], _as_chat), (_MESSAGES[1], _as_message), (_RESPONSES[0], _as_response)]
)  # fmt: skip
@pytest.mark.parametrize("is_padded", [False, True])
def test_pieces_of_one_text_become_one_event(shape, read, is_padded):
    pieces = ["word ", 'a "quoted" one', "\n", "\\", "", "é", "\ud83d", "\ude00"] * 25
    blocks = [_spelled(shape(piece), n, True, False, is_padded) for n, piece in enumerate(pieces)]
    body = "".join(f"{block}\n\n" for block in blocks).encode()
    events, joined = merged_events(body)
    [(name, value)] = events

    assert joined == len(pieces) - 1
    assert name == shape("")[0]
    assert json.dumps(read([(name, value)])[0]) == json.dumps(read(parse_events(body))[0])


def test_a_neighbour_that_says_more_ends_a_run_and_those_after_it_stay():
    plain = [_chat(content=f"{n} ") for n in range(20)]
    more = {"id": "c", "choices": [{"index": 0, "delta": {"content": "a", "refusal": "b"}}]}
    begins = json.dumps(plain[0][1]).partition("0 ")
    odd = f'{begins[0]}x", "more": "y{begins[2]}'  # begins and ends as its neighbours do
    blocks = [json.dumps(value) for _, value in plain]
    blocks[10:10] = [odd, json.dumps(more), odd.replace('"more"', "more")]
    body = "".join(f"data: {block}\n\n" for block in blocks).encode()
    events, joined = merged_events(body)
    read = list(events)

    assert joined > 8
    assert _as_chat(read)[0] == _as_chat(parse_events(body))[0]
    assert [value for _, value in read if "more" in str(value)] == [json.loads(odd)]


def test_events_that_differ_in_more_than_a_piece_stay_apart():
    chunks = [_chat(content="a")[1], *({**_chat(content="b")[1], "model": "n"} for _ in range(12))]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    events, joined = merged_events(body.encode())
    first, second, end = [value for _, value in events]

    assert (first["model"], second["model"], end) == ("m", "n", "[DONE]")
    assert second["choices"][0]["delta"]["content"] == "b" * 12
    assert joined == 11

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentops.instrumentation.providers.events import merged_events, parse_events


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


def _openai_chunk(number, piece, **changed):
    delta = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
    chunk = {
        "id": "c",
        "model": "m",
        "choices": [delta],
        "obfuscation": "x" * (number % 5),
        **changed,
    }
    return f"data: {json.dumps(chunk, ensure_ascii=number % 2 == 0)}\n\n"


def _anthropic_delta(number, piece):
    delta = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": piece},
    }
    padded = json.dumps(delta, separators=(",", ":"))[:-1] + " " * (number % 7) + "}"
    return f"event: content_block_delta\ndata: {padded}\n\n"


_PIECES = st.lists(
    st.text(st.sampled_from('a "\\\n{}:,é😀') | st.characters(codec="utf-8"), max_size=6)
    | st.sampled_from(['","b":"', '"}', "\\", '\\"', '"content":"x"'])
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
@given(_PIECES)
def test_joined_pieces_say_what_they_said_one_by_one(pieces):
    chat = "".join(_openai_chunk(n, piece) for n, piece in enumerate(pieces)).encode()
    events, joined = merged_events(chat)
    chunks = [value for _, value in events]

    assert "".join(each["choices"][0]["delta"]["content"] for each in chunks) == "".join(pieces)
    assert len(chunks) + joined == len(pieces)

    messages = "".join(_anthropic_delta(n, piece) for n, piece in enumerate(pieces)).encode()
    events, joined = merged_events(messages)
    named = list(events)

    assert "".join(value["delta"]["text"] for _, value in named) == "".join(pieces)
    assert [name for name, _ in named] == ["content_block_delta"] * len(named)
    assert len(named) + joined == len(pieces)
    assert len(named) <= 1


def test_events_that_differ_in_more_than_a_piece_stay_apart():
    texts = [
        _openai_chunk(0, "a"),
        _openai_chunk(2, "b", model="n"),
        _openai_chunk(4, "c", model="n"),
        "data: [DONE]\n\n",
    ]
    events, joined = merged_events("".join(texts).encode())
    first, second, end = [value for _, value in events]

    assert (first["model"], second["model"], end) == ("m", "n", "[DONE]")
    assert second["choices"][0]["delta"]["content"] == "bc"
    assert joined == 1

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.instrumentation.providers.events import parse_events


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


@given(st.lists(st.tuples(st.from_regex(r"[a-z._]{0,9}", fullmatch=True), _VALUES)))
def test_what_was_sent_is_what_is_read(events):
    lines = [(f"event: {n}\n" if n else "") + f"data: {json.dumps(v)}\n\n" for n, v in events]

    assert events == _parsed("".join(lines))

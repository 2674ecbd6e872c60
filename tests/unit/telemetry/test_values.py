"""Cleaning: any value becomes sendable, within bounds, without running into the program's own code."""

import dataclasses
import json
import sys
import tracemalloc
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from types import MappingProxyType
from uuid import UUID

import pydantic_core
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentops.telemetry.config import LimitsConfig
from agentops.telemetry.values import Cleaner, PlainJson, json_text


class Colour(Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: object


class BrokenRepr:
    def __repr__(self):
        raise RuntimeError("no")


class LyingDict(dict):
    def items(self):
        raise RuntimeError("no")

    def __len__(self):
        raise RuntimeError("no")


class Model:
    def model_dump(self, **_):
        return {"a": 1}


class LoudInt(int):
    def __int__(self):
        raise RuntimeError("no")


def clean(value, **limits):
    return Cleaner(LimitsConfig(**limits)).clean(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**70, str(2**70)),
        (-(2**63), str(-(2**63))),
        ("a\ud800b", "a\ufffdb"),
        (b"\x00\xff", b"\x00\xff"),
        ((1, "a", None), [1, "a", None]),
        ({1: {2}}, {"1": [2]}),
        (Colour.RED, "red"),
        (Point(1, [Point(2, None)]), {"x": 1, "y": [{"x": 2, "y": None}]}),
        (Model(), {"a": 1}),
        (datetime(2026, 1, 2, tzinfo=timezone.utc), "2026-01-02T00:00:00+00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/a"), "/a"),
        (Decimal("1.5"), "1.5"),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (BrokenRepr(), "<BrokenRepr>"),
        (LyingDict(a=1), {"a": 1}),
        (LoudInt(3), 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_value_becomes_sendable(value, expected):
    assert clean(value) == expected


def test_generator_is_not_consumed():
    generator = (number for number in range(3))

    cleaned = clean(generator)

    assert "generator" in cleaned
    assert list(generator) == [0, 1, 2]


def test_cycle_is_named():
    cycle = [1]
    cycle.append(cycle)

    assert clean(cycle) == [1, "<cycle>"]


def test_deep_value_is_cut():
    deep = []
    for _ in range(10_000):
        deep = [deep]

    assert "nested deeper than 16" in json_text(clean(deep))


def test_wide_value_is_cut_and_says_how_much_is_missing():
    cleaner = Cleaner(LimitsConfig(nodes_max=100))

    cleaned = cleaner.clean(list(range(1_000_000)))

    assert len(cleaned) == 101
    assert cleaned[-1] == "...truncated (999900 of 1000000 items left out)"
    assert cleaner.was_cut


def test_long_text_is_cut_and_marked_with_size_and_hash():
    cleaner = Cleaner(LimitsConfig(attribute_bytes_max=10))

    cleaned = cleaner.clean("é" * 100)

    assert cleaned.startswith("ééééé...truncated (was 200 bytes, sha256 ")
    assert cleaner.was_cut


def test_messages_share_the_bytes_of_their_attribute():
    messages = [{"role": "user", "content": "x" * 600} for _ in range(10)]

    text = json_text(clean(messages, attribute_bytes_max=1000))

    assert len(text) < 1600
    assert json.loads(text)[0]["content"] == "x" * 600
    assert "truncated" in text


def test_fifty_megabytes_are_cut_without_a_second_copy():
    prompt = [{"role": "user", "content": "é" * 25_000_000}]
    cleaner = Cleaner(LimitsConfig())
    tracemalloc.start()

    cleaned = cleaner.clean(prompt)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert "was 50000000 bytes" in cleaned[0]["content"]
    assert peak < 10_000_000


def test_the_short_way_to_json_gives_up_before_it_copies():
    messages = [
        {"role": "user", "content": "x" * 25_000_000},
        {"role": "user", "content": "x" * 25_000_000},
    ]
    plain = PlainJson(LimitsConfig())
    tracemalloc.start()

    raw = plain.utf8(messages)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert raw is None
    assert peak < 1_000_000


def test_not_a_number_is_valid_json_text():
    assert json.loads(json_text(clean({"a": [float("nan"), float("inf")], "b": b"x"}))) == {
        "a": ["nan", "inf"],
        "b": "eA==",
    }


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(anything)
def test_whatever_is_cleaned_encodes(value):
    text = json_text(clean(value))

    json.loads(text)
    text.encode()


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**62, max_value=2**66),
    st.floats(),
    st.text(st.characters(), max_size=40),
    st.binary(max_size=4),
    st.just(Colour.RED),
    st.just((1, 2)),
)
_NESTED = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=30,
)


@pytest.fixture(params=[True, False], ids=["the vendors' writer", "the standard library"])
def writer(request, monkeypatch):
    """What writes JSON text: both ways must give the same."""
    monkeypatch.setitem(sys.modules, "pydantic_core", pydantic_core if request.param else None)


_SAME_FIXTURE = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_ANY_TEXT = st.text(
    st.one_of(st.characters(exclude_categories=()), st.sampled_from('"\\\n\x1f\x7f\u2028\ud800'))
)
_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | _ANY_TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_ANY_TEXT, inner, max_size=4),
)


@_SAME_FIXTURE
@given(st.lists(_PLAIN) | st.dictionaries(_ANY_TEXT, _PLAIN))
def test_plain_values_are_spelled_as_the_standard_library_spells_them(writer, value):
    spelled = json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    clean = spelled.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert PlainJson(LimitsConfig()).utf8(value) == clean.encode()


def test_every_character_is_spelled_as_the_standard_library_spells_it(writer):
    every = [
        "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000)))),
        "1e16",
        1e16,
        -0.0,
        2**62,
    ]
    limits = LimitsConfig(attribute_bytes_max=10_000_000)

    for value in (every, every[:1]):
        spelled = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        assert PlainJson(limits).utf8(value) == spelled.encode()


@_SAME_FIXTURE
@given(st.one_of(st.lists(_NESTED), st.dictionaries(st.text(), _NESTED)))
def test_the_short_way_to_json_gives_what_cleaning_gives(writer, value):
    limits = LimitsConfig(depth_max=4, nodes_max=20, attribute_bytes_max=120)
    raw = PlainJson(limits).utf8(value)

    assert raw in (None, json_text(Cleaner(limits).clean(value)).encode())


def test_the_short_way_to_json_is_taken_for_messages(writer):
    messages = [{"role": "user", "parts": [{"type": "text", "content": "a \ud800 b"}]}]

    cleaned = Cleaner(LimitsConfig()).clean(messages)
    assert PlainJson(LimitsConfig()).utf8(messages) == json_text(cleaned).encode()


def test_the_short_way_to_json_counts_bytes(writer):
    value = ["é" * 100]
    size = len(json_text(value).encode())

    assert PlainJson(LimitsConfig(attribute_bytes_max=size)).utf8(value) is not None
    assert PlainJson(LimitsConfig(attribute_bytes_max=size - 1)).utf8(value) is None


def test_what_has_to_be_cleaned_takes_the_long_way():
    cycle = []
    cycle.append(cycle)
    lists = [["x"] * 10_001, [LyingDict(a=1)], [{"k" * 257: 1}], [2**70], [float("nan")], cycle]

    assert [PlainJson(LimitsConfig()).utf8(each) for each in lists] == [None] * len(lists)

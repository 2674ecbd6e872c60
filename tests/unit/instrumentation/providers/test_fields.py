import json
import random
import sys
from types import ModuleType

import pydantic_core
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.instrumentation.providers.fields import json_value, parsed

_SPACE = st.sampled_from(["", " ", "\n", "\t\r ", "\x0c", "\xa0"])
_SURROGATES = st.integers(0xD800, 0xDFFF).map("\\u{:04x}".format)
_PIECES = st.one_of(
    st.characters(exclude_characters='"\\'),
    st.sampled_from(
        [
            '\\"',
            "\\\\",
            "\\/",
            "\\b",
            "\\n",
            "\\x",
            "\\u00",
            "\\ud83d\\ude00",
            "\u2028",
            "\U0001f600",
        ]
    ),
    _SURROGATES,
)
_TEXTS = st.lists(_PIECES, max_size=6).map(lambda pieces: '"' + "".join(pieces) + '"')
_DIGITS = st.text("0123456789", min_size=1, max_size=40)
_NUMBERS = st.one_of(
    st.integers().map(str),
    st.floats().map(repr),
    st.text("0123456789+-.eE", min_size=1, max_size=12),
    st.tuples(_DIGITS, _DIGITS, st.integers(-400, 400)).map("{0[0]}.{0[1]}e{0[2]}".format),
)
_WORDS = st.sampled_from(["true", "false", "null", "NaN", "Infinity", "-Infinity", "nan", "tru"])


def _arrays(values):
    return st.tuples(st.lists(values, max_size=3).map(",".join), _SPACE).map(
        "[{0[0]}{0[1]}]".format
    )


def _objects(values):
    keys = st.one_of(st.sampled_from(['"a"', '"b"']), _TEXTS)
    pairs = st.tuples(keys, _SPACE, values).map("{0[0]}{0[1]}:{0[2]}".format)
    return st.lists(pairs, max_size=4).map(lambda each: "{" + ",".join(each) + "}")


_SPELLED = st.recursive(
    st.one_of(_TEXTS, _NUMBERS, _WORDS),
    lambda values: _arrays(values) | _objects(values),
    max_leaves=8,
)


def _result(read, spelled):
    try:
        return repr(
            read(spelled)
        )  # tells 1 from 1.0 and True, -0.0 from 0.0, and the order of keys
    except (ValueError, RecursionError) as error:
        return type(error)


def _mutated(spelled, seed):
    chance = random.Random(seed)
    at = chance.randrange(len(spelled) + 1)
    change = chance.choice(
        [b"", b",", b'"', b"\\", b"]", b"}", b"0", b"-", b".", b"\0", b"\xff", b"\xed\xa0\x80"]
    )
    return spelled[:at] + change + spelled[at + chance.randrange(3) :]


@given(_SPELLED, _SPACE, _SPACE)
def test_what_is_spelled_is_read_as_the_standard_library_reads_it(spelled, before, after):
    text = before + spelled + after

    assert _result(json.loads, text) == _result(json_value, text)


@given(_SPELLED, st.integers())
def test_what_is_misspelled_is_read_or_refused_as_the_standard_library_does(spelled, seed):
    raw = _mutated(spelled.encode("utf-8", "surrogatepass"), seed)

    assert _result(json.loads, raw) == _result(json_value, raw)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 30))
def test_floats_are_the_same_to_the_last_bit(number, digits):
    text = f"[{number!r},{number:.{digits}e}]"

    assert json.loads(text) == json_value(text)


@pytest.mark.parametrize(
    "spelled",
    [
        "",
        " ",
        '"\\ud800"',
        '{"\\udc00": 1}',
        '"\ud800"',
        "\ufeff1",
        "9" * 4300,
        "-" + "9" * 4300,
        "9" * 4301,
        "1" + "0" * 400 + "e-400",
        "1e400",
        "-0",
        "01",
        "1.",
        "[" * 300 + "]" * 300,
        "[" * 100_000,
        '{"a": 1, "b": 2, "a": 3}',
        '["\t"]',
        '["\x7f"]',
        "[1,]",
        '["cut',
        "1 2",
        b"\xef\xbb\xbf1",
        '{"é": "😀"}'.encode("utf-16"),
        b"1\0",
        b'"\xff"',
        b'"\xed\xa0\x80"',
    ],
    ids=lambda spelled: ascii(spelled[:12]),
)
def test_texts_on_which_readers_differ_are_read_as_the_standard_library_reads_them(spelled):
    assert _result(json.loads, spelled) == _result(json_value, spelled)


def test_the_reader_that_the_vendors_load_is_used(monkeypatch):
    seen = []

    def read(spelled, *, cache_strings):
        seen.append(cache_strings)
        return pydantic_core.from_json(spelled, cache_strings=cache_strings)

    loaded = ModuleType("pydantic_core")
    loaded.from_json = read
    monkeypatch.setitem(sys.modules, "pydantic_core", loaded)

    assert {"a": [1]} == json_value(b'{"a": [1]}') == parsed('{"a": [1]}')
    assert [False, False] == seen


def _too_old(spelled):
    raise AssertionError("called without its options")


@pytest.mark.parametrize("reader", [None, _too_old], ids=["absent", "too old"])
def test_without_that_reader_the_standard_library_reads(monkeypatch, reader):
    loaded = ModuleType("pydantic_core")
    if reader is not None:
        loaded.from_json = reader
    monkeypatch.setitem(sys.modules, "pydantic_core", loaded)

    assert {"a": "\ud800"} == json_value('{"a": "\\ud800"}')


def test_nothing_is_loaded_to_read(monkeypatch):
    monkeypatch.delitem(sys.modules, "pydantic_core")

    assert [1] == json_value("[1]")
    assert "pydantic_core" not in sys.modules

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.server.query.filter import (
    Comparison,
    FilterError,
    Match,
    Text,
    compile_terms,
    parse,
)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("  \t ", ()),
        ("status:error", (Match("status", "error", False),)),
        ("-model:gpt-4o*", (Match("model", "gpt-4o*", True),)),
        ('agent:"my planner"', (Match("agent", "my planner", False),)),
        ("cost>0.01", (Comparison("cost", ">", 10_000_000, False),)),
        ("cost<=$2", (Comparison("cost", "<=", 2_000_000_000, False),)),
        ("dur>5s", (Comparison("dur", ">", 5_000_000_000, False),)),
        ("dur>=1.5m", (Comparison("dur", ">=", 90_000_000_000, False),)),
        ("dur<250ms", (Comparison("dur", "<", 250_000_000, False),)),
        ("tokens>1k", (Comparison("tokens", ">", 1_000, False),)),
        ("-errors=0", (Comparison("errors", "=", 0, True),)),
        ('"free text"', (Text("free text", False),)),
        (r'"say \"hi\""', (Text('say "hi"', False),)),
        ("-refund", (Text("refund", True),)),
        ("- refund", (Text("-", False), Text("refund", False))),
        ("STATUS:ok tag:prod", (Match("status", "ok", False), Match("tag", "prod", False))),
    ],
)
def test_query_is_read(text, terms):
    assert terms == parse(text)


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("model:gpt color:red", 10, "unknown key 'color'; expected one of status, model"),
        ("status:broken", 7, "expected one of running, ok, error, stopped"),
        ("ok cost:5", 3, "'cost' is a number; expected cost>"),
        ("cost>cheap", 5, "expected a number"),
        ("dur>5parsecs", 4, "ns, us"),
        ("model>5", 6, "cannot be compared"),
        ("tag:", 4, "expected a value"),
        ('x "open', 2, "a quote is not closed"),
        ("dur>999999999999h", 4, "more than can be compared"),
        ("a" * 1001, 1000, "at most 1000 characters"),
        ("a " * 21, 40, "at most 20 terms"),
    ],
)
def test_fault_names_its_place_and_what_was_expected(text, position, expected):
    with pytest.raises(FilterError, match=re.escape(expected)) as caught:
        parse(text)

    assert position == caught.value.position


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_in_words(text):
    refused_at = 0
    try:
        compile_terms(parse(text))
    except FilterError as error:
        refused_at = error.position

    assert 0 <= refused_at <= len(text)


@given(st.text(alphabet="ab'\"\\%_*{}:;-$ \n\0", min_size=1, max_size=30))
def test_no_value_becomes_part_of_the_statement(text):
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    terms = parse(f"tag:{quoted} {quoted}") if text.strip() else ()
    condition = compile_terms(terms)
    harmless = compile_terms((Match("tag", "x", False), Text("x", False)))

    assert not terms or harmless.sql == condition.sql
    assert all(set(condition.parameters) == {"q0", "q1"} for _ in terms)

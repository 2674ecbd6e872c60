"""The line at the end tells what happened, and keeps silent when nothing did."""

import re

import pytest

import agentops
from agentops.session.manager import SessionManager
from agentops.session.session import SessionOptions
from agentops.session.summary import summary
from agentops.telemetry.totals import Totals

USED = Totals(llm_calls=2, steps=3, tokens=2511, cost_usd=0.0087)
PAGES = "http://127.0.0.1:4320/sessions"


@pytest.fixture
def sessions(recorded):
    return SessionManager(
        agentops.get_client().telemetry, lambda session: f"http://h/s/{session.id}"
    )


def test_one_session_is_told_with_its_address(sessions):
    session = sessions.start("support")
    session.end()

    line = summary(sessions.tally, USED, PAGES)
    assert re.fullmatch(
        rf"agentops: support ok, [\d.]+(µs|ms|s), 2,511 tokens, \$0\.00870, http://h/s/{session.id}",
        line,
    )


def test_several_sessions_are_counted(sessions):
    for state in ("Success", "Fail", "Indeterminate"):
        sessions.start("s").end(state)

    line = summary(sessions.tally, USED, PAGES)
    assert line == f"agentops: 3 sessions, 1 failed, 2,511 tokens, $0.00870, {PAGES}"


def test_the_automatic_session_is_told_when_it_is_the_only_one(sessions):
    sessions.start("auto", SessionOptions(automatic=True))
    sessions.end_all()

    assert summary(sessions.tally, USED, None).startswith("agentops: auto ended, ")

    sessions.start("explicit").end()

    assert summary(sessions.tally, USED, None).startswith("agentops: explicit ok, ")


def test_nothing_is_said_without_a_model_call_or_a_step(sessions):
    assert summary(sessions.tally, USED, PAGES) is None

    sessions.start("s").end()

    assert summary(sessions.tally, Totals(), PAGES) is None


@pytest.mark.parametrize(
    ("cost", "unpriced", "text"),
    [
        (0.0087, 0, ", $0.00870"),
        (12.345, 0, ", $12.3"),
        (1234.5, 0, ", $1,234"),
        (0.00000123, 0, ", $0.00000123"),
        (0.000012, 0, ", $0.0000120"),
        (2.0, 1, ", at least $2.00"),
    ],
)
def test_money_has_three_digits_and_admits_what_it_leaves_out(sessions, cost, unpriced, text):
    sessions.start("s").end()
    totals = Totals(llm_calls=1, cost_usd=cost, unpriced_calls=unpriced)

    assert text in summary(sessions.tally, totals, None)


def test_money_that_is_not_known_is_not_told(sessions):
    sessions.start("s").end()

    assert "$" not in summary(sessions.tally, Totals(llm_calls=1, tokens=5, unpriced_calls=1), None)

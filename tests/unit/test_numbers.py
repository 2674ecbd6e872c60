"""Durations, money and tokens read as in the dashboard."""

import pytest

from agentops.cli.numbers import duration, money, tokens


@pytest.mark.parametrize(
    ("us", "expected"),
    [
        (0, "0µs"),
        (999, "999µs"),
        (1_000, "1.00ms"),
        (40_000, "40.0ms"),
        (99_960, "100ms"),
        (783_400, "783ms"),
        (999_400, "999ms"),
        (999_600, "1.00s"),
        (4_612_000, "4.61s"),
        (59_900_000, "59.9s"),
        (59_960_000, "1m 00s"),
        (123_000_000, "2m 03s"),
        (3_720_000_000, "1h 02m"),
        (-1, "?"),
    ],
)
def test_duration(us, expected):
    assert expected == duration(us)


@pytest.mark.parametrize(
    ("usd", "expected"),
    [
        (None, "?"),
        (0, "$0"),
        (0.0087, "$0.00870"),
        (0.00000123, "$0.00000123"),
        (0.0999, "$0.0999"),
        (0.09996, "$0.100"),
        (0.5, "$0.500"),
        (1, "$1.00"),
        (1234.5, "$1,234.50"),
    ],
)
def test_money(usd, expected):
    assert expected == money(usd)


def test_tokens_that_were_not_told_are_not_zero():
    assert "?" == tokens(None)
    assert "0" == tokens(0)
    assert "1\u202f931" == tokens(1931)

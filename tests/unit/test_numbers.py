"""Durations, money and tokens read as on the web pages."""

import pytest

from agentops.numbers import duration, money, tokens


@pytest.mark.parametrize(
    ("us", "expected"),
    [
        (0, "0ms"),
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
        (86_399_000_000, "1d 00h"),
        (273_600_000_000, "3d 04h"),
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
        (9.996, "$10.0"),
        (12.345, "$12.3"),
        (999.4, "$999"),
        (1234.4, "$1,234"),
    ],
)
def test_money(usd, expected):
    assert expected == money(usd)


def test_tokens_that_were_not_told_are_not_zero():
    assert "?" == tokens(None)
    assert "0" == tokens(0)
    assert "1,931" == tokens(1931)

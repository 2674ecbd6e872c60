"""The page on attributes names all that the SDK makes and no convention describes."""

import re
from pathlib import Path

import pytest

from agentops import semconv
from agentops.telemetry import metrics, recording

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/attributes.md").read_text("utf-8")
NAMED = {name.removesuffix(".*") for name in re.findall(r"`([\w.]+(?:\.\*)?)`", PAGE)}
OWN = ("AGENTOPS_", "OPENAI_", "ANTHROPIC_", "EVENT_")
MADE = {
    *(value for name, value in vars(semconv).items() if name.startswith(OWN)),
    *recording._PLAIN_FIELDS.values(),
    *recording.CONTENT_FIELDS.values(),
    recording.EVENT_START,
    recording.EVENT_END,
    recording.EVENT_DURATION,
    *metrics.HISTOGRAMS,
    *metrics._COUNTERS.values(),
    *(f"agentops.records.{name}" for name in (*metrics.SELF_COUNTERS, *metrics.SELF_GAUGES)),
}


@pytest.mark.parametrize("name", sorted(MADE))
def test_what_is_made_stands_on_the_page(name):
    is_convention = re.match(r"gen_ai\.(?!client|execute|invoke)|error\.|exception\.", name)

    assert name in NAMED or is_convention


def test_the_page_names_nothing_that_is_not_made():
    own = {name for name in NAMED if name.startswith(("agentops.", "openai.", "anthropic."))}

    assert own - MADE == {
        "agentops.event.trigger_id",
        "agentops.destination",
        "agentops.drop.reason",
    }

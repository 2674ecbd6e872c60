"""What the pages may cost: bytes before the first paint, elements and time for a long session."""

import gzip
import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import LONG, STATIC

pytestmark = pytest.mark.browser

FIRST_BYTES_MAX = 200_000
ELEMENTS_MAX = 3_000
USABLE_MS_MAX = 1_000
TRIES = 6  # a busy machine may take several to show what the page can do


def test_first_scripts_stay_under_200_kb_compressed(browser):
    start = (STATIC / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r'(?:src|href)="/([^"]+\.js)"', start)

    compressed = sum(len(gzip.compress((STATIC / name).read_bytes(), 9)) for name in scripts)

    assert scripts
    assert compressed <= FIRST_BYTES_MAX


def test_session_of_10_000_spans_is_usable_within_a_second(seeded, visit):
    visitor = visit(seeded)
    session = max(visitor.sessions(), key=lambda session: session["span_count"])
    assert session["span_count"] >= LONG
    address = f"/s/{session['session_id']}?v=flow"
    visitor.open(address).locator(".flow-row").first.wait_for()  # the second visit has warm caches

    times = []
    while not times or (min(times) > USABLE_MS_MAX and len(times) < TRIES):
        page = visitor.open(address)
        page.locator(".flow-row").first.wait_for()
        times.append(page.evaluate("performance.now()"))
    assert min(times) <= USABLE_MS_MAX, times
    assert page.locator("*").count() <= ELEMENTS_MAX

    page.keyboard.press("End")
    expect(page.locator('.flow-row[aria-selected="true"]')).to_be_visible()
    assert page.locator("*").count() <= ELEMENTS_MAX

"""What the pages may cost: bytes before the first paint, elements and time for a long session."""

import gzip
import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import LONG, STATIC

pytestmark = pytest.mark.browser

FIRST_BYTES_MAX = 200_000
ELEMENTS_MAX = 3_000
CPU_S_MAX = 0.6  # of the one second in which it must be usable; the rest is the server's


def test_first_scripts_stay_under_200_kb_compressed(browser):
    start = (STATIC / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r'(?:src|href)="/([^"]+\.js)"', start)

    compressed = sum(len(gzip.compress((STATIC / name).read_bytes(), 9)) for name in scripts)

    assert scripts
    assert compressed <= FIRST_BYTES_MAX


def cpu_meter(page):
    """Return a function that tells CPU seconds of the page's main thread; a busy machine does not change them."""
    client = page.context.new_cdp_session(page)  # it counts from here on, and as long as it is open
    client.send("Performance.enable", {"timeDomain": "threadTicks"})

    def read():
        metrics = client.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    return read


def test_session_of_10_000_spans_costs_little_and_few_elements(seeded, visit):
    visitor = visit(seeded)
    session = max(visitor.sessions(), key=lambda session: session["span_count"])
    assert session["span_count"] >= LONG
    visitor.page.goto("about:blank")
    cpu_s = cpu_meter(visitor.page)
    before = cpu_s()

    page = visitor.open(f"/s/{session['session_id']}?v=flow")
    page.locator(".flow-row").first.wait_for()
    assert 0 < cpu_s() - before <= CPU_S_MAX
    assert page.locator("*").count() <= ELEMENTS_MAX

    page.keyboard.press("End")
    expect(page.locator('.flow-row[aria-selected="true"]')).to_be_visible()
    assert page.locator("*").count() <= ELEMENTS_MAX

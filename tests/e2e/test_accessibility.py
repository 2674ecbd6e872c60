"""axe-core over every page in both themes, and what it cannot see."""

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.browser

AXE = ROOT / "web/node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="module")
def axe():
    if not AXE.exists():
        pytest.skip("axe-core is not installed; run: npm ci, in web/")
    return AXE.read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("place", ["list", "flow", "chat", "welcome"])
def test_page_has_no_fault_that_axe_finds(seeded, visit, axe, place, theme):
    visitor = visit(seeded, color_scheme=theme)
    session = visitor.sessions("&q=status:error")[0]
    span = session["error"]["span_id"]
    address, sign = {
        "list": ("/sessions?range=all", ".session-list .row"),
        "flow": (f"/s/{session['session_id']}?v=flow&span={span}", ".panel-body"),
        "chat": (f"/s/{session['session_id']}?v=chat&span={span}", ".panel-body"),
        "welcome": ("/welcome", ".probe"),
    }[place]
    page = visitor.open(address)
    page.locator(sign).first.wait_for()

    page.evaluate(axe)
    report = page.evaluate("axe.run({resultTypes: ['violations']})")

    faults = [
        (fault["id"], node["target"], node["failureSummary"])
        for fault in report["violations"]
        for node in fault["nodes"][:3]
    ]
    assert faults == []


def test_theme_follows_the_system_until_it_is_chosen(seeded, visit):
    page = visit(seeded, color_scheme="dark").open("/sessions?range=all")
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    page.locator(".session-list .row").first.wait_for()  # the theme is there before the keys are

    page.keyboard.press("t")
    expect(root).to_have_attribute("data-theme", "light")
    page.reload()
    expect(root).to_have_attribute("data-theme", "light")


def test_keyboard_help_opens_and_closes_by_key(seeded, visit):
    page = visit(seeded).open("/sessions?range=all")
    page.locator(".session-list .row").first.wait_for()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()

    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()

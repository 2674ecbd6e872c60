"""The list of sessions, as a person and as a keyboard use it."""

import re

import pytest
from playwright.sync_api import expect
from support.backend import otlp_span, random_ids

pytestmark = pytest.mark.browser

ROWS = ".session-list .row"


def rows_of(page):
    return page.locator(ROWS)


def test_home_lists_the_newest_sessions_with_their_numbers(seeded, visit):
    visitor = visit(seeded)
    newest = visitor.sessions()[0]

    page = visitor.open("/")

    expect(page).to_have_url(re.compile(r"/sessions$"))
    first = rows_of(page).first
    expect(first).to_contain_text(newest["name"])
    expect(first).to_contain_text(newest["input_preview"])
    expect(first.locator(".cell-spans")).to_contain_text(str(newest["span_count"]))


def test_failed_session_shows_its_deepest_error(seeded, visit):
    visitor = visit(seeded)
    failed = visitor.sessions("&q=status:error")[0]

    page = visitor.open("/sessions?q=status:error&range=all")

    row = page.locator(f'[id="row-{failed["session_id"]}"]')
    expect(row).to_contain_text(failed["error"]["type"])
    expect(row).to_contain_text(failed["error"]["span_name"])
    expect(row.get_by_role("img", name="Error")).to_be_visible()


def test_filter_narrows_the_list_and_stays_in_the_address(seeded, visit):
    visitor = visit(seeded)
    expected = len(visitor.sessions("&q=status:error"))
    page = visitor.open("/sessions?range=all")
    expect(rows_of(page).first).to_be_visible()

    page.keyboard.press("/")
    page.keyboard.type("status:error")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("q=status%3Aerror"))
    expect(page.locator(".figure").first).to_contain_text(str(expected))
    expect(page.get_by_role("img", name="OK")).to_have_count(0)


def test_bad_filter_says_where_and_keeps_the_list(seeded, visit):
    page = visit(seeded).open("/sessions?range=all")
    expect(rows_of(page).first).to_be_visible()

    page.get_by_label("Filter sessions").fill("cost>much")
    page.keyboard.press("Enter")

    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("expected a number")
    expect(problem.locator("mark")).to_have_text("much")
    expect(rows_of(page).first).to_be_visible()


def test_filter_that_matches_nothing_offers_the_way_back(seeded, visit):
    page = visit(seeded).open("/sessions?q=tag:nowhere&range=all")
    expect(page.get_by_role("heading", name="No session matches")).to_be_visible()

    page.locator(".notice").get_by_role("button", name="Clear the filter").click()

    expect(rows_of(page).first).to_be_visible()


def test_keys_choose_and_open_a_session(seeded, visit):
    visitor = visit(seeded)
    second = visitor.sessions()[1]
    page = visitor.open("/sessions?range=all")
    expect(rows_of(page).first).to_be_visible()

    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    expect(page.locator('.row[aria-selected="true"]')).to_have_count(1)
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(f"/s/{second['session_id']}"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"/sessions\?range=all"))


def test_drag_over_the_histogram_becomes_the_range(seeded, visit):
    page = visit(seeded).open("/sessions?range=all")
    expect(rows_of(page).first).to_be_visible()
    page.wait_for_function("() => document.querySelector('.histogram svg')?.clientWidth > 100")
    box = page.locator(".histogram svg").bounding_box()

    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 10)
    page.mouse.up()

    expect(page).to_have_url(re.compile(r"from=\d{16}&to=\d{16}"))
    page.get_by_role("button", name="Reset").click()
    expect(page).to_have_url(re.compile(r"/sessions$"))


def test_every_session_is_reached_by_scrolling(seeded, visit):
    visitor = visit(seeded)
    oldest = visitor.sessions()[-1]
    page = visitor.open("/sessions?range=all")
    expect(rows_of(page).first).to_be_visible()

    page.keyboard.press("End")

    expect(page.locator(f'[id="row-{oldest["session_id"]}"]')).to_be_visible()


def test_new_sessions_enter_a_resting_list_and_wait_for_a_reader(empty, visit):
    visitor = visit(empty)
    first, second, third = (random_ids() for _ in range(3))
    empty.send(otlp_span(*first, "first", **{"session.id": "session-one"}))
    empty.until("/api/v1/sessions", lambda body: body["total"] == 1)
    page = visitor.open("/sessions?range=all")
    expect(rows_of(page)).to_have_count(1)

    empty.send(otlp_span(*second, "second", **{"session.id": "session-two"}))
    expect(rows_of(page)).to_have_count(2)

    page.keyboard.press("j")
    empty.send(otlp_span(*third, "third", **{"session.id": "session-three"}))
    pill = page.get_by_role("button", name="1 new")
    expect(pill).to_be_visible()
    expect(rows_of(page)).to_have_count(2)

    pill.click()
    expect(rows_of(page)).to_have_count(3)


# Playwright now and then never hands on a stream of events that it has held back, so the page holds it back itself.
HELD_STREAM = """
const Stream = window.EventSource;
window.EventSource = class extends EventTarget {
  static CLOSED = 2;
  readyState = 0;
  constructor(url) {
    super();
    window.letGo = () => {
      const stream = new Stream(url);
      stream.onopen = (event) => this.onopen(event);
      for (const name of ["connected", "session.upsert", "span.batch", "reset"])
        stream.addEventListener(name, ({ data }) => this.dispatchEvent(new MessageEvent(name, { data })));
    };
  }
  close() {}
};
"""


def test_what_comes_in_before_the_stream_of_news_stands_is_shown(empty, visit):
    page = visit(empty).page
    empty.send(otlp_span(*random_ids(), "first", **{"session.id": "session-one"}))
    empty.until("/api/v1/sessions", lambda body: body["total"] == 1)
    page.add_init_script(HELD_STREAM)
    page.goto(f"{empty.url}/sessions?range=all")
    expect(rows_of(page)).to_have_count(1)
    empty.send(otlp_span(*random_ids(), "second", **{"session.id": "session-two"}))
    empty.until("/api/v1/sessions", lambda body: body["total"] == 2)
    page.wait_for_timeout(200)
    expect(rows_of(page)).to_have_count(1)

    page.evaluate("letGo()")

    expect(rows_of(page)).to_have_count(2)


def test_lost_connection_is_told_and_the_list_stays(empty, visit):
    visitor = visit(empty)
    empty.send(otlp_span(*random_ids(), "work", **{"session.id": "session-one"}))
    empty.until("/api/v1/sessions", lambda body: body["total"] == 1)
    page = visitor.open("/sessions?range=all")
    expect(rows_of(page)).to_have_count(1)

    empty.kill()

    expect(page.get_by_text("Connection lost")).to_be_visible()
    expect(rows_of(page)).to_have_count(1)


def test_without_the_cookie_the_page_says_how_to_sign_in(seeded, browser):
    context = browser.new_context()
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(seeded.url + "/sessions")

    expect(page.get_by_role("heading", name="This browser is not signed in")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert sum("/api/v1/sessions" in url for url in asked) <= 2  # it does not ask again and again
    context.close()


def test_narrow_window_shows_cards_without_sideways_scrolling(seeded, visit):
    page = visit(seeded, viewport={"width": 390, "height": 844}).open("/sessions?range=all")
    expect(rows_of(page).first).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('.session-list').scrollWidth") <= 390


def test_long_names_and_tags_stay_in_their_place(empty, visit):
    trace, span = random_ids()
    long = "Supercalifragilistic" * 12
    told = {"agentops__span__kind": "session", "agentops__tags": f'["{long}"]'}
    empty.send(otlp_span(trace, span, long, session__id=trace, **told))
    empty.until("/api/v1/status", lambda status: status["span_count"] == 1)

    for width in (1440, 390):
        page = visit(empty, viewport={"width": width, "height": 844}).open("/sessions")
        expect(page.locator(".row .tag")).to_be_visible()
        cell = page.locator(".cell-session").bounding_box()
        line = page.locator(".line-1")
        assert line.evaluate("line => getComputedStyle(line).overflowX") == "hidden"
        assert line.bounding_box()["width"] <= cell["width"]
        assert page.locator(".row .tag").bounding_box()["width"] < 250

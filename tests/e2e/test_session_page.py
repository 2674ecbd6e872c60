"""One session: tree and waterfall, conversation, span panel; all of it in the address."""

import re

import pytest
from playwright.sync_api import expect
from support.backend import otlp_span, random_ids

pytestmark = pytest.mark.browser

ROWS = ".flow-row"


@pytest.fixture
def failed(seeded):
    sessions = seeded.get("/api/v1/sessions?q=status:error&limit=200")[2]["sessions"]
    return next(session for session in sessions if session["span_count"] < 100)


def skeleton_of(backend, session):
    return backend.get(f"/api/v1/sessions/{session['session_id']}/skeleton")[2]


def test_error_banner_leads_to_the_span_that_failed(seeded, failed, visit):
    page = visit(seeded).open(f"/s/{failed['session_id']}?v=flow")
    banner = page.locator(".error-banner")
    expect(banner).to_contain_text(failed["error"]["type"])

    banner.get_by_role("button", name="Go to span").click()

    expect(page).to_have_url(re.compile(f"span={failed['error']['span_id']}"))
    panel = page.get_by_role("complementary", name="Span")
    expect(panel).to_contain_text(failed["error"]["message"])
    expect(page.locator(f"#span-{failed['error']['span_id']}")).to_have_attribute(
        "aria-selected", "true"
    )


def test_unique_prefix_of_the_id_opens_the_session(seeded, failed, visit):
    page = visit(seeded).open(f"/s/{failed['session_id'][:8]}?v=flow")

    expect(page.get_by_role("heading", name=failed["name"])).to_be_visible()
    expect(page.locator(ROWS)).to_have_count(failed["span_count"])


def test_tree_folds_unfolds_and_remembers_in_the_address(seeded, failed, visit):
    page = visit(seeded).open(f"/s/{failed['session_id']}?v=flow")
    expect(page.locator(ROWS)).to_have_count(failed["span_count"])
    tree = page.get_by_role("treegrid", name="Spans")

    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(tree.get_by_role("row").nth(1)).to_have_attribute("aria-expanded", "false")
    page.reload()
    expect(page.locator(ROWS)).to_have_count(1)

    page.keyboard.press("]")
    expect(page.locator(ROWS)).to_have_count(failed["span_count"])
    page.keyboard.press("[")
    expect(page.locator(f'{ROWS}[aria-level="3"]')).to_have_count(0)


def test_many_like_spans_in_a_row_are_one_line_until_opened(seeded, visit):
    visitor = visit(seeded)
    session = max(visitor.sessions(), key=lambda session: session["span_count"])
    page = visitor.open(f"/s/{session['session_id']}?v=flow")
    group = page.locator(f"{ROWS}:has(.flow-count)").first
    expect(group).to_contain_text("fetch_page")
    expect(group).to_contain_text("×99")
    expect(group).to_have_attribute("aria-expanded", "false")

    group.click()
    page.keyboard.press("ArrowRight")

    expect(group).to_have_attribute("aria-expanded", "true")
    expect(page.locator(f'{ROWS}[aria-level="4"]').first).to_contain_text("fetch_page")


def test_errors_are_visited_by_key_and_unfold_what_hides_them(seeded, failed, visit):
    page = visit(seeded).open(f"/s/{failed['session_id']}?v=flow&fold=*")
    expect(page.locator(ROWS)).to_have_count(1)

    page.keyboard.press("e")
    page.keyboard.press("e")

    selected = page.locator(f'{ROWS}[aria-selected="true"]')
    expect(selected).to_have_count(1)
    expect(selected).to_have_class(re.compile("flow-failed"))


def test_zoom_puts_the_range_in_the_address_and_zero_takes_it_back(seeded, failed, visit):
    skeleton = skeleton_of(seeded, failed)
    llm = next(
        skeleton["span_id"][i]
        for i, type_ in enumerate(skeleton["type"])
        if skeleton["types"][type_] == "llm"
    )
    page = visit(seeded).open(f"/s/{failed['session_id']}?v=flow&span={llm}")
    expect(page.locator(f"#span-{llm}")).to_be_visible()

    page.keyboard.press("z")
    expect(page).to_have_url(re.compile(r"t0=\d+&t1=\d+"))
    page.wait_for_function(
        """selector => {
            const bar = document.querySelector(selector);
            return bar.clientWidth / bar.parentElement.clientWidth > 0.9;
        }""",
        arg=f"#span-{llm} .bar",
    )

    page.keyboard.press("0")
    expect(page).not_to_have_url(re.compile("t1="))


def test_panel_shows_messages_attributes_and_raw(seeded, failed, visit):
    skeleton = skeleton_of(seeded, failed)
    llm = next(
        index for index, type_ in enumerate(skeleton["type"]) if skeleton["types"][type_] == "llm"
    )
    span_id, trace_id = skeleton["span_id"][llm], skeleton["trace_id"][llm]
    detail = seeded.get(f"/api/v1/spans/{trace_id}/{span_id}")[2]
    page = visit(seeded).open(f"/s/{failed['session_id']}?v=flow&span={span_id}")
    panel = page.get_by_role("complementary", name="Span")
    expect(panel).to_contain_text(detail["response_model"] or detail["request_model"])
    expect(panel.locator(".message-user")).to_contain_text(failed["input_preview"])

    panel.get_by_role("tab", name=re.compile("Attributes")).click()
    panel.get_by_label("Search attributes").fill("service.name")
    expect(panel.locator(".attributes dd").first).to_contain_text(detail["service_name"])
    expect(page).to_have_url(re.compile("tab=attributes"))

    panel.get_by_role("tab", name="Raw").click()
    expect(panel).to_contain_text(f'"span_id": "{span_id}"')

    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def test_chat_pairs_calls_with_results_and_leads_to_spans(seeded, visit):
    visitor = visit(seeded)
    session = next(s for s in visitor.sessions("&q=status:ok") if s["span_count"] < 100)
    page = visitor.open(f"/s/{session['session_id']}?v=chat")
    conversation = page.get_by_role("region", name="Conversation")
    expect(conversation.locator(".message-user").first).to_contain_text(session["input_preview"])
    call = conversation.locator(".tool-call").first
    expect(call.locator(".tool-output")).to_contain_text("order")

    call.get_by_role("button", expanded=False).click()
    expect(call).to_contain_text("Arguments")
    expect(call).to_contain_text("Result")

    call.get_by_title("Show the span").click()
    expect(page).to_have_url(re.compile("span=[0-9a-f]{16}"))
    expect(page.get_by_role("complementary", name="Span")).to_be_visible()


def test_running_session_grows_and_the_selection_stays(empty, visit):
    trace_id, root = random_ids()
    _, first = random_ids()
    _, second = random_ids()
    session = {"session.id": "growing-session"}
    empty.send(otlp_span(trace_id, first, "first step", parent=root, **session))
    empty.until("/api/v1/sessions", lambda body: body["total"] == 1)
    page = visit(empty).open(f"/s/growing-session?v=flow&span={first}")
    expect(page.locator(f"#span-{first}")).to_be_visible()
    expect(page.locator(".flow-missing")).to_be_visible()

    empty.send(otlp_span(trace_id, second, "second step", parent=root, **session))

    expect(page.locator(f"#span-{second}")).to_be_visible()
    expect(page.locator(f"#span-{first}")).to_have_attribute("aria-selected", "true")


def test_link_to_a_session_opens_before_its_data_arrives(empty, visit):
    page = visit(empty).open("/s/not-yet-here?v=flow")
    expect(page.get_by_role("heading", name="Waiting for spans of not-yet-here")).to_be_visible()

    empty.send(otlp_span(*random_ids(), "arrived", **{"session.id": "not-yet-here"}))

    expect(page.locator(".flow-row")).to_contain_text("arrived")


def test_trace_address_leads_to_its_session(seeded, failed, visit):
    trace_id = skeleton_of(seeded, failed)["trace_id"][0]

    page = visit(seeded).open(f"/t/{trace_id}")

    expect(page).to_have_url(re.compile(f"/s/{failed['session_id']}"))


def test_trace_that_never_came_is_told_as_such(seeded, visit):
    page = visit(seeded).open("/t/" + "01" * 16)

    expect(page.get_by_role("heading", name="There is no such trace")).to_be_visible()
    page.get_by_role("link", name="Go to the sessions").click()
    expect(page).to_have_url(re.compile("/sessions"))


def test_neighbours_are_one_key_away(seeded, visit):
    visitor = visit(seeded)
    newest, older = visitor.sessions()[:2]
    page = visitor.open(f"/s/{newest['session_id']}?v=flow")
    expect(page.locator(ROWS).first).to_be_visible()

    page.keyboard.press("Shift+J")

    expect(page).to_have_url(re.compile(older["session_id"]))


def test_narrow_window_starts_with_the_conversation(seeded, failed, visit):
    page = visit(seeded, viewport={"width": 390, "height": 844}).open(f"/s/{failed['session_id']}")

    expect(page.get_by_role("region", name="Conversation")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

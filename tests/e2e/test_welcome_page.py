"""The page of an empty store: how to send, what arrives, and the way on."""

import re
import urllib.parse

import pytest
from playwright.sync_api import expect
from support.backend import otlp_span, random_ids

pytestmark = pytest.mark.browser


def test_empty_store_welcomes_and_the_first_span_opens_the_list(empty, visit):
    page = visit(empty).open("/")
    expect(page).to_have_url(re.compile("/welcome$"))
    expect(page.get_by_role("heading", name="Listening")).to_be_visible()

    empty.send(otlp_span(*random_ids(), "hello", **{"session.id": "session-one"}))

    expect(page).to_have_url(re.compile("/sessions$"))
    expect(page.locator(".session-list .row")).to_have_count(1)


def test_each_way_to_send_names_this_server(empty, visit):
    page = visit(empty).open("/welcome")
    netloc = urllib.parse.urlsplit(empty.url).netloc

    for label in ("agentops", "OpenTelemetry", "curl", "Older agentops"):
        page.get_by_role("button", name=label, exact=True).click()
        expect(page.locator(".snippet")).to_contain_text(f"http://{netloc}")
        expect(page.locator(".snippet").get_by_role("button", name="Copy").first).to_be_visible()


def test_refused_request_is_told_with_its_reason(empty, visit):
    page = visit(empty).open("/welcome")
    expect(page.get_by_role("heading", name="Listening")).to_be_visible()

    empty.request("POST", "/v1/traces", {"Content-Type": "application/json"}, b"{not json")

    expect(page.get_by_text("Last refused request")).to_be_visible()

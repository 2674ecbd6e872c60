"""Everything that telemetry brings may be hostile; the pages show it and do nothing of it."""

import json

import pytest
from playwright.sync_api import expect
from support.backend import otlp_span, random_ids

pytestmark = pytest.mark.browser

ATTACKS = (
    "<script>window.attacked = 1</script>",
    "<img src=x onerror='window.attacked = 1'>",
    '<svg onload="window.attacked = 1">',
    "[click](javascript:window.attacked=1)",
    "[click](data:text/html,<script>window.attacked=1</script>)",
    "![pixel](https://stranger.invalid/pixel.png)",
    "<iframe srcdoc='<script>parent.attacked = 1</script>'></iframe>",
    '"><a href="javascript:window.attacked=1" autofocus onfocus="window.attacked=1">x</a>',
)
HIDDEN = "safe\u202egnp.exe"


def messages(role, text):
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


@pytest.fixture
def attacked(empty):
    text = "\n\n".join((*ATTACKS, HIDDEN))
    trace_id, span_id = random_ids()
    attributes = {
        "session.id": "attack-session",
        "agentops.session.name": ATTACKS[1],
        "agentops.span.kind": "llm",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": ATTACKS[0],
        "gen_ai.agent.name": ATTACKS[1],
        "user.id": ATTACKS[1],
        "gen_ai.input.messages": messages("user", text),
        "gen_ai.output.messages": messages("assistant", text),
        ATTACKS[1]: ATTACKS[0],
    }
    empty.send(
        otlp_span(trace_id, span_id, ATTACKS[1], **attributes), **{"service.name": ATTACKS[1]}
    )
    empty.until("/api/v1/sessions", lambda body: body["total"] == 1)
    return empty, span_id


@pytest.mark.parametrize("tab", ["content", "attributes", "raw"])
@pytest.mark.parametrize("view", ["flow", "chat"])
def test_hostile_content_is_text_and_nothing_more(attacked, visit, view, tab):
    backend, span_id = attacked
    visitor = visit(backend)

    page = visitor.open(f"/s/attack-session?v={view}&span={span_id}&tab={tab}")
    expect(page.get_by_role("complementary", name="Span")).to_contain_text("onerror")

    assert page.evaluate("window.attacked") is None
    schemes = page.evaluate("[...document.links].map(link => new URL(link.href).protocol)")
    assert set(schemes) <= {"http:", "https:", "mailto:"}
    assert page.locator("iframe, img[src^=http]").count() == 0


def test_hidden_characters_are_written_out(attacked, visit):
    backend, span_id = attacked

    page = visit(backend).open(f"/s/attack-session?v=chat&span={span_id}")

    expect(page.locator(".chat")).to_contain_text("safe⟨U+202E⟩gnp.exe")


def test_hostile_names_in_the_list_are_text(attacked, visit):
    backend, _ = attacked

    page = visit(backend).open("/sessions?range=all")

    expect(page.locator(".session-list .row")).to_contain_text("onerror")
    assert page.evaluate("window.attacked") is None

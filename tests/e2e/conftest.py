"""A real backend with seeded sessions, and a real Chromium that must stay silent and at home."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.backend import BackendProcess

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "agentops/server/static"
LONG = 10_000
PATIENCE_MS = 60_000  # a busy machine takes its time


def chromium_path():
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser():
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium on this machine: the tests that drive a browser need one")
    if not (STATIC / "index.html").exists():
        pytest.skip("the web UI is not built; run: make agentops/server/static/index.html")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def seeded(tmp_path_factory):
    """A backend that holds 40 sessions, one of them running and one of 10 000 spans."""
    directory = tmp_path_factory.mktemp("seeded") / "data"
    command = [sys.executable, "-m", "tests.support.seed", "--data-dir", str(directory)]
    subprocess.run([*command, "--sessions", "40", "--spans", str(LONG)], cwd=ROOT, check=True)
    with BackendProcess(directory) as backend:
        yield backend


@pytest.fixture
def empty(tmp_path):
    """A backend that has received nothing."""
    with BackendProcess(tmp_path / "data") as backend:
        yield backend


class Visitor:
    """A signed-in browser page, and everything it complained about or asked of others."""

    def __init__(self, context, backend):
        self.backend = backend
        self.complaints = []
        self.strangers = []
        self.page = context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._on_request)
        self.page.goto(f"{backend.url}/welcome?token={backend.token}")

    def open(self, path):
        self.page.goto(self.backend.url + path)
        return self.page

    def sessions(self, query=""):
        return self.backend.get("/api/v1/sessions?limit=200" + query)[2]["sessions"]

    def _on_console(self, message):
        is_told_refusal = "Failed to load resource" in message.text
        if message.type in ("error", "warning") and not is_told_refusal:
            self.complaints.append(message.text)

    def _on_request(self, request):
        if not request.url.startswith((self.backend.url, "data:", "blob:")):
            self.strangers.append(request.url)


@pytest.fixture
def visit(browser):
    """Open a page of a backend: ``visit(backend)``; afterwards it must have had nothing to say."""
    visitors = []

    def open_visitor(backend, **options):
        options = {"viewport": {"width": 1440, "height": 900}, **options}
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        visitors.append((Visitor(context, backend), context))
        return visitors[-1][0]

    yield open_visitor
    for visitor, context in visitors:
        context.close()
        assert (visitor.complaints, visitor.strangers) == ([], [])

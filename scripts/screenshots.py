"""Makes the pictures of the documentation, docs/images/*.png, from a real server.

It shows seeded sessions and, above them, those of the demo.

.venv/bin/python scripts/screenshots.py [--output DIR]

Needs the built UI and a Chromium; the server is its own, on a free port, and ends with it.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from playwright.sync_api import Browser, sync_playwright  # noqa: E402
from support.backend import BackendProcess  # noqa: E402

SIZE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SESSIONS = 60


def places(backend: BackendProcess) -> dict[str, tuple[str, str]]:
    """Name of each picture, with the page it shows and the sign that the page is complete."""
    answer = backend.get("/api/v1/sessions?limit=200")[2]
    demo = next(session for session in answer["sessions"] if "demo" in session["tags"])
    address = f"/s/{demo['session_id']}"
    skeleton = backend.get(f"/api/v1{address.replace('/s/', '/sessions/')}/skeleton")[2]
    calls = [i for i, kind in enumerate(skeleton["type"]) if skeleton["types"][kind] == "llm"]
    span = skeleton["span_id"][calls[1]]
    return {
        "sessions": ("/sessions", ".session-list .row"),
        "session": (f"{address}?v=flow&span={span}", ".panel-body .message"),
        "chat": (f"{address}?v=chat", ".chat .message"),
    }


def take(browser: Browser, backend: BackendProcess, output: Path) -> None:
    """Take every picture, in both themes, and the list on a telephone."""
    shots = [
        (f"{name}-{theme}", place, theme, SIZE)
        for name, place in places(backend).items()
        for theme in ("light", "dark")
    ]
    shots.append(("sessions-narrow", places(backend)["sessions"], "light", NARROW))
    for name, (address, sign), theme, size in shots:
        context = browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")
        page = context.new_page()
        page.goto(f"{backend.url}/sessions?token={backend.token}")
        page.goto(backend.url + address)
        page.locator(sign).first.wait_for()
        page.wait_for_load_state("load")
        page.evaluate("document.fonts.ready")
        path = output / f"{name}.png"
        page.screenshot(path=path)
        print(path)
        context.close()


def main() -> int:
    """Seed a server, open a browser, take the pictures; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs/images")
    output = parser.parse_args().output
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        print("no Chromium on this machine", file=sys.stderr)
        return 1
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        data = Path(directory) / "data"
        seed = [sys.executable, "-m", "tests.support.seed", "--data-dir", str(data)]
        subprocess.run([*seed, "--sessions", str(SESSIONS)], cwd=ROOT, check=True)
        demo = [sys.executable, "-m", "agentops.cli", "demo", "--exit", "--port", "0"]
        subprocess.run([*demo, "--data-dir", str(data)], cwd=ROOT, check=True)
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        with BackendProcess(data) as backend:
            take(browser, backend, output)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

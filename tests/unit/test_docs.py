"""What the command line and the documentation say of each other is true."""

import re
from pathlib import Path

import pytest

from agentops.cli import VERBS

ROOT = Path(__file__).resolve().parents[2]


def test_every_verb_stands_in_the_reference():
    text = (ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8")

    assert set(VERBS) == set(re.findall(r"^\| `agentops (\w+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    "page",
    sorted(
        path.relative_to(ROOT).as_posix()
        for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    ),
)
def test_links_between_pages_lead_somewhere(page):
    path = ROOT / page
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", path.read_text(encoding="utf-8"))

    assert [] == [target for target in targets if not (path.parent / target).exists()]


def test_every_decision_is_listed():
    listed = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")

    assert [] == [
        path.name for path in (ROOT / "docs/adr").glob("0*.md") if path.name not in listed
    ]


def test_every_page_stands_in_the_index():
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").glob("*/*.md")]

    assert [] == [page for page in pages if page not in index and not page.startswith("adr/")]

"""The page of known failures names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_test_that_the_page_names_exists():
    page = (ROOT / "docs/explanation/known-failures.md").read_text(encoding="utf-8")
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py")]
    defined = set(re.findall(r"def (test_\w+)\(", "\n".join(sources)))

    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 80
    assert sorted(named - defined) == []

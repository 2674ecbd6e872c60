"""The examples of the how-to pages run, each page from top to bottom."""

import re
from pathlib import Path

import pytest

import agentops
from agentops.testing import recording

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


@pytest.mark.parametrize(
    ("page", "spans"),
    [
        ("sessions", {"support", "answer", "customer 1", "customer 2"}),
        (
            "decorators",
            {"demo", "invoke_agent support", "execute_tool find_order", "invoke_agent Planner"},
        ),
    ],
)
def test_the_examples_run_and_record_what_they_say(page, spans):
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    names = {"agentops": agentops}

    with recording() as recorded:
        for example in examples:
            exec(compile(example, f"{page}.md", "exec"), names)
        found = {span.name for span in recorded.spans}

    assert spans <= found


def test_the_tests_of_the_page_on_testing_pass():
    text = (PAGES / "test-your-program.md").read_text(encoding="utf-8")
    names = {}
    for example in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        exec(compile(example, "test-your-program.md", "exec"), names)
    tests = [test for name, test in names.items() if name.startswith("test_")]

    assert 2 == len(tests)
    for test in tests:
        test()


def test_every_keyword_and_every_verb_is_described():
    from agentops import decorators

    text = (PAGES / "decorators.md").read_text(encoding="utf-8")
    keywords = {
        *decorators.StepKeywords.__annotations__,
        *decorators.ToolKeywords.__annotations__,
        *decorators.GuardrailKeywords.__annotations__,
    }

    assert [name for name in keywords if f"`{name}`" not in text] == []
    verbs = ["agent", "tool", "task", "operation", "workflow", "guardrail", "session"]
    assert [verb for verb in verbs if verb not in text] == []


@pytest.mark.parametrize(
    "example",
    re.findall(
        r"^```python\n(.*?)^```",
        (PAGES / "use-your-own-opentelemetry.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    ),
)
def test_each_way_to_join_opentelemetry_works(example):
    try:
        exec(compile(example, "use-your-own-opentelemetry.md", "exec"), {})
        with agentops.session("joined"):
            pass
        assert agentops.flush(30_000)

        assert agentops.get_client().telemetry.stats().accepted > 0
    finally:
        agentops.shutdown()

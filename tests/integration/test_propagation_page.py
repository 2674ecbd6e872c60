"""The examples of the page on propagation run from top to bottom."""

import re
from pathlib import Path

import pytest

import agentops

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "propagate-context.md"


@pytest.fixture
def stopped():
    yield
    agentops.shutdown()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_recipe_works(stopped):
    for name in ("celery", "fastapi", "flask", "grpc", "opentelemetry.instrumentation.httpx"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    text = PAGE.read_text(encoding="utf-8")
    recipes = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    agentops.init(
        instrument=[],
        session={"auto_start": False, "print_summary": False},
        telemetry={"exporters": ["memory"]},
    )
    names = {"__name__": "recipes"}
    for recipe in recipes:
        exec(compile(recipe, PAGE.name, "exec"), names)
    import asyncio

    asyncio.run(names["open_both"]())
    names["propagation"].uninstall()

    assert len(recipes) >= 12
    assert len(names["app"].user_middleware) == 2


def test_the_page_names_what_there_is():
    from agentops.instrumentation.providers import LIBRARIES
    from agentops.telemetry.config import ContextConfig

    text = PAGE.read_text(encoding="utf-8")
    told = [*LIBRARIES, *ContextConfig.__dataclass_fields__, "continue", "link", "refuse"]

    assert [name for name in told if name not in text] == []

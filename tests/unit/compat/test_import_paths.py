"""What programs of the older releases import from inside the package is found there."""

from importlib import import_module
from pathlib import Path

import pytest

import agentops
from agentops.compat import options, reserved

PAGE = Path(__file__).parents[3] / "docs/reference/older-agentops.md"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("agentops.sdk.decorators", "agent guardrail operation task tool trace workflow"),
        ("agentops.sdk.decorators", "session track_endpoint"),
        ("agentops.sdk.core", "TraceContext tracer"),
        ("agentops.event", "ActionEvent ErrorEvent Event EventType LLMEvent ToolEvent"),
        ("agentops.events", "EventType"),
        ("agentops.session", "EndState Session"),
        ("agentops.client", "Client"),
        ("agentops.enums", "TraceState SUCCESS ERROR UNSET"),
        ("agentops.exceptions", "MultiSessionException NoSessionException ApiServerException"),
    ],
)
def test_older_import_paths_hold_their_names(path, names):
    module = import_module(path)

    assert [name for name in names.split() if getattr(module, name, None) is None] == []


def test_the_decorators_are_the_same_objects():
    from agentops.sdk.decorators import agent, operation

    assert agent is agentops.agent
    assert operation is agentops.task


def test_the_page_on_older_programs_names_what_is_not_served():
    text = PAGE.read_text(encoding="utf-8")

    assert [] == [name for name in set(reserved.__all__) - {"NotServedError"} if name not in text]
    assert [] == [
        name for name, does in options._MEANINGS.items() if not _acts(does) and name not in text
    ]


def _acts(meaning):
    return meaning not in (options._nothing, options._parent_key)


def test_the_exceptions_are_ours():
    from agentops import exceptions

    for name in exceptions.__all__:
        assert issubclass(getattr(exceptions, name), agentops.AgentOpsError)

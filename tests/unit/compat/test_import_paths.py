"""What programs of the older releases import from inside the package is found there."""

from importlib import import_module

import pytest

import agentops


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


def test_the_exceptions_are_ours():
    from agentops import exceptions

    for name in exceptions.__all__:
        assert issubclass(getattr(exceptions, name), agentops.AgentOpsError)

"""The root module: every name resolves, importing costs next to nothing."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import agentops

NAMES_0_3 = [
    "init",
    "configure",
    "start_session",
    "end_session",
    "record",
    "add_tags",
    "set_tags",
    "get_api_key",
    "set_api_key",
    "set_parent_key",
    "stop_instrumenting",
    "create_agent",
    "get_session",
    "end_all_sessions",
    "Client",
    "Session",
    "Event",
    "ActionEvent",
    "LLMEvent",
    "ToolEvent",
    "ErrorEvent",
    "record_action",
    "record_tool",
    "record_function",
    "track_agent",
    "LangchainCallbackHandler",
    "AsyncLangchainCallbackHandler",
]
NAMES_0_4 = [
    "init",
    "configure",
    "record",
    "start_trace",
    "end_trace",
    "update_trace_metadata",
    "Client",
    "get_client",
    "TraceContext",
    "tracer",
    "trace",
    "session",
    "agent",
    "task",
    "workflow",
    "operation",
    "tool",
    "guardrail",
    "track_endpoint",
    "TraceState",
    "SUCCESS",
    "ERROR",
    "UNSET",
    "start_session",
    "end_session",
    "end_all_sessions",
    "Session",
    "track_agent",
    "track_tool",
    "ActionEvent",
    "LLMEvent",
    "ToolEvent",
    "ErrorEvent",
    "validate_trace_spans",
    "print_validation_summary",
    "ValidationError",
    "AgentAttributes",
    "ToolAttributes",
    "WorkflowAttributes",
    "CoreAttributes",
    "SpanKind",
    "SpanAttributes",
    "StatusCode",
]
HEAVY = ["openai", "anthropic", "grpc", "yaml", "urllib3", "chdb", "starlette", "agentops.server"]


def in_subprocess(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip()


@pytest.mark.parametrize("name", sorted({*agentops.__all__, *NAMES_0_3, *NAMES_0_4}))
def test_every_public_name_resolves(name):
    assert getattr(agentops, name) is not None
    assert name in dir(agentops)


def test_submodules_that_programs_use_need_no_import_of_their_own():
    told = in_subprocess(
        "import agentops; print(agentops.middleware.ASGIMiddleware.__name__, agentops.testing.__name__)"
    )

    assert "ASGIMiddleware agentops.testing" == told


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        agentops.nothing  # noqa: B018 - reading it is the test


def test_the_list_of_names_is_sorted_and_equal_to_what_type_checkers_see():
    tree = ast.parse(Path(agentops.__file__).read_text())
    seen = {
        (node.module, alias.asname)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("agentops.")
        for alias in node.names
    }

    assert agentops.__all__ == sorted(set(agentops.__all__))
    assert seen == {(agentops._HOME_OF[name], name) for name in agentops.__all__}


def test_every_public_name_has_a_docstring():
    for name in agentops.__all__:
        assert inspect.getdoc(getattr(agentops, name)), name


def test_the_session_package_is_also_the_verb():
    import agentops.session
    from agentops.session import Session

    assert callable(agentops.session)
    assert agentops.session is sys.modules["agentops.session"]
    assert agentops.Session is Session


def test_import_loads_nothing_heavy():
    loaded = in_subprocess("import agentops, sys; print(*sys.modules)").split()

    assert not [name for name in loaded if name.startswith(tuple(HEAVY))]
    assert not [name for name in loaded if name.startswith("opentelemetry")]


def test_decorating_loads_no_vendor_and_no_transport():
    loaded = in_subprocess(
        "import agentops, sys\n"
        "@agentops.agent\n"
        "def f(): return 1\n"
        "with agentops.tool('t'): f()\n"
        "print(*sys.modules)"
    ).split()

    assert not [name for name in loaded if name.startswith(tuple(HEAVY))]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "code",
    ["import agentops", "import agentops; agentops.session, agentops.agent, agentops.init"],
    ids=["import", "import and use of the verbs"],
)
def test_importing_costs_less_than_one_and_a_half_times_the_opentelemetry_sdk(
    code, tmp_path, monkeypatch
):
    # Both from bytecode, as installed packages are.
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)

    def cpu_s(statement):
        return float(in_subprocess(f"import time; {statement}; print(time.process_time())"))

    cpu_s(code), cpu_s("import opentelemetry.sdk.trace")
    pairs = [(cpu_s(code), cpu_s("import opentelemetry.sdk.trace")) for _ in range(5)]
    ours, baseline = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)

    assert ours / baseline < 1.5


@pytest.mark.parametrize(
    "name",
    ["LangchainCallbackHandler", "set_parent_key", "track_endpoint", "validate_trace_spans"],
)
def test_a_name_that_is_not_served_says_what_to_use(name):
    with pytest.raises(NotImplementedError, match=f"agentops.{name} is not served.*instead, "):
        getattr(agentops, name)()


def test_reading_from_a_name_that_is_not_served_says_what_to_use():
    with pytest.raises(NotImplementedError, match=r"instead, use agentops\.session"):
        agentops.tracer.get_tracer()


def test_subclassing_a_name_that_is_not_served_says_what_to_use():
    with pytest.raises(NotImplementedError, match=r"instead, call agentops\.init"):

        class Mine(agentops.LangchainCallbackHandler):
            pass

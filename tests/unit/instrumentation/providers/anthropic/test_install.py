"""Putting the instrumentation on and off, early and late, once and twice, beside others'."""

import subprocess
import sys
import textwrap
from pathlib import Path

import anthropic
import wrapt
from anthropic.lib.tools import _beta_runner
from support.anthropic_wire import REQUEST, TOOL_MESSAGE

TESTS = Path(__file__).parents[4]
BASE = anthropic._base_client
CLASSES = (
    BASE.BaseClient,
    BASE.SyncAPIClient,
    BASE.AsyncAPIClient,
    _beta_runner.BaseSyncToolRunner,
    _beta_runner.BaseAsyncToolRunner,
)


def _functions():
    return {cls: dict(vars(cls)) for cls in CLASSES}


def test_uninstall_puts_the_very_same_functions_back(provider):
    provider.uninstall()
    before = _functions()
    provider.install()
    during = _functions()
    provider.uninstall()

    request = before[BASE.SyncAPIClient]["request"]
    assert during[BASE.SyncAPIClient]["request"] is not request
    for cls, functions in before.items():
        assert vars(cls).keys() == functions.keys()
        assert all(vars(cls)[name] is function for name, function in functions.items())


def test_installing_twice_is_installing_once(provider, manager, wire):
    provider.install()
    provider.install()
    wire.client().messages.create(**REQUEST)
    provider.uninstall()
    wire.client().messages.create(**REQUEST)

    assert len(manager.ended) == 1


def test_accessors_that_were_cached_follow_the_instrumentation(provider, manager, wire):
    client = wire.client()
    create = client.messages.with_raw_response.create
    bound = client.messages.create
    create(**REQUEST)
    provider.uninstall()
    create(**REQUEST)
    bound(**REQUEST)
    assert len(manager.ended) == 1

    provider.install()
    create(**REQUEST)
    bound(**REQUEST)

    assert len(manager.ended) == 3


def test_another_wrapper_around_ours_stays_and_ours_becomes_transparent(provider, manager, wire):
    seen = []

    def other(wrapped, instance, args, kwargs):
        seen.append("other")
        return wrapped(*args, **kwargs)

    original = vars(BASE.SyncAPIClient)["request"]
    wrapt.wrap_function_wrapper(BASE.SyncAPIClient, "request", other)
    try:
        wire.client().messages.create(**REQUEST)
        provider.uninstall()
        wire.client().messages.create(**REQUEST)
    finally:
        BASE.SyncAPIClient.request = original

    assert seen == ["other", "other"]
    assert len(manager.ended) == 1


def test_a_package_that_is_imported_later_is_instrumented_then():
    program = """
        import sys
        sys.path.insert(0, {tests!r})
        from support.providers import DirectManager
        from agentops.providers import install_all
        manager = DirectManager()
        install_all(manager, ["anthropic"])
        assert "anthropic" not in sys.modules
        from support.anthropic_wire import REQUEST, Wire
        Wire().client().messages.create(**REQUEST)
        assert "anthropic.lib.tools._beta_session_runner" not in sys.modules
        print([ended.name for ended in manager.ended])
    """
    source = textwrap.dedent(program.format(tests=str(TESTS)))
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "['chat claude-opus-5']"


def test_tools_run_untouched_when_the_instrumentation_is_off(provider, manager, wire):
    provider.uninstall()
    wire.answers["/v1/messages"] = [TOOL_MESSAGE, wire.message]

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """Tell the weather."""
        return city

    wire.client().beta.messages.tool_runner(**REQUEST, tools=[weather]).until_done()

    assert manager.ended == []

"""A vendor's package is hooked whenever the program imports it, and however often."""

import gc
import importlib
import subprocess
import sys
import textwrap
import weakref

import pytest
from support.providers import DirectManager

from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.base import ProviderInstrumentation, Target
from agentops.providers.instrumented_provider import InstrumentedProvider

ASKED = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}


def run(program):
    """Return what a program prints, and what it says besides."""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": "tests", "PATH": "/usr/bin"},
    )
    return ended.stdout.strip(), ended.stderr


def test_a_vendor_imported_later_is_instrumented():
    program = textwrap.dedent(
        """
        import sys
        from support.providers import DirectManager
        from agentops.providers import install_all

        manager = DirectManager()
        install_all(manager, ["openai"])
        assert "openai" not in sys.modules
        from support.openai_wire import Wire

        Wire().client().chat.completions.create(model="m", messages=[])
        print(len(manager.ended))
        """
    )
    assert run(program) == ("1", "")


@pytest.mark.parametrize(
    ("vendor", "kind", "path"),
    [("openai", "OpenAI", "chat.completions"), ("anthropic", "Anthropic", "messages")],
)
def test_a_vendor_imported_anew_is_instrumented_and_both_are_restored(vendor, kind, path):
    program = textwrap.dedent(
        f"""
        import sys
        from importlib import import_module
        from operator import attrgetter
        from support.{vendor}_wire import Wire
        from support.providers import DirectManager
        from agentops.providers import install_all

        def imported():
            vendor = import_module("{vendor}")
            api = attrgetter("{path}")(Wire().client(vendor.{kind}, api_key="x"))
            api.create(**{ASKED!r})
            return vendor._base_client.SyncAPIClient

        bare = imported().request
        manager = DirectManager()
        (provider,) = install_all(manager, ["{vendor}"])
        worlds = [imported()]
        for _ in range(2):
            for name in [name for name in sys.modules if name.partition(".")[0] == "{vendor}"]:
                del sys.modules[name]
            worlds.append(imported())
            print(len(manager.ended))
        provider.uninstall()
        imported()
        methods = [kind.request for kind in worlds]
        print(len(manager.ended), methods[0] is bare, *[hasattr(each, "__wrapped__") for each in methods])
        """
    )
    assert run(program) == ("2\n3\n3 True False False False", "")


def test_a_vendor_that_the_program_is_not_to_find_is_left_alone_until_it_may():
    program = textwrap.dedent(
        """
        import sys
        from support.providers import DirectManager
        from agentops.providers import install_all

        sys.modules["openai"] = None
        manager = DirectManager()
        install_all(manager, ["openai"])
        del sys.modules["openai"]
        from support.openai_wire import Wire

        Wire().client().chat.completions.create(model="m", messages=[])
        print(len(manager.ended))
        """
    )

    assert run(program) == ("1", "")


class OddInstrumentation(ProviderInstrumentation):
    module = "odd_package"

    def targets(self):
        return [Target(module="odd_package", name="Client.ask")]

    def read_request(self, target, args, kwargs):
        return LLMCall(operation="chat", provider="odd", model="m")

    def read_response(self, call, response):
        return None


def test_what_is_imported_anew_is_patched_and_what_was_there_before_is_not_kept(
    tmp_path, monkeypatch
):
    (tmp_path / "odd_package.py").write_text("class Client:\n    def ask(self): return 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    manager = DirectManager()
    provider = InstrumentedProvider(OddInstrumentation(manager))
    provider.install()
    kinds = weakref.WeakSet()
    for _ in range(3):
        kind = importlib.import_module("odd_package").Client
        kinds.add(kind)
        kind().ask()
        del sys.modules["odd_package"]
    gc.collect()
    alive = list(kinds)
    provider.uninstall()
    importlib.import_module("odd_package").Client().ask()
    del sys.modules["odd_package"]

    assert alive == [kind]
    assert "__wrapped__" not in vars(kind.ask)
    assert len(manager.ended) == 3

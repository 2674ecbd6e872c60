"""What a program names is instrumented, or it hears why it cannot be."""

import importlib
import sys
import threading

import openai
import pytest
from support.providers import DirectManager
from support.waiting import eventually

from agentops import providers
from agentops.errors import ConfigurationError
from agentops.instrumentation.providers.anthropic import AnthropicInstrumentation
from agentops.instrumentation.providers.base import ProviderInstrumentation, Target


class Homeless(ProviderInstrumentation):
    """Does not tell which package it is for."""

    def targets(self):
        return ()

    def read_request(self, target, args, kwargs):
        return None

    def read_response(self, call, response):
        return None


class Placed(Homeless):
    module = "json"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("opnai", "expected some of aiohttp, "),
        ("no_such_package:Vendor", "No module named 'no_such_package'"),
        (f"{__name__}:Vendor", "has no attribute 'Vendor'"),
        (f"{__name__}:Homeless", "whose `module` names the package it is for"),
    ],
)
def test_what_cannot_be_instrumented_is_refused_by_name(name, told):
    with pytest.raises(ConfigurationError) as raised:
        providers.install_all(DirectManager(), [name])

    assert str(raised.value).startswith(f"instrument: got {name!r}; expected ")
    assert told in str(raised.value)


def test_a_name_that_is_refused_leaves_the_others_alone():
    before = openai.OpenAI.request

    with pytest.raises(ConfigurationError):
        providers.install_all(DirectManager(), ["openai", "no_such_package:Vendor"])

    assert openai.OpenAI.request is before


def test_a_class_is_instrumented_by_its_path():
    (provider,) = providers.install_all(DirectManager(), [f"{__name__}:Placed"])
    provider.uninstall()

    assert isinstance(provider.instrumentation, Placed)


def test_what_happens_to_be_installed_may_fail_to_load(monkeypatch):
    known = {"placed": f"{__name__}:Placed", "broken": "no_such_package:Vendor"}
    monkeypatch.setattr(providers, "provider_paths", lambda: known)
    monkeypatch.setattr("agentops.guard._strict", False)
    (provider,) = providers.install_all(DirectManager())
    provider.uninstall()

    assert isinstance(provider.instrumentation, Placed)


class Absent(AnthropicInstrumentation):
    """Of a package that is not installed."""

    module = "absent_package"

    def targets(self):
        raise AssertionError("the package is not there")


def test_a_folder_of_the_program_with_the_name_of_a_package_is_not_that_package(
    tmp_path, monkeypatch
):
    (tmp_path / "absent_package").mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    (provider,) = providers.install_all(DirectManager(), [f"{__name__}:Absent"])
    provider.uninstall()


class Circular(Homeless):
    module = "circular_package"

    def targets(self):
        importlib.import_module("circular_package.client")  # to see what this version has
        return (Target(module="circular_package.client", name="Client.request"),)


def test_a_package_that_another_thread_is_importing_is_left_to_it_until_it_is_whole(
    tmp_path, monkeypatch
):
    package = tmp_path / "circular_package"
    package.mkdir()
    package.joinpath("__init__.py").write_text("from circular_package.names import Client\n")
    package.joinpath("names.py").write_text(
        "import threading\n"
        "ANSWER, may_go_on = 'answer', threading.Event()\n"
        "may_go_on.wait(30)\n"
        "from circular_package.client import Client\n"
    )
    package.joinpath("client.py").write_text(
        "from circular_package.names import ANSWER\n"
        "class Client:\n"
        "    def request(self): return ANSWER\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    imported = []
    other = threading.Thread(
        target=lambda: imported.append(importlib.import_module("circular_package"))
    )
    other.start()
    names = "circular_package.names"
    event = eventually(lambda: getattr(sys.modules.get(names), "may_go_on", None))
    threading.Timer(0.2, event.set).start()

    (provider,) = providers.install_all(DirectManager(), [f"{__name__}:Circular"])
    other.join()
    (patch,) = provider._patches.values()
    was_active = patch.is_active
    provider.uninstall()
    for name in ("circular_package", names, "circular_package.client"):
        sys.modules.pop(name, None)

    assert (len(imported), was_active) == (1, True)

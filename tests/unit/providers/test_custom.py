"""Packages that nobody here knows, instrumented by those who read no more than the guide."""

import asyncio
import sys

import pytest
from support.providers import DirectManager

from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.base import ProviderInstrumentation, Target
from agentops.providers.instrumented_provider import InstrumentedProvider

VENDOR = """
class Client:
    def ask(self):
        return "Hello."

    def ask_in_pieces(self):
        yield "Hel"
        yield "lo."


class AsyncClient:
    async def ask(self):
        return "Hello."

    async def ask_in_pieces(self):
        yield "Hel"
        yield "lo."
"""
NAMES = ("Client.ask", "Client.ask_in_pieces", "AsyncClient.ask", "AsyncClient.ask_in_pieces")


class Newcomer(ProviderInstrumentation):
    module = "some_vendor"
    is_told_async = frozenset()

    def targets(self):
        for name in NAMES:
            told = name in self.is_told_async
            yield Target(module="some_vendor.client", name=name, is_async=told)

    def read_request(self, target, args, kwargs):
        return LLMCall(operation="chat", provider="some", model=target.name)

    def read_response(self, call, response):
        call.attributes["heard"] = response

    def read_stream(self, call, chunks):
        call.attributes["heard"] = "".join(chunks)


@pytest.fixture(params=["package", "folder"])
def vendor(request, tmp_path, monkeypatch):
    """A package with a file of its own, or one that is a folder only (PEP 420); not imported yet."""
    folder = tmp_path / "some_vendor"
    folder.mkdir()
    (folder / "client.py").write_text(VENDOR)
    if request.param == "package":
        (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("some_vendor", "some_vendor.client"):
        sys.modules.pop(name, None)


@pytest.fixture
def manager():
    return DirectManager()


def use():
    """Call everything in the package; return what came."""
    from some_vendor import client

    async def use_async():
        asked = client.AsyncClient()
        return [await asked.ask(), [piece async for piece in asked.ask_in_pieces()]]

    asked = client.Client()
    return [asked.ask(), list(asked.ask_in_pieces()), *asyncio.run(use_async())]


@pytest.mark.usefixtures("vendor")
@pytest.mark.parametrize("told", [(), NAMES[2:3], NAMES], ids=["none", "some", "all"])
def test_calls_are_followed_by_what_they_are_whatever_is_told_of_them(manager, told):
    kind = type("Told", (Newcomer,), {"is_told_async": {*told} - {"Client.ask"}})
    provider = InstrumentedProvider(kind(manager))
    provider.install()
    try:
        heard = use()
    finally:
        provider.uninstall()

    assert heard == ["Hello.", ["Hel", "lo."]] * 2
    assert [ended.name for ended in manager.ended] == [f"chat {name}" for name in NAMES]
    assert [ended["heard"] for ended in manager.ended] == ["Hello."] * 4


@pytest.mark.usefixtures("vendor")
def test_targets_may_be_yielded_however_often_it_is_installed(manager):
    provider = InstrumentedProvider(Newcomer(manager))
    for _ in range(2):
        provider.install()
        use()
        provider.uninstall()

    assert len(manager.ended) == 8

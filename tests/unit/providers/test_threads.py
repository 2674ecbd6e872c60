"""Instrumentation that threads put on and take off at once: nothing is lost, nothing stays."""

import sys
import threading
import types

import pytest
from support.interleaving import interleavings
from support.providers import DirectManager

from agentops.instrumentation.providers.base import ProviderInstrumentation, Target
from agentops.providers.instrumented_provider import InstrumentedProvider
from agentops.providers.patching import Patch
from agentops.providers.threads import ThreadPropagation


class Shared(ProviderInstrumentation):
    module = "shared_vendor"

    def targets(self):
        return (Target(module="shared_vendor", name="Client.ask"),)

    def read_request(self, target, args, kwargs):
        return None

    def read_response(self, call, response):
        return None


@pytest.fixture
def client(monkeypatch):
    """Return the class of a vendor whose package is imported."""

    class Client:
        def ask(self, value):
            return value

    module = types.ModuleType("shared_vendor")
    module.Client = Client
    monkeypatch.setitem(sys.modules, "shared_vendor", module)
    return Client


@pytest.fixture
def calls():
    return []


@pytest.fixture
def make_patch(calls):
    def wrapper(wrapped, instance, args, kwargs):
        calls.append(args)
        return wrapped(*args, **kwargs)

    return lambda: Patch("shared_vendor", "Client.ask", lambda _: wrapper)


@pytest.mark.parametrize("comes_first", [True, False])
def test_a_patch_that_comes_while_another_one_goes_is_on_alone(
    client, make_patch, calls, comes_first
):
    before = vars(client)["ask"]
    coming, leaving = make_patch(), make_patch()
    leaving.apply()
    both = (coming.apply, leaving.remove) if comes_first else (leaving.remove, coming.apply)
    for _ in interleavings(*both):
        client().ask(7)
        coming.remove()
        leaving.remove()
        now = vars(client)["ask"]

        assert calls == [(7,)]
        assert now is before

        calls.clear()
        leaving.apply()


def test_a_patch_that_two_threads_put_on_at_once_is_on_once(client, make_patch, calls):
    patch = make_patch()
    for _ in interleavings(patch.apply, patch.apply):
        client().ask(7)
        patch.remove()

        assert calls == [(7,)]

        calls.clear()


def test_a_provider_that_is_taken_off_while_it_is_put_on_does_not_stay(client):
    before = vars(client)["ask"]
    provider = InstrumentedProvider(Shared(DirectManager()))
    for _ in interleavings(provider.install, provider.uninstall):
        is_off = vars(client)["ask"] is before

        assert is_off is not provider._is_wanted

        provider.uninstall()


def test_a_provider_that_two_threads_take_off_at_once_is_off(client):
    before = vars(client)["ask"]
    provider = InstrumentedProvider(Shared(DirectManager()))
    provider.install()
    for _ in interleavings(provider.uninstall, provider.uninstall):
        assert vars(client)["ask"] is before

        provider.install()


def test_propagation_into_threads_that_two_threads_take_off_at_once_is_off():
    before = vars(threading.Thread)["start"]
    propagation = ThreadPropagation()
    propagation.install()
    for _ in interleavings(propagation.uninstall, propagation.uninstall):
        assert vars(threading.Thread)["start"] is before

        propagation.install()


def test_propagation_into_threads_that_is_taken_off_while_it_is_put_on_does_not_stay():
    before = vars(threading.Thread)["start"]
    propagation = ThreadPropagation()
    for _ in interleavings(propagation.install, propagation.uninstall):
        is_off = vars(threading.Thread)["start"] is before

        assert is_off is not propagation._is_wanted

        propagation.uninstall()
    propagation.uninstall()
    assert vars(threading.Thread)["start"] is before

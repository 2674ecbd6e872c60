"""A provider's prices are loaded alone, beside the worker, and say what the whole table says."""

import subprocess
import sys
import threading
import types

import pytest
from genai_prices import data_snapshot

from agentops import pricetable
from agentops.pricetable import PriceTable, load, load_all
from agentops.pricing import Prices


def test_a_provider_alone_has_the_prices_of_the_whole_table():
    whole = {provider.id: provider for provider in load_all().providers}
    cut_out = {name: pricetable._alone(name) for name in whole}

    assert whole == {name: found.providers[0] for name, found in cut_out.items()}
    assert whole["anthropic"] in cut_out["azure"].providers  # whose models it sells


@pytest.mark.parametrize(("provider", "is_whole"), [("openai", False), ("somebody", True)])
def test_only_what_is_needed_is_loaded(provider, is_whole):
    program = f"""
import sys
from agentops.pricing import Prices
from agentops.pricetable import load
print(Prices(load).cost_usd({provider!r}, "gpt-4o", (1_000_000, 0, 0, 0), 0), "genai_prices.data" in sys.modules)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )

    assert (f"{None if is_whole else 2.5} {is_whole}\n", "") == (ended.stdout, ended.stderr)


def test_prices_that_the_program_has_set_go_first(monkeypatch):
    mine = data_snapshot.DataSnapshot(providers=[], from_auto_update=True)
    monkeypatch.setattr(data_snapshot, "_custom_snapshot", mine)

    assert load("openai") is mine


def test_a_table_written_differently_is_loaded_whole(monkeypatch):
    monkeypatch.delitem(sys.modules, "genai_prices.data", raising=False)
    monkeypatch.setattr(pricetable, "pkgutil", types.SimpleNamespace(get_data=lambda *_: b"x = 1"))
    pricetable._alone.cache_clear()

    assert load("openai").providers == load_all().providers
    pricetable._alone.cache_clear()


def test_nobody_waits_longer_than_there_is_time():
    gate, patience_s = threading.Event(), [0.0]

    def slow(provider_id):
        assert gate.wait(60)
        return load(provider_id)

    table = PriceTable(lambda: patience_s[0], slow)
    prices = Prices(table)
    asked = [prices.cost_usd("openai", "gpt-4o", (1_000_000, 0, 0, 0), 0) for _ in range(2)]
    gate.set()
    patience_s[0] = 60.0
    while table("openai") is None:  # it waits, but not for ever
        pass

    assert [None, None, 2.5] == [*asked, prices.cost_usd("openai", "gpt-4o", (10**6, 0, 0, 0), 0)]


def test_prices_are_there_without_any_thread(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert PriceTable(lambda: 0.0)("openai") is not None

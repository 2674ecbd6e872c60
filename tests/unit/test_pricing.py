"""Kept rates say the same as the price table itself."""

from datetime import datetime, timezone

import genai_prices
import pytest

from agentops.pricing import Prices, is_stand_in

MODELS = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-2024-08-06"),
    ("openai", "text-embedding-3-small"),
    ("anthropic", "claude-sonnet-4-5"),
    ("google", "gemini-2.5-pro"),
    ("deepseek", "deepseek-chat"),
    ("mistral", "mistral-large-latest"),
]
NOW_NS = 1_795_339_149_000_000_000


@pytest.mark.parametrize(("provider", "model"), MODELS)
@pytest.mark.parametrize("tokens", [(1, 0, 0, 0), (1200, 80, 0, 0), (300_000, 9_000, 1_000, 0)])
def test_kept_rates_say_the_same_as_the_table(provider, model, tokens):
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    usage = genai_prices.Usage(**{n: t for n, t in zip(names, tokens, strict=True) if t})
    when = datetime.fromtimestamp(NOW_NS / 1e9, tz=timezone.utc)  # some prices depend on the hour
    expected = genai_prices.calc_price(
        usage, model, provider_id=provider, genai_request_timestamp=when
    ).total_price

    prices = Prices()
    found = [prices.cost_usd(provider, model, tokens, NOW_NS) for _ in range(2)]

    assert [pytest.approx(float(expected), rel=1e-9, abs=1e-12)] * 2 == found


def test_a_model_that_is_not_known_costs_none_not_zero():
    assert Prices().cost_usd("openai", "my-own-model", (1, 1, 0, 0), NOW_NS) is None


def test_what_is_not_in_the_table_is_searched_once(monkeypatch):
    from genai_prices.data_snapshot import DataSnapshot

    searched = []
    find = DataSnapshot.find_provider_model

    def watch(self, *args):
        searched.append(args[0])
        return find(self, *args)

    monkeypatch.setattr(DataSnapshot, "find_provider_model", watch)
    prices = Prices()
    for _ in range(3):
        prices.cost_usd("openai", "my-own-model", (1, 1, 0, 0), NOW_NS)

    assert ["my-own-model"] == searched


@pytest.mark.parametrize(("provider", "cost"), [("", 2.5), ("OpenAI", 2.5), ("somebody", None)])
def test_a_model_costs_what_the_provider_told_takes(provider, cost):
    found = Prices().cost_usd(provider, "gpt-4o", (1_000_000, 0, 0, 0), NOW_NS)

    assert found == (None if cost is None else pytest.approx(cost))


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "::1", "models.localhost"])
def test_a_server_of_this_machine_is_a_stand_in_unless_it_relays(address):
    assert is_stand_in("openai", address, None)
    assert not is_stand_in("openai", address, 12)


@pytest.mark.parametrize(
    ("provider", "address"),
    [("openai", "api.openai.com"), ("openai", None), ("anthropic", "127.0.0.1")],
)
def test_a_service_is_no_stand_in(provider, address):
    assert not is_stand_in(provider, address, None)


def test_the_table_is_loaded_only_when_it_is_needed():
    prices = Prices()
    before = prices.is_loaded
    prices.cost_usd("openai", "gpt-4o", (1, 0, 0, 0), NOW_NS)

    assert (False, True) == (before, prices.is_loaded)

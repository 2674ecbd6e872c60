"""Kept rates say the same as the price table itself."""

from datetime import datetime, timezone

import genai_prices
import pytest
from support.records import span

from agentops.pricing import Prices, is_stand_in
from agentops.telemetry.processors import Pricer

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


@pytest.mark.parametrize("prefix", ["google/", "models/", "publishers/google/models/"])
@pytest.mark.parametrize("provider", ["gcp.vertex_ai", "gcp.gemini"])
def test_a_model_of_google_has_its_price_by_its_longer_names(provider, prefix):
    counts, prices = {"input_tokens": 1_000, "output_tokens": 10}, Prices()
    cost = prices.cost_of_units(provider, "gemini-2.5-flash", counts)

    assert prices.cost_of_units(provider, f"{prefix}gemini-2.5-flash", counts) == cost > 0


def test_a_model_that_is_not_known_costs_none_not_zero():
    assert Prices().cost_usd("openai", "my-own-model", (1, 1, 0, 0), NOW_NS) is None


def test_counts_that_no_float_holds_cost_none():
    prices = Prices()
    for _ in range(2):  # before and after its rates are known
        assert prices.cost_of_units("openai", "gpt-5", {"input_tokens": 10**400}) is None
        assert prices.cost_of_units("openai", "gpt-5", {"input_tokens": 1_000}) > 0


def test_units_without_a_price_cost_none_where_others_have_one_and_zero_where_all_is_free():
    prices = Prices()
    tokens = {"input_tokens": 10, "output_tokens": 5}

    assert prices.cost_of_units("openai", "whisper-1", tokens) is None  # priced by the second
    assert prices.cost_of_units("openai", "whisper-1", {"audio_seconds": 60.0}) > 0
    assert prices.cost_of_units("openai", "omni-moderation-latest", tokens) == 0


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


@pytest.mark.parametrize(
    "address",
    [
        "localhost", "127.0.0.1", "::1", "[::1]", "0.0.0.0", "models.localhost", "10.1.2.3",
        "192.168.0.9", "172.16.0.1", "169.254.1.1", "fd00::1", "vllm", "box.local", "llm.internal",
    ],
)  # fmt: skip
def test_a_server_of_ones_own_is_a_stand_in_unless_it_relays(address):
    assert is_stand_in(address, {})
    assert not is_stand_in(address, {"agentops.response.processing_ms": 12})
    assert not is_stand_in(address, {"anthropic.organization.id": "org_1"})
    assert not is_stand_in(address, {}, ["other", address.replace("[", "[[]")])


@pytest.mark.parametrize("address", ["api.openai.com", "gateway.example.com", "8.8.8.8", None, ""])
def test_a_service_is_no_stand_in(address):
    assert not is_stand_in(address, {})


def test_a_pattern_of_hosts_may_be_priced():
    assert not is_stand_in("gateway.internal", {}, ["*.internal"])


@pytest.mark.parametrize("fresh", [0, 50])
@pytest.mark.parametrize("hour", [0, 100, 400, 1000])
def test_what_is_cached_for_an_hour_costs_what_the_table_takes_for_it(fresh, hour):
    prices = Prices()
    counts = {"input_tokens": fresh + 1000, "output_tokens": 10, "cache_write_tokens": 1000}
    if hour:
        counts["cache_write_1h_tokens"] = hour
    expected = (fresh * 5 + 10 * 25 + (1000 - hour) * 6.25 + hour * 10) / 1e6
    for _ in range(2):  # learnt, then by the kept rates
        found = prices.cost_of_units("anthropic", "claude-opus-4-5", counts)
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("model", ["gpt-4o", "a-model-of-our-own"])
def test_the_table_is_loaded_only_when_it_is_needed(model):
    prices = Prices()
    before = prices.is_loaded
    prices.cost_usd("openai", model, (1, 0, 0, 0), NOW_NS)

    assert (False, True) == (before, prices.is_loaded)


CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1000,
}


@pytest.mark.parametrize("told", [{}, {"agentops.cost.unknown": True}])
def test_tokens_are_not_priced_where_they_are_not_all_that_costs(told):
    record = span(1, attributes={**CALL, **told})
    Pricer(Prices())(record)

    assert ("agentops.cost.usd" in record.attributes) is not bool(told)

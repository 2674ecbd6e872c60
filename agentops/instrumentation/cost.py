"""What did a call cost? Instrumentation floor; runs on the pipeline's worker.

Prices and the arithmetic over overlapping token counts are those of the ``genai-prices`` package. One
calculation of it takes about 130 us, so it is asked once for each model, tier and size class for the
price of each unit; between two thresholds the cost is linear in the counts.
"""

from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from agentops.guard import guarded
from agentops.instrumentation.calls import LLMCall, Usage

__all__ = ["Prices"]

_PROVIDERS = {
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "aws.bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "gcp.gen_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
_UNITS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_write_input_tokens": "cache_write_tokens",
    "image_input_tokens": "input_image_tokens",
    "image_output_tokens": "output_image_tokens",
    "audio_input_tokens": "input_audio_tokens",
    "audio_output_tokens": "output_audio_tokens",
    "image_cache_read_input_tokens": "cache_image_read_tokens",
    "audio_cache_read_input_tokens": "cache_audio_read_tokens",
}
_RATES_MAX = 1024

_Rates = dict[str, float]


class Prices:
    """Prices of models, remembered while the process lives; bounded, not safe for several threads."""

    def __init__(self) -> None:
        self._rates: dict[object, _Rates] = {}
        self._snapshot: Any = None

    def cost_usd(self, call: LLMCall) -> float | None:
        """Return the cost of ``call`` in US dollars, ``None`` when it is unknown."""
        counts = _counts(call.usage)
        if not counts:
            return None
        counts.update(call.priced_units)
        with guarded("pricing a call"):
            for model in (call.response_model, call.model):
                if model:
                    cost = self._cost(call.provider, model, counts, call.price_context)
                    if cost is not None:
                        return cost
        return None

    def _cost(
        self, provider: str, model: str, counts: dict[str, int], context: dict[str, str]
    ) -> float | None:
        snapshot = self._snapshot or self._load()
        try:
            _, info = snapshot.find_provider_model(
                model, None, _PROVIDERS.get(provider, provider), None
            )
        except LookupError:
            return None
        prices = info.get_prices(datetime.now(tz=timezone.utc), context or None)
        total = counts.get("input_tokens", 0)
        starts = _thresholds(prices)
        size_class = bisect_left(starts, total)
        key = (id(info), str(context), size_class, tuple(counts))
        rates = self._rates.get(key)
        if rates is None:
            rates = _rates(prices, counts)
            if rates is None:
                return float(_price(prices, counts))
            if len(self._rates) >= _RATES_MAX:
                self._rates.clear()
            self._rates[key] = rates
        return sum(rates[unit] * count for unit, count in counts.items())

    def _load(self) -> Any:  # noqa: ANN401 - a class of a package that is imported here
        # Imported here: the price list takes half a second and 20 MB; it is loaded with the first call.
        from genai_prices import data_snapshot

        self._snapshot = data_snapshot.get_snapshot()
        return self._snapshot


def _counts(usage: Usage) -> dict[str, int]:
    """Return the told counts under the names genai-prices has for them."""
    return {unit: count for name, unit in _UNITS.items() if (count := getattr(usage, name))}


def _thresholds(prices: Any) -> list[int]:  # noqa: ANN401 - genai_prices.types.ModelPrice
    """Return where a price list changes with the number of input tokens, in ascending order."""
    starts = {
        int(tier.start) for price in vars(prices).values() for tier in getattr(price, "tiers", ())
    }
    return sorted(starts)


def _price(prices: Any, counts: dict[str, int]) -> Any:  # noqa: ANN401 - a Decimal
    # Imported here for the reason of Prices._load.
    from genai_prices import Usage as PricedUsage

    return prices.calc_price(PricedUsage(**counts))["total_price"]


def _rates(prices: Any, counts: dict[str, int]) -> _Rates | None:  # noqa: ANN401
    """Return US dollars for one of each unit, ``None`` when the cost is not linear in the counts."""

    def price(changed: dict[str, int]) -> Any:  # noqa: ANN401
        return _price(prices, changed)

    with guarded("reading a price list"):
        rates = _slopes(price, counts)
        linear = sum(rates[unit] * count for unit, count in counts.items())
        exact = float(price(counts))
        if abs(linear - exact) <= 1e-9 + 1e-6 * exact:
            return rates
    return None


def _slopes(price: Callable[[dict[str, int]], Any], counts: dict[str, int]) -> _Rates:
    """Return what one of each unit costs: totals are raised, their subsets lowered by one."""
    whole = price(counts)
    slopes = {}
    for unit, count in counts.items():
        step = 1 if unit in ("input_tokens", "output_tokens") else -1
        slopes[unit] = float((price({**counts, unit: count + step}) - whole) * step)
    return slopes

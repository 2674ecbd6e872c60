"""What did a call cost? Ground floor, shared with the server; from the price table of ``genai-prices``.

The library takes about 130 µs for one price (0.2.3, measured), more than all the rest of decoding. So the
rates of each model are asked once and kept; a model whose price is not a plain rate for each token
(tiers, times of day) goes the long way every time.
"""

import threading
from datetime import datetime, timezone
from typing import Any, Final

__all__ = ["Prices"]

_MODELS_MAX: Final = 2048
_PROBE_SMALL: Final = 1_000
_PROBE_LARGE: Final = 2_000_000
_KINDS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_PROVIDERS: Final = {
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
    "aws.bedrock": "aws",
}


class Prices:
    """Prices of model calls. Safe to use from several threads."""

    def __init__(self) -> None:
        self._rates: dict[tuple[str, str], tuple[float, ...] | str | None] = {}
        self._lock = threading.Lock()

    @property
    def is_loaded(self) -> bool:
        """Whether the price table was needed before; loading it takes about a second."""
        return bool(self._rates)

    def cost_usd(
        self, provider: str, model: str, tokens: tuple[int, int, int, int], start_ns: int
    ) -> float | None:
        """Return US dollars for one call, or ``None`` where the model is not known.

        Args:
            provider: ``gen_ai.provider.name``, or ``""``.
            model: Name of the model as the provider spells it.
            tokens: Input with what came from or went to a cache, output, read from cache, written to it.
            start_ns: When the call was made.
        """
        key = (provider, model)
        if key not in self._rates:
            with self._lock:
                if len(self._rates) >= _MODELS_MAX:
                    self._rates.clear()
                self._rates[key] = _find_rates(provider, model)
        rates = self._rates.get(key)
        if rates is None:
            return None
        if isinstance(rates, str):
            return _ask(rates or None, model, tokens, start_ns)
        given, made, read, written = tokens
        fresh = max(given - read - written, 0)
        cost = fresh * rates[0] + made * rates[1] + read * rates[2] + written * rates[3]
        return round(cost, 12)


def _find_rates(provider: str, model: str) -> tuple[float, ...] | str | None:
    """Return dollars for each kind of token, the provider to ask each time, or ``None``: not known."""
    for name in dict.fromkeys((_PROVIDERS.get(provider, provider), "")):
        if _ask(name or None, model, (1, 1, 0, 0), 0) is None:
            continue
        if not _is_plain(name or None, model):
            return name
        rates: list[float] = []
        for index in range(len(_KINDS)):
            small, large = (
                _ask(name or None, model, _probe(index, size), 0)
                for size in (_PROBE_SMALL, _PROBE_LARGE)
            )
            if small is None or large is None:
                return name
            rate = small / _PROBE_SMALL
            if abs(large - rate * _PROBE_LARGE) > 1e-9 + large * 1e-6:
                return name
            rates.append(rate)
        return tuple(rates)
    return None


def _probe(index: int, size: int) -> tuple[int, int, int, int]:
    """Return tokens of one kind only; tokens of a cache are input tokens too."""
    tokens = [0, 0, 0, 0]
    tokens[index] = size
    if index > 1:
        tokens[0] = size
    return tokens[0], tokens[1], tokens[2], tokens[3]


def _is_plain(provider: str | None, model: str) -> bool:
    """Tell whether the price does not depend on when the call was made."""
    import genai_prices  # lazy: half a second, and only where a cost is missing

    found = genai_prices.calc_price(genai_prices.Usage(), model, provider_id=provider)
    return not isinstance(found.model.prices, list)


def _ask(
    provider: str | None, model: str, tokens: tuple[int, int, int, int], start_ns: int
) -> float | None:
    import genai_prices  # lazy: half a second, and only where a cost is missing

    usage: dict[str, Any] = {
        name: count for name, count in zip(_KINDS, tokens, strict=True) if count
    }
    when = datetime.fromtimestamp(start_ns / 1e9, tz=timezone.utc) if start_ns else None
    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(**usage),
            model,
            provider_id=provider,
            genai_request_timestamp=when,
        )
    except (LookupError, ValueError):
        return None
    return float(found.total_price)

"""What did a call cost? Ground floor, shared with the server; from the price table of ``genai-prices``.

The library takes about 130 µs for one price (0.2.3, measured), more than all the rest of a call's
reading. Between two thresholds of a model's price list the cost is linear in the counts: so the library
is asked once for what one of each unit costs there, and the answers are kept.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import ip_address
from operator import mul
from typing import Any, Final, NamedTuple, TypeVar

from agentops import semconv
from agentops.clock import now_ns
from agentops.pricetable import load_all

__all__ = ["Prices", "is_stand_in", "priced_models", "provider_id_of"]

T = TypeVar("T")

_RATES_MAX: Final = 2048
_UNKNOWN_MAX: Final = 2_048
_MINUTE_NS: Final = 60_000_000_000
_KINDS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_TOTALS: Final = ("input_tokens", "output_tokens")
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
_OWN_ENDS: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_PROOFS: Final = (semconv.AGENTOPS_PROCESSING_MS, semconv.ANTHROPIC_ORGANIZATION_ID)


def is_stand_in(
    address: object, told: Mapping[str, object], priced_hosts: Sequence[str] = ()
) -> bool:
    """Whether a call went to a server of one's own, which only speaks the protocol of a vendor.

    Such a server takes any name of a model, often a vendor's, and costs nothing that a price list
    knows. A relay of the real service passes on what only that service tells.

    Args:
        address: ``server.address``.
        told: The span's attributes.
        priced_hosts: Patterns of hosts that are relays all the same.
    """
    if not isinstance(address, str) or not address or not _is_own(address):
        return False
    if any(name in told for name in _PROOFS):
        return False
    return not any(fnmatchcase(address, each) for each in priced_hosts)


@lru_cache(maxsize=256)
def _is_own(address: str) -> bool:
    """Tell whether an address is of this machine or of a private network, by its looks alone."""
    try:
        return not ip_address(address.strip("[]")).is_global
    except ValueError:
        name = address.lower().rstrip(".")
        return "." not in name or name.endswith(_OWN_ENDS)


class _PriceList(NamedTuple):
    """What a model costs in a certain minute.

    Attributes:
        snapshot: The price table.
        minute: Since the Unix epoch.
        standard: The list of the table itself.
        prices: The list with what the context changes.
        thresholds: Where it changes with the number of input tokens.
    """

    snapshot: object
    minute: int
    standard: object
    prices: object
    thresholds: list[int]


class _Ready(NamedTuple):
    """What calls that count the same units of the same model cost in a certain minute.

    Attributes:
        prices: The price list.
        rates: What one of each unit costs, by the class of size.
    """

    prices: _PriceList
    rates: dict[int, tuple[float, ...]]


class Prices:
    """Prices of model calls.

    Safe to use from several threads without a lock: each of them may learn the same, and what they keep
    is whole.

    Args:
        table: Returns the price table for a provider's id in ``genai-prices``; ``None``: it is not there now.
    """

    def __init__(self, table: Callable[[str], Any] = load_all) -> None:
        self._table = table
        self._lists: dict[tuple[str, str, str], _PriceList] = {}
        self._rates: dict[object, tuple[object, tuple[float, ...]]] = {}
        self._ready: dict[tuple[str, str, str, tuple[str, ...]], _Ready] = {}
        # The library does not remember what it did not find, and searches 70 µs each time.
        self._unknown: set[tuple[str, str]] = set()

    @property
    def is_loaded(self) -> bool:
        """Whether the price table was needed before; loading it takes about a second."""
        return bool(self._lists or self._unknown)

    def cost_usd(
        self, provider: str, model: str, tokens: tuple[int, int, int, int], start_ns: int
    ) -> float | None:
        """Return US dollars for one call, or ``None`` where the provider has no such model.

        Args:
            provider: ``gen_ai.provider.name``; ``""``: whoever has such a model.
            model: Name of the model as the provider spells it.
            tokens: Input with what came from or went to a cache, output, read from cache, written to it.
            start_ns: When the call was made.
        """
        counts = {name: count for name, count in zip(_KINDS, tokens, strict=True) if count}
        return self.cost_of_units(provider, model, counts, start_ns=start_ns)

    def cost_of_units(
        self,
        provider: str,
        model: str,
        counts: Mapping[str, float],
        *,
        start_ns: int = 0,
        context: Mapping[str, str] | None = None,
    ) -> float | None:
        """Return US dollars for one call with everything that was counted, ``None`` where it is not known now.

        Args:
            provider: ``gen_ai.provider.name``; ``""``: whoever has such a model.
            model: Name of the model as the provider spells it.
            counts: How many of each unit, above 0, by its name in ``genai-prices``.
            start_ns: When the call was made; 0: now.
            context: What chooses between price lists: ``{"service_tier": "flex"}``.
        """
        at_ns = start_ns or now_ns()
        asked = (provider, model, str(context) if context else "", tuple(counts))
        ready = self._ready.get(asked)
        if ready is None or ready.prices.minute != at_ns // _MINUTE_NS:
            chosen = self._price_list(provider, model, at_ns, context)
            if chosen is None:
                return None
            ready = _Ready(chosen, {})
            if len(self._ready) >= _RATES_MAX:
                self._ready.clear()
            self._ready[asked] = ready
        size_class = bisect_left(ready.prices.thresholds, counts.get("input_tokens", 0))
        rates = ready.rates.get(size_class)
        try:
            if rates is None:
                return self._total(ready, asked[2], size_class, counts)
            return round(_sum(rates, counts), 12)
        except OverflowError:  # a count beyond any float
            return None

    def _price_list(
        self, provider: str, model: str, at_ns: int, context: Mapping[str, str] | None
    ) -> "_PriceList | None":
        """Return what a model costs at a time; kept for the minute, because lists change with the hour."""
        if (provider, model) in self._unknown:
            return None
        provider_id = provider_id_of(provider)
        snapshot = self._table(provider_id)
        if snapshot is None:
            return None
        # Google's own have their publisher or kind in front: google/gemini-2.5-flash.
        name = model.rpartition("/")[2] if provider_id == "google" else model
        minute = at_ns // _MINUTE_NS
        key = (provider, model, str(context))
        kept = self._lists.get(key)
        if kept is not None and kept.minute == minute and kept.snapshot is snapshot:
            return kept
        try:
            found = snapshot.find_provider_model(name, None, provider_id or None, None)[1]
        except LookupError:
            if len(self._unknown) >= _UNKNOWN_MAX:
                self._unknown.clear()
            self._unknown.add((provider, model))
            return None
        when = datetime.fromtimestamp(at_ns / 1e9, tz=timezone.utc)
        prices = standard = found.get_prices(when)
        if context:
            prices = found.get_prices(when, dict(context))
        kept = _PriceList(snapshot, minute, standard, prices, _thresholds(prices))
        if len(self._lists) >= _RATES_MAX:
            self._lists.clear()
        self._lists[key] = kept
        return kept

    def _total(
        self, ready: "_Ready", context: str, size_class: int, counts: Mapping[str, float]
    ) -> float | None:
        """Return the cost by the kept rates; where there are none yet, learn them."""
        chosen = ready.prices
        key = (id(chosen.standard), context, size_class, tuple(counts))
        kept = self._rates.get(key)
        if kept is None:
            exact = _price(chosen.prices, counts)
            rates = None if exact is None else _slopes(chosen.prices, counts, exact)
            if exact is None or rates is None or not _is_linear(rates, counts, float(exact)):
                return None if exact is None else float(exact)
            # The list is kept too: its identity is the key.
            kept = (chosen.standard, rates)
            if len(self._rates) >= _RATES_MAX:
                self._rates.clear()
            self._rates[key] = kept
        ready.rates[size_class] = kept[1]
        return round(_sum(kept[1], counts), 12)


def provider_id_of(provider: str) -> str:
    """Return what ``genai-prices`` calls a provider; most likely, where it is none that OpenTelemetry names."""
    return _PROVIDERS.get(provider, provider.lower().strip())


def priced_models(provider: object, asked: T, answered: T) -> tuple[T, T]:
    """Return by which names of its model a call is priced, the better one first.

    As a rule that is the model that answered. At Bedrock the name that was asked for says in which regions it may
    run, and they have prices of their own; the answer has the bare name.

    Args:
        provider: ``gen_ai.provider.name``.
        asked: ``gen_ai.request.model``.
        answered: ``gen_ai.response.model``.
    """
    return (asked, answered) if provider == "aws.bedrock" else (answered, asked)


def _sum(rates: tuple[float, ...], counts: Mapping[str, float]) -> float:
    return sum(map(mul, rates, counts.values()), 0.0)


def _is_linear(rates: tuple[float, ...], counts: Mapping[str, float], exact: float) -> bool:
    return abs(_sum(rates, counts) - exact) <= 1e-9 + 1e-6 * exact


def _thresholds(prices: Any) -> list[int]:  # noqa: ANN401
    """Return where a price list changes with the number of input tokens, in ascending order."""
    tiers = [tier for price in vars(prices).values() for tier in getattr(price, "tiers", ())]
    return sorted({int(tier.start) for tier in tiers})


def _price(prices: Any, counts: Mapping[str, float]) -> Decimal | None:  # noqa: ANN401
    # Imported here for the reason of Prices.cost_of_units.
    from genai_prices import Usage

    try:
        total: Decimal = prices.calc_price(Usage(**counts))["total_price"]
    except (LookupError, ValueError):  # counts that contradict each other
        return None
    # A list that has prices, but none for these units, does not say that they are free.
    return total if total or not any(vars(prices).values()) else None


def _slopes(prices: Any, counts: Mapping[str, float], exact: Decimal) -> tuple[float, ...] | None:  # noqa: ANN401
    """Return what one of each unit costs: totals are raised, their subsets lowered by one.

    Where that would contradict a subset of the subset, which is as large, it is tried the other way.
    """
    slopes = []
    for unit, count in counts.items():
        first = 1 if unit in _TOTALS else -1
        for step in (first, -first):
            changed = _price(prices, {**counts, unit: count + step})
            if changed is not None:
                slopes.append(float((changed - exact) * step))
                break
        else:
            return None
    return tuple(slopes)

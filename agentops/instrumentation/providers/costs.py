"""What did who served a call say that it costs? Instrumentation floor: pure reading, no vendor.

No price list knows better. Gateways tell it in the usage of the answer or in a header.
"""

from typing import Final

from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.fields import Json, mapping

__all__ = ["RELAY_COST", "read_cost", "read_relay_cost"]

RELAY_COST: Final = "x-litellm-response-cost"
"""Header in which LiteLLM tells what it has put down for a call."""

_TICKS_PER_USD = 10**10
_AMOUNT_MAX = 10**18  # of dollars or ticks: what is not below it is no bill


def read_cost(call: LLMCall, usage: Json) -> None:
    """Read the cost that a ``usage`` tells, in US dollars."""
    cost = usage.get("cost")  # OpenRouter, LiteLLM and other gateways
    if cost is None:
        if "cost_in_usd_ticks" in usage and (ticks := _amount(usage["cost_in_usd_ticks"])):  # xAI
            call.cost_usd = ticks / _TICKS_PER_USD
        return
    total = _amount(
        cost.get("total_cost") if isinstance(cost, dict) else cost
    )  # Perplexity's first
    if usage.get("is_byok"):  # OpenRouter's fee alone; the rest is paid to the vendor
        rest = _amount(mapping(usage, "cost_details").get("upstream_inference_cost"))
        total = None if total is None or rest is None else total + rest
    if total is not None:
        call.cost_usd = total


def read_relay_cost(call: LLMCall, told: str) -> None:
    """Read the cost in LiteLLM's header, which is 0 also where it knows no price.

    What is looked at again, or cancelled, has there each time what it cost when it was made.
    """
    request = call.request
    path = str(getattr(request, "url", "")).partition("?")[0]
    if str(getattr(request, "method", "")).lower() == "get" or path.endswith("/cancel"):
        return
    try:
        cost = _amount(float(told))
    except ValueError:
        return
    if cost:
        call.cost_usd = cost


def _amount(value: object) -> float | None:
    """Return an amount that somebody may have paid, ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < _AMOUNT_MAX else None

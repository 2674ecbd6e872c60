"""Whose prices will be needed? Telemetry floor: they are loaded while the first call is under way."""

from collections.abc import Callable, Mapping
from functools import partial

from agentops import semconv
from agentops.pricetable import PriceTable
from agentops.pricing import provider_id_of
from agentops.telemetry.processors import PRICED_OPERATIONS, Pricer
from agentops.telemetry.records import AnyValue

__all__ = ["Foresight"]

_SERVICES_MAX = 64


class Foresight:
    """Has the prices of a service loaded when it is first asked, and not when its span should be on disk.

    Args:
        pricer: Knows what will have a price.
        table: Where prices are.
        do_ahead: Has something done soon, on another thread.

    Attributes:
        services: Providers and addresses whose prices are on their way, where they have any.
    """

    def __init__(
        self, pricer: Pricer, table: PriceTable, do_ahead: Callable[[Callable[[], None]], None]
    ) -> None:
        self._pricer = pricer
        self._table = table
        self._do_ahead = do_ahead
        self.services: set[tuple[AnyValue, AnyValue]] = set()

    def look(self, attributes: Mapping[str, AnyValue]) -> None:
        """Look at what a span starts with."""
        if attributes.get(semconv.GEN_AI_OPERATION_NAME) not in PRICED_OPERATIONS:
            return
        provider = attributes.get(semconv.GEN_AI_PROVIDER_NAME)
        service = (provider, attributes.get(semconv.SERVER_ADDRESS))
        if service in self.services or len(self.services) >= _SERVICES_MAX:
            return
        self.services.add(service)
        if type(provider) is str and self._pricer.foresees(attributes):
            self._do_ahead(partial(self._table.fetch, provider_id_of(provider)))

    def after_fork(self) -> None:
        """Forget, in a child process, what was loaded in the parent."""
        self._table.after_fork()
        self.services.clear()

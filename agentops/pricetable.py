"""How is the price table of ``genai-prices`` had before anybody waits for it? Ground floor.

Its source lists one provider after the other, 1.6 MB in all. Where Python keeps no byte code of it, it is compiled
in one go: 0.2 s of CPU (0.2.3, measured) in which no other thread of the program runs. So one provider is taken out and
compiled alone, which is 17 ms for the longest of those that are called directly; and in a thread of its own.
"""

import pkgutil
import sys
import threading
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from agentops.clock import monotonic_ns
from agentops.forking import importing
from agentops.guard import guarded

__all__ = ["PriceTable", "load", "load_all"]

_WAIT_S: Final = 2.0
_LOOK_S: Final = 0.05
_TABLE: Final = "genai_prices.data"
_OPENING: Final = b"\nproviders: list[Provider] = [\n"
_FIRST: Final = b"    Provider(\n        id='%b',\n"
_NEXT: Final = b"\n    Provider(\n"


def load_all(_: str = "") -> Any:  # noqa: ANN401
    """Return the price table with every provider."""
    with importing():
        # Imported here: only where a cost is wanted.
        from genai_prices.data_snapshot import get_snapshot

        return get_snapshot()


def load(provider_id: str) -> Any:  # noqa: ANN401
    """Return a price table with a provider, and with others only where it is loaded whole anyway.

    Args:
        provider_id: Its id in ``genai-prices``; any other name, or none, needs the whole table.
    """
    with importing():
        # Imported here for the reason of load_all.
        from genai_prices import data_snapshot

        # Prices that the program has fetched or set go before those of the package.
        is_bundled = getattr(data_snapshot, "_custom_snapshot", load) is None
        alone = _alone(provider_id) if is_bundled and _TABLE not in sys.modules else None
        return load_all() if alone is None else alone


@lru_cache(maxsize=64)
def _alone(provider_id: str) -> Any:  # noqa: ANN401
    """Return a table with nothing but a provider and those whose models it sells; ``None``: load the whole."""
    # Imported here for the reason of load_all.
    from genai_prices.data_snapshot import DataSnapshot

    source = pkgutil.get_data("genai_prices", "data.py") or b""
    head, opening, listed = source.partition(_OPENING)
    names: dict[str, Any] = {"__name__": _TABLE, "__package__": "genai_prices"}

    def cut_out(wanted: str) -> Any:  # noqa: ANN401
        start = listed.index(_FIRST % wanted.encode())
        end = listed.find(_NEXT, start)
        text = listed[start : end if end > 0 else listed.rindex(b"]")]
        return eval(compile(b"[" + text + b"]", _TABLE, "eval"), names)[0]

    try:
        # What the package runs itself.
        exec(compile(head if opening else b"", _TABLE, "exec"), names)
        found = cut_out(provider_id)
        others = getattr(found, "fallback_model_providers", None) or ()
        return DataSnapshot(providers=[found, *map(cut_out, others)], from_auto_update=False)
    except (ValueError, SyntaxError, NameError, TypeError):  # a later version, written differently
        return None


class PriceTable:
    """The price table for a pipeline's worker: loaded by a thread that ends with that. Safe for many threads.

    Args:
        patience_s: For how many more seconds who asks may wait; asked again and again while it waits.
        load: Returns the table for a provider's id.
    """

    def __init__(self, patience_s: Callable[[], float], load: Callable[[str], Any] = load) -> None:
        self._patience_s = patience_s
        self._load_one = load
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew in a child process."""
        self._changed = threading.Condition(threading.RLock())
        self._wanted: deque[str] = deque()
        self._loaded: set[str] = set()
        self._is_loading = False

    def fetch(self, provider_id: str) -> None:
        """Begin to load what calls of a provider will need; returns at once."""
        with self._changed:
            if self._has(provider_id) or provider_id in self._wanted:
                return
            self._wanted.append(provider_id)
            if self._is_loading:
                return
            self._is_loading = True
        try:
            threading.Thread(target=self._load, name="agentops-prices", daemon=True).start()
        except RuntimeError:  # no more threads, or the interpreter is ending
            self._load()

    def __call__(self, provider_id: str) -> Any | None:  # noqa: ANN401
        """Return the table for a provider; ``None`` when it is not there in time."""
        if not self._has(provider_id):
            self.fetch(provider_id)
            until_ns = monotonic_ns() + int(_WAIT_S * 1e9)
            with self._changed:
                while not self._has(provider_id):
                    left_s = min(self._patience_s(), (until_ns - monotonic_ns()) / 1e9, _LOOK_S)
                    if left_s <= 0:
                        return None
                    self._changed.wait(left_s)
        return self._load_one(provider_id)

    def _has(self, provider_id: str) -> bool:
        return provider_id in self._loaded or "" in self._loaded

    def _load(self) -> None:
        while True:
            with self._changed:
                if not self._wanted:
                    self._is_loading = False
                    return
                provider_id = self._wanted[0]
            with guarded("loading prices"):
                self._load_one(provider_id)
            with self._changed:
                self._wanted.popleft()
                self._loaded.add("" if _TABLE in sys.modules else provider_id)
                self._changed.notify_all()

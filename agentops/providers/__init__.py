"""What acts on a vendor's call: patches, times, wraps streams."""

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from agentops.errors import ConfigurationError
from agentops.guard import guarded
from agentops.instrumentation.providers import LIBRARIES, VENDORS
from agentops.providers.instrumented_provider import InstrumentedProvider

if TYPE_CHECKING:
    from agentops.instrumentation.providers.base import ProviderInstrumentation
    from agentops.telemetry.manager import TelemetryManager

__all__ = ["InstrumentedProvider", "install_all"]

_ENTRY_POINTS = "agentops.providers"


def install_all(
    manager: "TelemetryManager", names: Iterable[str] | None = None
) -> list[InstrumentedProvider]:
    """Instrument vendors' packages: those imported already now, the others when they are imported.

    Args:
        manager: Where spans and events go.
        names: Names of providers: ours, entry points of the group ``agentops.providers``, and
            ``package.module:Class`` for a ``ProviderInstrumentation``; ``None`` means all that have a
            name.

    Returns:
        One provider for each name; ``uninstall`` each to undo it.

    Raises:
        ConfigurationError: A name is not known, or what was named cannot be loaded.
    """
    paths = _known()
    wanted = list(paths if names is None else names)
    for name in wanted:
        if name not in paths and name not in LIBRARIES and ":" not in name:
            known = ", ".join(sorted({*paths, *LIBRARIES}))
            raise ConfigurationError(
                "instrument", name, f"some of {known}, or package.module:Class"
            )
    installed = []
    for name in wanted:
        if name in LIBRARIES:
            continue  # client.py installs these: they are no providers
        if names is None:  # what happens to be installed may not break the program
            with guarded(f"loading the instrumentation of {name}"):
                installed.append(_install(manager, _class_at(name, paths[name])))
        else:
            kind = _class_at(name, paths.get(name, name))
            with guarded(f"installing the instrumentation of {name}"):
                installed.append(_install(manager, kind))
    return installed


def _known() -> dict[str, str]:
    """Return name of provider -> ``module:class``; what is installed may add, not replace."""
    added = {point.name: point.value for point in entry_points(group=_ENTRY_POINTS)}
    return {**added, **VENDORS}


def _class_at(name: str, path: str) -> "type[ProviderInstrumentation]":
    module, _, kind_name = path.partition(":")
    try:
        # Imported by name: what is known of a vendor is loaded only when it is asked for.
        kind = getattr(import_module(module), kind_name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            "instrument", name, f"a class that can be loaded: {error}"
        ) from error
    if not getattr(kind, "module", ""):
        raise ConfigurationError(
            "instrument",
            name,
            "a ProviderInstrumentation whose `module` names the package it is for",
        )
    return cast("type[ProviderInstrumentation]", kind)


def _install(
    manager: "TelemetryManager", kind: "type[ProviderInstrumentation]"
) -> InstrumentedProvider:
    provider = InstrumentedProvider(kind(manager))
    provider.install()
    return provider

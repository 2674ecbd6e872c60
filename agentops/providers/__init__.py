"""What acts on a vendor's call: patches, times, wraps streams."""

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, cast

from agentops.errors import ConfigurationError
from agentops.guard import guarded
from agentops.instrumentation.providers import paths_of, provider_paths
from agentops.providers.instrumented_provider import InstrumentedProvider

if TYPE_CHECKING:
    from agentops.instrumentation.providers.base import ProviderInstrumentation
    from agentops.telemetry.manager import TelemetryManager

__all__ = ["InstrumentedProvider", "class_at", "install_all"]


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
    installed = []
    if names is None:
        for name, path in provider_paths().items():
            # What happens to be installed may not break the program.
            with guarded(f"loading the instrumentation of {name}"):
                installed.append(_install(manager, class_at(name, path)))
        return installed
    # All before the first is installed: a name that is refused leaves nothing behind.
    kinds = {name: class_at(name, path) for name, path in paths_of(names).items()}
    for name, kind in kinds.items():
        with guarded(f"installing the instrumentation of {name}"):
            installed.append(_install(manager, kind))
    return installed


def class_at(name: str, path: str) -> "type[ProviderInstrumentation]":
    """Return what is known of a provider.

    Args:
        name: What it is called in ``instrument``.
        path: ``package.module:Class``.

    Raises:
        ConfigurationError: There is no such class, or it is of another kind.
    """
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

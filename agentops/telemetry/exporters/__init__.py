"""Destinations: one module for each kind, loaded when it is asked for."""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points

from agentops.errors import ConfigurationError
from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.exporters.base import Exporter

__all__ = ["ENTRY_POINT_GROUP", "build"]

ENTRY_POINT_GROUP = "agentops.exporters"
"""Entry points of this group are exporter types: each names a callable as for ``package.module:factory``."""


def _otlp(config: ExporterConfig) -> Exporter:
    # Brings urllib3, which costs as much to import as the rest of the SDK.
    from agentops.telemetry.exporters.otlp import build as build_otlp

    return build_otlp(config)


def _agentops(config: ExporterConfig) -> Exporter:
    # As above.
    from agentops.telemetry.exporters.agentops import AgentOpsExporter

    return AgentOpsExporter(config)


def _console(_: ExporterConfig) -> Exporter:
    # Only who asks for it pays for it.
    from agentops.telemetry.exporters.console import ConsoleExporter

    return ConsoleExporter()


def _file(config: ExporterConfig) -> Exporter:
    # As above.
    from agentops.telemetry.exporters.file import FileExporter

    return FileExporter(config.path or "")


def _memory(_: ExporterConfig) -> Exporter:
    # As above.
    from agentops.telemetry.exporters.memory import MemoryExporter

    return MemoryExporter()


def _instance(config: ExporterConfig) -> Exporter:
    return _adopted(config.instance)


_BUILDERS: dict[str, Callable[[ExporterConfig], Exporter]] = {
    "agentops": _agentops,
    "console": _console,
    "file": _file,
    "instance": _instance,
    "memory": _memory,
    "otlp": _otlp,
}


def build(config: ExporterConfig) -> Exporter:
    """Make the exporter that ``config`` describes. Opens no connection and no file.

    Raises:
        ConfigurationError: the type is unknown, or its settings do not fit.
        MissingExtraError: its packages are not installed.
    """
    builder = _BUILDERS.get(config.type)
    if builder is not None:
        return builder(config)
    return _adopted(_factory(config.type)(**config.options))


def _factory(kind: str) -> Callable[..., object]:
    module, colon, name = kind.partition(":")
    found: object = None
    if colon:
        try:
            found = import_module(module)
            for step in name.split("."):
                found = getattr(found, step)
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(
                "type", kind, f"a factory that can be imported ({error})"
            ) from error
    else:
        for entry in entry_points(group=ENTRY_POINT_GROUP, name=kind):
            found = entry.load()
    if not callable(found):
        known = ", ".join(sorted(set(_BUILDERS) - {"instance"}))
        raise ConfigurationError("type", kind, f"one of {known}, or package.module:factory")
    return found


def _adopted(made: object) -> Exporter:
    """Take an exporter of ours as it is and wrap a stock OpenTelemetry ``SpanExporter``."""
    if isinstance(made, Exporter):
        return made
    if callable(getattr(made, "export", None)) and callable(getattr(made, "shutdown", None)):
        # Needs the OpenTelemetry SDK's span class.
        from agentops.telemetry.exporters.stock import StockExporter

        return StockExporter(made)
    raise ConfigurationError(
        "type", type(made).__name__, "an Exporter or an OpenTelemetry SpanExporter"
    )

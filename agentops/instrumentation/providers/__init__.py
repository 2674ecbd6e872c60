"""What is known of each vendor: where to hook, how to read. Makes no spans."""

from collections.abc import Iterable
from importlib.metadata import entry_points

from agentops.errors import ConfigurationError

__all__ = ["LIBRARIES", "VENDORS", "paths_of", "provider_paths"]

_ENTRY_POINTS = "agentops.providers"

VENDORS = {
    "openai": "agentops.instrumentation.providers.openai:OpenAIInstrumentation",
    "anthropic": "agentops.instrumentation.providers.anthropic:AnthropicInstrumentation",
}
"""Package to wait for -> the class that knows it, as ``module:name``."""

LIBRARIES = {
    "aiohttp": "opentelemetry.instrumentation.aiohttp_client:AioHttpClientInstrumentor",
    "httpx": "opentelemetry.instrumentation.httpx:HTTPXClientInstrumentor",
    "httpx2": "opentelemetry.instrumentation.httpx:HTTPX2ClientInstrumentor",
    "requests": "opentelemetry.instrumentation.requests:RequestsInstrumentor",
    "urllib3": "opentelemetry.instrumentation.urllib3:URLLib3Instrumentor",
}
"""Name in ``instrument`` -> OpenTelemetry's instrumentor, as ``module:name``."""


def provider_paths() -> dict[str, str]:
    """Return name of provider -> ``module:class``; what is installed may add, not replace."""
    added = {point.name: point.value for point in entry_points(group=_ENTRY_POINTS)}
    return {**added, **VENDORS}


def paths_of(names: Iterable[str]) -> dict[str, str]:
    """Return name -> ``module:class`` for those of ``names`` that are providers, not :data:`LIBRARIES`.

    Raises:
        ConfigurationError: A name is not known.
    """
    paths = provider_paths()
    wanted = {name: paths.get(name, name) for name in names if name not in LIBRARIES}
    for name, path in wanted.items():
        if ":" not in path:
            known = ", ".join(sorted({*paths, *LIBRARIES}))
            raise ConfigurationError(
                "instrument", name, f"some of {known}, or package.module:Class"
            )
    return wanted

"""What is known of each vendor: where to hook, how to read. Makes no spans."""

__all__ = ["LIBRARIES", "VENDORS"]

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

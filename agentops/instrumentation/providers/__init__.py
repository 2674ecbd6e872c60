"""What is known of each vendor: where to hook, how to read. Makes no spans."""

__all__ = ["VENDORS"]

VENDORS = {
    "openai": "agentops.instrumentation.providers.openai:OpenAIInstrumentation",
    "anthropic": "agentops.instrumentation.providers.anthropic:AnthropicInstrumentation",
}
"""Package to wait for -> the class that knows it, as ``module:name``."""

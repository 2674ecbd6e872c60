"""What is known of the anthropic package, from 0.125 on: where to hook and how to read. No spans."""

from agentops.instrumentation.providers.anthropic.instrumentation import AnthropicInstrumentation

__all__ = ["AnthropicInstrumentation"]

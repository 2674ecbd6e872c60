"""What is known of the openai package, from 1.x on: where to hook and how to read. No spans."""

from agentops.instrumentation.providers.openai.client import OpenAIInstrumentation

__all__ = ["OpenAIInstrumentation"]

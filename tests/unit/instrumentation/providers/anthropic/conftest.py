import pytest
from support.anthropic_wire import Wire
from support.providers import DirectManager

from agentops.instrumentation.providers.anthropic import AnthropicInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider


@pytest.fixture
def manager():
    return DirectManager()


@pytest.fixture
def provider(manager):
    provider = InstrumentedProvider(AnthropicInstrumentation(manager))
    provider.install()
    yield provider
    provider.uninstall()


@pytest.fixture
def wire():
    return Wire()

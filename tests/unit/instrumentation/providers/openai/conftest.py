"""The openai package, instrumented with a manager that completes each call when its span ends."""

import pytest
from support.providers import DirectManager

from agentops.instrumentation.providers.openai import OpenAIInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider


@pytest.fixture
def manager():
    return DirectManager()


@pytest.fixture
def provider(manager):
    provider = InstrumentedProvider(OpenAIInstrumentation(manager))
    provider.install()
    yield provider
    provider.uninstall()

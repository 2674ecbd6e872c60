"""What every test stands on: errors of ours are not swallowed, and no state of the user is touched."""

import pytest
from hypothesis import HealthCheck, settings

from agentops import client, guard

# The same examples in every run, however slow the machine is: to look for new ones, --hypothesis-profile=default.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _strict_guard():
    guard.be_strict()
    yield
    guard.be_strict(False)


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
    for name in ("AGENTOPS_API_KEY", "AGENTOPS_CONFIG", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _own_client():
    yield
    if client._state.client:
        client.shutdown()
    client._state.closed = None
    client._state.options = {}
    client._state.behaviour = {}


@pytest.fixture
def anyio_backend():
    """Asynchronous tests run on asyncio; those about trio say so themselves."""
    return "asyncio"


@pytest.fixture
def recorded():
    """AgentOps recording into memory, without an automatic session."""
    from agentops.testing import recording

    with recording() as what:
        yield what

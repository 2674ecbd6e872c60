"""One backend for all tests that only ask: seeded, in a process of its own."""

import pytest
from support.backend import BackendProcess
from support.seed import seed_directory


@pytest.fixture(scope="session")
def backend(tmp_path_factory):
    directory = tmp_path_factory.mktemp("backend") / "data"
    seed_directory(directory, sessions=30, running=1, spans=3_000)
    with BackendProcess(directory, otlp_http_port=0, allowed_hosts=("agents.example",)) as backend:
        yield backend

import pytest
from support.ingest_server import CollectingAcceptor, application, serving


@pytest.fixture
def acceptor() -> CollectingAcceptor:
    return CollectingAcceptor()


@pytest.fixture
def url(acceptor):
    """A real server on loopback."""
    with serving(application(acceptor)) as address:
        yield address

import pytest
from support.ingest_server import CollectingAcceptor, application, serving


class Relay:
    """Hands rows to the acceptor of the test that runs now."""

    target: CollectingAcceptor

    async def accept(self, rows):
        await self.target.accept(rows)


@pytest.fixture(scope="session")
def relay():
    return Relay()


@pytest.fixture(scope="session")
def served(relay):
    """One real server on loopback for all tests of this folder."""
    with serving(application(relay)) as address:
        yield address


@pytest.fixture
def acceptor(relay) -> CollectingAcceptor:
    relay.target = CollectingAcceptor()
    return relay.target


@pytest.fixture
def url(served, acceptor):
    """Address of the server, which hands its rows to ``acceptor``."""
    return served

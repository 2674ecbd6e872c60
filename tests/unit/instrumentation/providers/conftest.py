import pytest


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    """Programs call the SDKs from either kind of event loop."""
    return request.param

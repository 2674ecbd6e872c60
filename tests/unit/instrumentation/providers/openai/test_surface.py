"""Each way to use the SDK: the program sees the same with and without us, and each call is one span."""

import pytest
from support import openai_endpoints, openai_surface
from support.openai_wire import Wire
from support.versions import skipping_what_is_missing

SYNC, ASYNC = openai_surface.SYNC, openai_surface.ASYNC
assert openai_endpoints  # it has put its ways to those of openai_surface


def _sent(wire):
    return [
        (
            request.method,
            str(request.url),
            sorted(pair for pair in request.headers.items() if pair[0] != "content-type"),
            _body(request),
        )
        for request in wire.requests
    ]


def _body(request):
    """Return what was sent, without the random boundary between files."""
    kind = request.headers.get("content-type", "")
    if "boundary=" not in kind:
        return request.content
    return request.content.replace(kind.partition("boundary=")[2].encode(), b"BOUNDARY")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", SYNC)
def test_a_sync_program_sees_the_same_and_each_call_is_a_span(name, provider, manager):
    function, spans = SYNC[name]
    provider.uninstall()
    bare, watched = Wire(), Wire()
    with skipping_what_is_missing():
        expected = function(bare)
    provider.install()
    actual = function(watched)

    assert actual == expected
    assert _sent(watched) == _sent(bare)
    assert len(manager.ended) == spans
    assert [s.closed for s in watched.streams] == [s.closed for s in bare.streams]
    assert [s.read for s in watched.streams] == [s.read for s in bare.streams]


@pytest.mark.parametrize("name", ASYNC)
async def test_an_async_program_sees_the_same_and_each_call_is_a_span(name, provider, manager):
    function, spans = ASYNC[name]
    provider.uninstall()
    bare, watched = Wire(), Wire()
    with skipping_what_is_missing():
        expected = await function(bare)
    provider.install()
    actual = await function(watched)

    assert actual == expected
    assert _sent(watched) == _sent(bare)
    assert len(manager.ended) == spans
    assert [s.closed for s in watched.streams] == [s.closed for s in bare.streams]

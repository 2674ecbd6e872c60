"""Each way to use the SDK: the program sees the same with and without us, and each call is one span."""

import importlib.util
from pathlib import Path

import pytest
from support.anthropic_wire import Wire
from support.versions import skipping_what_is_missing

_FILE = Path(__file__).with_name("surface.py")
_SPEC = importlib.util.spec_from_file_location("anthropic_surface", _FILE)
surface = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(surface)


def _sent(wire):
    return [(r.method, str(r.url), sorted(r.headers.items()), r.content) for r in wire.requests]


@pytest.mark.filterwarnings(
    "ignore:The 'output_format' parameter is deprecated:DeprecationWarning"
)  # 0.x
@pytest.mark.parametrize("name", surface.SYNC)
def test_a_sync_program_sees_the_same_and_each_call_is_a_span(name, provider, manager):
    function, spans = surface.SYNC[name]
    provider.uninstall()
    bare, watched = Wire(), Wire()
    with skipping_what_is_missing():
        expected = function(bare)
    provider.install()
    actual = function(watched)

    assert actual == expected
    assert _sent(watched) == _sent(bare)
    assert len(manager.ended) == spans
    assert [stream.closed for stream in watched.streams] == [s.closed for s in bare.streams]


@pytest.mark.parametrize("name", surface.ASYNC)
async def test_an_async_program_sees_the_same_and_each_call_is_a_span(name, provider, manager):
    function, spans = surface.ASYNC[name]
    provider.uninstall()
    bare, watched = Wire(), Wire()
    with skipping_what_is_missing():
        expected = await function(bare)
    provider.install()
    actual = await function(watched)

    assert actual == expected
    assert _sent(watched) == _sent(bare)
    assert len(manager.ended) == spans

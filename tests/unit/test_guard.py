"""Faults of ours stay away from the program; those of code it gave us are told as such."""

import logging
import signal

import pytest

from agentops import guard
from agentops.guard import failed, guarded, tolerated


@pytest.fixture(autouse=True)
def _as_in_production():
    guard.be_strict(False)


def fail(place, kind=ValueError):
    with guarded(place):
        raise kind("with data of the host")


def test_a_fault_is_swallowed_counted_and_told_once_with_its_line_and_without_its_text(caplog):
    line = fail.__code__.co_firstlineno + 2
    for _ in range(3):
        fail("testing once")

    assert guard.faults()["testing once"] == 3
    assert [record.getMessage() for record in caplog.records] == [
        f"agentops failed while testing once (ValueError at test_guard.py:{line}); "
        "your program is not affected"
    ]


def test_a_fault_in_a_block_without_a_guard_is_the_same(caplog):
    fault = ValueError("with data of the host")

    failed("testing without", fault)
    guard.be_strict()
    with pytest.raises(ValueError, match="with data of the host"):
        failed("testing without", fault)

    assert guard.faults()["testing without"] == 1
    assert caplog.messages == [
        "agentops failed while testing without (ValueError); your program is not affected"
    ]


def test_what_the_program_raises_to_stop_passes_through():
    with pytest.raises(KeyboardInterrupt):
        fail("testing an interrupt", KeyboardInterrupt)


def _guarded(place):
    with guarded(place):
        signal.raise_signal(signal.SIGINT)


def _failed(place):
    try:
        signal.raise_signal(signal.SIGINT)
    except TimeoutError as error:
        failed(place, error)


def _tolerated(place):
    tolerated(place, signal.raise_signal, signal.SIGINT, otherwise=None)


@pytest.mark.parametrize("block", [_guarded, _failed, _tolerated])
def test_a_time_limit_that_a_signal_handler_raises_passes_through(block):
    def raise_limit(_number, _frame):
        raise TimeoutError

    before = signal.signal(signal.SIGINT, raise_limit)
    try:
        with pytest.raises(TimeoutError):
            block("testing a signal")
    finally:
        signal.signal(signal.SIGINT, before)

    assert "testing a signal" not in guard.faults()


def test_a_logging_handler_that_raises_does_not_reach_the_program():
    class Broken(logging.Handler):
        def emit(self, record):
            raise OSError("disk full")

    logger, handler = logging.getLogger("agentops"), Broken()
    logger.addHandler(handler)
    try:
        fail("testing a handler")
    finally:
        logger.removeHandler(handler)


def test_code_of_the_program_that_fails_is_no_fault_of_ours(caplog):
    guard.be_strict()

    assert tolerated("a mask of the test", int, "x", otherwise=7) == 7
    [told] = caplog.messages
    assert told.startswith("agentops goes on although a mask of the test failed (ValueError at ")

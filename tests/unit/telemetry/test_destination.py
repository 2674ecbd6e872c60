"""How patient a flush is; one exporter whose answers a test holds back."""

import threading
import time

import pytest
from support.interleaving import interleavings
from support.promises import assert_within, seconds
from support.records import span

from agentops.guard import be_strict
from agentops.telemetry.destination import Destination
from agentops.telemetry.exporters.base import Batch, Exporter, ExportResult, Outcome
from agentops.telemetry.outbox import Outbox
from agentops.telemetry.spool import Spool

GONE = ExportResult(outcome=Outcome.RETRY, reason="refused", is_unreachable=True)
TAKEN = ExportResult(outcome=Outcome.DELIVERED)


class Held(Exporter):
    """Its first attempt ends when the test says so, in vain; all others succeed."""

    name = "held"
    encodings = ("traces_protobuf",)
    is_remote = True

    def __init__(self):
        self.began, self.goes_on = threading.Event(), threading.Event()

    def export(self, batch, timeout_s):
        if self.began.is_set():
            return TAKEN
        self.began.set()
        self.goes_on.wait(30)
        return GONE


def test_an_attempt_that_was_on_its_way_does_not_make_a_flush_give_up(tmp_path):
    exporter = Held()
    destination = Destination(exporter, spool=Spool(tmp_path / "spool", bytes_max=1 << 20))
    destination.put(Batch([span(1)]))
    assert exporter.began.wait(30)
    delivered = []
    flushing = threading.Thread(
        target=lambda: delivered.append(destination.flush(time.perf_counter() + 30))
    )
    flushing.start()
    while not destination._hurried_s:  # until the flush has begun
        time.sleep(0.001)
    exporter.goes_on.set()
    flushing.join()

    assert delivered == [True]
    assert destination.stats().sent == 1
    destination.stop(time.perf_counter() + 30)
    destination.join(time.perf_counter() + 30)


class Wordless(Exporter):
    """One of the program's own: its first answer is none at all."""

    name = "wordless"

    def __init__(self):
        self.taken = 0

    def export(self, batch, timeout_s):
        self.taken += 1
        return None if self.taken == 1 else TAKEN


def test_an_exporter_that_answers_nonsense_costs_one_batch_and_no_more():
    be_strict(False)
    try:
        destination = Destination(Wordless())
        destination.put(Batch([span(1)]))
        assert destination.flush(time.perf_counter() + 30)
        destination.put(Batch([span(2)]))
        assert destination.flush(time.perf_counter() + 30)
    finally:
        be_strict()

    assert (destination.stats().sent, destination.stats().dropped) == (1, {"not sent": 1})
    destination.stop(time.perf_counter() + 30)
    destination.join(time.perf_counter() + 30)


class Slow(Exporter):
    """One of the program's own that takes its time for everything."""

    name = "slow"
    encodings = ("traces_protobuf",)

    def __init__(self):
        self.goes_on = threading.Event()

    def export(self, batch, timeout_s):
        self.goes_on.wait(30)
        return TAKEN

    def shutdown(self):
        self.goes_on.wait(30)


@pytest.mark.parametrize("batches", [0, 1])
def test_an_end_before_anything_was_sent_is_not_held_up_by_an_exporter(batches):
    exporter = Slow()

    def end():
        destination = Destination(exporter)
        deadline_s = time.perf_counter() + 0.3
        destination.stop(deadline_s)
        for _ in range(batches):  # the worker was late
            destination.put(Batch([span(1)]))
        return {"took_s": seconds(destination.join, deadline_s)}

    assert_within(end, took_s=0.3 + 0.2)
    exporter.goes_on.set()


class Taking(Exporter):
    """Takes everything at once."""

    name = "taking"
    encodings = ("traces_protobuf",)

    def export(self, batch, timeout_s):
        return TAKEN


def test_a_flush_with_nothing_to_send_wakes_nobody():
    destination = Destination(Taking())
    destination.put(Batch([span(1)]))
    assert destination.flush(time.perf_counter() + 30)
    changed = destination._box.changed
    while not changed._waiters:  # until the sender waits for more
        time.sleep(0.001)
    (waiter,) = changed._waiters

    assert destination.flush(time.perf_counter() + 30)
    with changed:
        assert list(changed._waiters) == [waiter]
    destination.stop(time.perf_counter() + 30)
    destination.join(time.perf_counter() + 30)


def test_what_two_threads_pass_over_is_counted_twice():
    box = Outbox(None, 1024)
    turns = 0
    for _ in interleavings(
        lambda: box.pass_over(1, "why"), lambda: box.pass_over(1, "why"), step="opcode"
    ):
        turns += 1

    # The last time it was run alone.
    assert box.stats().dropped == {"why": 2 * turns + 1}
    assert box.stats().accepted == 2 * turns + 1

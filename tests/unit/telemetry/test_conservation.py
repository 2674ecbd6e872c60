"""Whatever happens on the way, in whatever order: what was accepted was sent once or counted as dropped.

Schedules of faults are drawn at random: the receiver's answers, a disk that fills up and recovers, the
death of the process. At the end everything works again and the books have to balance.
"""

import errno
import os
import time
from unittest import mock

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.records import event, span

from agentops import guard
from agentops.telemetry import spool as spool_module
from agentops.telemetry.destination import Destination, Limits
from agentops.telemetry.exporters.base import Batch, Exporter, ExportResult, Outcome
from agentops.telemetry.spool import Spool


class Scripted(Exporter):
    """Answers as the schedule says; knows what it took."""

    name = "scripted"
    encodings = ("traces_protobuf", "logs_protobuf")
    is_remote = True

    def __init__(self, answers):
        self.answers = list(answers)
        self.taken = []

    def export(self, batch, timeout_s):
        [part] = batch.parts()
        answer = self.answers.pop(0) if self.answers else Outcome.DELIVERED
        if answer == "error":
            raise RuntimeError("an exporter that breaks")
        if answer is Outcome.DELIVERED:
            self.taken += [item for group in part.groups for item in group.items]
        return ExportResult(outcome=answer, reason=answer.value)


answers = st.sampled_from([*Outcome, Outcome.DELIVERED, Outcome.RETRY, "error"])
steps = st.lists(
    st.tuples(st.just("put"), st.integers(1, 6))
    | st.tuples(st.just("flush"), st.just(0))
    | st.tuples(st.just("disk"), st.booleans())
    | st.tuples(st.just("die"), st.just(0)),
    max_size=14,
)


def destination_at(folder, exporter):
    limits = Limits(items_max=8, bytes_max=2000, memory_bytes_max=1500)
    spool = Spool(folder, bytes_max=1 << 20, segment_bytes=600)
    made = Destination(exporter, limits=limits, spool=spool)
    made._is_threadless = True  # each step happens when the schedule says so
    return made


def filling_up(disk_is_full):
    real = os.pwrite

    def pwrite(descriptor, data, offset):
        if disk_is_full[0] and len(data) > 1:  # a byte in place needs no new room
            raise OSError(errno.ENOSPC, "full")
        return real(descriptor, data, offset)

    return pwrite


def flush(destination):
    return destination.flush(time.perf_counter() + 60)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(steps=steps, answers=st.lists(answers, max_size=20))
def test_accepted_is_sent_or_counted(steps, answers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("spool") / "receiver"
    exporter = Scripted(answers)
    destination = destination_at(folder, exporter)
    disk_is_full = [False]
    guard.be_strict(False)
    lost = accepted = 0
    dropped = sent = 0
    with mock.patch.object(spool_module.os, "pwrite", filling_up(disk_is_full)):
        for step, value in steps:
            if step == "put":
                numbers = range(accepted, accepted + value)
                destination.put(
                    Batch([(event if number % 3 == 0 else span)(number) for number in numbers])
                )
                accepted += value
            elif step == "flush":
                flush(destination)
            elif step == "disk":
                disk_is_full[0] = value
            else:
                unsent, _ = destination._box.rest()
                stats = destination.stats()
                lost += unsent
                dropped += sum(stats.dropped.values())
                sent += stats.sent
                destination._spool.after_fork()  # its locks are gone, its files are not
                destination = destination_at(folder, exporter)
        disk_is_full[0] = False
        exporter.answers.clear()
        assert flush(destination)
    stats = destination.stats()
    dropped += sum(stats.dropped.values())
    sent += stats.sent

    assert stats.pending == 0
    assert stats.accepted + stats.recovered == stats.sent + sum(stats.dropped.values())
    assert accepted == sent + dropped + lost
    assert len(exporter.taken) == len(set(exporter.taken)) == sent
    destination.stop(0)
    destination.join(0)
    assert not list(folder.glob("*"))

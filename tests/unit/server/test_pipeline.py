import asyncio
import errno
import threading

import msgspec
import pytest
from support.seed import support_session
from support.storages import new_storage

from agentops.errors import RowsRefusedError, StorageBusyError
from agentops.server import wal
from agentops.server.pipeline import Pipeline, PipelineConfig
from agentops.server.rows import SpanRow
from agentops.server.storage.base import StoredChange


def span(number=1):
    return SpanRow(
        trace_id=f"{number:032x}", span_id=f"{number:016x}", name="n", start_ns=1, end_ns=2
    )


class Shelf:
    """A storage that keeps what it is given, or fails as told."""

    def __init__(self):
        self.spans, self.calls = [], []
        self.failures = []
        self.gate = threading.Event()
        self.gate.set()
        self.refused = set()

    def write(self, spans, events, *, is_replay=False):
        self.gate.wait(60)
        self.calls.append((len(spans), is_replay))
        if self.failures:
            raise self.failures.pop(0)
        names = [msgspec.json.decode(line)["span_id"] for line in spans]
        if self.refused & set(names):
            raise RowsRefusedError("no")
        self.spans += names
        return [StoredChange(project_id="default", sessions={"s": len(spans)})]


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def make(tmp_path, shelf):
    made = []

    def make(notify=lambda change: None, **config):
        pipeline = Pipeline(shelf, PipelineConfig(directory=tmp_path / "wal", **config), notify)
        made.append(pipeline)
        pipeline.start()
        return pipeline

    yield make
    shelf.gate.set()
    for pipeline in made:
        pipeline.stop(1_000)


def accept(pipeline, *rows):
    asyncio.run(pipeline.accept(rows))


def accept_together(pipeline, *batches, offered=lambda: None):
    """Offer all batches at once, tell ``offered``, return what became of each."""

    async def main():
        tasks = [asyncio.create_task(pipeline.accept(batch)) for batch in batches]
        await asyncio.sleep(0)  # the turn in which each of them begins
        offered()
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(main())


def test_accepted_rows_are_on_disk_before_the_answer(make, shelf, tmp_path):
    shelf.gate.clear()
    pipeline = make()
    accept(pipeline, span(1))
    [file] = (tmp_path / "wal").glob("*.wal")

    payloads, is_damaged = wal.read_segment(file)
    assert ([b"S" + msgspec.json.encode(span(1))], False) == (payloads, is_damaged)
    assert [] == shelf.spans


def test_accepted_rows_are_stored_and_their_segment_deleted(make, shelf, tmp_path):
    seen = []
    pipeline = make(seen.append)
    accept(pipeline, span(1), span(2))

    assert pipeline.flush(30_000)
    assert [f"{1:016x}", f"{2:016x}"] == shelf.spans
    assert [{"s": 2}] == [change.sessions for change in seen]
    assert [] == list((tmp_path / "wal").glob("*.wal"))
    assert (2, 0, 0) == (
        pipeline.stats.spans,
        pipeline.stats.waiting_bytes,
        pipeline.stats.log_bytes,
    )


def test_what_waits_for_the_storage_is_read_in_bounded_pieces(make, shelf, tmp_path):
    shelf.gate.clear()
    pipeline = make(segment_bytes=1_000)
    for number in range(20):
        accept(pipeline, span(number))
    sizes = [path.stat().st_size for path in (tmp_path / "wal").glob("*.wal")]
    shelf.gate.set()

    assert max(sizes) < 2_500  # two requests at most
    assert pipeline.flush(30_000)
    assert [f"{number:016x}" for number in range(20)] == shelf.spans
    assert [] == list((tmp_path / "wal").glob("*.wal"))
    assert pipeline.stats.log_bytes == 0


def test_requests_that_come_together_share_one_sync(make, monkeypatch, shelf):
    syncs = []
    held = threading.Event()
    real = wal._sync

    def slow(file):
        syncs.append(file)
        held.wait(60)
        real(file)

    monkeypatch.setattr(wal, "_sync", slow)
    pipeline = make()
    batches = [[span(number)] for number in range(20)]

    assert [None] * 20 == accept_together(pipeline, *batches, offered=held.set)
    assert len(syncs) <= 3
    assert pipeline.flush(30_000)
    assert 20 == len(shelf.spans)


def test_disk_that_is_full_refuses_and_recovers(make, monkeypatch, shelf):
    pipeline = make()
    accept(pipeline, span(1))

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(wal, "_sync", full)
        with pytest.raises(StorageBusyError, match="No space left"):
            accept(pipeline, span(2))
    accept(pipeline, span(3))

    assert pipeline.flush(30_000)
    assert [f"{1:016x}", f"{3:016x}"] == shelf.spans


def test_storage_that_is_busy_is_asked_again_as_a_replay(make, shelf):
    shelf.failures = [StorageBusyError("later"), OSError("disk")]
    pipeline = make()
    accept(pipeline, span(1))

    assert pipeline.flush(30_000)
    assert [(1, False), (1, True), (1, True)] == shelf.calls
    assert [f"{1:016x}"] == shelf.spans


def test_row_that_can_never_be_stored_is_put_aside_and_the_others_go_on(make, shelf, tmp_path):
    shelf.refused = {f"{3:016x}"}
    pipeline = make()
    accept(pipeline, *(span(number) for number in range(1, 6)))

    assert pipeline.flush(30_000)
    assert [f"{n:016x}" for n in (1, 2, 4, 5)] == sorted(shelf.spans)
    assert 1 == pipeline.stats.refused
    kept = (tmp_path / "wal" / "refused.jsonl").read_bytes()
    assert span(3) == msgspec.json.decode(kept, type=SpanRow)


def test_too_much_on_disk_is_refused_until_it_is_stored(make, shelf):
    shelf.gate.clear()
    pipeline = make(log_bytes_max=100)
    accept(pipeline, span(1))

    with pytest.raises(StorageBusyError, match="waiting to be stored"):
        accept(pipeline, span(2))
    shelf.gate.set()
    assert pipeline.flush(30_000)
    accept(pipeline, span(3))


def test_too_much_in_memory_is_refused(make, monkeypatch):
    held = threading.Event()
    monkeypatch.setattr(wal, "_sync", lambda file: held.wait(60))
    pipeline = make(waiting_bytes_max=2_000)
    batches = [[span(number)] for number in range(10)]
    results = accept_together(pipeline, *batches, offered=held.set)

    refused = [result for result in results if isinstance(result, StorageBusyError)]
    assert 0 < len(refused) < 10
    assert all("waiting for the disk" in str(error) for error in refused)


def test_rows_offered_while_stopping_are_refused(make):
    pipeline = make()
    assert pipeline.stop(1_000)

    with pytest.raises(StorageBusyError, match="stopping"):
        accept(pipeline, span(1))
    assert pipeline.stop(1_000)


def test_rows_left_in_the_log_are_stored_at_the_next_start(make, shelf):
    shelf.failures = [StorageBusyError("x")] * 100
    first = make(retry_ms_max=100)
    accept(first, span(1))
    assert not first.stop(200)
    shelf.failures, shelf.calls = [], []
    second = make()

    assert second.flush(30_000)
    assert ([f"{1:016x}"], [(1, True)]) == (shelf.spans, shelf.calls)


def test_record_cut_off_by_a_crash_is_dropped_and_those_before_it_kept(tmp_path):
    log = wal.WriteAheadLog(tmp_path / "wal")
    log.append([b"one", b"two"])
    [segment] = log.rotate()
    whole = segment.path.read_bytes()
    for size in range(len(whole)):
        segment.path.write_bytes(whole[:size])
        payloads, is_damaged = wal.read_segment(segment.path)

        assert not is_damaged
        assert payloads == [b"one", b"two"][: len(payloads)]
        assert len(payloads) < 2


def test_flipped_bit_is_damage_and_never_a_payload(tmp_path):
    log = wal.WriteAheadLog(tmp_path / "wal")
    log.append([b"one"])
    [segment] = log.rotate()
    whole = segment.path.read_bytes()
    for place in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        segment.path.write_bytes(flipped)

        assert [] == wal.read_segment(segment.path)[0]


def test_pipeline_over_the_engine_keeps_a_session_exactly_once(tmp_path):
    rows = support_session(1)
    with new_storage("chdb") as storage:
        pipeline = Pipeline(storage, PipelineConfig(directory=tmp_path / "wal"))
        pipeline.start()
        for _ in range(3):
            asyncio.run(pipeline.accept(rows))
        assert pipeline.stop(10_000)

        assert 7 == storage.totals("default").span_count


def test_rows_that_come_right_after_a_slow_insert_are_stored_together(make, shelf):
    pipeline = make(gather_ms=0, gather_ms_max=60_000)
    shelf.gate.clear()
    accept(pipeline, span(1))
    slow = threading.Timer(1.0, shelf.gate.set)
    slow.start()
    assert pipeline.flush(30_000)
    for number in range(2, 7):
        accept(pipeline, span(number))

    assert pipeline.flush(30_000)  # who waits for the rows ends the rest
    assert [(1, False), (5, False)] == shelf.calls


def test_storer_does_not_rest_while_much_is_waiting(make, shelf):
    seen = threading.Event()
    pipeline = make(
        lambda change: seen.set() if len(shelf.spans) == 2 else None,
        gather_ms=60_000,
        gather_ms_max=60_000,
        gather_bytes=1_000,
    )
    accept(pipeline, span(1), span(2))

    assert seen.wait(30)

import errno
import os
import stat
import threading
from contextlib import contextmanager

import pytest
from support.records import event, span

from agentops.telemetry import spool as spool_module
from agentops.telemetry.encoder import encode
from agentops.telemetry.spool import Spool, clear, folder_name, survey


def part(*numbers, text=""):
    made, _ = encode("traces_protobuf", [span(n, attributes={"text": text}) for n in numbers])
    return made


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool" / "receiver"


@pytest.fixture
def spool_at(folder):
    made = []

    def make(bytes_max=1 << 28, **options):
        made.append(Spool(folder, bytes_max, **options))
        return made[-1]

    yield make
    for spool in made:
        spool.close()


def died(spool):
    """Leave the files as a killed process does: locks gone, nothing tidied."""
    spool.after_fork()


def bodies(spool, places):
    return [spool.read(place).body() for place in places]


def test_parts_are_read_back_as_they_were(spool_at):
    spool = spool_at()
    logs, _ = encode("logs_protobuf", [event(1)])
    places = [spool.append(part(1, 2)), spool.append(logs)]

    assert [part(1, 2).body(), logs.body()] == bodies(spool, places)
    assert ["traces_protobuf", "logs_protobuf"] == [place.encoding for place in places]


def test_only_the_owner_can_read_it(spool_at, folder):
    spool_at().append(part(1))

    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert {0o600} == {stat.S_IMODE(found.stat().st_mode) for found in folder.iterdir()}


def test_a_dead_process_leaves_its_parts_to_the_next(spool_at, folder):
    first = spool_at()
    places = [first.append(part(number)) for number in range(3)]
    first.remove(places[:1])
    died(first)
    second = spool_at()
    adopted = second.adopt()

    assert [part(1).body(), part(2).body()] == bodies(second, adopted)
    second.remove(adopted)
    assert [] == list(folder.iterdir())


def test_a_living_process_keeps_its_parts(spool_at):
    first, second = spool_at(), spool_at()
    first.append(part(1))

    assert second.has_leftovers()
    assert [] == second.adopt()


def test_each_part_is_adopted_by_one(spool_at):
    first = spool_at()
    for number in range(20):
        first.append(part(number))
    died(first)
    heirs = [spool_at() for _ in range(8)]
    start = threading.Barrier(8)
    found = []

    def adopt(heir):
        start.wait()
        found.append(len(heir.adopt()))

    threads = [threading.Thread(target=adopt, args=(heir,)) for heir in heirs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [0] * 7 + [20] == sorted(found)


@pytest.mark.parametrize("name", ["0000000000000000.lock", "0000000000000000-00000001.seg"])
def test_what_another_process_deletes_during_a_look_is_nobodys_trouble(
    name, spool_at, folder, monkeypatch
):
    first = spool_at()
    first.append(part(1))
    died(first)
    look = os.scandir

    @contextmanager
    def slow_look(directory):
        gone = folder / name
        gone.touch()
        with look(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        gone.unlink()
        yield found

    monkeypatch.setattr(spool_module.os, "scandir", slow_look)
    heir = spool_at()

    assert [part(1).body()] == bodies(heir, heir.adopt())
    assert heir.append(part(2)) is not None


def test_a_tidy_end_leaves_nothing(spool_at, folder):
    spool = spool_at()
    spool.remove([spool.append(part(1))])
    spool.close()

    assert [] == list(folder.iterdir())


def test_a_tidy_end_with_something_waiting_leaves_it_to_the_next(spool_at):
    spool = spool_at()
    spool.append(part(1))
    spool.close()

    assert 1 == len(spool_at().adopt())


def segment_of(folder):
    [found] = folder.glob("*.seg")
    return found


def three_left(spool_at):
    spool = spool_at()
    places = [spool.append(part(number)) for number in range(3)]
    died(spool)
    return places


def test_flipped_byte_in_a_payload_costs_that_record_only(spool_at, folder):
    places = three_left(spool_at)
    data = bytearray(segment_of(folder).read_bytes())
    data[places[1].offset + 60] ^= 0x10
    segment_of(folder).write_bytes(data)
    spool = spool_at()

    assert [part(0).body(), part(2).body()] == bodies(spool, spool.adopt())
    assert {"spool damaged": 1} == spool.dropped


@pytest.mark.parametrize("at", [0, 5, 6, 8, 12, 16, 20])
def test_flipped_byte_in_a_head_costs_that_record_only(at, spool_at, folder):
    places = three_left(spool_at)
    data = bytearray(segment_of(folder).read_bytes())
    data[places[1].offset + at] ^= 0x10
    segment_of(folder).write_bytes(data)
    spool = spool_at()

    assert [part(0).body(), part(2).body()] == bodies(spool, spool.adopt())


def test_truncated_tail_costs_the_last_record_only(spool_at, folder):
    three_left(spool_at)
    segment = segment_of(folder)
    os.truncate(segment, segment.stat().st_size - 7)
    spool = spool_at()

    assert [part(0).body(), part(1).body()] == bodies(spool, spool.adopt())
    assert {"spool damaged": 1} == spool.dropped


def test_foreign_empty_and_future_files_are_left_alone_or_tidied(spool_at, folder):
    three_left(spool_at)
    (folder / "notes.txt").write_text("mine")
    (folder / f"{'a' * 16}-00000001.seg").write_bytes(b"")
    future = folder / f"{'b' * 16}-00000001.seg"
    future.write_bytes(b"AOSPOOL\x63" + b"?" * 100)
    garbage = folder / f"{'c' * 16}-00000001.seg"
    garbage.write_bytes(os.urandom(5000))
    os.mkfifo(folder / f"{'d' * 16}-00000001.seg")
    spool = spool_at()

    assert 3 == len(spool.adopt())
    assert "mine" == (folder / "notes.txt").read_text()
    assert future.exists()
    assert not (folder / f"{'a' * 16}-00000001.seg").exists()


def test_links_are_never_followed(spool_at, folder, tmp_path):
    three_left(spool_at)
    precious = tmp_path / "precious"
    precious.write_bytes(segment_of(folder).read_bytes())
    (folder / f"{'e' * 16}-00000001.seg").symlink_to(precious)
    (folder / f"{'e' * 16}.lock").symlink_to(precious)
    spool = spool_at()
    spool.remove(spool.adopt())

    assert precious.read_bytes().startswith(b"AOSPOOL")


def test_a_link_in_place_of_the_folder_is_refused(folder, spool_at, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.parent.mkdir()
    folder.symlink_to(elsewhere)
    spool = spool_at()

    assert spool.append(part(1)) is None
    assert [] == list(elsewhere.iterdir())
    assert [] == spool.adopt()


def test_a_folder_others_can_enter_is_closed_to_them(folder, spool_at):
    folder.mkdir(parents=True, mode=0o777)
    folder.chmod(0o777)

    assert spool_at().append(part(1)) is not None
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)


def test_another_users_folder_is_refused(folder, spool_at, monkeypatch):
    folder.mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)

    assert spool_at().append(part(1)) is None


def test_beyond_the_cap_the_oldest_give_way(spool_at, folder):
    spool = spool_at(bytes_max=1_000_000, segment_bytes=100_000)
    places = [spool.append(part(number, text="x" * 20_000)) for number in range(200)]
    size = sum(found.stat().st_size for found in folder.glob("*.seg"))
    evicted = spool.take_evicted()

    assert size <= 1_000_000 + 100_000
    assert spool.read(places[0]) is None
    assert spool.read(places[-1]) is not None
    assert places[0].segment in evicted
    assert places[-1].segment not in evicted


def test_what_the_dead_left_gives_way_first_and_is_counted(spool_at):
    first = spool_at(bytes_max=1_000_000, segment_bytes=100_000)
    for number in range(20):
        first.append(part(number, text="x" * 20_000))
    died(first)
    second = spool_at(bytes_max=400_000, segment_bytes=100_000)
    places = [second.append(part(number, text="x" * 20_000)) for number in range(12)]

    assert {"spool full": 20} == second.dropped
    assert all(second.read(place) is not None for place in places)


def test_a_full_disk_is_told_and_leaves_no_half_record(spool_at, folder, monkeypatch):
    spool = spool_at()
    spool.append(part(1))
    real, left = os.pwrite, [20]

    def full(descriptor, data, offset):
        if len(data) < left[0]:
            left[0] -= len(data)
            return real(descriptor, data, offset)
        if left[0]:
            written, left[0] = real(descriptor, bytes(data)[: left[0]], offset), 0
            return written
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool_module.os, "pwrite", full)
    assert spool.append(part(2)) is None
    assert "No space left on device" == spool.last_error
    monkeypatch.undo()
    spool.append(part(3))
    died(spool)
    heir = spool_at()

    assert [part(1).body(), part(3).body()] == bodies(heir, heir.adopt())
    assert {} == heir.dropped


def test_read_only_and_missing_parents_cost_nothing_but_the_disk(tmp_path):
    (tmp_path / "file").write_text("")
    spool = Spool(tmp_path / "file" / "below", 1 << 20)

    assert spool.append(part(1)) is None
    assert not spool.has_leftovers()
    assert [] == spool.adopt()
    spool.close()


def test_folders_differ_by_receiver_and_by_account():
    names = {
        folder_name("otlp http://a:1", "otlp http://a:1 key1"),
        folder_name("otlp http://a:1", "otlp http://a:1 key2"),
        folder_name("otlp http://b:1", "otlp http://b:1 key1"),
    }

    assert 3 == len(names)
    assert not any("key" in name or "/" in name for name in names)


def test_a_survey_tells_what_waits_and_takes_nothing(spool_at, folder):
    three_left(spool_at)
    alive = spool_at()
    alive.append(part(7, 8))
    [found] = survey(folder.parent)

    assert (folder, 5, True) == (found.path, found.records, found.in_use)
    assert found.bytes == sum(each.stat().st_size for each in folder.glob("*.seg"))
    assert found.oldest_ns > 0
    assert 3 == len(spool_at().adopt())


def test_clearing_spares_what_living_processes_hold(spool_at, folder):
    three_left(spool_at)
    alive = spool_at()
    place = alive.append(part(7, 8))

    assert 3 == clear(folder.parent)
    assert part(7, 8).body() == alive.read(place).body()
    alive.remove([place])
    alive.close()
    assert 0 == clear(folder.parent)
    assert [] == survey(folder.parent) == survey(folder / "nowhere")

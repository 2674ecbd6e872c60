"""What the pipeline may take of the machine while nobody takes its records."""

import itertools

import pytest
from support.collector import Collector, Reply, free_port
from support.programs import Program
from support.promises import EXIT_S, assert_within

pytestmark = pytest.mark.timeout(240)  # each is a program; a busy machine takes its time

_MEASURED = """
def rss_mb():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * 4096 / 2**20

pipeline = start(timeout_ms=60_000)
record(pipeline, 0)
pipeline.flush(200)
before, most = rss_mb(), 0
for number in range({count}):
    # A host at work: it does not record in an empty loop, however slow the machine is.
    pipeline.submit(span(number, attributes={{"text": chr(97 + number % 26) * {size}}}), {size})
    if number % {every} == 0:
        most = max(most, rss_mb() - before)
        time.sleep({pause})
        while pipeline.stats().queued > {waiting}:
            time.sleep(0.005)
most = max(most, rss_mb() - before)
stats = pipeline.stats()
[sent] = stats.destinations.values()
lost = sum(stats.dropped.values()) + sum(sent.dropped.values())
print(f"{{most:.0f}} {{lost}} {{sent.pending + stats.queued + sent.sent}}")
print("END", flush=True)
"""


@pytest.mark.parametrize(
    ("state", "count", "size", "every", "pause", "waiting"),
    [("refused", 40_000, 1_000, 500, 0.02, 2_000), ("hanging", 150, 1_000_000, 1, 0.01, 8)],
)
def test_memory_and_exit_stay_bounded(state, count, size, every, pause, waiting, tmp_path):
    source = _MEASURED.format(count=count, size=size, every=every, pause=pause, waiting=waiting)
    folders = (tmp_path / str(number) for number in itertools.count())

    def end():
        ended = Program(source, endpoint=collector.url, spool=next(folders)).end(200)
        most_mb, lost, kept = map(int, ended.out.split("\n")[0].split())
        assert 0 == ended.status, ended.err
        assert 0 == lost
        assert kept >= count
        assert most_mb <= 64
        return {"exit_s": ended.exit_s}

    with Collector(free_port()) as collector:
        collector.answer_always(Reply(hang=True))
        if state == "refused":
            collector.stop()
        assert_within(end, exit_s=EXIT_S)


def test_nothing_waits_for_name_resolution(tmp_path):
    source = """
    import socket
    def blocked(*_, **__):
        time.sleep(60)
    socket.getaddrinfo = blocked
    started = time.monotonic()
    pipeline = start()
    record(pipeline, *range(100))
    print(time.monotonic() - started)
    print("END", flush=True)
    """

    def end():
        ended = Program(source, endpoint="http://collector.example:4318", spool=tmp_path).end()
        assert (0, "") == (ended.status, ended.err)
        return {"start_s": float(ended.out.split()[0]), "exit_s": ended.exit_s}

    assert_within(end, start_s=1.0, exit_s=EXIT_S)


def test_without_file_descriptors_the_batch_is_kept(tmp_path):
    with Collector() as collector:
        ended = Program(
            """
            import resource
            pipeline = start()
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, 4096))
            record(pipeline, *range(10))
            wait_for("retried")
            resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
            assert pipeline.flush(40_000)
            """,
            endpoint=collector.url,
            spool=tmp_path,
        ).end()

        assert 0 == ended.status, ended.err
        assert [f"s{number}" for number in range(10)] == collector.span_names

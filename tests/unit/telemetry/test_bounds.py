"""What the pipeline may take of the machine while nobody takes its records."""

import pytest
from support.collector import Collector, Reply, free_port
from support.programs import Program

pytestmark = pytest.mark.timeout(240)  # each is a program; a busy machine takes its time

EXIT_S_MAX = 20.0  # it gives itself 2 s; on a busy machine everything takes ten times as long

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
    with Collector(free_port()) as collector:
        collector.answer_always(Reply(hang=True))
        if state == "refused":
            collector.stop()
        source = _MEASURED.format(count=count, size=size, every=every, pause=pause, waiting=waiting)
        ended = Program(source, endpoint=collector.url, spool=tmp_path).end(200)
        if state == "refused":
            collector.start()
    most_mb, lost, kept = map(int, ended.out.split("\n")[0].split())

    assert 0 == ended.status, ended.err
    assert most_mb <= 64
    assert 0 == lost
    assert kept >= count
    assert ended.exit_s <= EXIT_S_MAX


def test_nothing_waits_for_name_resolution(tmp_path):
    ended = Program(
        """
        import socket
        def blocked(*_, **__):
            time.sleep(60)
        socket.getaddrinfo = blocked
        started = time.monotonic()
        pipeline = start()
        record(pipeline, *range(100))
        assert time.monotonic() - started < 20
        print("END", flush=True)
        """,
        endpoint="http://collector.example:4318",
        spool=tmp_path,
    ).end()

    assert (0, "") == (ended.status, ended.err)
    assert ended.exit_s <= EXIT_S_MAX


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

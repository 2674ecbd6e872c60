"""What the pipeline does when the process around it forks, ends, is killed or cannot start a thread."""

import os
import signal
import time
from statistics import median

import pytest
from support.collector import Collector, Reply, free_port
from support.programs import Program
from support.promises import EXIT_S, assert_within
from support.records import span

from agentops.telemetry.config import ExporterConfig
from agentops.telemetry.encoder import encode
from agentops.telemetry.exporters import build
from agentops.telemetry.spool import Spool, folder_name

pytestmark = pytest.mark.timeout(240)  # several programs each; a busy machine takes its time

HERE = "print('READY', flush=True)"


@pytest.fixture
def collector():
    with Collector() as running:
        yield running


def numbered(*numbers):
    return [f"s{number}" for number in numbers]


def deliver_leftovers(collector, spool):
    """Run a program that records nothing itself."""
    return Program(
        "pipeline = start()\nassert pipeline.flush(40_000), pipeline.stats()",
        endpoint=collector.url,
        spool=spool,
    ).end()


def test_spans_arrive_when_the_program_just_ends(collector, tmp_path):
    source = "pipeline = start()\nrecord(pipeline, *range(5))\nprint('END', flush=True)"

    def end():
        collector.requests.clear()
        ended = Program(source, endpoint=collector.url, spool=tmp_path).end()
        assert (0, "") == (ended.status, ended.err)
        assert numbered(*range(5)) == collector.span_names
        assert not list(tmp_path.glob("*/*"))
        return {"exit_s": ended.exit_s}

    assert_within(end, exit_s=EXIT_S)


@pytest.mark.parametrize("state", ["refused", "hanging", "slow answer", "failing", "asked to wait"])
def test_exit_is_not_held_up_and_the_next_program_delivers(state, tmp_path):
    port = free_port()
    replies = {
        "hanging": Reply(hang=True),
        "slow answer": Reply(bytes_per_s=1, is_accepted=False),
        "failing": Reply(status=503),
        "asked to wait": Reply(status=503, headers={"Retry-After": "3600"}),
    }
    source = (  # an attempt that were waited for would take a minute
        "pipeline = start(timeout_ms=60_000)\nrecord(pipeline, *range(20))\nprint('END', flush=True)"
    )

    def end():
        with Collector(port) as away:
            away.answer_always(replies.get(state))
            if state == "refused":
                away.stop()
            ended = Program(source, endpoint=f"http://127.0.0.1:{port}", spool=tmp_path).end()
        with Collector(port) as back:
            again = deliver_leftovers(back, tmp_path)
            assert ended.status == again.status == 0, again.err
            assert numbered(*range(20)) == back.span_names
            assert not list(tmp_path.glob("*/*.seg"))
        return {"exit_s": ended.exit_s}

    assert_within(end, exit_s=EXIT_S)


@pytest.mark.parametrize("who", ["program", "child"])
def test_a_worker_that_computes_on_and_on_is_not_waited_for(who, collector):
    source = """
    import multiprocessing
    def compute(item):
        while True: sum(range(1000))
    pipeline = Pipeline(connect([ExporterConfig(type="otlp", endpoint=ENDPOINT)]), compute)
    child = multiprocessing.get_context("fork").Process(target=record, args=(pipeline, 1))
    print("END", flush=True)
    """ + {"program": "record(pipeline, 1)", "child": "child.start(); child.join()"}[who]
    source = source.replace("ENDPOINT", repr(collector.url))

    def end():
        ended = Program(source, endpoint=collector.url).end()
        assert 0 == ended.status
        return {"exit_s": ended.exit_s}

    assert_within(end, exit_s=EXIT_S)


@pytest.mark.parametrize("healthy", [True, False])
def test_killed_process_loses_nothing_older_than_the_delay(healthy, collector, tmp_path):
    if not healthy:
        collector.answer_always(Reply(status=503, headers={"Retry-After": "3600"}))
    reached = "wait_for('sent', 20)" if healthy else "wait_for('retried')"
    program = Program(
        f"pipeline = start()\nrecord(pipeline, *range(20))\n{reached}\n{HERE}\ntime.sleep(60)",
        endpoint=collector.url,
        spool=tmp_path,
    )
    program.wait_for_line("READY")
    program.process.send_signal(signal.SIGKILL)

    assert program.end().status == -signal.SIGKILL
    collector.answer_always(None)
    deliver_leftovers(collector, tmp_path)
    assert numbered(*range(20)) == collector.span_names


def test_os_exit_loses_nothing_older_than_the_delay(collector, tmp_path):
    Program(
        "pipeline = start()\nrecord(pipeline, 1, 2)\nwait_for('spooled', 2)\nos._exit(0)",
        endpoint=f"http://127.0.0.1:{free_port()}",
        spool=tmp_path,
    ).end()
    spool = next(tmp_path.iterdir())
    spool.rename(tmp_path / "elsewhere")

    # The other program sends to another address: it has a folder of its own and leaves this one alone.
    deliver_leftovers(collector, tmp_path)

    assert collector.span_names == []
    assert list((tmp_path / "elsewhere").glob("*.seg"))


def test_unknown_signal_disposition_is_kept_and_spans_survive(collector, tmp_path):
    program = Program(
        f"pipeline = start()\nrecord(pipeline, 1)\nwait_for('sent')\n{HERE}\ntime.sleep(60)",
        endpoint=collector.url,
        spool=tmp_path,
    )
    program.wait_for_line("READY")
    program.process.terminate()

    assert program.end().status == -signal.SIGTERM
    deliver_leftovers(collector, tmp_path)
    assert numbered(1) == collector.span_names


def test_exit_status_and_traceback_are_the_programs_own(collector, tmp_path):
    for line, status in (("sys.exit(3)", 3), ("raise ValueError('mine')", 1)):
        ended = Program(
            f"pipeline = start()\nrecord(pipeline, 1)\n{line}",
            endpoint=collector.url,
            spool=tmp_path,
        ).end()

        assert status == ended.status
        # From Python 3.13 on, a traceback shows the line of a program given by -c as well.
        assert ended.err.count("\n") in ((0,) if status == 3 else (3, 4))
    assert numbered(1, 1) == collector.span_names


def test_forked_child_sends_its_own_and_not_the_parents(collector, tmp_path):
    ended = Program(
        """
        pipeline = start()
        record(pipeline, 1)
        assert pipeline.flush(40_000)
        record(pipeline, 2)
        child = os.fork()
        if child == 0:
            record(pipeline, 10)
            sys.exit(0)
        record(pipeline, 3)
        assert os.waitpid(child, 0)[1] == 0
        """,
        endpoint=collector.url,
        spool=tmp_path,
    ).end()

    assert (0, "") == (ended.status, ended.err)
    assert sorted(numbered(1, 2, 3, 10)) == sorted(collector.span_names)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_children_deliver(method, collector, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        f"""
import multiprocessing, sys
sys.path.insert(0, {str(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))!r})
from support.records import span
from agentops.telemetry.config import BatchConfig, ExporterConfig
from agentops.telemetry.destination import connect
from agentops.telemetry.pipeline import Pipeline

def start():
    config = ExporterConfig(type="otlp", endpoint={collector.url!r})
    return Pipeline(connect([config]), lambda item: [item])

pipeline = start() if {method == "fork"!r} else None

def work(number):
    (pipeline or start()).submit(span(number))

if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    children = [context.Process(target=work, args=(number,)) for number in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
"""
    )
    ended = Program(
        f"import subprocess\nsys.exit(subprocess.call([sys.executable, {str(script)!r}]))",
        endpoint=collector.url,
    ).end()

    assert (0, "") == (ended.status, ended.err)
    assert sorted(collector.span_names) == numbered(*range(4))


def test_twenty_forks_under_load_do_not_hang(collector, tmp_path):
    ended = Program(
        """
        pipeline = start()
        stop = threading.Event()
        def load():
            number = 1000
            while not stop.is_set():
                record(pipeline, number := number + 1)
                time.sleep(0.001)
        threads = [threading.Thread(target=load, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(45)
                record(pipeline, number)
                ok = pipeline.flush(40_000)
                os._exit(0 if ok else 1)
            assert os.waitpid(child, 0)[1] == 0, number
        stop.set()
        """,
        endpoint=collector.url,
        spool=tmp_path,
    ).end(timeout_s=200)

    assert (0, "") == (ended.status, ended.err)
    small = [name for name in collector.span_names if len(name) <= 3]
    assert sorted(small) == sorted(numbered(*range(20)))
    assert len(set(collector.span_names)) >= 20


def test_without_threads_everything_is_sent_at_the_end(collector, tmp_path):
    ended = Program(
        """
        def no_more(self):
            raise RuntimeError("can't start new thread")
        threading.Thread.start = no_more
        pipeline = start()
        record(pipeline, 1, 2)
        """,
        endpoint=collector.url,
        spool=tmp_path,
    ).end()

    assert (0, "") == (ended.status, ended.err)
    assert numbered(1, 2) == collector.span_names


def test_signals_and_hooks_are_left_alone(collector, tmp_path):
    ended = Program(
        """
        import logging
        def state():
            return (
                [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)],
                sys.excepthook, threading.excepthook, sys.unraisablehook, print, sys.stdout,
                list(logging.root.handlers), logging.root.level, dict(os.environ), os.getcwd(),
                sys.getrecursionlimit(),
            )
        before, fds = state(), len(os.listdir("/proc/self/fd"))
        pipeline = start()
        record(pipeline, 1)
        assert pipeline.flush(40_000)
        assert state() == before
        assert threading.active_count() <= 3, threading.enumerate()
        assert len(os.listdir("/proc/self/fd")) - fds <= 4
        """,
        endpoint=collector.url,
        spool=tmp_path,
    ).end()

    assert (0, "") == (ended.status, ended.err)


def test_two_programs_share_a_spool(collector, tmp_path):
    collector.answer_always(Reply(status=503))
    programs = [
        Program(
            f"pipeline = start()\nrecord(pipeline, *range({first}, {first + 5}))\n"
            f"wait_for('retried')\n{HERE}\nwait_for('sent', 5)",
            endpoint=collector.url,
            spool=tmp_path,
            delay_ms=100,
        )
        for first in (0, 5, 10)
    ]
    for program in programs:
        program.wait_for_line("READY")
    programs[0].process.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    programs[0].process.send_signal(signal.SIGKILL)
    collector.answer_always(None)
    for program in programs:
        program.end()
    deliver_leftovers(collector, tmp_path)

    names = collector.span_names
    assert len(names) == len(set(names))
    assert set(numbered(*range(5, 15))) <= set(names)


def test_signal_handlers_may_flush_and_shut_down_in_the_midst_of_a_flush(collector):
    collector.answer(Reply(delay_s=1), times=2)
    ended = Program(
        """
        pipeline = start()
        def on_alarm(*_):
            record(pipeline, 2)
            pipeline.flush(40_000)
            pipeline.shutdown(5000)
            sys.exit(7)
        signal.signal(signal.SIGALRM, on_alarm)
        record(pipeline, 1)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        pipeline.flush(40_000)
        """,
        endpoint=collector.url,
    ).end()

    assert (7, "") == (ended.status, ended.err)
    assert numbered(1, 2) == collector.span_names


def test_a_frozen_process_delivers_after_the_thaw(collector, tmp_path):
    program = Program(
        f"""
        pipeline = start()
        record(pipeline, *range(5))
        {HERE}
        wait_for("sent", 5)
        """,
        endpoint=collector.url,
        spool=tmp_path,
    )
    program.wait_for_line("READY")
    program.process.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    program.process.send_signal(signal.SIGCONT)

    assert 0 == program.end().status
    assert numbered(*range(5)) == collector.span_names


def test_programs_that_restart_together_drain_what_was_left_slowly(collector, tmp_path):
    # Forty processes died in an outage; ten start at the same moment when it is over.
    config = ExporterConfig(type="otlp", endpoint=collector.url)
    exporter = build(config)
    folder = tmp_path / folder_name(exporter.name, exporter.identity)
    for number in range(40):
        dead = Spool(folder, 1 << 28)
        for each in range(5):
            dead.append(encode("traces_protobuf", [span(10 * number + each)])[0])
        dead.after_fork()  # files closed and locks gone, as by kill -9
    # So large that no two of the parts go together.
    source = """
    pipeline = start()
    pipeline.destinations[0]._limits = Limits(items_max=1)
    print('READY', flush=True)
    time.sleep(90)
    """
    source = source.replace(
        "pipeline =", "from agentops.telemetry.destination import Limits\n    pipeline ="
    )
    programs = [Program(source, endpoint=collector.url, spool=tmp_path) for _ in range(10)]
    for program in programs:
        program.wait_for_line("READY")
    collector.wait_for_spans(50, timeout_s=60)
    by_sender = {}
    for request in collector.requests:
        by_sender.setdefault(request.connection, []).append(request.at)
    for program in programs:
        program.process.kill()
        program.end()

    assert len(collector.span_names) == len(set(collector.span_names))
    # Two a second: three requests in a row take a second. A busy machine notes some late, but not most of them.
    rows = [zip(times, times[2:], strict=False) for times in by_sender.values()]
    assert median(later - first for row in rows for first, later in row) >= 0.9
    deliver_leftovers(collector, tmp_path)
    assert 200 == len(set(collector.span_names))


def test_a_program_that_runs_on_grows_in_nothing(collector, tmp_path):
    # The short form of a day: ten thousand spans through failures of every kind, the disk in between.
    kinds = [Reply(status=503), Reply(reset="after"), Reply(close=True), Reply(status=400)]

    def sometimes_fail(_):
        count = len(collector.requests)
        return kinds[count // 8 % len(kinds)] if count % 8 == 7 else Reply()

    collector.route(sometimes_fail)
    ended = Program(
        """
        pipeline = start()
        def look():
            pages = int(open("/proc/self/statm").read().split()[1])
            return pages * 4 // 1024, len(os.listdir("/proc/self/fd")), threading.active_count()
        for turn in range(120):
            record(pipeline, *range(80))
            pipeline.flush(2000)
            if turn in (40, 119): print(*look())
        os._exit(0)
        """,
        endpoint=collector.url,
        spool=tmp_path,
    ).end(120)
    (rss_mb, files, threads), later = (
        tuple(map(int, line.split())) for line in ended.out.splitlines()
    )

    assert later[0] <= rss_mb + 4
    assert later[1] <= files + 1  # the connection may be open or not
    assert later[2] == threads
    assert len(list(tmp_path.glob("*/*.seg"))) <= 2

"""Servers and queues that fork their workers, the real ones. Numbers are those of the fault catalogue.

Proven elsewhere: twenty forks under load (S24) and the frozen process (S73) in
``tests/unit/telemetry/test_process_life.py``.
"""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

import pytest
from support.collector import Reply, free_port
from support.promises import EXIT_S, assert_within

pytestmark = pytest.mark.timeout(150)  # several programs each; a busy machine takes its time

PRELUDE = """
import atexit, os, sys, time
import openai
import agentops

def note(word):
    with open("ends", "a") as ends:
        ends.write(f"{os.getpid()} {word} {time.monotonic()}\\n")

atexit.register(note, "ended")  # the last handler: all others are registered later

client = openai.OpenAI(api_key="x", base_url=os.environ["MODEL_URL"] + "/v1", max_retries=0)

def begin():
    exporter = {"type": "otlp", "endpoint": os.environ["COLLECTOR_URL"], "protocol": "http/protobuf"}
    agentops.init(telemetry={"exporters": [exporter]})
    atexit.register(note, "ending")  # the first: what lies between the two is ours

def call(number):
    client.chat.completions.create(model=f"m-{number}", messages=[{"role": "user", "content": "x"}])
"""


@pytest.fixture
def program(models, collector, tmp_path):
    """Start a command in a folder that holds ``app.py``; its whole process group ends with the test."""
    running = []

    def start(source, *command):
        (tmp_path / "app.py").write_text(PRELUDE + textwrap.dedent(source))
        names = {"MODEL_URL": models.url, "COLLECTOR_URL": collector.url}
        log = (tmp_path / "log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env={**os.environ, **names, "XDG_STATE_HOME": str(tmp_path / "state")},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()
        running.append(process)
        return process

    yield start
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ends_s(folder):
    """Return how long each process took from its line ``ending`` to ``ended``, and forget them."""
    at = {}
    for line in (folder / "ends").read_text().splitlines():
        process, word, seconds = line.split()
        at.setdefault(int(process), {})[word] = float(seconds)
    (folder / "ends").unlink()
    return {
        process: each["ended"] - each["ending"] for process, each in at.items() if len(each) == 2
    }


def get(url, timeout_s=60):
    """Return the body at a URL, asking again until somebody listens."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return answer.read().decode()
        except ConnectionError as error:
            last = error
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionError):
                raise
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(str(last))
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("where", "kind"), [("preloaded", "sync"), ("in each worker", "sync"), ("preloaded", "gevent")]
)
def test_s25_gunicorn_workers_deliver_when_they_are_terminated(
    program, calls, collector, tmp_path, where, kind
):
    if kind == "gevent":
        pytest.importorskip("gevent", reason="gevent is not installed")
    hook = (
        ""
        if where == "preloaded"
        else "def post_fork(server, worker):\n    import app; app.begin()\n"
    )
    (tmp_path / "gunicorn.conf.py").write_text(hook)
    source = """
    if {eager}:
        begin(); call(1000)

    def application(environ, start_response):
        number = environ["PATH_INFO"].strip("/")
        if number != "up":
            call(number)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
    """.replace("{eager}", str(where == "preloaded"))
    expected = dict.fromkeys([*range(12), *([1000] if where == "preloaded" else [])], 1)

    def serve():
        collector.requests.clear()
        port = free_port()
        master = program(
            source,
            *("gunicorn", "app:application", "--preload", "--workers", "3", "--no-control-socket"),
            *("--bind", f"127.0.0.1:{port}", "--worker-class", kind),
        )
        get(f"http://127.0.0.1:{port}/up")
        workers = {int(get(f"http://127.0.0.1:{port}/{number}")) for number in range(12)}
        master.terminate()  # at once: what is in the queues is younger than the batch delay
        assert 0 == master.wait(60), (tmp_path / "log").read_text()
        assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
        took_s = ends_s(tmp_path)
        # A busy machine: what the end left on disk is the next program's.
        if calls(timeout_s=0, is_resent=True) != expected:
            program("begin(); agentops.flush()", "app").wait(60)
        assert expected == calls(len(expected), is_resent=True), (tmp_path / "log").read_text()
        return {"end_s": max(took_s[worker] for worker in workers)}

    assert_within(serve, tries=3, end_s=EXIT_S)


def wait_for_fresh_children(worker, folder, count, timeout_s=60):
    """Wait until ``count`` children have worked and ended, and two others stand in for them.

    A child forked while the worker begins to stop may find no word to stop left for it (billiard 4.3).
    """
    deadline = time.monotonic() + timeout_s
    while True:
        worked = {path.name.partition("-")[2] for path in folder.glob("worked-*")}
        children = set()
        for thread in Path(f"/proc/{worker.pid}/task").iterdir():
            with contextlib.suppress(OSError):  # it has ended
                children |= set((thread / "children").read_text().split())
        if len(worked) == count and len(children) == 2 and not children & worked:
            return
        assert time.monotonic() < deadline, (worked, children, (folder / "log").read_text())
        time.sleep(0.05)


@pytest.mark.parametrize(("state", "count"), [("healthy", 10), ("down at first", 4)])
def test_s74_celery_workers_of_one_task_each_deliver(
    program, calls, collector, tmp_path, state, count
):
    if state == "down at first":
        collector.answer(Reply(status=503), times=6)
    (tmp_path / "queue").mkdir()
    (tmp_path / "control").mkdir()
    source = """
    import celery, celery.signals
    from billiard.util import set_pdeathsig

    app = celery.Celery("app", broker="filesystem://")
    folders = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}
    app.conf.update(broker_transport_options=folders, worker_hijack_root_logger=False)
    begin()

    # Celery has children killed when their parent dies. The kernel takes the thread that forked them for that; with
    # such a broker it ends before they do, and one that is killed waiting for work leaves the queue locked: the
    # parent never ends, with or without AgentOps (Celery 5.7, billiard 4.3).
    @celery.signals.worker_process_init.connect(weak=False)
    def live_on(**_):
        set_pdeathsig(0)

    @app.task
    def work(number):
        call(number)
        open(f"worked-{os.getpid()}", "w").close()

    if __name__ == "__main__":  # python -m app 0 1 2: hand out tasks
        [app.send_task("app.work", [int(number)]) for number in sys.argv[1:]]
        agentops.flush()
    """
    worker = program(
        source,
        *("celery", "-A", "app", "worker", "--pool", "prefork", "--concurrency", "2"),
        *("--max-tasks-per-child", "1", "--without-gossip", "--without-mingle"),
        *("--without-heartbeat", "--events"),
    )
    assert 0 == program(source, "app", *map(str, range(count))).wait(60)
    wait_for_fresh_children(worker, tmp_path, count)
    worker.terminate()

    assert 0 == worker.wait(60), (tmp_path / "log").read_text()
    if len(calls()) < count:  # a busy machine: what the end left on disk is the next program's
        program(source, "app").wait(60)
    assert dict.fromkeys(range(count), 1) == calls(count, is_resent=True), (
        tmp_path / "log"
    ).read_text()

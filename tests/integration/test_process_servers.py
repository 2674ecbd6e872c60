"""Programs that run others: a real gunicorn with preloading, a real Celery that replaces its workers."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from urllib.error import URLError

import pytest
from support.collector import Collector, free_port

pytest.importorskip("celery", reason="celery is not installed")
pytest.importorskip("gunicorn", reason="gunicorn is not installed")

_PROGRAM = """
import os
import agentops
agentops.init(
    telemetry={"exporters": [{"type": "otlp", "endpoint": os.environ["COLLECTOR"]}]},
    instrument=[],
    session={"print_summary": False},
)

@agentops.task
def work(number):
    return number
"""
_GUNICORN = """
work(0)

def app(environ, start_response):
    work(1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""
_CELERY = """
from celery import Celery

here = os.path.dirname(__file__)
folders = {"data_folder_in": here + "/queue", "data_folder_out": here + "/queue", "control_folder": here}
app = Celery("program", broker="filesystem://", broker_transport_options=folders)

@app.task
def job(number):
    work(number)
"""


@pytest.fixture
def collector():
    with Collector() as running:
        yield running


@pytest.fixture
def host(collector, tmp_path):
    """Start a command in a folder that holds the program; stop it with SIGTERM."""
    (tmp_path / "queue").mkdir()
    environment = {**os.environ, "COLLECTOR": collector.url, "PYTHONPATH": str(tmp_path)}
    started = []

    def start(body, *command):
        (tmp_path / "program.py").write_text(_PROGRAM + body)
        started.append(
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", *command],
                env=environment,
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def works(collector):
    return [name for name in collector.span_names if name == "work"]


def ask(port):
    """Ask until the server answers; return what it says."""
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
                return answer.read()
        except URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def test_workers_of_a_preloading_gunicorn_deliver_what_they_did(host, collector):
    port = free_port()
    process = host(
        _GUNICORN, "gunicorn", "--preload", "-w", "3", "-b", f"127.0.0.1:{port}", "program:app"
    )
    answers = [ask(port) for _ in range(30)]
    while (
        len(set(answers)) < 2 and len(answers) < 500
    ):  # which worker answers is the kernel's choice
        answers.append(ask(port))
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()

    assert 0 == process.wait(60)
    assert time.monotonic() - started < 20  # a worker that hangs is given 30 s
    if len(works(collector)) <= len(answers):  # a busy machine: what the end left on disk
        host("agentops.flush()", "program").wait(60)
    assert len(answers) + 1 == len(works(collector))
    assert len(set(answers)) > 1


def test_celery_workers_that_serve_one_task_each_deliver_it(host, collector, tmp_path):
    options = ["-c", "2", "--max-tasks-per-child", "1", "--without-gossip", "--without-mingle"]
    host(_CELERY, "celery", "-A", "program", "worker", *options)
    subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-c"),
            "import program\nfor number in range(5): program.job.delay(number)",
        ],
        env={**os.environ, "COLLECTOR": f"http://127.0.0.1:{free_port()}"},
        cwd=tmp_path,
        check=True,
        stderr=subprocess.DEVNULL,
    )

    assert collector.wait(lambda found: len(works(found)) >= 5, 60)
    assert 5 == len(works(collector))

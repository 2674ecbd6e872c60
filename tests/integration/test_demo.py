"""`agentops demo`, and the verbs that read what it left, as a newcomer would run them."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from support.collector import free_port

pytestmark = pytest.mark.timeout(180)

AGENTOPS = [sys.executable, "-m", "agentops.cli"]


def run(*arguments):
    done = subprocess.run(
        [*AGENTOPS, *map(str, arguments)], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "data"


@pytest.fixture(scope="module")
def sessions(data_dir, tmp_path_factory):
    """What the demo says of its sessions: one JSON line each."""
    state = str(tmp_path_factory.mktemp("state"))
    keyless = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    done = subprocess.run(
        [
            *AGENTOPS,
            "demo",
            "--exit",
            "--json",
            "--sessions",
            "2",
            "--port",
            str(free_port()),
            "--data-dir",
            data_dir,
        ],
        env={**keyless, "XDG_STATE_HOME": state},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def backend(data_dir, sessions):
    """The backend on the demo's data; gives its URL."""
    process = subprocess.Popen(
        [
            *AGENTOPS,
            "serve",
            "--json",
            "--port",
            "0",
            "--no-otlp-ports",
            "--data-dir",
            str(data_dir),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    yield json.loads(process.stdout.readline())["url"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) in (0, -signal.SIGTERM)
    process.stdout.close()


def test_every_session_arrives_complete_from_both_processes(sessions):
    assert 2 == len(sessions)
    for session in sessions:
        summary = session["summary"]
        assert ("ok", 6, 3, 2) == tuple(
            summary[name] for name in ("status", "llm_count", "tool_count", "agent_count")
        )
        assert {"shipping-service", "support-desk"} == set(session["service_names"])
        assert summary["cost_usd"] > 0
        assert 1 == summary["error_count"]


def test_the_verbs_that_read_find_it_again(backend, data_dir, sessions):
    where = ["--data-dir", data_dir]
    listed = json.loads(run("sessions", "tool:search_orders", "--json", *where))["sessions"]
    assert {session["summary"]["session_id"] for session in sessions} == {
        row["session_id"] for row in listed
    }

    identity = listed[0]["session_id"]
    tree = run("show", identity[:8], *where)
    assert "A invoke_agent planner" in tree
    assert "T execute_tool sea" in tree
    assert f"{backend}/s/{identity}" in tree
    assert "\x1b[" not in tree

    assert "support" in run("sessions", *where)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_demo_that_is_told_to_end_leaves_no_backend_behind(tmp_path, number):
    port = free_port()
    before = signal.signal(
        number, signal.SIG_DFL
    )  # what is ignored here, as under nohup, is in a child
    demo = subprocess.Popen(
        [*AGENTOPS, "demo", "--port", str(port), "--data-dir", str(tmp_path / "data")],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(number, before)
    for line in demo.stderr:
        if line.startswith("backend "):
            break
    with socket.create_connection(("127.0.0.1", port), 10):
        pass
    demo.send_signal(number)
    assert demo.wait(60) == 128 + number
    demo.stderr.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 10)


def test_tail_tells_a_session_that_comes_in(backend, data_dir):
    tail = subprocess.Popen(
        [*AGENTOPS, "tail", "--json", "--data-dir", str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "waiting for sessions" in tail.stderr.readline()
        code = (
            "import agentops\n"
            f"agentops.init(instrument=[], telemetry={{'exporters': [{{'type': 'agentops', 'endpoint': {backend!r}}}]}})\n"
            "with agentops.session('late'), agentops.tool('t'): pass\n"
            "agentops.flush()\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
        line = tail.stdout.readline()
    finally:
        tail.terminate()
        tail.communicate()

    assert "late" == json.loads(line)["name"]

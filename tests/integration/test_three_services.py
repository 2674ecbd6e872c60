"""The example of three services, as a user runs it, against a real backend: it shows as one session."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.backend import BackendProcess

RUN = Path(__file__).parents[2] / "examples" / "three_services" / "run.py"

TREE = {
    ("program", None, "three services"),
    ("shop", "three services", "GET"),
    ("shop", "GET", "invoke_agent support"),
    ("shop", "invoke_agent support", "demo.Stock/Send"),
    ("stock", "demo.Stock/Send", "demo.Stock/Send"),
    ("stock", "demo.Stock/Send", "execute_tool take_from_shelf"),
    ("stock", "demo.Stock/Send", "send deliver"),
    ("courier", "send deliver", "process deliver"),
    ("courier", "process deliver", "execute_tool drive"),
}
"""Service, parent and name of every span."""


def tree(skeleton):
    strings, parents = skeleton["strings"], skeleton["parent"]
    names = [strings[index] for index in skeleton["name"]]
    services = [strings[index] for index in skeleton["service"]]
    above = [names[parent] if parent >= 0 else None for parent in parents]
    return {*zip(services, above, names, strict=True)}


@pytest.mark.timeout(180)
def test_the_three_services_show_as_one_session(tmp_path):
    pytest.importorskip("celery", reason="celery is not installed")
    pytest.importorskip("fastapi", reason="FastAPI is not installed")
    with BackendProcess(tmp_path / "data") as backend:
        done = subprocess.run(
            [sys.executable, str(RUN)],
            env={**os.environ, "AGENTOPS_API_ENDPOINT": backend.url},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        session_id = re.search(r"session ([0-9a-f-]{36})", done.stdout)[1]
        skeleton = backend.until(
            f"/api/v1/sessions/{session_id}/skeleton", lambda body: len(body["name"]) >= len(TREE)
        )
        events = backend.until(
            f"/api/v1/sessions/{session_id}/events", lambda body: "delivery" in str(body)
        )
        _, _, sessions = backend.get("/api/v1/sessions")

    assert "parcel 7 is on its way" in done.stdout
    assert f"{backend.url}/s/{session_id}" in done.stdout
    assert tree(skeleton) == TREE
    assert len(set(skeleton["trace_id"])) == 1
    assert "question" in str(events)
    assert [each["session_id"] for each in sessions["sessions"]] == [session_id]

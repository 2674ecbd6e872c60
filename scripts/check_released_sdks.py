"""Runs the released packages agentops 0.3.26 and 0.4.21 against the backend and looks at what arrives.

Not part of ``make test``: it installs both packages from the package index, each into a virtual
environment of its own (kept in ``--work`` for the next time). Run it with
``.venv/bin/python scripts/check_released_sdks.py``; the exit status is the number of failed checks.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from agentops.demo.model_server import ModelServer

KEY = "11111111-1111-4111-8111-111111111111"
OPENAI = "openai==1.105.0"
PACKAGES = {
    "0.3": ("agentops==0.3.26", OPENAI),
    "0.4": (
        "agentops==0.4.21",
        OPENAI,
        *(f"opentelemetry-{name}==1.44.0" for name in ("api", "sdk", "exporter-otlp-proto-http")),
    ),
}

PROGRAM_0_3 = """
import agentops, openai, sys
from agentops import ErrorEvent, record_action, record_tool

agentops.init(default_tags=["released-0.3"])

@record_action("plan")
def plan(question):
    return ["look it up", question]

@record_tool("search")
def search(query):
    return {"hits": [query]}

plan("Where is my order?")
search("order 4711")
openai.OpenAI(base_url=sys.argv[1], api_key="sk-x").chat.completions.create(
    model="gpt-4o", messages=[{"role": "user", "content": "Where is my order?"}]
)
try:
    1 / 0
except ZeroDivisionError as error:
    agentops.record(ErrorEvent(exception=error))
agentops.end_session("Success", end_state_reason="answered")
"""

PROGRAM_0_4 = """
import agentops, openai, sys, time
from agentops.sdk.decorators import agent, operation, tool

base = sys.argv[2]
agentops.init(
    api_key=sys.argv[3], endpoint=base, exporter_endpoint=base + "/v1/traces",
    trace_name="released-0.4", default_tags=["released-0.4"],
)
time.sleep(1)  # its token is fetched in the background; what leaves before is not repeated

@tool(cost=0.05)
def search(query):
    return {"hits": [query]}

@agent
class Support:
    @operation
    def answer(self, question):
        search(question)
        return openai.OpenAI(base_url=sys.argv[1], api_key="sk-x").chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": question}]
        ).choices[0].message.content

@operation
def fails():
    raise ValueError("boom")

print("a printed line")
Support().answer("Where is my order 4711?")
try:
    fails()
except ValueError:
    pass
agentops.end_trace(end_state="Success")
"""


def environment(work: Path, version: str) -> Path:
    """Return the Python of a virtual environment that holds one released package."""
    home = work / f"agentops-{version}"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
        pip = [sys.executable, "-m", "pip", "--python", str(python)]
        uv = ["uv", "pip", "install", "-q", "--python", str(python)]
        has_uv = subprocess.run(["uv", "--version"], capture_output=True, check=False)
        command = uv if has_uv.returncode == 0 else [*pip, "install", "-q"]
        subprocess.run([*command, *PACKAGES[version]], check=True)
    return python


class Server:
    """``agentops serve`` on a free port and a data directory of its own."""

    def __init__(self, directory: Path) -> None:
        command = [sys.executable, "-m", "agentops.cli", "serve", "--port", "0", "--quiet"]
        command += ["--no-otlp-ports", "--data-dir", str(directory)]
        self.process = subprocess.Popen(command)
        told = directory / "server.json"
        deadline = time.monotonic() + 60
        while not told.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the backend did not start")
            time.sleep(0.05)
        self.url = json.loads(told.read_text())["url"]
        self.token = (directory / "token").read_text().strip()

    def get(self, path: str) -> dict:
        """Ask the REST API."""
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def session(self, tag: str) -> dict:
        """Wait for the ended session with a tag."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for row in self.get("/sessions")["sessions"]:
                if tag in row["tags"] and row["status"] != "running":
                    return row
            time.sleep(0.2)
        raise SystemExit(f"no ended session with the tag {tag} after 30 s")

    def stop(self) -> None:
        """End it and wait."""
        self.process.terminate()
        self.process.wait(30)


def run(python: Path, program: str, *arguments: str, **variables: str) -> None:
    """Run a program in an empty directory; its output is shown only if it fails."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "program.py"
        file.write_text(program)
        done = subprocess.run(
            [str(python), str(file), *arguments],
            cwd=directory,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{python}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")


CHECKS: dict[str, list[tuple[str, Callable[[dict, dict, list, str], bool]]]] = {
    "0.3": [
        ("it ended well", lambda row, *_: row["status"] == "ok"),
        ("one model call with its cost", lambda row, *_: row["llm_count"] == 1 and row["cost_usd"] > 0),
        ("tokens", lambda row, *_: row["input_tokens"] > 0 and row["output_tokens"] > 0),
        ("one tool", lambda row, *_: row["tool_count"] == 1),
        ("what the tool was asked", lambda *told: "'arguments': " in told[3] and "4711" in told[3]),
        ("one error", lambda row, *_: row["error_count"] == 1),
        ("a root and four spans below", lambda _, tree, *__: sorted(tree["parent"]) == [-1, 0, 0, 0, 0]),
        (
            "every event",
            lambda _, __, events, ___: {"session.start", "agentops.llm", "agentops.tool", "agentops.action", "agentops.error"}
            == {event["event_name"] for event in events},
        ),
    ],
    "0.4": [
        ("it ended well", lambda row, *_: row["status"] == "ok"),
        ("its name", lambda row, *_: row["name"] == "released-0.4"),
        ("one model call with its cost", lambda row, *_: row["llm_count"] == 1 and row["cost_usd"] > 0.05),
        ("one tool, one agent", lambda row, *_: (row["tool_count"], row["agent_count"]) == (1, 1)),
        ("what the tool was asked", lambda *told: "'arguments': " in told[3] and "4711" in told[3]),
        ("one error", lambda row, *_: row["error_count"] == 1),
        ("one tree", lambda _, tree, *__: tree["parent"].count(-1) == 1 and -2 not in tree["parent"]),
        ("what it printed", lambda _, __, events, ___: any("a printed line" in str(event["body"]) for event in events)),
    ],
}  # fmt: skip


def main() -> int:
    """Run both packages; return how many checks failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "released-sdks")
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    pythons = {version: environment(work, version) for version in PACKAGES}
    failed = 0
    with tempfile.TemporaryDirectory() as directory, ModelServer() as models:
        server = Server(Path(directory))
        try:
            variables = {"AGENTOPS_API_ENDPOINT": server.url, "AGENTOPS_API_KEY": KEY}
            model_url = f"{models.url}/v1"
            run(pythons["0.3"], PROGRAM_0_3, model_url, **variables)
            run(pythons["0.4"], PROGRAM_0_4, model_url, server.url, KEY)
            for version, checks in CHECKS.items():
                row = server.session(f"released-{version}")
                tree = server.get(f"/sessions/{row['session_id']}/skeleton")
                events = server.get(f"/sessions/{row['session_id']}/events")["events"]
                turns = str(server.get(f"/sessions/{row['session_id']}/messages")["turns"])
                for claim, holds in checks:
                    passed = holds(row, tree, events, turns)
                    failed += not passed
                    print(f"{'ok    ' if passed else 'FAILED'} {PACKAGES[version][0]}: {claim}")
        finally:
            server.stop()
    return failed


if __name__ == "__main__":
    sys.exit(main())

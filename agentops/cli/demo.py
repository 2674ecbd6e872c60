"""``agentops demo``: the backend, a stand-in for the models, and a small multi-agent program, all at once."""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from agentops.cli.api import ApiClient, connect
from agentops.cli.show import headline
from agentops.cli.terminal import console
from agentops.errors import AgentOpsError, ApiError, MissingExtraError

__all__ = ["DemoError", "add_arguments", "run"]

START_S = 60.0
PROGRAM_S = 180.0
ARRIVAL_S = 30.0
POLL_S = 0.1
STOP_S = 10.0

EXPECTED = {"llm_count": 6, "tool_count": 3, "agent_count": 2}
"""What each session of :mod:`agentops.demo.program` holds when the stand-in model answers."""


class DemoError(AgentOpsError):
    """The demo could not be run, or its data did not arrive."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        "--exit",
        action="store_true",
        help="stop afterwards; 0 only if every session arrived complete",
    )
    parser.add_argument("--port", type=int, help="port of the backend, default 4320")
    parser.add_argument("--data-dir", type=Path, help="data directory of the backend")
    parser.add_argument(
        "--sessions", type=int, default=3, choices=(1, 2, 3), help="customers to answer, default 3"
    )
    parser.add_argument("--json", action="store_true", help="print the sessions as JSON lines")


def run(options: argparse.Namespace) -> int:
    """Run the demo; keep serving until Ctrl-C unless told to exit."""
    _require_packages()
    _end_on_signals()
    screen, notes = console(), console(is_error=True)
    with ExitStack() as stack:
        notes.print("starting the backend ...", style="dim")
        client = stack.enter_context(_backend(options))
        environment, models = stack.enter_context(_models())
        notes.print(f"backend  {client.url}\nmodels   {models}", style="dim")
        shipping_url = stack.enter_context(_shipping_service(client.url, environment))
        notes.print("a support desk of two agents answers its customers ...", style="dim")
        told = _run_program(client.url, shipping_url, environment, options.sessions)
        is_complete = True
        for line in told:
            detail, missing = _wait_for(client, line["session_id"], is_standin="stand-in" in models)
            is_complete = is_complete and not missing
            if options.json:
                print(json.dumps(detail, ensure_ascii=False))
                continue
            screen.print(f"\n{line['question']}")
            screen.print(headline(detail["summary"]))
            for complaint in missing:
                screen.print(f"not complete: {complaint}", style="red")
            screen.print(client.page(f"/s/{line['session_id']}"))
        if options.exit:
            return 0 if is_complete and told else 1
        notes.print(
            f"\nThe dashboard is open at {client.page('/')}\nCtrl-C stops it.", style="bold"
        )
        threading.Event().wait()
    return 0


def _end_on_signals() -> None:
    """Have a request to end, or a terminal that closes, end the demo in order: what it starts must not outlive it."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # not every platform has them
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _end)


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _require_packages() -> None:
    from importlib.util import find_spec  # only this verb looks packages up

    if not all(map(find_spec, ("openai", "anthropic", "chdb", "starlette"))):
        raise MissingExtraError("The demo", "demo")


@contextmanager
def _backend(options: argparse.Namespace) -> Iterator[ApiClient]:
    """Use the backend that runs already, or start one and stop it at the end."""
    running = _answering(options)
    if running is not None:
        yield running
        return
    command = [sys.executable, "-m", "agentops.cli", "serve", "--quiet"]
    if options.port is not None:
        command += ["--port", str(options.port)]
    if options.data_dir is not None:
        command += ["--data-dir", str(options.data_dir)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + START_S
        while (client := _answering(options)) is None:
            if process.poll() is not None:
                raise DemoError("the backend did not start; its own words stand above")
            if time.monotonic() > deadline:
                raise DemoError(f"the backend did not answer within {START_S:.0f} s")
            time.sleep(POLL_S)
        yield client
    finally:
        _stop(process)


def _answering(options: argparse.Namespace) -> ApiClient | None:
    """Return a client for the backend of these options if it answers."""
    url = f"http://127.0.0.1:{options.port}" if options.port else None
    try:
        client = connect(argparse.Namespace(url=url, token=None, data_dir=options.data_dir))
        client.get("status")
    except ApiError:
        return None
    return client


@contextmanager
def _models() -> Iterator[tuple[dict[str, str], str]]:
    """Return the environment in which the demo's processes find their models, and where those are."""
    from agentops.demo.model_server import ModelServer  # only this verb needs it

    environment = dict(os.environ)
    vendors = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
    offline = [vendor for vendor, key in vendors.items() if not environment.get(key)]
    with ModelServer(think_ms=180, chunk_ms=12) as server:
        for vendor in offline:
            environment[vendors[vendor]] = "not-a-key"
            suffix = "/v1" if vendor == "openai" else ""
            environment[f"{vendor.upper()}_BASE_URL"] = server.url + suffix
        told = " and ".join(offline)
        where = f"offline stand-in for {told} at {server.url}" if offline else "the real services"
        yield environment, where


@contextmanager
def _shipping_service(backend_url: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Run the demo's second process; its URL is the first line it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "agentops.demo.shipping_service", "--endpoint", backend_url],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        url = process.stdout.readline().strip() if process.stdout else ""
        if not url:
            raise DemoError(
                "the shipping service of the demo did not start; its own words stand above"
            )
        yield url
    finally:
        if process.stdin:
            process.stdin.close()
        _stop(process, ask=False)


def _stop(process: "subprocess.Popen[Any]", *, ask: bool = True) -> None:
    """End a process: ask it, then insist."""
    if ask:
        process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _run_program(
    backend_url: str, shipping_url: str, environment: Mapping[str, str], sessions: int
) -> list[dict[str, str]]:
    """Run the support desk to its end; return what it said of each session."""
    command = [sys.executable, "-m", "agentops.demo.program", "--endpoint", backend_url]
    command += ["--shipping-url", shipping_url, "--questions", str(sessions)]
    try:
        done = subprocess.run(
            command,
            env=dict(environment),
            stdout=subprocess.PIPE,
            text=True,
            timeout=PROGRAM_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DemoError(f"the support desk did not finish within {PROGRAM_S:.0f} s") from None
    if done.returncode != 0:
        raise DemoError(
            f"the support desk ended with status {done.returncode}; its own words stand above"
        )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _wait_for(client: ApiClient, session_id: str, *, is_standin: bool) -> tuple[Any, list[str]]:
    """Wait until a session has arrived whole; return it, and what is still missing after the deadline."""
    deadline = time.monotonic() + ARRIVAL_S
    while True:
        try:
            detail = client.session(session_id)
            missing = _missing(client, detail, is_standin=is_standin)
        except ApiError as error:
            if error.status != 404:
                raise
            detail, missing = None, ["nothing has arrived"]
        if not missing:
            return detail, []
        if time.monotonic() > deadline:
            if detail is None:
                raise DemoError(f"session {session_id} did not arrive within {ARRIVAL_S:.0f} s")
            return detail, missing
        time.sleep(POLL_S)


def _missing(client: ApiClient, detail: Mapping[str, Any], *, is_standin: bool) -> list[str]:
    """Say in words what a session of the demo still lacks."""
    summary = detail["summary"]
    complaints = []
    if summary["status"] != "ok":
        complaints.append(f"status is {summary['status']}, expected ok")
    if len(detail["service_names"]) < 2:
        complaints.append(
            f"services are {detail['service_names']}, expected support-desk and shipping-service"
        )
    if is_standin:
        for name, expected in EXPECTED.items():
            if summary[name] != expected:
                complaints.append(f"{name} is {summary[name]}, expected {expected}")
    if not summary["input_tokens"] or not summary["output_tokens"] or not summary["cost_usd"]:
        complaints.append("tokens or cost are missing")
    skeleton = client.get(f"sessions/{summary['session_id']}/skeleton")
    orphans = sum(parent == -2 for parent in skeleton["parent"])
    roots = sum(parent == -1 for parent in skeleton["parent"])
    if orphans or roots != 1:
        complaints.append(
            f"{orphans} spans lack their parent and there are {roots} roots, expected one tree"
        )
    return complaints

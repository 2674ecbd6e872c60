"""Starts the three services, asks one question, and says where the session stands."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import agentops

HERE = Path(__file__).parent
SERVICES = ("courier", "stock", "shop")
START_S = 30


def free_port() -> int:
    """Return a port of loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str) -> str:
    """Ask the shop, with trace and session in the headers; wait for it to start."""
    headers = agentops.TraceContext.current().inject({})
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline_s = time.monotonic() + START_S
    while True:
        try:
            with opener.open(request, timeout=60) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


def await_stock(target: str) -> None:
    """Wait until the gRPC service listens."""
    host, _, port = target.partition(":")
    deadline_s = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)
        else:
            return


def main() -> None:
    """Run the whole."""
    port, target = free_port(), f"127.0.0.1:{free_port()}"
    agentops.init(service_name="program", instrument=[], session={"auto_start": False})
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "SHOP_PORT": str(port),
            "STOCK_TARGET": target,
            "MESSAGES_FOLDER": folder,
        }
        services = [
            subprocess.Popen([sys.executable, str(HERE / f"{name}.py")], env=environment)
            for name in SERVICES
        ]
        try:
            await_stock(target)
            with agentops.session("three services") as session:
                print(ask(f"http://127.0.0.1:{port}/orders/7"))
            print(f"session {session.id}")
            print(session.url or "")
        finally:
            for service in services:
                service.terminate()
            for service in services:
                service.wait(30)


if __name__ == "__main__":
    main()

"""The host program of the fault tests: the real openai package, AgentOps, and some calls.

    python host.py MODEL_URL COLLECTOR_URL BODY

``BODY`` is Python; it has ``call(n)``, ``start()``, ``settle()``, and common modules at hand. ``start()`` is ``agentops.init`` with one
OTLP destination, as a user would write it. Without a collector URL the program runs uninstrumented: the control.
"""

import asyncio
import atexit
import json
import os
import signal
import sys
import threading
import time

import openai

# A program started in the background of a shell inherits an ignored SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
MODEL_URL, COLLECTOR_URL, BODY = sys.argv[1:4]
CLIENT = openai.OpenAI(
    api_key="sk-test-0123456789abcdefghijkl", base_url=f"{MODEL_URL}/v1", max_retries=0
)
ASYNC_CLIENT = openai.AsyncOpenAI(api_key="x", base_url=f"{MODEL_URL}/v1", max_retries=0)


def start(**telemetry):
    if COLLECTOR_URL:
        import agentops

        exporter = {"type": "otlp", "endpoint": COLLECTOR_URL, "protocol": "http/protobuf"}
        exporter["timeout_ms"] = int(os.environ.get("ATTEMPT_MS", "10000"))
        agentops.init(telemetry={"exporters": [exporter], "content": "full", **telemetry})


def flush(timeout_ms=40_000):
    if COLLECTOR_URL:
        import agentops

        return agentops.flush(timeout_ms)
    return None


def settle(field="sent", timeout_s=60):
    """Wait, without hurrying anything, until all was sent; or ``spooled``, or ``handled`` by the worker at least."""
    if not COLLECTOR_URL:
        return
    import agentops

    until_s = time.monotonic() + timeout_s
    while True:
        stats = agentops.get_client().telemetry.stats()
        [to] = stats.destinations.values()
        is_there = {
            "sent": not to.pending,
            "spooled": to.retried and to.pending == to.spooled,
            "handled": True,
        }[field]
        if stats.accepted and not stats.queued and is_there:
            return
        if time.monotonic() > until_s:
            sys.exit(f"not {field}: {stats}")
        time.sleep(0.02)


def request(number, text="hello"):
    return {"model": f"m-{number}", "messages": [{"role": "user", "content": f"{text} {number}"}]}


def call(number, text="hello"):
    return CLIENT.chat.completions.create(**request(number, text))


def say(word):
    print(word, flush=True)


if __name__ == "__main__":  # a spawned child imports this file again
    atexit.register(os.write, 1, b"ENDED\n")  # the last handler: all others are registered later
    exec(compile(BODY, "body", "exec"), dict(globals()))  # the test's own text

import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from agentops.telemetry.weigh import weigh, weigh_call

MEGABYTE = 1_000_000


@dataclass(slots=True)
class Slotted:
    text: str
    more: list = field(default_factory=list)


@pytest.mark.parametrize(
    "value",
    [
        "x" * MEGABYTE,
        b"x" * MEGABYTE,
        [{"role": "user", "content": [{"type": "text", "text": "x" * MEGABYTE}]}],
        ["x" * 1000] * 1000,
        {"a": {"b": ("x" * MEGABYTE,)}},
        SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content="x" * MEGABYTE))]),
        Slotted(text="x" * MEGABYTE),
        SimpleNamespace(_content=b"x" * MEGABYTE),
    ],
)
def test_a_megabyte_is_found_wherever_it_is(value):
    assert MEGABYTE * 0.9 < weigh(value) < MEGABYTE * 1.2


def test_a_call_weighs_its_request_and_its_answer():
    class Call:
        def __init__(self):
            self.call = Slotted(text="x" * MEGABYTE)
            self.response = {"text": "x" * MEGABYTE}
            self._provider = "x" * MEGABYTE

        def complete(self):
            raise AssertionError("it is not called")

    assert 1.9 * MEGABYTE < weigh_call(Call().complete, {}) < 2.1 * MEGABYTE
    assert weigh_call(None, {}) < 1000


def test_hostile_values_are_not_asked():
    class Hostile:
        def __getattr__(self, name):
            raise AssertionError("asked")

        def __len__(self):
            raise AssertionError("asked")

        def __iter__(self):
            raise AssertionError("asked")

    assert weigh([Hostile(), {"a": Hostile()}]) < 10_000


def test_cycles_and_depth_cost_little():
    loop = []
    loop.append(loop)
    deep = []
    for _ in range(10_000):
        deep = [deep]
    values = (loop, deep, list(range(MEGABYTE)), {n: [n] for n in range(10_000)})
    started = time.thread_time()

    for value in values:
        weigh(value)
    assert time.thread_time() - started < 0.05

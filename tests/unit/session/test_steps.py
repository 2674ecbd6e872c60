"""A step takes whatever the program gives it, by reference, and never touches it on the caller's thread."""

import math
import threading

import pytest

import agentops
from agentops.session.steps import Arguments, Parameters, StepSpec, snapshot


class Liar:
    """Raises or lies whenever it is looked at."""

    def __init__(self):
        self.looked = []

    @property
    def __class__(self):
        self.looked.append("__class__")
        raise RuntimeError("no class")

    def __eq__(self, other):
        self.looked.append("__eq__")
        raise RuntimeError("no eq")

    __hash__ = None

    def __bool__(self):
        self.looked.append("__bool__")
        raise RuntimeError("no bool")

    def __len__(self):
        self.looked.append("__len__")
        raise RuntimeError("no len")

    def __iter__(self):
        self.looked.append("__iter__")
        raise RuntimeError("no iter")

    def __repr__(self):
        raise RuntimeError("no repr")


def cycle():
    items = []
    items.append(items)
    return items


ODD = {
    "liar": Liar,
    "cycle": cycle,
    "generator": lambda: (number for number in range(3)),
    "surrogate": lambda: "\ud800",
    "nan": lambda: math.nan,
    "huge number": lambda: 2**10_000,
    "bytes": lambda: b"\xff\x00",
    "class": lambda: Liar,
    "lock": threading.Lock,
    "deep": lambda: __import__("functools").reduce(lambda inner, _: [inner], range(5_000), []),
    "long": lambda: list(range(1_000_000)),
    "keys": lambda: {1: "a", None: "b", (1, 2): "c"},
}


@pytest.mark.parametrize("verb", ["agent", "tool", "task", "session"])
@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_odd_arguments_and_results_pass_untouched(recorded, verb, make):
    value = make()
    seen = []

    @getattr(agentops, verb)
    def work(given, *, again=None):
        seen.append(given)
        return given

    result = work(value, again=value)
    looked = list(value.looked) if type(value) is Liar else []

    assert seen[0] is result is value
    assert looked == []
    assert len(recorded.spans) == 1
    assert recorded.spans[0].status_code == 0
    if make is ODD["generator"]:
        assert list(value) == [0, 1, 2]


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_odd_items_of_a_generator_pass_untouched(recorded, make):
    value = make()

    @agentops.task
    def work():
        yield value
        return value

    steps = work()
    assert next(steps) is value
    with pytest.raises(StopIteration) as stopped:
        next(steps)

    assert stopped.value.value is value
    assert len(recorded.spans) == 1


def test_arguments_get_their_names_on_the_worker():
    def work(a, b=2, *rest, key, **more):
        return a, b, rest, key, more

    named = Arguments(Parameters(work), (1, 2, 3), {"key": 4, "other": 5}).named()

    assert named == {"a": 1, "b": 2, "rest": (3,), "key": 4, "more": {"other": 5}}


def test_arguments_of_what_has_no_signature_keep_their_places():
    class NoSignature:
        __signature__ = "none"

        def __call__(self, a):
            return a

    named = Arguments(Parameters(NoSignature()), (1,), {"b": 2}).named()

    assert named == {"args": [1], "kwargs": {"b": 2}}


@pytest.mark.parametrize("value", [[1], {"a": 1}, {1}])
def test_a_snapshot_is_a_copy_one_level_deep(value):
    copy = snapshot(value)

    assert copy == value
    assert copy is not value


def test_a_snapshot_of_a_long_list_or_of_a_subclass_is_the_thing_itself():
    class Mine(list):
        pass

    long, mine = list(range(1_001)), Mine([1])

    assert snapshot(long) is long
    assert snapshot(mine) is mine


def test_what_is_the_same_for_each_execution_is_made_once():
    spec = StepSpec(kind="tool", name="search", description="finds")

    assert spec.span_name == "execute_tool search"
    assert spec.start_attributes["gen_ai.tool.description"] == "finds"
    assert None not in spec.start_attributes.values()


def test_ending_a_step_twice_records_once(recorded):
    with agentops.tool("t") as run:
        run.end("first")
        run.end("second")

    assert recorded.span("execute_tool t").attributes["gen_ai.tool.call.result"] == "first"

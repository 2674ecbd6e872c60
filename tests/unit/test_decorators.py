"""The verbs make spans and events and leave what they decorate as it was."""

import asyncio
import contextlib
import functools
import inspect
import pickle
import time

import pytest
from opentelemetry.sdk.trace import TracerProvider

import agentops
from agentops.testing import recording

VERBS = ["session", "agent", "tool", "task", "operation", "workflow", "guardrail"]


def plain(a: int, b: str = "x", *, c: float = 1.0) -> str:
    """Say it."""
    return f"{a}{b}{c}"


async def coroutine(a):
    return a


def generator(n):
    """Count."""
    got = None
    for number in range(n):
        got = yield number
    return got


async def async_generator(n):
    for number in range(n):
        yield number


decorated = agentops.tool(plain)


@agentops.tool
def importable(a):
    return a


class Planner:
    def plan(self, question):
        return self.refine(question) + "!"

    def refine(self, question):
        return question.upper()

    async def later(self, question):
        return question

    def _private(self):
        return 1

    @staticmethod
    def fixed():
        return 2

    @classmethod
    def made(cls):
        return cls()

    @property
    def size(self):
        return 3


@pytest.mark.parametrize("verb", VERBS)
def test_the_kind_of_a_function_is_kept(verb):
    decorate = getattr(agentops, verb)
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)

    for function in (plain, coroutine, generator, async_generator):
        for wrapped in (decorate(function), decorate(name="n")(function), decorate("n")(function)):
            assert [kind(wrapped) for kind in kinds] == [kind(function) for kind in kinds]
            assert inspect.isfunction(wrapped)
            assert inspect.signature(wrapped) == inspect.signature(function)
            assert wrapped.__wrapped__ is function
            assert (wrapped.__name__, wrapped.__qualname__) == (
                function.__name__,
                function.__qualname__,
            )
            assert (wrapped.__module__, wrapped.__doc__) == (function.__module__, function.__doc__)
            assert wrapped.__annotations__ == function.__annotations__


def test_a_decorated_function_is_pickled_by_name():
    # The module is imported by path in the test run, so the name is looked up in what is loaded.
    assert pickle.loads(pickle.dumps(agentops.testing.recording)) is agentops.testing.recording
    import sys

    sys.modules.setdefault(importable.__module__, sys.modules[__name__])
    assert pickle.loads(pickle.dumps(importable)) is importable


@pytest.mark.parametrize("verb", VERBS)
def test_a_class_stays_the_same_class(verb):
    class Local(Planner):
        def plan(self, question):
            return question

    before = dict(vars(Local))
    same = getattr(agentops, verb)(Local)

    assert same is Local
    assert isinstance(Local(), Planner)
    assert vars(Local).keys() == before.keys()
    assert Local().plan("a") == "a"


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "session"])
def test_before_init_a_step_runs_plainly(verb):
    decorate = getattr(agentops, verb)

    assert decorate(plain)(1, c=2.0) == "1x2.0"
    assert asyncio.run(decorate(coroutine)(1)) == 1
    assert list(decorate(generator)(3)) == [0, 1, 2]

    async def collect():
        return [item async for item in decorate(async_generator)(3)]

    assert asyncio.run(collect()) == [0, 1, 2]
    with decorate("n") as run:
        run.set_output(1)
    assert agentops.get_client() is None


@pytest.mark.parametrize(
    ("verb", "name", "attributes"),
    [
        (
            "agent",
            "invoke_agent plain",
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "plain"},
        ),
        (
            "tool",
            "execute_tool plain",
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "plain",
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.arguments": '{"a":1,"b":"y"}',
                "gen_ai.tool.call.result": "1y1.0",
            },
        ),
        (
            "workflow",
            "invoke_workflow plain",
            {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "plain"},
        ),
        ("task", "plain", {"agentops.input": '{"a":1,"b":"y"}', "agentops.output": "1y1.0"}),
        ("guardrail", "plain", {"agentops.input": '{"a":1,"b":"y"}'}),
        ("session", "plain", {"agentops.input": '{"a":1,"b":"y"}', "agentops.output": "1y1.0"}),
    ],
)
def test_each_kind_of_step_is_a_span_named_by_the_conventions(recorded, verb, name, attributes):
    result = getattr(agentops, verb)(plain)(1, "y")

    span = recorded.span(name)
    assert result == "1y1.0"
    assert span.attributes["agentops.span.kind"] == verb
    assert attributes.items() <= span.attributes.items()
    assert span.status_code == 0
    assert span.kind == 1


def test_operation_is_task(recorded):
    agentops.operation(plain)(1)

    assert recorded.span("plain").attributes["agentops.span.kind"] == "task"


def test_keywords_describe_the_step(recorded):
    agentops.tool(
        name="search",
        version="2",
        description="finds",
        tags=["slow"],
        cost=0.01,
        attributes={"k": 1},
    )(plain)(1)
    agentops.guardrail(spec="input")(plain)(1)
    agentops.agent("planner", version="3")(plain)(1)

    search, agent = recorded.span("execute_tool search"), recorded.span("invoke_agent planner")
    assert search.attributes["gen_ai.tool.description"] == "finds"
    assert search.attributes["agentops.step.version"] == "2"
    assert list(search.attributes["agentops.tags"]) == ["slow"]
    assert search.attributes["agentops.cost.usd"] == 0.01
    assert search.attributes["k"] == 1
    assert agent.attributes["gen_ai.agent.version"] == "3"
    assert recorded.span("plain").attributes["agentops.guardrail.spec"] == "input"


def test_an_unknown_keyword_is_refused():
    with pytest.raises(TypeError, match=r"agent.* 'colour'"):
        agentops.agent(colour="red")
    with pytest.raises(TypeError, match=r"agent.* 'cost'"):
        agentops.agent(cost=1)
    with pytest.raises(TypeError, match=r"^session\(\) .* 'tag'; expected some of .*tags"):
        agentops.session("demo", tag=["prod"])


@pytest.mark.parametrize(
    ("verb", "event"), [("tool", "agentops.tool"), ("agent", "agentops.action")]
)
def test_each_execution_makes_one_correlated_event(recorded, verb, event):
    with agentops.session("s") as session:
        getattr(agentops, verb)(plain)(1)

    span = next(span for span in recorded.spans if span.parent_span_id)
    record = recorded.event(event)
    assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
    assert record.session_id == str(session.id)
    assert (record.event.params, record.event.returns) == (None, None)  # they ride on the span
    assert record.event.init_timestamp <= record.event.end_timestamp


def test_what_runs_inside_an_agent_bears_its_name(recorded):
    with agentops.session("s"), agentops.agent("planner"):
        agentops.tool(plain)(1)

    tool, agent = recorded.span("execute_tool plain"), recorded.span("invoke_agent planner")
    assert tool.parent_span_id == agent.span_id
    assert tool.attributes["gen_ai.agent.name"] == "planner"
    assert tool.attributes["agentops.agent.id"] == agent.attributes["agentops.agent.id"]


@pytest.mark.parametrize("verb", VERBS)
def test_an_exception_passes_through_by_identity_and_is_noted_once(recorded, verb):
    error = ValueError("boom")

    def failing():
        raise error

    with pytest.raises(ValueError, match="boom") as caught:
        getattr(agentops, verb)(failing)()

    span = recorded.spans[0]
    assert caught.value is error
    assert error.__cause__ is error.__context__ is None
    assert span.status_code == 2
    assert span.attributes["error.type"] == "ValueError"
    assert [event.name for event in span.events] == ["exception"]
    assert "failing" in traceback_names(caught.value)[-1]


def traceback_names(error):
    return [frame.name for frame in __import__("traceback").extract_tb(error.__traceback__)]


@pytest.mark.parametrize("mode", ["none", "metadata"])
def test_content_stays_out_unless_the_mode_is_full(mode):
    with recording(telemetry={"content": mode}) as recorded:
        agentops.tool(plain)(1, "secret")
        agentops.task(plain)(1, "secret")
        agentops.session(plain)(1, "secret")
        with agentops.tool("manual") as run:
            run.set_input("secret")
            run.set_output("secret")
        found = repr(recorded.records)

    assert found.count("SpanRecord") == 4
    assert "secret" not in found


def test_a_step_may_keep_its_arguments_and_result_to_itself(recorded):
    agentops.tool(capture_request=False, capture_response=False)(plain)(1, "secret")

    assert "secret" not in repr(recorded.records)
    assert recorded.span("execute_tool plain")


def test_arguments_are_those_of_the_call_even_when_changed_afterwards(recorded):
    @agentops.task
    def grow(items):
        items.append(99)
        return items

    items = [1, 2]
    grow(items).append(100)

    span = recorded.span("grow")
    assert span.attributes["agentops.input"] == '{"items":[1,2]}'
    assert span.attributes["agentops.output"] in ("[1,2,99]", [1, 2, 99])


def test_arguments_that_do_not_fit_raise_what_they_always_raised(recorded):
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        decorated()

    assert recorded.span("execute_tool plain").attributes["error.type"] == "TypeError"


def test_methods_of_all_sorts_are_steps_without_self(recorded):
    class Box:
        @agentops.tool
        def method(self, a):
            return a

        @agentops.tool
        @staticmethod
        def static(a):
            return a

        @staticmethod
        @agentops.tool
        def static_inside(a):
            return a

        @agentops.tool
        @classmethod
        def of_class(cls, a):
            return cls.__name__, a

    box = Box()

    assert (box.method(1), Box.static(2), box.static_inside(3)) == (1, 2, 3)
    assert Box.of_class(4) == ("Box", 4)
    arguments = {
        span.name: span.attributes["gen_ai.tool.call.arguments"] for span in recorded.spans
    }
    assert arguments == {
        "execute_tool method": '{"a":1}',
        "execute_tool static": '{"a":2}',
        "execute_tool static_inside": '{"a":3}',
        "execute_tool of_class": '{"a":4}',
    }


def test_other_callables_are_steps_too(recorded):
    assert agentops.tool(functools.partial(plain, 1))("z") == "1z1.0"
    assert [span.name for span in recorded.spans] == ["execute_tool plain"]
    with pytest.raises(TypeError, match="expected a function"):
        agentops.tool(3)


def test_an_object_of_a_class_of_its_own_is_refused_with_a_way_out():
    class FrameworkTool:
        def __call__(self):
            return 1

    with pytest.raises(TypeError, match="put ours beneath that one"):
        agentops.tool(FrameworkTool())


def test_a_cached_function_keeps_the_methods_of_its_cache(recorded):
    @agentops.tool
    @functools.lru_cache
    def square(a):
        return a * a

    assert [square(2), square(2)] == [4, 4]
    assert square.cache_info().hits == 1
    square.cache_clear()
    assert square.cache_info().hits == 0
    assert len(recorded.spans) == 2


def test_a_class_makes_one_span_for_each_outermost_call(recorded):
    @agentops.agent
    class Local(Planner):
        def plan(self, question):
            return self.refine(question) + "!"

        def refine(self, question):
            return question.upper()

        async def later(self, question):
            return self.refine(question)

        @agentops.task
        def step(self):
            return 1

    local = Local()
    assert local.plan("why") == "WHY!"
    assert asyncio.run(local.later("how")) == "HOW"
    assert local.step() == 1
    assert (local.size, local._private(), Local.fixed()) == (3, 1, 2)

    names = [span.name for span in recorded.spans]
    assert names == ["invoke_agent Local"] * 2 + ["step", "invoke_agent Local"]
    step, agent = recorded.spans[2:]
    assert step.parent_span_id == agent.span_id


def test_each_method_of_a_class_of_tools_is_a_tool(recorded):
    @agentops.tool
    class Search:
        def by_name(self, name):
            return name

        def __call__(self, query):
            return query

    Search().by_name("a")
    Search()("b")

    names = [span.name for span in recorded.spans]
    assert names == ["execute_tool Search.by_name", "execute_tool Search"]


def test_a_coroutine_runs_inside_its_span(recorded):
    @agentops.agent
    async def outer():
        await asyncio.sleep(0)
        return await inner(1)

    @agentops.tool
    async def inner(a):
        return a

    assert asyncio.run(outer()) == 1
    assert (
        recorded.span("execute_tool inner").parent_span_id
        == recorded.span("invoke_agent outer").span_id
    )


def test_a_cancelled_coroutine_is_an_error_and_cancelled(recorded):
    @agentops.task
    async def slow():
        await asyncio.Event().wait()

    async def main():
        running = asyncio.create_task(slow())
        await asyncio.sleep(0)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return running.cancelled()

    assert asyncio.run(main())
    assert recorded.span("slow").attributes["error.type"] == "CancelledError"


class TestBlocks:
    def test_a_block_is_a_step(self, recorded):
        with agentops.tool("search") as run:
            run.set_input({"query": "x"})
            run.set_output(["y"])

        span = recorded.span("execute_tool search")
        assert span.attributes["gen_ai.tool.call.arguments"] == '{"query":"x"}'
        assert "y" in str(span.attributes["gen_ai.tool.call.result"])

    def test_an_async_block_is_a_step(self, recorded):
        async def main():
            async with agentops.agent("planner"):
                await asyncio.sleep(0)

        asyncio.run(main())

        assert recorded.span("invoke_agent planner")

    def test_an_exception_in_a_block_passes_on(self, recorded):
        with pytest.raises(KeyError), agentops.tool("search"):
            raise KeyError("k")

        assert recorded.span("execute_tool search").attributes["error.type"] == "KeyError"

    def test_one_verb_serves_many_tasks_at_once(self, recorded):
        verb = agentops.tool("shared")

        async def one(parent):
            with agentops.task(parent), verb as run:
                await asyncio.sleep(0)
                run.set_output(parent)
                await asyncio.sleep(0)

        async def main():
            await asyncio.gather(*(one(str(number)) for number in range(10)))

        asyncio.run(main())

        parents = {span.span_id: span.name for span in recorded.spans}
        shared = [span for span in recorded.spans if span.name == "execute_tool shared"]
        assert len(shared) == 10
        assert all(
            str(span.attributes["gen_ai.tool.call.result"]) == parents[span.parent_span_id]
            for span in shared
        )


def test_a_decorated_session_is_new_on_each_call(recorded):
    @agentops.session(tags=["t"])
    def work():
        return agentops.current_session()

    first, second = work(), work()

    assert first.id != second.id
    assert [span.name for span in recorded.spans] == ["work", "work"]
    assert agentops.current_session() is None


def test_a_decorated_async_session_keeps_tasks_apart(recorded):
    @agentops.session
    async def work():
        await asyncio.sleep(0)
        return agentops.current_session()

    async def main():
        return await asyncio.gather(*(work() for _ in range(10)))

    assert len({session.id for session in asyncio.run(main())}) == 10


@pytest.mark.parametrize("verb", ["tool", "agent"])
def test_a_decorated_call_costs_less_than_three_spans_of_the_opentelemetry_sdk(recorded, verb):
    @TracerProvider().get_tracer("bare").start_as_current_span("bare")
    def bare(value):
        return value

    def cpu_s(call):
        began = time.thread_time()
        for _ in range(500):
            call(1)
        return time.thread_time() - began

    decorated = getattr(agentops, verb)(lambda value: value)
    ours, baseline = [], []
    with agentops.session("s"):
        for _ in range(10):
            baseline.append(cpu_s(bare))
            ours.append(cpu_s(decorated))
            agentops.flush()

    assert min(ours) / min(baseline) < 3

"""A decorated function of any kind takes the arguments of the bare one, and refuses the same at the call."""

import inspect

import pytest

import agentops
from agentops.testing import recording


async def coroutine(a, b=2, /, c=3, *rest, d, e=5, **more):
    return (a, b, c, rest, d, e, more)


def generator(a, b=2, /, c=3, *rest, d, e=5, **more):
    yield (a, b, c, rest, d, e, more)


async def async_generator(a, b=2, /, c=3, *rest, d, e=5, **more):
    yield (a, b, c, rest, d, e, more)


async def plain(a, b):
    return a + b


FUNCTIONS = [coroutine, generator, async_generator]
CALLS = [
    ((1,), {"d": 4}),
    ((1, 20), {"d": 4}),
    ((1, 20, 30, 40, 50), {"d": 4, "e": 6, "f": 7}),
    ((1,), {"c": 30, "d": 4}),
    ((1,), {"d": 4, "b": 9}),
]
WRONG = [((), {"d": 4}), ((1,), {}), ((), {"a": 1, "d": 4})]


async def result_of(running):
    if inspect.iscoroutine(running):
        return await running
    if inspect.isgenerator(running):
        return next(running)
    return await anext(running)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("args", "kwargs"), CALLS)
async def test_what_is_given_arrives_and_defaults_stay(function, args, kwargs):
    decorated = agentops.tool(function)
    with recording():
        told = await result_of(decorated(*args, **kwargs))

    assert told == await result_of(function(*args, **kwargs))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("args", "kwargs"), WRONG)
def test_wrong_arguments_are_refused_at_the_call_in_the_same_words(function, args, kwargs):
    with pytest.raises(TypeError) as bare:
        function(*args, **kwargs)
    with recording() as recorded:
        with pytest.raises(TypeError) as told:
            agentops.tool(function)(*args, **kwargs)

        assert str(told.value) == str(bare.value)
        assert recorded.spans == []


async def test_a_method_refuses_too():
    class Tools:
        @agentops.tool
        async def add(self, a, b):
            return a + b

    assert await Tools().add(1, 2) == 3
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'b'"):
        Tools().add(1)


@pytest.mark.parametrize("function", [*FUNCTIONS, plain])
def test_a_decorated_function_still_looks_like_the_bare_one(function):
    decorated = agentops.task(function)

    for look in (
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        inspect.signature,
        inspect.getdoc,
    ):
        assert look(decorated) == look(function)
    assert (decorated.__name__, decorated.__wrapped__) == (function.__name__, function)


async def test_what_was_given_is_recorded_without_the_defaults():
    with recording() as recorded:
        await agentops.task(coroutine)(1, d=4)
        agentops.flush()
        [span] = recorded.spans

    assert span.attributes["agentops.input"] == '{"a":1,"d":4}'


async def test_values_and_exceptions_go_through_an_async_generator():
    @agentops.task
    async def echo(first):
        value = first
        while True:
            try:
                value = yield value
            except LookupError as error:
                value = f"caught {error}"

    with recording() as recorded:
        running = echo(1)
        assert await anext(running) == 1
        assert await running.asend(2) == 2
        assert await running.athrow(LookupError("x")) == "caught x"
        await running.aclose()
        agentops.flush()
        [span] = recorded.spans

    assert span.status_code == 0


def test_names_in_annotations_are_looked_up_where_the_function_stands():
    assert agentops.task(coroutine).__globals__ is globals()
    assert "make" not in globals()

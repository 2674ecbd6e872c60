"""A patched method looks to the program, and to whatever inspects it, as the vendor's own does."""

import asyncio
import functools
import gc
import inspect
import pickle
import pydoc
import re
import sys
import threading
import types
import typing
import warnings
from unittest import mock

import anthropic
import anyio
import openai
import pytest
import wrapt
from support import anthropic_wire, openai_wire
from support.providers import DirectManager

from agentops import guard
from agentops.instrumentation.providers.anthropic import AnthropicInstrumentation
from agentops.instrumentation.providers.openai import OpenAIInstrumentation
from agentops.providers.active_call import ActiveCall
from agentops.providers.instrumented_provider import InstrumentedProvider
from agentops.providers.patching import Patch

HOLDERS = (
    openai._base_client.SyncAPIClient,
    openai._base_client.AsyncAPIClient,
    anthropic._base_client.SyncAPIClient,
    anthropic._base_client.AsyncAPIClient,
)
CLIENTS = (openai.OpenAI, openai.AsyncOpenAI, anthropic.Anthropic, anthropic.AsyncAnthropic)
NAMES = ("request", "_process_response")
ASKED = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}

each_method = pytest.mark.parametrize(
    ("holder", "name"),
    [(holder, name) for holder in HOLDERS for name in NAMES],
    ids=lambda value: getattr(value, "__qualname__", value),
)
each_client = pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.__name__)


@pytest.fixture
def manager():
    return DirectManager()


@pytest.fixture
def install(manager):
    """Return what puts both vendors' instrumentations on; they are off before and after."""
    kinds = (OpenAIInstrumentation, AnthropicInstrumentation)
    providers = [InstrumentedProvider(kind(manager)) for kind in kinds]

    def install():
        for provider in providers:
            provider.install()

    def uninstall():
        for provider in providers:
            provider.uninstall()

    install.undo = uninstall
    yield install
    uninstall()


def client_of(kind):
    wire = openai_wire if issubclass(kind, openai.OpenAI | openai.AsyncOpenAI) else anthropic_wire
    is_async = issubclass(kind, openai.AsyncOpenAI | anthropic.AsyncAnthropic)
    make = wire.Wire().async_client if is_async else wire.Wire().client
    return make(kind, api_key="x")


async def ask(client):
    """Make one call, awaited where it is to be."""
    is_openai = isinstance(client, openai.OpenAI | openai.AsyncOpenAI)
    answer = (client.chat.completions if is_openai else client.messages).create(**ASKED)
    return await answer if inspect.isawaitable(answer) else answer


# To a look


def looks(function):
    """Return what programs and tools read off a function, apart from where it stands in memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # asyncio's, from Python 3.14 on
        asyncio_says = asyncio.iscoroutinefunction(function)
    return {
        "type": type(function),
        "repr": re.sub("0x[0-9a-f]+", "0x", repr(function)),
        "names": (function.__module__, function.__name__, function.__qualname__, function.__doc__),
        "annotations": function.__annotations__,
        "signature": inspect.signature(function),
        "parameters": inspect.getfullargspec(function),
        "is_coroutine_function": (inspect.iscoroutinefunction(function), asyncio_says),
        "is_generator": (inspect.isgeneratorfunction(function), inspect.isasyncgenfunction(function)),
        "is_function": (inspect.isfunction(function), inspect.isroutine(function)),
        "overloads": typing.get_overloads(function) if sys.version_info >= (3, 11) else (),
        "unwrapped": inspect.unwrap(function),
        "source": inspect.getsource(function),
        "help": pydoc.render_doc(function, renderer=pydoc.plaintext),
    }  # fmt: skip


@each_method
def test_a_patched_method_looks_as_without_us(install, holder, name):
    before, bare = getattr(holder, name), looks(getattr(holder, name))
    install()

    assert getattr(holder, name) is not before
    assert looks(getattr(holder, name)) == bare


@each_method
def test_a_patched_method_has_the_attributes_of_the_bare_one(install, holder, name):
    bare = dict(vars(getattr(holder, name)))
    install()
    patched = dict(vars(getattr(holder, name)))

    assert inspect.isfunction(patched.pop("__wrapped__"))
    assert patched.pop("__signature__") == inspect.signature(getattr(holder, name))
    assert patched == bare


@each_client
def test_a_stand_in_made_of_a_class_is_as_without_us(install, kind):
    def look():
        stand_in = mock.create_autospec(kind)
        return [
            (type(method).__name__, inspect.signature(method), inspect.iscoroutinefunction(method))
            for method in (getattr(stand_in, name) for name in NAMES)
        ]

    bare = look()
    install()

    assert look() == bare
    with pytest.raises(TypeError, match="cast_to"):
        mock.create_autospec(kind, instance=True).request()


class Reopening:
    """A client that is pickled as what it was made with."""

    def __init__(self):
        super().__init__(api_key="x")

    def __reduce__(self):
        return type(self), ()


class ReopeningOpenAI(Reopening, openai.OpenAI):
    pass


class ReopeningAsyncOpenAI(Reopening, openai.AsyncOpenAI):
    pass


class ReopeningAnthropic(Reopening, anthropic.Anthropic):
    pass


class ReopeningAsyncAnthropic(Reopening, anthropic.AsyncAnthropic):
    pass


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", Reopening.__subclasses__(), ids=lambda kind: kind.__name__)
def test_a_bound_method_is_pickled_by_name_with_and_without_us(install, kind, name):
    text = pickle.dumps(getattr(kind(), name))
    install()
    patched = getattr(kind(), name)
    told = pickle.dumps(patched)

    assert told == text
    assert pickle.loads(text).__func__ is patched.__func__ is getattr(kind, name)


# To a call


class Overriding:
    """A client of the program's own, which does something around each request."""

    def request(self, *args, **kwargs):
        return super().request(*args, **kwargs)


@each_client
async def test_a_client_that_overrides_the_method_makes_one_span(install, manager, kind):
    client = client_of(type("Own", (Overriding, kind), {}))
    install()
    await ask(client)

    assert len(manager.ended) == 1


@each_client
async def test_a_copy_of_a_client_makes_one_span(install, manager, kind):
    client = client_of(kind)
    install()
    await ask(client.with_options(max_retries=0))

    assert len(manager.ended) == 1


@pytest.mark.parametrize("step", ["enter", "exit"])
@each_client
async def test_a_signal_that_breaks_off_a_step_of_ours_costs_that_call_only(
    install, manager, monkeypatch, kind, step
):
    done = getattr(ActiveCall, step)

    def broken_off(*args, **kwargs):
        monkeypatch.setattr(ActiveCall, step, done)
        if step == "enter":
            done(*args, **kwargs)
        raise KeyboardInterrupt

    install()
    monkeypatch.setattr(ActiveCall, step, broken_off)
    with pytest.raises(KeyboardInterrupt):
        await ask(client_of(kind))
    await ask(client_of(kind))

    assert [type(ended.error) for ended in manager.ended] == [KeyboardInterrupt, type(None)]


@each_client
async def test_what_a_client_of_the_program_makes_of_an_answer_stays_what_it_is(
    install, manager, kind
):
    made = iter([1, 2])

    def process(self, **_):
        return made

    async def process_async(self, **_):
        return made

    is_async = inspect.iscoroutinefunction(kind._process_response)
    own = {"_process_response": process_async if is_async else process}
    client = client_of(type("Own", (kind,), own))
    install()

    assert await ask(client) is made
    assert len(manager.ended) == 1


@each_client
async def test_a_method_called_on_its_class_makes_one_span(install, manager, kind):
    client = client_of(kind)
    install()
    client.request = functools.partial(kind.request, client)
    await ask(client)

    assert len(manager.ended) == 1


@each_client
async def test_a_method_that_was_bound_before_makes_no_span_and_one_bound_later_does(
    install, manager, kind
):
    client = client_of(kind)
    before = client.request
    install()
    kept = client.request
    for client.request in (before, kept):
        await ask(client)
    install.undo()
    await ask(client)

    assert len(manager.ended) == 1


async def test_what_the_program_puts_in_the_place_of_ours_stays(install, manager, monkeypatch):
    bare = openai.OpenAI.request

    def own(*args, **kwargs):
        return bare(*args, **kwargs)

    install()
    with monkeypatch.context() as patched:
        patched.setattr(openai.OpenAI, "request", own)
        await ask(client_of(openai.OpenAI))
        assert openai.OpenAI.request is own
    await ask(client_of(openai.OpenAI))
    install.undo()

    assert len(manager.ended) == 1
    assert "request" not in vars(openai.OpenAI)


@pytest.mark.parametrize("holder", [openai._base_client.SyncAPIClient, openai.OpenAI])
@pytest.mark.parametrize("name", NAMES)
async def test_what_stood_there_before_us_and_is_gone_costs_one_call(
    install, manager, holder, name
):
    bare = getattr(holder, name)
    with mock.patch.object(holder, name, lambda *args, **kwargs: bare(*args, **kwargs)):
        install()
    for _ in range(3):
        await ask(client_of(openai.OpenAI))
    install.undo()

    told = [ended for ended in manager.ended if "gen_ai.response.model" in ended.attributes]
    assert len(told) == 2
    assert getattr(holder, name) is bare


@each_method
def test_a_call_that_does_not_fit_raises_what_it_raises_without_us(install, holder, name):
    guard.be_strict(False)  # such a call cannot be read

    def call():
        answer = getattr(holder, name)(object(), unknown=1)
        answer.send(None)

    with pytest.raises(TypeError) as bare:
        call()
    install()
    with pytest.raises(TypeError) as raised:
        call()

    assert str(raised.value) == str(bare.value)


@pytest.mark.parametrize("kind", [openai.AsyncOpenAI, anthropic.AsyncAnthropic])
def test_a_coroutine_that_nobody_awaits_is_told_once_by_its_name(install, manager, kind, recwarn):
    install()
    client_of(kind).request(object, None)
    gc.collect()

    told = [(warning.category, str(warning.message)) for warning in recwarn.list]
    assert told == [(RuntimeWarning, "coroutine 'AsyncAPIClient.request' was never awaited")]
    assert manager.ended == []


@pytest.mark.parametrize("kind", [openai.AsyncOpenAI, anthropic.AsyncAnthropic])
async def test_a_call_that_is_cancelled_ends_its_span(install, manager, kind):
    install()
    client, is_asked = client_of(kind), anyio.Event()

    async def hang(_request):
        is_asked.set()
        await anyio.sleep_forever()

    client._client.event_hooks = {"request": [hang]}
    async with anyio.create_task_group() as group:
        group.start_soon(ask, client)
        await is_asked.wait()
        group.cancel_scope.cancel()

    assert [type(ended.error) for ended in manager.ended] == [anyio.get_cancelled_exc_class()]


# Beside others


def wrapped_plainly(function):
    @functools.wraps(function)
    def other(*args, **kwargs):
        return function(*args, **kwargs)

    return other


def wrapped_by_wrapt(function):
    return wrapt.FunctionWrapper(
        function, lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs)
    )


@pytest.mark.parametrize("wrapped", [wrapped_plainly, wrapped_by_wrapt])
@each_client
async def test_ours_below_anothers_becomes_transparent_and_comes_back(
    install, manager, monkeypatch, kind, wrapped
):
    holder = next(cls for cls in HOLDERS if issubclass(kind, cls))
    install()
    ours = vars(holder)["request"]
    with monkeypatch.context() as patched:
        patched.setattr(holder, "request", wrapped(ours))
        others = vars(holder)["request"]
        await ask(client_of(kind))
        install.undo()
        await ask(client_of(kind))
        install()
        await ask(client_of(kind))

        assert vars(holder)["request"] is others
        assert len(manager.ended) == 2
        install.undo()
    install.undo()

    assert vars(holder).get("request") is not ours


@pytest.mark.parametrize("wrapped", [wrapped_plainly, wrapped_by_wrapt])
@each_client
async def test_ours_above_anothers_makes_one_span_and_gives_it_back(
    install, manager, monkeypatch, kind, wrapped
):
    holder = next(cls for cls in HOLDERS if issubclass(kind, cls))
    monkeypatch.setattr(holder, "request", wrapped(holder.request))

    await _is_one_span_and_given_back(install, manager, holder, kind)


@pytest.mark.parametrize("wrapped", [wrapped_plainly, wrapped_by_wrapt])
@pytest.mark.parametrize("kind", CLIENTS[:2], ids=lambda kind: kind.__name__)
async def test_a_client_that_another_gave_a_method_of_its_own_makes_one_span(
    install, manager, monkeypatch, kind, wrapped
):
    install()
    install.undo()  # what is hooked is chosen anew
    monkeypatch.setattr(kind, "request", wrapped(kind.request))

    await _is_one_span_and_given_back(install, manager, kind, kind)


async def _is_one_span_and_given_back(install, manager, holder, kind):
    others = vars(holder)["request"]
    install()
    await ask(client_of(kind))
    install.undo()
    await ask(client_of(kind))

    assert vars(holder)["request"] is others
    assert len(manager.ended) == 1


@each_method
def test_what_the_program_puts_in_the_place_of_a_method_is_called(install, holder, name):
    kind = next(kind for kind in CLIENTS if issubclass(kind, holder))
    client = client_of(kind)
    install()
    with mock.patch.object(holder, name, new_callable=mock.Mock, return_value=7):
        assert getattr(client, name)() == 7


@each_method
def test_a_method_is_pickled_by_name_with_and_without_us(install, holder, name):
    text = pickle.dumps(getattr(holder, name))
    install()

    assert pickle.dumps(getattr(holder, name)) == text
    assert pickle.loads(text) is getattr(holder, name)


# What is no plain method


class Odd:
    @staticmethod
    def static(value):
        return value

    @classmethod
    def of_class(cls, value):
        return value

    def generator(self, value):
        yield value

    async def async_generator(self, value):
        yield value

    made = functools.partialmethod(lambda _self, value: value)


def of_module(value):
    return value


@pytest.fixture
def odd(monkeypatch):
    """Return an importable module with functions of every kind."""
    module = types.ModuleType("odd_vendor")
    module.Odd = type("Odd", (), dict(vars(Odd)))
    module.of_module = of_module
    monkeypatch.setitem(sys.modules, "odd_vendor", module)
    return module


@pytest.mark.parametrize(
    "path",
    ["Odd.static", "Odd.of_class", "Odd.generator", "Odd.async_generator", "Odd.made", "of_module"],
)
def test_what_is_no_plain_method_is_wrapped_as_what_it_is(odd, path):
    calls = []

    def wrapper(wrapped, _instance, args, kwargs):
        calls.append(args)
        return wrapped(*args, **kwargs)

    def kinds(value):
        return inspect.isgeneratorfunction(value), inspect.isasyncgenfunction(value)

    owner = odd.Odd if "." in path else odd
    name = path.rpartition(".")[2]
    before, bare = vars(owner)[name], kinds(getattr(owner, name))
    patch = Patch("odd_vendor", path, lambda _: wrapper)
    patch.apply()
    told = kinds(getattr(owner, name))
    getattr(owner() if "." in path else owner, name)(7)
    patch.remove()

    assert told == bare
    assert calls == [(7,)]
    assert vars(owner)[name] is before


def test_a_function_that_is_called_on_its_class_with_none_keeps_that(odd):
    odd.Odd.plain = lambda self, value: (self, value)
    seen = []

    def wrapper(wrapped, instance, args, kwargs):
        seen.append((instance, args))
        return wrapped(*args, **kwargs)

    patch = Patch("odd_vendor", "Odd.plain", lambda _: wrapper)
    patch.apply()
    result = odd.Odd.plain(None, 7)
    patch.remove()

    assert result == (None, 7)
    assert seen == [(None, (7,))]


def test_what_somebody_put_back_is_wrapped_once_however_many_threads_see_it(odd, monkeypatch):
    others = []

    class Watched(type):
        def __getattribute__(cls, name):
            found = super().__getattribute__(name)
            if name == "plain" and others:
                others.pop().start()
                other.join()
            return found

    class Holder(metaclass=Watched):
        def plain(self, value):
            return value

    def wrapper(wrapped, instance, args, kwargs):
        calls.append(args)
        return wrapped(*args, **kwargs)

    calls = []
    before = Holder.plain
    monkeypatch.setattr(odd, "Odd", Holder)
    patch = Patch("odd_vendor", "Odd.plain", lambda _: wrapper)
    patch.apply()
    Holder.plain = before
    other = threading.Thread(target=patch.apply_again)
    others.append(other)
    patch.apply_again()
    result = Holder().plain(7)
    patch.remove()

    assert (result, calls) == (7, [(7,)])
    assert Holder.plain is before

"""A call within another's request: whose span it is, and whose answer."""

import sys
import traceback

import openai
import pytest
import wrapt
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach, get_current, set_value
from support.openai_wire import CHAT, Wire, httpx2
from support.providers import DirectManager

from agentops.instrumentation.providers.openai import OpenAIInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider
from agentops.providers.nesting import Attached

ASKED = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]}


class Gateway(OpenAIInstrumentation):
    """One more of the same package, as a plug-in may bring it."""

    def provider_of(self, client, host):
        return "gateway"


@pytest.fixture
def manager():
    return DirectManager()


@pytest.fixture
def install(manager):
    installed = []

    def install(kind):
        installed.append(InstrumentedProvider(kind(manager)))
        installed[-1].install()

    yield install
    for provider in reversed(installed):
        provider.uninstall()


@pytest.fixture
def suppressed():
    token = attach(set_value("suppress_instrumentation", True))
    yield
    detach(token)


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ([OpenAIInstrumentation, Gateway], "gateway"),
        ([Gateway, OpenAIInstrumentation], "openai"),
        ([OpenAIInstrumentation, OpenAIInstrumentation], "openai"),
    ],
)
async def test_a_call_that_two_instrumentations_of_a_package_see_is_one_span(
    manager, install, kinds, told
):
    for kind in kinds:
        install(kind)

    Wire().client().chat.completions.create(**ASKED)
    await Wire().async_client().chat.completions.create(**ASKED)

    for ended in manager.ended:
        assert ended["gen_ai.provider.name"] == told
        assert ended["gen_ai.usage.input_tokens"] == 11
    assert len(manager.ended) == 2


def _refused(request):
    error = {"message": "It went wrong.", "type": "invalid_request_error", "code": None}
    return httpx2.Response(400, json={"error": error})


def _judge():
    """Ask another model in a call that makes no span."""
    token = attach(set_value("suppress_instrumentation", True))
    try:
        assert Wire().client().chat.completions.create(**ASKED).id == CHAT["id"]
    finally:
        detach(token)


def test_the_answer_of_a_suppressed_call_is_not_that_of_the_call_around_it(manager, install):
    install(OpenAIInstrumentation)

    def answer(attempt, request):
        _judge()
        return _refused(request)

    with pytest.raises(openai.BadRequestError):
        Wire(fail=answer).client().chat.completions.create(**ASKED)

    [ended] = manager.ended
    assert ended["http.response.status_code"] == 400
    assert "gen_ai.response.id" not in ended.attributes


async def test_the_answer_of_a_suppressed_async_call_is_not_that_of_the_call_around_it(
    manager, install
):
    install(OpenAIInstrumentation)

    async def answer(request):
        token = attach(set_value("suppress_instrumentation", True))
        try:
            await Wire().async_client().chat.completions.create(**ASKED)
        finally:
            detach(token)
        return _refused(request)

    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    client = openai.AsyncOpenAI(api_key="sk-test", max_retries=0, http_client=http_client)
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(**ASKED)

    [ended] = manager.ended
    assert ended["http.response.status_code"] == 400
    assert "gen_ai.response.id" not in ended.attributes


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="Python 3.10 keeps the frame that raises again"
)
@pytest.mark.usefixtures("suppressed")
async def test_a_suppressed_call_that_others_wrap_too_leaves_no_frame_of_ours(install, monkeypatch):
    async def pass_on(wrapped, instance, args, kwargs):
        return await wrapped(*args, **kwargs)

    theirs = wrapt.FunctionWrapper(openai.AsyncOpenAI.request, pass_on)
    monkeypatch.setattr(openai.AsyncOpenAI, "request", theirs)
    install(OpenAIInstrumentation)

    with pytest.raises(openai.BadRequestError) as raised:
        await Wire(status=400).async_client().chat.completions.create(**ASKED)

    files = [frame.filename for frame in traceback.extract_tb(raised.value.__traceback__)]
    assert not [file for file in files if "agentops/providers" in file]


@pytest.fixture
def shared(manager, monkeypatch):
    """Let spans of ours go where the program's own go: only then are they current within a call."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", manager.tracer_provider)


def leave_a_value(_outer):
    attach(set_value("left", 1))


def leave_a_span(_outer):
    attach(trace.set_span_in_context(trace.NonRecordingSpan(trace.SpanContext(5, 6, False))))


def leave_nothing_of_before(_outer):
    attach(Context({"left": 1}))


def leave_the_context_before(outer):
    detach(outer)


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(
    "leave", [leave_a_value, leave_a_span, leave_nothing_of_before, leave_the_context_before]
)
async def test_what_is_left_current_within_a_call_is_current_after_it(manager, install, leave):
    async def current_after_a_call():
        before = attach(Context())
        outer = attach(set_value("outer", 1))

        def answer(_request):
            leave(outer)
            return httpx2.Response(200, json=CHAT)

        under = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
        try:
            client = openai.AsyncOpenAI(api_key="x", http_client=under)
            await client.chat.completions.create(**ASKED)
            current = get_current()
            values = {name: current.get(name) for name in ("left", "outer")}
            return values, trace.get_current_span().get_span_context()
        finally:
            detach(before)

    bare = await current_after_a_call()
    install(OpenAIInstrumentation)

    assert await current_after_a_call() == bare
    assert len(manager.ended) == 1


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("step", ["enter", "leave"])
def test_a_signal_that_breaks_off_a_step_of_ours_leaves_no_span_of_ours_current(
    manager, install, monkeypatch, step
):
    done = getattr(Attached, step)

    def broken_off(attached):
        monkeypatch.setattr(Attached, step, done)
        if step == "enter":
            done(attached)
        raise KeyboardInterrupt

    install(OpenAIInstrumentation)
    before = get_current()
    monkeypatch.setattr(Attached, step, broken_off)
    with pytest.raises(KeyboardInterrupt):
        Wire().client(openai.OpenAI, api_key="x").chat.completions.create(**ASKED)

    assert get_current() is before
    assert len(manager.ended) == 1

"""However a call or a stream ends, its span ends once, with what was known by then."""

import contextlib
import gc
import json
from functools import partial

import anthropic
import anyio
import pytest
from support.anthropic_wire import MESSAGE, REQUEST, Pieces, Wire, event_bytes, events, httpx2
from support.providers import DirectManager
from support.versions import needs, skipping_what_is_missing
from support.waiting import run_until

from agentops.instrumentation.providers.anthropic import AnthropicInstrumentation
from agentops.providers.instrumented_provider import InstrumentedProvider

pytestmark = pytest.mark.usefixtures("provider")

FAULT = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
CUT = events(end=False)


def _fault_midway(wire):
    wire.stream_pieces = event_bytes([*CUT[:5], ("error", FAULT)])


def _only(manager):
    [ended] = manager.ended
    return ended


def _is_cut(ended):
    """Tell that the input is known, and that nothing was made up about an output that never came."""
    return (
        ended["gen_ai.usage.input_tokens"] == 16
        and "gen_ai.usage.output_tokens" not in ended.attributes
        and "gen_ai.response.finish_reasons" not in ended.attributes
    )


def test_a_stream_that_was_read_is_complete(manager, wire):
    list(wire.client().messages.create(**REQUEST, stream=True))

    ended = _only(manager)
    assert "agentops.response.stream_end" not in ended.attributes
    assert (ended.error, ended.fault) == (None, None)
    assert ended["gen_ai.usage.output_tokens"] == 7


def test_closing_early_ends_the_span_without_an_error(manager, wire):
    stream = wire.client().messages.create(**REQUEST, stream=True)
    next(stream)
    stream.close()
    stream.close()
    del stream
    gc.collect()

    ended = _only(manager)
    assert _is_cut(ended)
    assert ended["agentops.response.stream_end"] == "closed"
    assert (ended.error, ended.fault) == (None, None)


def test_leaving_the_with_block_early_ends_the_span(manager, wire):
    with wire.client().messages.stream(**REQUEST) as stream:
        next(stream)

    assert _is_cut(_only(manager))


def test_an_exception_of_the_program_ends_the_span_and_passes_on(manager, wire):
    mine = ValueError("mine")

    def program():
        with wire.client().messages.stream(**REQUEST) as stream:
            next(stream)
            raise mine

    with pytest.raises(ValueError, match="mine") as caught:
        program()

    assert caught.value is mine
    assert _is_cut(_only(manager))


def test_a_stream_that_is_dropped_ends_its_span(manager, wire):
    stream = wire.client().messages.create(**REQUEST, stream=True)
    next(stream)
    del stream
    gc.collect()

    ended = _only(manager)
    assert _is_cut(ended)
    assert ended["agentops.response.stream_end"] in ("closed", "abandoned")


def test_a_stream_that_was_never_read_ends_its_span_when_dropped(manager, wire):
    wire.client().messages.create(**REQUEST, stream=True)
    gc.collect()

    assert _only(manager)["agentops.response.stream_end"] == "abandoned"


def test_an_error_event_gives_the_providers_code_and_the_content_before_it(manager, wire):
    _fault_midway(wire)
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(wire.client().messages.create(**REQUEST, stream=True))

    ended = _only(manager)
    assert ended["error.type"] == "overloaded_error"
    assert ended.fault == "Overloaded"
    assert ended["gen_ai.response.finish_reasons"] == ["error"]
    assert ended["gen_ai.output.messages"][0]["parts"][0]["content"] == "Hello "


def test_an_error_event_without_a_code_has_the_name_of_the_exception(manager, wire):
    fault = ("error", {"type": "error", "error": {"message": "no more", "code": 500}})
    wire.stream_pieces = event_bytes([*CUT, fault])
    with pytest.raises(anthropic.APIStatusError) as caught:
        list(wire.client().messages.create(**REQUEST, stream=True))

    assert _only(manager)["error.type"] == type(caught.value).__name__


def test_an_error_event_gives_the_same_through_the_stream_helper(manager, wire):
    _fault_midway(wire)
    with (
        pytest.raises(anthropic.APIStatusError, match="Overloaded"),
        wire.client().messages.stream(**REQUEST) as stream,
    ):
        stream.get_final_message()

    assert _only(manager)["error.type"] == "overloaded_error"


def test_a_connection_that_breaks_midway_is_the_error_of_the_span(manager, wire):
    wire.stream_pieces = [*event_bytes(CUT), httpx2.ReadError("reset")]
    with pytest.raises(httpx2.ReadError):
        list(wire.client().messages.create(**REQUEST, stream=True))

    ended = _only(manager)
    assert type(ended.error) is httpx2.ReadError
    assert ended["error.type"] == "ReadError"
    assert ended["gen_ai.usage.input_tokens"] == 16


def test_an_error_answer_gives_code_status_and_request_id(manager, wire):
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    headers = {"request-id": "req_7", "anthropic-ratelimit-requests-remaining": "0"}
    wire.answers["/v1/messages"] = httpx2.Response(429, json=error, headers=headers)
    with pytest.raises(anthropic.RateLimitError) as caught:
        wire.client().messages.create(**REQUEST)

    ended = _only(manager)
    assert ended.error is caught.value
    assert ended["error.type"] == "rate_limit_error"
    assert ended["http.response.status_code"] == 429
    assert ended["agentops.response.request_id"] == "req_7"
    assert ended["agentops.response.rate_limit.remaining_requests"] == 0
    assert ended["gen_ai.input.messages"][0]["parts"][0]["content"] == "Hi"


def test_an_error_without_a_code_has_the_name_of_the_exception(manager, wire):
    wire.answers["/v1/messages"] = httpx2.Response(502, text="<html>")
    with pytest.raises(anthropic.InternalServerError):
        wire.client().messages.create(**REQUEST)

    assert _only(manager)["error.type"] == "InternalServerError"


def test_resends_are_counted_in_one_span(manager, wire):
    wire.answers["/v1/messages"] = [httpx2.Response(529, headers={"retry-after-ms": "1"}), MESSAGE]
    wire.client().with_options(max_retries=2).messages.create(**REQUEST)

    ended = _only(manager)
    assert ended["agentops.retry_count"] == 1
    assert "error.type" not in ended.attributes


def test_resends_that_failed_are_counted_too(manager, wire):
    busy = [httpx2.Response(529, headers={"retry-after-ms": "1"}) for _ in range(2)]
    wire.answers["/v1/messages"] = busy
    with pytest.raises(anthropic.APIStatusError):
        wire.client().with_options(max_retries=1).messages.create(**REQUEST)

    assert _only(manager)["agentops.retry_count"] == 1


def _pass(request, call_next):
    return call_next(request)


def _busy():
    body = Pieces([json.dumps(FAULT).encode()])
    return httpx2.Response(529, headers={"retry-after-ms": "1"}, stream=body)


@needs(anthropic=2)
def test_a_stream_that_was_asked_for_again_below_a_middleware_is_read(manager, wire):
    wire.answers["/v1/messages"] = [_busy(), wire.streamed]
    client = wire.client(middleware=[_pass]).with_options(max_retries=1)
    list(client.messages.create(**REQUEST, stream=True))

    ended = _only(manager)
    assert ended["http.response.status_code"] == 200
    assert ended["agentops.retry_count"] == 1
    assert ended["gen_ai.usage.output_tokens"] == 7


@needs(anthropic=2)
def test_a_stream_that_failed_below_a_middleware_has_the_code_of_the_provider(manager, wire):
    wire.answers["/v1/messages"] = _busy()
    with pytest.raises(anthropic.APIStatusError) as caught:
        wire.client(middleware=[_pass]).messages.create(**REQUEST, stream=True)

    ended = _only(manager)
    assert ended.error is caught.value
    assert ended["error.type"] == "overloaded_error"
    assert "agentops.response.stream_end" not in ended.attributes


REFUSED = {**MESSAGE, "id": "msg_0", "content": [], "stop_reason": "refusal"}


def _falls_back():
    with skipping_what_is_missing():
        return [anthropic.BetaRefusalFallbackMiddleware([{"model": "claude-opus-4-8"}])]


def _refuse_once(wire):
    wire.answers["/v1/messages"] = [
        httpx2.Response(
            200,
            headers={"content-type": "text/event-stream"},
            stream=Pieces(event_bytes(events(message))),
        )
        for message in (REFUSED, MESSAGE)
    ]


def _is_answered(ended):
    parts = ended["gen_ai.output.messages"][0]["parts"]
    assert [part["type"] for part in parts] == ["fallback", "text"]
    assert parts[1]["content"] == "Hello there"
    assert ended["gen_ai.response.model"] == "claude-opus-4-8"
    assert ended["gen_ai.response.finish_reasons"] == ["end_turn"]
    assert ended["gen_ai.usage.output_tokens"] == 7
    assert "agentops.response.stream_end" not in ended.attributes


@needs(anthropic=2)
def test_a_stream_that_a_middleware_continues_is_read_as_the_program_gets_it(manager, wire):
    _refuse_once(wire)
    client = wire.client(middleware=_falls_back())
    with client.beta.messages.stream(**REQUEST) as stream:
        assert stream.get_final_text() == "Hello there"

    _is_answered(_only(manager))


@needs(anthropic=2)
async def test_an_async_stream_that_a_middleware_continues_is_read_so_too(manager, wire):
    _refuse_once(wire)
    client = wire.async_client(middleware=_falls_back())
    async for _ in await client.beta.messages.create(**REQUEST, stream=True):
        assert manager.ended == []

    _is_answered(_only(manager))


@needs(anthropic=2)
@pytest.mark.parametrize("is_read", [False, True])
def test_an_answer_that_a_middleware_makes_itself_is_read(manager, wire, is_read):
    def replace(request, call_next):
        answer = call_next(request)
        answer.http_response.close()
        pieces = event_bytes(events({**MESSAGE, "id": "msg_2"}))
        body = {"content": b"".join(pieces)} if is_read else {"stream": Pieces(pieces)}
        answer.http_response = httpx2.Response(200, headers={"request-id": "req_2"}, **body)
        return answer

    list(wire.client(middleware=[replace]).messages.create(**REQUEST, stream=True))

    ended = _only(manager)
    assert ended["gen_ai.response.id"] == "msg_2"


@needs(anthropic=2)
@pytest.mark.parametrize("chosen", [0, 1])
def test_of_two_streams_that_a_middleware_opens_the_one_that_it_returns_is_read(
    manager, wire, chosen
):
    messages = [{**MESSAGE, "id": f"msg_{number}"} for number in range(2)]

    def hedge(request, call_next):
        answers = []
        for wire.message in messages:
            answers.append(call_next(request))
        answers[1 - chosen].http_response.close()
        return answers[chosen]

    with wire.client(middleware=[hedge]).messages.stream(**REQUEST) as stream:
        assert stream.get_final_message().id == f"msg_{chosen}"

    ended = _only(manager)
    assert ended["gen_ai.response.id"] == f"msg_{chosen}"
    assert ended["gen_ai.usage.output_tokens"] == 7
    assert "agentops.response.stream_end" not in ended.attributes


def _judged(wire):
    """Return a wire whose clients' answers are judged by another model, in a middleware."""
    other = Wire(message={**MESSAGE, "id": "msg_2", "model": "claude-haiku-4-5"})
    asked = {**REQUEST, "model": "claude-haiku-4-5"}

    def judge(request, call_next):
        answer = call_next(request)
        other.client().messages.create(**asked)
        return answer

    async def judge_async(request, call_next):
        answer = await call_next(request)
        await other.async_client().messages.create(**asked)
        return answer

    return wire.client(middleware=[judge]), wire.async_client(middleware=[judge_async])


def _are_told_apart(manager):
    judged, asked = sorted(manager.ended, key=lambda ended: ended.name)
    assert judged.name == "chat claude-haiku-4-5"
    assert judged["gen_ai.response.id"] == "msg_2"
    assert asked.name == "chat claude-opus-5"
    assert asked["gen_ai.response.id"] == "msg_1"
    assert asked["gen_ai.usage.output_tokens"] == 7
    assert "agentops.response.stream_end" not in asked.attributes


@needs(anthropic=2)
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_call_that_a_middleware_makes_is_one_of_its_own(manager, wire, is_stream):
    client, _ = _judged(wire)
    answer = client.messages.create(**REQUEST, stream=is_stream)
    assert not is_stream or list(answer)

    _are_told_apart(manager)


@needs(anthropic=2)
async def test_an_async_call_that_a_middleware_makes_is_one_of_its_own_too(manager, wire):
    _, client = _judged(wire)
    await client.messages.create(**REQUEST)

    _are_told_apart(manager)


class _Late(DirectManager):
    """Completes a call only when it is asked to, as the pipeline's worker may."""

    def end_span(self, span, *, complete=None, error=None, end_ns=None):
        self.ended.append(complete)

    def end_late(self, span, weight_bytes):
        self.ended.append(lambda: span.ended()[1])


@pytest.mark.parametrize("status", [200, 404])
def test_what_a_program_changes_after_the_call_is_not_told_of_it(status, provider, wire):
    provider.uninstall()
    manager = _Late()
    late = InstrumentedProvider(AnthropicInstrumentation(manager))
    late.install()
    block = {"type": "text", "text": "before"}
    messages = [{"role": "user", "content": [block]}]
    wire.answers["/v1/messages"] = httpx2.Response(status, json=MESSAGE)
    try:
        with contextlib.suppress(anthropic.NotFoundError):
            wire.client().messages.create(**{**REQUEST, "messages": messages})
    finally:
        late.uninstall()
    messages.append({"role": "assistant", "content": "later"})
    block["text"] = "after"

    [complete] = manager.ended
    told = complete().attributes["gen_ai.input.messages"]
    assert told == [{"role": "user", "parts": [{"type": "text", "content": "before"}]}]


class _Waiting(Pieces):
    """A body that stops in the middle until it is cancelled."""

    def __init__(self, pieces):
        super().__init__(pieces)
        self.reached = anyio.Event()

    async def __aiter__(self):
        for piece in self.pieces:
            yield piece
        self.reached.set()
        await anyio.Event().wait()


async def test_cancelling_a_task_that_reads_a_stream_ends_its_span(manager, wire):
    body = _Waiting(event_bytes(CUT))
    headers = {"content-type": "text/event-stream"}
    wire.answers["/v1/messages"] = httpx2.Response(200, headers=headers, stream=body)

    async def read():
        async with wire.async_client().messages.stream(**REQUEST) as stream:
            await stream.until_done()

    cancelled = await run_until(body.reached, read)

    ended = _only(manager)
    assert type(ended.error) is cancelled
    assert ended["gen_ai.usage.input_tokens"] == 16


async def test_cancelling_a_task_that_waits_for_an_answer_ends_its_span(manager, wire):
    reached = anyio.Event()

    async def hang(request):
        reached.set()
        await anyio.Event().wait()

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(hang))
    client = anthropic.AsyncAnthropic(api_key="x", http_client=http)
    cancelled = await run_until(reached, partial(client.messages.create, **REQUEST))

    ended = _only(manager)
    assert type(ended.error) is cancelled
    assert ended["gen_ai.input.messages"][0]["parts"][0]["content"] == "Hi"


async def test_an_async_stream_closed_early_ends_its_span(manager, wire):
    stream = await wire.async_client().messages.create(**REQUEST, stream=True)
    await stream.__anext__()
    await stream.close()

    assert _is_cut(_only(manager))


async def test_an_async_stream_that_is_dropped_ends_its_span(manager, wire):
    stream = await wire.async_client().messages.create(**REQUEST, stream=True)
    await stream.__anext__()
    del stream
    gc.collect()
    for _ in range(100):  # turns in which the loop closes the generators that were dropped
        await anyio.lowlevel.checkpoint()

    assert _is_cut(_only(manager))

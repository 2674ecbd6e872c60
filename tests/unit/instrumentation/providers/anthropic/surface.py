"""What programs do with the anthropic package: each way once, told as data that can be compared.

A case gets a wire and returns what the program sees: types, values, exceptions. It is run with and
without the instrumentation; the two must be equal, and so must the requests.
"""

import gc
import json

import anthropic
from anthropic import beta_tool
from pydantic import BaseModel
from support.anthropic_wire import HEADERS, MESSAGE, REQUEST, TOOL_MESSAGE, httpx2
from support.versions import value_of

SYNC, ASYNC = {}, {}
"""Name of the case -> (function, how many spans it makes)."""

COUNT = {"model": REQUEST["model"], "messages": REQUEST["messages"]}
BATCH = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "in_progress",
    "request_counts": {"processing": 1, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": "2026-01-02T00:00:00Z",
}
BATCH_REQUEST = {"custom_id": "a", "params": REQUEST}
RESULTS = "".join(
    json.dumps({"custom_id": name, "result": result}) + "\n"
    for name, result in (
        ("a", {"type": "succeeded", "message": MESSAGE}),
        ("b", {"type": "errored", "error": {"type": "error", "error": {"type": "api_error"}}}),
    )
)
PAGE = {"data": [{"id": "m", "type": "model"}], "has_more": False, "first_id": "m", "last_id": "m"}
SESSION_EVENTS = [
    ("agent.message", {"type": "agent.message", "id": "e1", "content": [{"type": "text", "text": "ok"}]}),
    (
        "span.model_request_end",
        {
            "type": "span.model_request_end",
            "id": "e2",
            "model_request_start_id": "e0",
            "model_usage": {
                "input_tokens": 5,
                "output_tokens": 2,
                "cache_read_input_tokens": 1,
                "cache_creation_input_tokens": 0,
            },
        },
    ),
    ("session.status_idle", {"type": "session.status_idle", "id": "e3", "stop_reason": {"type": "end_turn"}}),
]  # fmt: skip


class City(BaseModel):
    name: str


CITY_MESSAGE = {**MESSAGE, "content": [{"type": "text", "text": '{"name":"Oslo"}'}]}


@beta_tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"rain in {city}"


def seen(value):
    """Return what can be compared of a result: its class and its data."""
    data = value.model_dump() if isinstance(value, BaseModel) else repr(value)
    return (f"{type(value).__module__}.{type(value).__qualname__}", data)


def fault(status, kind):
    """Return an error answer of the API."""
    error = {"type": kind, "message": "no"}
    body = {"type": "error", "error": error, "request_id": "req_9"}
    return lambda _request: httpx2.Response(status, json=body, headers=HEADERS)


def raised(error):
    """Return what can be compared of an exception."""
    return (
        type(error),
        str(error),
        error.args,
        getattr(error, "status_code", None),
        getattr(error, "body", None),
        getattr(error, "request_id", None),
        type(error.__cause__),
    )


def case(name, spans=1):
    """Register a case; a coroutine function is an async one."""

    def register(function):
        (ASYNC if function.__code__.co_flags & 0x80 else SYNC)[name] = (function, spans)
        return function

    return register


@case("create")
def _(wire):
    return seen(wire.client().messages.create(**REQUEST))


@case("create async")
async def _(wire):
    return seen(await wire.async_client().messages.create(**REQUEST))


@case("create with_options")
def _(wire):
    return seen(wire.client().with_options(timeout=5).copy().messages.create(**REQUEST))


@case("create with iterators as arguments")
def _(wire):
    blocks = ({"type": "text", "text": word} for word in ("a", "b"))
    messages = ({"role": "user", "content": blocks} for _ in range(1))
    return seen(wire.client().messages.create(**{**REQUEST, "messages": messages}))


@case("create with middleware")
def _(wire):
    def middleware(request, call_next):
        return call_next(request)

    return seen(wire.client(middleware=[middleware]).messages.create(**REQUEST))


@case("create stream")
def _(wire):
    stream = wire.client().messages.create(**REQUEST, stream=True)
    return type(stream), stream.response.status_code, [seen(event) for event in stream]


@case("create stream async")
async def _(wire):
    stream = await wire.async_client().messages.create(**REQUEST, stream=True)
    return type(stream), stream.response.status_code, [seen(event) async for event in stream]


@case("create stream break in with")
def _(wire):
    with wire.client().messages.create(**REQUEST, stream=True) as stream:
        for event in stream:
            return type(stream), seen(event)


@case("create stream break and close")
def _(wire):
    stream = wire.client().messages.create(**REQUEST, stream=True)
    first = next(stream)
    closed = stream.close()
    return seen(first), closed, stream.response.is_closed, list(stream)


@case("create stream async break and close")
async def _(wire):
    stream = await wire.async_client().messages.create(**REQUEST, stream=True)
    first = await stream.__anext__()
    await stream.close()
    return seen(first), stream.response.is_closed


@case("create stream break and drop")
def _(wire):
    for event in wire.client().messages.create(**REQUEST, stream=True):
        first = seen(event)
        break
    gc.collect()
    return first


@case("create stream never read and dropped")
def _(wire):
    kind = type(wire.client().messages.create(**REQUEST, stream=True))
    gc.collect()
    return kind


@case("stream")
def _(wire):
    manager = wire.client().messages.stream(**REQUEST)
    with manager as stream:
        return type(manager), type(stream), [seen(event) for event in stream]


@case("stream text_stream")
def _(wire):
    with wire.client().messages.stream(**REQUEST) as stream:
        return list(stream.text_stream)


@case("stream get_final_message")
def _(wire):
    with wire.client().messages.stream(**REQUEST) as stream:
        return seen(stream.get_final_message()), stream.get_final_text()


@case("stream snapshot, response and request_id")
def _(wire):
    with wire.client().messages.stream(**REQUEST) as stream:
        stream.until_done()
        snapshot = seen(stream.current_message_snapshot)
        return snapshot, stream.response.status_code, stream.request_id, stream.close()


@case("stream break early")
def _(wire):
    with wire.client().messages.stream(**REQUEST) as stream:
        for event in stream:
            return seen(event)


@case("stream not entered", spans=0)
def _(wire):
    return type(wire.client().messages.stream(**REQUEST))


@case("stream entered and not read")
def _(wire):
    with wire.client().messages.stream(**REQUEST) as stream:
        return type(stream)


@case("stream async")
async def _(wire):
    manager = wire.async_client().messages.stream(**REQUEST)
    async with manager as stream:
        return type(manager), type(stream), [seen(event) async for event in stream]


@case("stream async get_final_message")
async def _(wire):
    async with wire.async_client().messages.stream(**REQUEST) as stream:
        return seen(await stream.get_final_message()), await stream.get_final_text()


@case("stream async text_stream")
async def _(wire):
    async with wire.async_client().messages.stream(**REQUEST) as stream:
        return [text async for text in stream.text_stream], stream.request_id


@case("stream async break early")
async def _(wire):
    async with wire.async_client().messages.stream(**REQUEST) as stream:
        async for event in stream:
            return seen(event)


@case("stream of tool calls")
def _(wire):
    wire.message = TOOL_MESSAGE
    with wire.client().messages.stream(**REQUEST) as stream:
        return seen(stream.get_final_message())


@case("parse")
def _(wire):
    wire.message = CITY_MESSAGE
    answer = wire.client().messages.parse(**REQUEST, output_format=City)
    return type(answer), answer.parsed_output, answer.usage.output_tokens


@case("parse async")
async def _(wire):
    wire.message = CITY_MESSAGE
    answer = await wire.async_client().messages.parse(**REQUEST, output_format=City)
    return type(answer), answer.parsed_output, answer.usage.output_tokens


@case("stream of a parsed message")
def _(wire):
    wire.message = CITY_MESSAGE
    with wire.client().messages.stream(**REQUEST, output_format=City) as stream:
        return stream.get_final_message().parsed_output


@case("count_tokens")
def _(wire):
    wire.answers["/v1/messages/count_tokens"] = {"input_tokens": 9}
    return seen(wire.client().messages.count_tokens(**COUNT))


@case("batches.create")
def _(wire):
    wire.answers["/v1/messages/batches"] = BATCH
    return seen(wire.client().messages.batches.create(requests=[BATCH_REQUEST]))


@case("batches.retrieve")
def _(wire):
    wire.answers["/v1/messages/batches/msgbatch_1"] = BATCH
    return seen(wire.client().messages.batches.retrieve("msgbatch_1"))


def _with_results(wire):
    done = {**BATCH, "processing_status": "ended", "results_url": "https://api.anthropic.com/r"}
    wire.answers["/v1/messages/batches/msgbatch_1"] = done
    headers = {"content-type": "application/x-jsonl"}
    results = httpx2.Response(200, headers=headers, content=RESULTS.encode())
    wire.answers["/r"] = wire.answers["/v1/messages/batches/msgbatch_1/results"] = results


@case("batches.results", spans=2)
def _(wire):
    _with_results(wire)
    decoder = wire.client().messages.batches.results("msgbatch_1")
    return type(decoder), [seen(entry) for entry in decoder]


@case("batches.results async", spans=2)
async def _(wire):
    _with_results(wire)
    decoder = await wire.async_client().messages.batches.results("msgbatch_1")
    return type(decoder), [seen(entry) async for entry in decoder]


@case("with_raw_response")
def _(wire):
    raw = wire.client().messages.with_raw_response.create(**REQUEST)
    text = raw.text() if callable(raw.text) else raw.text
    return type(raw), raw.headers["request-id"], raw.retries_taken, seen(raw.parse()), text


@case("with_raw_response async")
async def _(wire):
    raw = await wire.async_client().messages.with_raw_response.create(**REQUEST)
    return type(raw), raw.headers["request-id"], seen(await value_of(raw.parse()))


@case("with_raw_response stream")
def _(wire):
    raw = wire.client().messages.with_raw_response.create(**REQUEST, stream=True)
    stream = raw.parse()
    return type(raw), type(stream), raw.request_id, [seen(event) for event in stream]


@case("with_streaming_response")
def _(wire):
    with wire.client().messages.with_streaming_response.create(**REQUEST) as raw:
        return type(raw), raw.headers["request-id"], seen(raw.parse())


@case("with_streaming_response iter_lines")
def _(wire):
    manager = wire.client().messages.with_streaming_response.create(**REQUEST, stream=True)
    with manager as raw:
        return type(manager), type(raw), list(raw.iter_lines())


@case("with_streaming_response async")
async def _(wire):
    manager = wire.async_client().messages.with_streaming_response.create(**REQUEST)
    async with manager as raw:
        return type(manager), type(raw), seen(await value_of(raw.parse()))


@case("with_streaming_response not read")
def _(wire):
    with wire.client().messages.with_streaming_response.create(**REQUEST) as raw:
        return type(raw), raw.status_code


@case("error 404")
def _(wire):
    wire.answers["/v1/messages"] = fault(404, "not_found_error")
    try:
        wire.client().messages.create(**REQUEST)
    except anthropic.NotFoundError as error:
        return raised(error)


@case("error 429")
def _(wire):
    wire.answers["/v1/messages"] = fault(429, "rate_limit_error")
    try:
        wire.client().messages.create(**REQUEST)
    except anthropic.RateLimitError as error:
        return raised(error)


@case("error 529 async")
async def _(wire):
    wire.answers["/v1/messages"] = fault(529, "overloaded_error")
    try:
        await wire.async_client().messages.create(**REQUEST)
    except anthropic.APIStatusError as error:
        return raised(error)


@case("error 404 on entering a stream")
def _(wire):
    wire.answers["/v1/messages"] = fault(404, "not_found_error")
    try:
        with wire.client().messages.stream(**REQUEST):
            pass
    except anthropic.NotFoundError as error:
        return raised(error)


@case("error 404 on entering a stream async")
async def _(wire):
    wire.answers["/v1/messages"] = fault(404, "not_found_error")
    try:
        async with wire.async_client().messages.stream(**REQUEST):
            pass
    except anthropic.NotFoundError as error:
        return raised(error)


@case("error with an answer that is no JSON")
def _(wire):
    wire.answers["/v1/messages"] = lambda _: httpx2.Response(502, text="<html>bad gateway</html>")
    try:
        wire.client().messages.create(**REQUEST)
    except anthropic.InternalServerError as error:
        return raised(error)


@case("no connection")
def _(wire):
    def refuse(request):
        raise httpx2.ConnectError("refused", request=request)

    wire.answers["/v1/messages"] = refuse
    try:
        wire.client().messages.create(**REQUEST)
    except anthropic.APIConnectionError as error:
        return raised(error)


@case("timeout")
def _(wire):
    def wait(request):
        raise httpx2.ReadTimeout("slow", request=request)

    wire.answers["/v1/messages"] = wait
    try:
        wire.client().messages.create(**REQUEST)
    except anthropic.APITimeoutError as error:
        return raised(error)


@case("arguments the SDK refuses", spans=0)
def _(wire):
    try:
        wire.client().messages.create(model="claude-opus-5")
    except TypeError as error:
        return raised(error)


@case("beta create")
def _(wire):
    return seen(wire.client().beta.messages.create(**REQUEST, betas=["context-1m-2025-08-07"]))


@case("beta create async")
async def _(wire):
    return seen(await wire.async_client().beta.messages.create(**REQUEST))


@case("beta create stream")
def _(wire):
    stream = wire.client().beta.messages.create(**REQUEST, stream=True)
    return type(stream), [seen(event) for event in stream]


@case("beta stream")
def _(wire):
    with wire.client().beta.messages.stream(**REQUEST) as stream:
        return type(stream), list(stream.text_stream)


@case("beta parse")
def _(wire):
    wire.message = CITY_MESSAGE
    answer = wire.client().beta.messages.parse(**REQUEST, output_format=City)
    return type(answer), answer.parsed_output


@case("beta count_tokens")
def _(wire):
    wire.answers["/v1/messages/count_tokens"] = {"input_tokens": 9}
    return seen(wire.client().beta.messages.count_tokens(**COUNT))


@case("beta batches.create")
def _(wire):
    wire.answers["/v1/messages/batches"] = BATCH
    return seen(wire.client().beta.messages.batches.create(requests=[BATCH_REQUEST]))


@case("beta tool_runner", spans=3)
def _(wire):
    wire.answers["/v1/messages"] = [TOOL_MESSAGE, MESSAGE]
    runner = wire.client().beta.messages.tool_runner(**REQUEST, tools=[weather])
    return type(runner), [seen(message) for message in runner]


@case("beta tool_runner without a tool call")
def _(wire):
    runner = wire.client().beta.messages.tool_runner(**REQUEST, tools=[weather])
    return seen(runner.until_done())


@case("beta thread", spans=2)
def _(wire):
    thread = wire.client().beta.messages.thread(model="claude-opus-5", max_tokens=64)
    first = thread.send({"role": "user", "content": "Hi"})
    with thread.stream({"role": "user", "content": "And?"}) as stream:
        return seen(first), type(stream), stream.get_final_text(), thread.previous_message_id


@case("beta sessions.events.stream")
def _(wire):
    from support.anthropic_wire import event_bytes

    wire.stream_pieces = event_bytes(SESSION_EVENTS)
    stream = wire.client().beta.sessions.events.stream("sesn_1")
    return type(stream), [event.type for event in stream]


@case("beta sessions.events.send")
def _(wire):
    wire.answers["/v1/sessions/sesn_1/events"] = {"data": []}
    text = [{"type": "text", "text": "go"}]
    events = [{"type": "user.message", "content": text}]
    return seen(wire.client().beta.sessions.events.send("sesn_1", events=events))


@case("models.list")
def _(wire):
    wire.answers["/v1/models"] = PAGE
    page = wire.client().models.list()
    return type(page), [model.id for model in page]


@case("models.list async")
async def _(wire):
    wire.answers["/v1/models"] = PAGE
    return [model.id async for model in wire.async_client().models.list()]


@case("models.list over two pages", spans=2)
def _(wire):
    wire.answers["/v1/models"] = [{**PAGE, "has_more": True}, PAGE]
    return [model.id for model in wire.client().models.list()]


@case("beta files.list")
def _(wire):
    wire.answers["/v1/files"] = {"data": [], "has_more": False}
    return type(wire.client().beta.files.list())


@case("beta files.download")
def _(wire):
    headers = {"content-type": "application/octet-stream"}
    answer = httpx2.Response(200, headers=headers, content=bytes(1000))
    wire.answers["/v1/files/file_1/content"] = answer
    binary = wire.client().beta.files.download("file_1")
    return type(binary), len(binary.read())


@case("post by path")
def _(wire):
    wire.answers["/v1/news"] = {"usage": {"input_tokens": 4, "output_tokens": 3}, "model": "m"}
    return wire.client().post("/v1/news", body={"model": "m"}, cast_to=object)

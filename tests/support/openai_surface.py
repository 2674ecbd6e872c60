"""Ways to use the openai package. Each returns what the program can see of it, in comparable form."""

import gc

import openai
import pytest
from pydantic import BaseModel

MESSAGES = [{"role": "user", "content": "Hi"}]
CHAT = {"model": "gpt-5", "messages": MESSAGES}
RESPONSE = {"model": "gpt-5", "input": "Hi"}
SYNC = {}
ASYNC = {}


class Answer(BaseModel):
    answer: str


def sync(spans=1):
    def register(function):
        SYNC[function.__name__] = (function, spans)
        return function

    return register


def awaited(spans=1):
    def register(function):
        ASYNC[function.__name__] = (function, spans)
        return function

    return register


def seen(value):
    """Return type and content of a result."""
    if isinstance(value, BaseModel):
        return type(value), value.model_dump(warnings=False), getattr(value, "_request_id", None)
    return type(value), value


def seen_stream(stream):
    return (
        type(stream),
        isinstance(stream, openai.Stream | openai.AsyncStream),
        sorted(vars(stream)),
        type(stream.response),
        stream.response.status_code,
        isinstance(stream.response.stream, object),
    )


def failing(call):
    """Return what can be seen of the exception a call raises."""
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, it is compared
        call()
    return seen_error(raised.value)


def seen_error(error):
    return (
        type(error),
        str(error),
        sorted(name for name in vars(error) if not name.startswith("__notes")),
        type(error.__cause__),
        type(error.__context__),
        error.__suppress_context__,
    )


# Chat completions


@sync()
def chat_create(wire):
    return seen(wire.client().chat.completions.create(**CHAT))


@sync()
def chat_create_with_a_generator_of_messages(wire):
    messages = (message for message in MESSAGES)
    return seen(wire.client().chat.completions.create(model="gpt-5", messages=messages)), list(
        messages
    )


@sync()
def chat_stream(wire):
    stream = wire.client().chat.completions.create(**CHAT, stream=True)
    return seen_stream(stream), [seen(chunk) for chunk in stream]


@sync()
def chat_stream_with_usage(wire):
    options = {"include_usage": True}
    stream = wire.client().chat.completions.create(**CHAT, stream=True, stream_options=options)
    return [seen(chunk) for chunk in stream]


@sync()
def chat_stream_by_next(wire):
    stream = wire.client().chat.completions.create(**CHAT, stream=True)
    first = next(stream)
    rest = list(stream)
    return seen(first), len(rest), list(stream)


@sync()
def chat_stream_break_in_with(wire):
    with wire.client().chat.completions.create(**CHAT, stream=True) as stream:
        kind = seen_stream(stream)
        for _ in stream:
            break
    return kind, stream.response.is_closed


@sync()
def chat_stream_break_and_close(wire):
    stream = wire.client().chat.completions.create(**CHAT, stream=True)
    for _ in stream:
        break
    return stream.close(), stream.close(), stream.response.is_closed


@sync()
def chat_stream_break_and_forget(wire):
    stream = wire.client().chat.completions.create(**CHAT, stream=True)
    for chunk in stream:
        first = seen(chunk)
        break
    del stream, chunk
    gc.collect()
    return first


@sync()
def chat_stream_never_read(wire):
    stream = wire.client().chat.completions.create(**CHAT, stream=True)
    kind = type(stream)
    del stream
    gc.collect()
    return kind


@sync()
def chat_stream_response(wire):
    stream = wire.client().chat.completions.create(**CHAT, stream=True)
    response = stream.response
    list(stream)
    return response.headers["x-request-id"], response.is_closed, response.http_version


@sync()
def chat_parse(wire):
    return seen(wire.client().chat.completions.parse(**CHAT, response_format=Answer))


@sync()
def chat_stream_helper(wire):
    with wire.client().chat.completions.stream(**CHAT) as stream:
        events = [event.type for event in stream]
        final = stream.get_final_completion()
    return type(stream), events, seen(final)


@sync()
def chat_stream_helper_with_format(wire):
    with wire.client().chat.completions.stream(**CHAT, response_format=Answer) as stream:
        return seen(stream.until_done().get_final_completion())


@sync()
def chat_stream_helper_break(wire):
    with wire.client().chat.completions.stream(**CHAT) as stream:
        event = next(iter(stream))
    return event.type, stream.current_completion_snapshot is not None


@sync(spans=0)
def chat_stream_helper_not_entered(wire):
    return type(wire.client().chat.completions.stream(**CHAT))


@sync()
def chat_raw(wire):
    raw = wire.client().chat.completions.with_raw_response.create(**CHAT)
    return (
        type(raw),
        raw.headers["x-request-id"],
        raw.status_code,
        raw.retries_taken,
        seen(raw.parse()),
    )


@sync()
def chat_raw_not_parsed(wire):
    raw = wire.client().chat.completions.with_raw_response.create(**CHAT)
    return type(raw), raw.request_id, raw.text


@sync()
def chat_raw_stream(wire):
    raw = wire.client().chat.completions.with_raw_response.create(**CHAT, stream=True)
    stream = raw.parse()
    return type(raw), raw.headers["x-request-id"], seen_stream(stream), [seen(c) for c in stream]


@sync()
def chat_streaming_response(wire):
    create = wire.client().chat.completions.with_streaming_response.create
    with create(**CHAT) as response:
        return type(response), response.http_response.is_closed, seen(response.parse())


@sync()
def chat_streaming_response_not_read(wire):
    with wire.client().chat.completions.with_streaming_response.create(**CHAT) as response:
        return type(response), response.status_code


@sync()
def chat_streaming_response_lines(wire):
    create = wire.client().chat.completions.with_streaming_response.create
    with create(**CHAT, stream=True) as response:
        return type(response), list(response.iter_lines())


@sync()
def chat_streaming_response_bytes(wire):
    create = wire.client().chat.completions.with_streaming_response.create
    with create(**CHAT, stream=True) as response:
        return b"".join(response.iter_bytes(13))


@sync()
def chat_streaming_response_parsed_stream(wire):
    create = wire.client().chat.completions.with_streaming_response.create
    with create(**CHAT, stream=True) as response:
        stream = response.parse()
        return seen_stream(stream), len(list(stream))


@sync()
def chat_with_options(wire):
    client = wire.client().with_options(timeout=3.0).copy(max_retries=0)
    return seen(client.chat.completions.create(**CHAT))


@sync()
def chat_azure(wire):
    client = wire.client(
        openai.AzureOpenAI, azure_endpoint="https://a.openai.azure.com", api_version="2025-01-01"
    )
    return seen(client.chat.completions.create(**CHAT))


@sync()
def chat_beta_parse(wire):
    return seen(wire.client().beta.chat.completions.parse(**CHAT, response_format=Answer))


@sync()
def client_post(wire):
    return seen(wire.client().post("/chat/completions", cast_to=object, body=CHAT))


@sync()
def client_post_of_something_new(wire):
    return seen(wire.client().post("/next/month", cast_to=object, body={"model": "gpt-9"}))


# Errors


def error_of_status(status):
    def run(wire):
        wire.status = status
        return failing(lambda: wire.client().chat.completions.create(**CHAT))

    return run


for _status in (400, 401, 403, 404, 409, 422, 429, 500, 503):
    SYNC[f"error_{_status}"] = (error_of_status(_status), 1)


@sync()
def error_of_a_stream(wire):
    wire.status = 404
    return failing(lambda: wire.client().chat.completions.create(**CHAT, stream=True))


@sync()
def error_of_a_stream_helper(wire):
    wire.status = 404

    def enter():
        with wire.client().chat.completions.stream(**CHAT):
            raise AssertionError("never entered")

    return failing(enter)


@sync(spans=0)
def error_before_anything_is_sent(wire):
    return failing(lambda: wire.client().chat.completions.create(model="gpt-5"))


@sync()
def error_of_serialisation(wire):
    messages = [{"role": "user", "content": object()}]
    return failing(lambda: wire.client().chat.completions.create(model="gpt-5", messages=messages))


# Async


@awaited()
async def async_chat_create(wire):
    return seen(await wire.async_client().chat.completions.create(**CHAT))


@awaited()
async def async_chat_stream(wire):
    stream = await wire.async_client().chat.completions.create(**CHAT, stream=True)
    return seen_stream(stream), [seen(chunk) async for chunk in stream]


@awaited()
async def async_chat_stream_break_in_with(wire):
    async with await wire.async_client().chat.completions.create(**CHAT, stream=True) as stream:
        async for _ in stream:
            break
    return seen_stream(stream)[:3], stream.response.is_closed


@awaited()
async def async_chat_stream_close(wire):
    stream = await wire.async_client().chat.completions.create(**CHAT, stream=True)
    async for _ in stream:
        break
    return await stream.close(), await stream.close()


@awaited()
async def async_chat_stream_never_read(wire):
    stream = await wire.async_client().chat.completions.create(**CHAT, stream=True)
    kind = type(stream)
    del stream
    gc.collect()
    return kind


@awaited()
async def async_chat_parse(wire):
    create = wire.async_client().chat.completions.parse
    return seen(await create(**CHAT, response_format=Answer))


@awaited()
async def async_chat_stream_helper(wire):
    async with wire.async_client().chat.completions.stream(**CHAT) as stream:
        events = [event.type async for event in stream]
        return type(stream), events, seen(await stream.get_final_completion())


@awaited()
async def async_chat_raw(wire):
    raw = await wire.async_client().chat.completions.with_raw_response.create(**CHAT)
    return type(raw), raw.headers["x-request-id"], seen(raw.parse())


@awaited()
async def async_chat_streaming_response(wire):
    create = wire.async_client().chat.completions.with_streaming_response.create
    async with create(**CHAT) as response:
        return type(response), seen(await response.parse())


@awaited()
async def async_chat_streaming_response_lines(wire):
    create = wire.async_client().chat.completions.with_streaming_response.create
    async with create(**CHAT, stream=True) as response:
        return [line async for line in response.iter_lines()]


@awaited()
async def async_chat_azure(wire):
    client = wire.async_client(
        openai.AsyncAzureOpenAI,
        azure_endpoint="https://a.openai.azure.com",
        api_version="2025-01-01",
    )
    return seen(await client.chat.completions.create(**CHAT))


@awaited()
async def async_response_create(wire):
    return seen(await wire.async_client().responses.create(**RESPONSE))


@awaited()
async def async_response_stream(wire):
    stream = await wire.async_client().responses.create(**RESPONSE, stream=True)
    return seen_stream(stream), [seen(event) async for event in stream]


@awaited()
async def async_response_stream_helper(wire):
    async with wire.async_client().responses.stream(**RESPONSE) as stream:
        return seen(await stream.get_final_response())


@awaited()
async def async_embeddings(wire):
    create = wire.async_client().embeddings.create
    return seen(await create(model="text-embedding-3-small", input="Hi"))


@awaited()
async def async_models_list(wire):
    return [seen(model) async for model in wire.async_client().models.list()]


@awaited()
async def async_error(wire):
    wire.status = 429
    try:
        await wire.async_client().chat.completions.create(**CHAT)
    except openai.RateLimitError as error:
        return seen_error(error)

"""What the spans of the smaller endpoints tell, and payloads nobody expects."""

import base64
import json
import time

import openai
import pytest
from support.openai_wire import CHAT, RESPONSE, RUN, Pieces, Wire, chat_chunk, httpx2, sse
from support.versions import OPENAI, skipping_what_is_missing

from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.providers.openai.assistants import RunReader
from agentops.instrumentation.providers.openai.chat import ChatReader
from agentops.instrumentation.providers.openai.operations import Operations, path_template

pytestmark = pytest.mark.usefixtures("provider")

ASKED = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}]}


def only(manager):
    [span] = manager.ended
    return span


def answered(body, status=200, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"content-type": "application/json", **headers}
    return Wire(fail=lambda *_: httpx2.Response(status, content=content, headers=given))


@pytest.mark.parametrize(
    ("use", "name", "told"),
    [
        (
            lambda c: c.embeddings.create(model="e", input="Hi", dimensions=2),
            "embeddings e",
            {"gen_ai.usage.input_tokens": 4, "gen_ai.embeddings.dimension.count": 2},
        ),
        (
            lambda c: c.images.generate(model="gpt-image-1", prompt="A cat"),
            "generate_content gpt-image-1",
            {"gen_ai.output.type": "image", "gen_ai.usage.output_tokens": 9},
        ),
        (
            lambda c: c.audio.transcriptions.create(model="t", file=("a.wav", b"RIFF")),
            "generate_content t",
            {"gen_ai.output.type": "text", "gen_ai.usage.input_tokens": 5},
        ),
        (
            lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="Hi"),
            "generate_content tts-1",
            {"gen_ai.output.type": "speech"},
        ),
        (lambda c: c.moderations.create(model="m", input="Hi"), "moderation m", {}),
        (
            lambda c: c.vector_stores.search("vs_abc", query="Hi", max_num_results=3),
            "retrieval vs_abc",
            {
                "gen_ai.data_source.id": "vs_abc",
                "gen_ai.retrieval.top_k": 3,
                "gen_ai.retrieval.query.text": "Hi",
                "gen_ai.retrieval.documents": [{"id": "file-1", "score": 0.5}],
            },
        ),
        (
            lambda c: c.responses.compact(model="gpt-5", input="Hi"),
            "chat gpt-5",
            {"gen_ai.conversation.compacted": True, "gen_ai.usage.input_tokens": 11},
        ),
        (
            lambda c: c.responses.input_tokens.count(model="gpt-5", input="Hi"),
            "POST /responses/input_tokens",
            {"agentops.token_count": 42},
        ),
        (
            lambda c: c.decisions.create(model="gpt-6-luna", input="Hi", questions=[]),
            "decision gpt-6-luna",
            {"gen_ai.usage.input_tokens": 11},
        ),
        (
            lambda c: c.batches.create(
                input_file_id="f", endpoint="/v1/responses", completion_window="24h"
            ),
            "POST /batches",
            {"gen_ai.response.status": "validating"},
        ),
        (
            lambda c: c.models.list(),
            "GET /models",
            {"http.request.method": "GET", "url.path": "/models"},
        ),
        (
            lambda c: c.get("/models?after=secret", cast_to=object),
            "GET /models",
            {"url.path": "/models"},
        ),
        (
            lambda c: c.get(f"{c.base_url}models?after=secret", cast_to=object),
            "GET /models",
            {"url.path": "/models"},
        ),
        (
            lambda c: c.get("https://elsewhere.example/v1/models?after=secret", cast_to=object),
            "GET /{id}/models",
            {"url.path": "/v1/models"},
        ),
        (lambda c: c.post("chat/completions", body=ASKED, cast_to=object), "chat gpt-5", {}),
        (
            lambda c: c.post(f"{c.base_url}chat/completions", body=ASKED, cast_to=object),
            "chat gpt-5",
            {},
        ),
    ],
)
def test_an_endpoint_has_its_name_and_its_values(manager, use, name, told):
    with skipping_what_is_missing():
        use(Wire().client())

    span = only(manager)
    assert span.name == name
    assert {key: span.attributes.get(key) for key in told} == told


def test_a_transcription_that_is_counted_in_seconds_has_their_cost(manager):
    wire = answered({"text": "Hello.", "usage": {"type": "duration", "seconds": 12.5}})
    wire.client().audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"))

    assert only(manager)["agentops.usage.audio_seconds"] == 12.5
    assert only(manager)["agentops.cost.usd"] == pytest.approx(0.36 / 3600 * 12.5)


@pytest.mark.parametrize("length", [1, 2, 3, 1536])
def test_an_embedding_in_base64_tells_its_length(manager, length):
    vector = base64.b64encode(bytes(4 * length)).decode()
    data = [{"object": "embedding", "index": 0, "embedding": vector}]
    answered({"object": "list", "data": data}).client().embeddings.create(model="e", input="Hi")

    assert only(manager)["gen_ai.embeddings.dimension.count"] == length


def test_a_count_of_tokens_is_no_usage(manager):
    with skipping_what_is_missing():
        Wire().client().responses.input_tokens.count(model="gpt-5", input="Hi")

    assert "gen_ai.usage.input_tokens" not in only(manager).attributes


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_polled_run_tells_its_usage_once(manager):
    runs = Wire().client().beta.threads.runs
    run = runs.create_and_poll(thread_id="thread_abc", assistant_id="asst_abc")
    runs.retrieve(run.id, thread_id="thread_abc")

    counts = [span.attributes.get("gen_ai.usage.input_tokens") for span in manager.ended]
    assert counts == [11, None, None]
    assert manager.ended[0].name == "invoke_agent"
    assert manager.ended[0]["gen_ai.conversation.id"] == "thread_abc"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_streamed_run_tells_message_and_usage(manager):
    runs = Wire().client().beta.threads.runs
    with runs.stream(thread_id="thread_abc", assistant_id="asst_abc") as stream:
        stream.until_done()

    span = only(manager)
    assert span["gen_ai.usage.output_tokens"] == 7
    assert span["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Hello."}]
    assert span["gen_ai.response.finish_reasons"] == ["stop"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_that_is_cut_short_tells_the_message_it_began(manager):
    content = [{"type": "text", "text": {"value": "Hel", "annotations": []}}]
    message = {"id": "msg_1", "object": "thread.message", "role": "assistant", "content": content}
    why = {"status": "incomplete", "incomplete_details": {"reason": "max_completion_tokens"}}
    pieces = sse(
        ("thread.message.incomplete", {**message, "status": "incomplete"}),
        ("thread.run.incomplete", {**RUN, **why}),
        ("done", "[DONE]"),
    )
    headers = {"content-type": "text/event-stream"}
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Pieces(pieces)))
    runs = wire.client().beta.threads.runs
    with runs.stream(thread_id="thread_abc", assistant_id="asst_abc") as stream:
        stream.until_done()

    span = only(manager)
    assert span["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Hel"}]
    assert span["gen_ai.response.finish_reasons"] == ["length"]


def test_what_is_looked_at_again_tells_no_usage(manager):
    wire = answered({"id": "step_1", "status": "completed", "usage": {"prompt_tokens": 5}})
    wire.client().get("/threads/t/runs/r/steps/s", cast_to=object)

    assert only(manager)["gen_ai.response.status"] == "completed"
    assert "gen_ai.usage.input_tokens" not in only(manager).attributes


@pytest.mark.parametrize("path", ["/batches/batch_1/cancel", "/agents/sessions/sess_1"])
def test_what_is_changed_tells_no_usage(manager, path):
    wire = answered({"id": "x_1", "status": "idle", "usage": {"input_tokens": 5}})
    wire.client().post(path, cast_to=object, body={"metadata": {"a": "b"}})

    assert only(manager)["gen_ai.response.status"] == "idle"
    assert "gen_ai.usage.input_tokens" not in only(manager).attributes


@pytest.mark.parametrize("verb", ["retrieve", "cancel"])
def test_a_batch_tells_how_it_stands_and_what_it_used_apart_from_usage(manager, verb):
    usage = {
        "input_tokens": 900,
        "input_tokens_details": {"cached_tokens": 100},
        "output_tokens": 400,
        "output_tokens_details": {"reasoning_tokens": 50},
        "total_tokens": 1_300,
    }
    counts = {"total": 3, "completed": 2, "failed": 1}
    told = {"id": "batch_1", "object": "batch", "status": "completed", "model": "gpt-5"}
    batches = answered({**told, "usage": usage, "request_counts": counts}).client().batches
    getattr(batches, verb)("batch_1")

    span, prefix = only(manager), "openai.batch."
    assert span["gen_ai.response.status"] == "completed"
    assert {k: v for k, v in span.attributes.items() if k.startswith(prefix)} == {
        f"{prefix}request_counts.total": 3,
        f"{prefix}request_counts.completed": 2,
        f"{prefix}request_counts.failed": 1,
        f"{prefix}usage.input_tokens": 900,
        f"{prefix}usage.cache_read.input_tokens": 100,
        f"{prefix}usage.output_tokens": 400,
        f"{prefix}usage.reasoning.output_tokens": 50,
    }
    assert not {"gen_ai.usage.input_tokens", "agentops.cost.usd"} & span.attributes.keys()


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stored_completion_that_is_fetched_or_changed_tells_no_usage(manager, method):
    getattr(answered(CHAT).client(), method)("/chat/completions/chatcmpl-1", cast_to=object)

    span = only(manager)
    assert span["gen_ai.response.id"] == "chatcmpl-1"
    assert span["gen_ai.response.finish_reasons"] == ["stop"]
    assert not [name for name in span.attributes if name.startswith("gen_ai.usage")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_whose_metadata_are_changed_tells_its_usage_no_second_time(manager):
    runs = Wire().client().beta.threads.runs
    runs.retrieve("run_abc", thread_id="thread_abc")
    runs.update("run_abc", thread_id="thread_abc", metadata={"a": "b"})

    counts = [span.attributes.get("gen_ai.usage.input_tokens") for span in manager.ended]
    assert counts == [11, None]


def test_what_a_local_shell_answered_has_the_id_of_its_call(manager):
    given = {"type": "local_shell_call_output", "id": "call_1", "output": "{}"}
    Wire().client().responses.create(model="gpt-5", input=[given])

    assert only(manager)["gen_ai.input.messages"] == [
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "response": "{}", "id": "call_1"}],
        }
    ]


def test_a_response_that_is_cut_off_tells_each_item_as_far_as_it_came(manager):
    calling = {"type": "mcp_call", "id": "mcp_1", "name": "look", "arguments": ""}
    running = {"type": "code_interpreter_call", "id": "ci_1", "code": ""}
    saying = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    events = [
        {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": calling},
        {"type": "response.mcp_call_arguments.delta", "output_index": 0, "delta": '{"a":'},
        {"type": "response.output_item.added", "output_index": 1, "item": running},
        {"type": "response.code_interpreter_call_code.delta", "output_index": 1, "delta": "1 +"},
        {"type": "response.output_item.added", "output_index": 2, "item": saying},
        {"type": "response.output_text.delta", "output_index": 2, "delta": "Hel"},
        {"type": "response.refusal.delta", "output_index": 2, "delta": "No"},
    ]  # fmt: skip
    headers = {"content-type": "text/event-stream"}
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Pieces(sse(*events))))
    list(wire.client().responses.create(model="gpt-5", input="Hi", stream=True))

    looked, ran, *said = only(manager)["gen_ai.output.messages"][0]["parts"]
    assert looked["server_tool_call"] == {"type": "mcp_call", "arguments": '{"a":'}
    assert ran["server_tool_call"] == {"type": "code_interpreter_call", "code": "1 +"}
    assert said == [{"type": "text", "content": "Hel"}, {"type": "refusal", "content": "No"}]


def test_texts_and_thoughts_of_a_response_that_is_cut_off_stay_apart(manager):
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {**RESPONSE["output"][0], "content": []},
    ]
    thought = {"type": "response.reasoning_summary_text.delta", "output_index": 0}
    said = {"type": "response.output_text.delta", "output_index": 1}
    events = [
        {
            "type": "response.created",
            "response": {**RESPONSE, "status": "in_progress", "output": []},
        },
        *(
            {"type": "response.output_item.added", "output_index": n, "item": items[n]}
            for n in (0, 1)
        ),
        {**thought, "summary_index": 0, "delta": "**Plan**"},
        {**said, "content_index": 1, "delta": "Sec"},
        {**thought, "summary_index": 1, "delta": "**Check**"},
        {**said, "content_index": 0, "delta": "First."},
        {**said, "content_index": 1, "delta": "ond."},
    ]
    headers = {"content-type": "text/event-stream"}
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Pieces(sse(*events))))
    list(wire.client().responses.create(model="gpt-5", input="Hi", stream=True))

    parts = only(manager)["gen_ai.output.messages"][0]["parts"]
    told = [(part["type"], part["content"]) for part in parts]
    thoughts = [("reasoning", "**Plan**"), ("reasoning", "**Check**")]
    assert told == [*thoughts, ("text", "First."), ("text", "Second.")]


def test_a_stream_that_is_taken_up_again_tells_where(manager):
    list(Wire().client().responses.retrieve("resp_1", stream=True, starting_after=5))

    assert only(manager)["gen_ai.request.stream_cursor"] == "5"


def test_a_background_response_that_was_streamed_tells_its_usage_no_second_time(manager):
    done = {**RESPONSE, "background": True}
    pieces = sse({"type": "response.completed", "response": done})
    headers = {"content-type": "text/event-stream"}
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Pieces(pieces)))
    list(wire.client().responses.create(model="gpt-5", input="Hi", background=True, stream=True))
    answered(done).client().responses.retrieve("resp_1234567890")

    counts = [span.attributes.get("gen_ai.usage.input_tokens") for span in manager.ended]
    assert counts == [11, None]


def test_a_session_of_a_managed_agent_adds_up_its_turns(manager):
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    turn = {"session_id": "sess_1", "turn_id": "t", "usage": usage}
    events = sse(
        {"type": "agent.session.turn.output_text.done", "session_id": "sess_1", "text": "Hello."},
        {"type": "agent.session.turn.completed", **turn},
        {"type": "agent.session.turn.completed", **turn},
    )
    headers = {"content-type": "text/event-stream"}
    body = httpx2.ByteStream(b"".join(events))

    class Body(httpx2.SyncByteStream):
        def __iter__(self):
            yield from body

    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Body()))
    stream = wire.client().post(
        "/agents/sessions",
        cast_to=object,
        body={"agent_id": "agent_1", "input": "Hi"},
        stream=True,
        stream_cls=openai.Stream[object],
    )
    list(stream)

    span = only(manager)
    assert span.name == "invoke_agent"
    assert span["gen_ai.usage.input_tokens"] == 10
    assert span["gen_ai.conversation.id"] == "sess_1"
    assert span["gen_ai.output.messages"][0]["parts"][0]["content"] == "Hello."


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_session_of_a_managed_agent_that_failed_is_an_error(manager, is_streamed):
    said = "The environment is gone."
    session = {"id": "sess_1", "object": "agent.session", "status": "failed", "error": said}
    pieces = sse({"type": "agent.session.failed", "event_id": "e", "session": session})
    headers = {"content-type": "text/event-stream"}
    streamed = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Pieces(pieces)))
    client = (streamed if is_streamed else answered(session)).client()
    given = {"stream": True, "stream_cls": openai.Stream[object]} if is_streamed else {}
    result = client.post("/agents/sessions", cast_to=object, body={"agent_id": "a"}, **given)
    if is_streamed:
        list(result)

    assert only(manager)["error.type"] == "error"
    assert only(manager).fault == said


def test_limits_on_images_are_told_where_there_are_some(manager):
    told = {"limit": "50000", "remaining": "49999", "reset": "1ms"}
    headers = {f"x-ratelimit-{name}-input-images": value for name, value in told.items()}
    answered(CHAT, **headers).client().chat.completions.create(**ASKED)

    prefix = "agentops.response.rate_limit."
    assert {k: v for k, v in only(manager).attributes.items() if k.startswith(prefix)} == {
        f"{prefix}limit_input_images": 50000,
        f"{prefix}remaining_input_images": 49999,
        f"{prefix}reset_input_images": "1ms",
    }


def test_speech_is_told_as_audio(manager):
    Wire().client().audio.speech.create(model="tts-1", voice="alloy", input="Hi")

    [message] = only(manager)["gen_ai.output.messages"]
    assert message["parts"] == [
        {"type": "blob", "modality": "audio", "mime_type": "audio/mpeg", "content": "AAE="}
    ]


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/threads/thread_abc123/runs", "/threads/{id}/runs"),
        ("/files/file-AbCdEfGh12", "/files/{id}"),
        ("/chat/completions", "/chat/completions"),
        ("/vector_stores/vs_12/file_batches", "/vector_stores/{id}/file_batches"),
        ("/responses/input_tokens?beta=true", "/responses/input_tokens"),
        ("/fine_tuning/jobs", "/fine_tuning/jobs"),
    ],
)
def test_ids_do_not_stand_in_names(path, template):
    assert path_template(path) == template


def test_every_operation_is_found_by_a_path_with_short_ids():
    operations = Operations()

    assert operations.find("post", "/threads/t/runs").name == "invoke_agent"
    assert operations.find("get", "/responses/r").name == "fetch_response"
    assert operations.find("post", "/responses?beta=true").name == "chat"
    assert operations.find("post", "/responses/compact?beta=true").name == "chat"
    assert operations.find("post", "/never/seen").name == ""


# Payloads nobody expects


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [None, 7, {}]},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"content": [{"type": "new", "x": 1}], "tool_calls": None}}]},
        {"choices": [{"message": {"tool_calls": [{"type": "new"}]}}], "usage": "none"},
        {**CHAT, "usage": {"prompt_tokens": None, "prompt_tokens_details": None}},
        {**CHAT, "usage": {"prompt_tokens": 1.5, "completion_tokens": -1}},
        {**CHAT, "id": 7, "model": None},
        {"object": "error", "message": "no"},
    ],
)
def test_an_odd_answer_to_a_chat_is_a_span_and_nothing_else(manager, body):
    Wire(fail=lambda *_: httpx2.Response(200, json=body)).client().post(
        "/chat/completions", cast_to=object, body=ASKED
    )

    assert only(manager)["gen_ai.request.model"] == "gpt-5"


@pytest.mark.parametrize(
    "body",
    [
        {"output": None},
        {"output": [{"type": "message", "content": None}]},
        {"output": [{"type": "brand_new_call", "id": "x"}]},
        {"output": [{"type": "reasoning"}, 7]},
        {**RESPONSE, "status": "brand_new"},
    ],
)
def test_an_odd_response_is_a_span_and_nothing_else(manager, body):
    Wire(fail=lambda *_: httpx2.Response(200, json=body)).client().post(
        "/responses", cast_to=object, body={"model": "gpt-5", "input": [None, {"type": "new"}]}
    )

    assert only(manager)["gen_ai.request.model"] == "gpt-5"


def test_a_body_that_is_no_json_is_told_by_its_status(manager):
    wire = answered(b"<html>busy</html>", status=502, **{"content-type": "text/html"})
    with pytest.raises(openai.InternalServerError):
        wire.client().chat.completions.create(**ASKED)

    assert only(manager)["http.response.status_code"] == 502


def test_garbage_in_a_stream_is_an_error_of_the_call(manager):
    def answer(*_):
        pieces = [*sse(chat_chunk({"content": "Hel"})), b"data: {not json\n\n"]
        headers = {"content-type": "text/event-stream"}

        class Body(httpx2.SyncByteStream):
            def __iter__(self):
                yield from pieces

        return httpx2.Response(200, headers=headers, stream=Body())

    stream = Wire(fail=answer).client().chat.completions.create(**ASKED, stream=True)
    with pytest.raises(json.JSONDecodeError):
        list(stream)

    span = only(manager)
    # openai 1.x drops the stream without closing it: nobody is told of the error.
    told = span.attributes.get("error.type") or span["agentops.response.stream_end"]
    assert told == ("abandoned" if OPENAI < 2 else "JSONDecodeError")
    assert span["gen_ai.output.messages"][0]["parts"][0]["content"] == "Hel"


def test_chunks_without_choices_or_delta_do_no_harm(manager):
    pieces = sse(
        {"id": "c", "choices": [], "prompt_filter_results": []},
        {"id": "c", "choices": None},
        {"id": "c", "choices": [{"index": 0}]},
        chat_chunk({"content": "Hi"}, finish_reason="stop"),
        "[DONE]",
    )

    class Body(httpx2.SyncByteStream):
        def __iter__(self):
            yield from pieces

    headers = {"content-type": "text/event-stream"}
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Body()))
    list(wire.client().chat.completions.create(**ASKED, stream=True))

    assert only(manager)["gen_ai.response.finish_reasons"] == ["stop"]


def test_a_lone_surrogate_in_a_reply_is_kept(manager):
    body = json.dumps({**CHAT, "choices": []}).replace("gpt-5-2026-01-01", "gpt\\ud83d").encode()
    answered(body).client().chat.completions.create(**ASKED)

    assert only(manager)["gen_ai.usage.input_tokens"] == 11


def test_a_stream_larger_than_is_held_still_tells_its_usage(manager, monkeypatch):
    from agentops.providers import streams

    monkeypatch.setattr(streams, "_BODY_BYTES_MAX", 20_000)
    chunks = [chat_chunk({"content": "x" * 100}) for _ in range(1000)]
    last = {**chat_chunk(), "choices": [], "usage": CHAT["usage"]}
    pieces = sse(*chunks, last, "[DONE]")

    class Body(httpx2.SyncByteStream):
        def __iter__(self):
            yield from pieces

    headers = {"content-type": "text/event-stream"}
    wire = Wire(fail=lambda *_: httpx2.Response(200, headers=headers, stream=Body()))
    received = list(wire.client().chat.completions.create(**ASKED, stream=True))

    assert len(received) == 1001
    assert only(manager)["gen_ai.usage.input_tokens"] == 11


def test_a_long_speech_of_a_chat_takes_no_longer_to_read_for_each_piece():
    piece = {"choices": [{"index": 0, "delta": {"audio": {"id": "a", "data": "QUJD" * 500}}}]}
    begin_s = time.process_time()
    call = LLMCall(operation="chat", provider="openai")
    ChatReader().read_events(call, [("", piece)] * 6_000)

    assert time.process_time() - begin_s < 2
    [part] = call.output_messages[0]["parts"]
    assert part["size_bytes"] == 6_000 * 1_500


def test_a_long_message_of_a_run_takes_no_longer_to_read_for_each_piece():
    delta = {"content": [{"index": 0, "type": "text", "text": {"value": "QUJD" * 10}}]}
    piece = {"id": "msg_1", "object": "thread.message.delta", "delta": delta}
    begin_s = time.process_time()
    call = LLMCall(operation="invoke_agent", provider="openai")
    RunReader().read_events(call, [("thread.message.delta", piece)] * 40_000)

    assert time.process_time() - begin_s < 2
    [part] = call.output_messages[0]["parts"]
    assert len(part["content"]) == 40_000 * 40

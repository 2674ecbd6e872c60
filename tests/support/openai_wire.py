"""Answers of OpenAI's API as they come over the wire, and clients that get them."""

import json

import openai

_BASE = vars(openai._base_client)
httpx2 = _BASE.get("httpx2") or _BASE["httpx"]  # what this version of the SDK stands on

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
}
RESPONSE_USAGE = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 18,
}
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-2026-01-01",
    "service_tier": "default",
    "system_fingerprint": "fp_1",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "logprobs": None,
            "message": {"role": "assistant", "content": '{"answer":"Hello."}', "refusal": None},
        }
    ],
    "usage": USAGE,
}
RESPONSE = {
    "id": "resp_1234567890",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "background": False,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "model": "gpt-5-2026-01-01",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": '{"answer":"Hello."}', "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "service_tier": "default",
    "usage": RESPONSE_USAGE,
}
COMPLETION = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1,
    "model": "gpt-3.5-turbo-instruct",
    "choices": [{"index": 0, "text": "Hello.", "finish_reason": "stop", "logprobs": None}],
    "usage": USAGE,
}
RUN = {
    "id": "run_abc",
    "object": "thread.run",
    "created_at": 1,
    "assistant_id": "asst_abc",
    "thread_id": "thread_abc",
    "status": "completed",
    "model": "gpt-5",
    "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
}
ERRORS = {
    400: ("invalid_request_error", "context_length_exceeded"),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("permission_error", None),
    404: ("invalid_request_error", "model_not_found"),
    409: ("conflict", None),
    422: ("invalid_request_error", None),
    429: ("requests", "rate_limit_exceeded"),
    500: ("server_error", None),
    503: ("server_error", "overloaded"),
}


def sse(*events):
    """Return server-sent events; a pair is (event name, data), a text is sent as it is."""
    lines = []
    for event in events:
        name, data = event if isinstance(event, tuple) else ("", event)
        text = data if isinstance(data, str) else json.dumps(data)
        lines.append((f"event: {name}\n" if name else "") + f"data: {text}\n\n")
    return [line.encode() for line in lines]


def chat_chunk(delta=None, **fields):
    choice = {"index": 0, "delta": delta or {}, "finish_reason": None, **fields}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-5-2026-01-01",
        "choices": [choice],
    }


def chat_events(include_usage=False):
    events = [
        chat_chunk({"role": "assistant", "content": '{"answer":'}),
        chat_chunk({"content": '"Hel'}),
        chat_chunk({"content": 'lo."}'}),
        chat_chunk(finish_reason="stop"),
    ]
    if include_usage:
        events.append({**chat_chunk(), "choices": [], "usage": USAGE})
    return sse(*events, "[DONE]")


def response_events():
    item = RESPONSE["output"][0]
    started = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events = [
        {"type": "response.created", "response": started},
        {"type": "response.in_progress", "response": started},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {
            "type": "response.content_part.added",
            **at,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
        {"type": "response.output_text.delta", **at, "delta": '{"answer":"Hel', "logprobs": []},
        {"type": "response.output_text.delta", **at, "delta": 'lo."}', "logprobs": []},
        {"type": "response.output_text.done", **at, "text": '{"answer":"Hello."}', "logprobs": []},
        {"type": "response.content_part.done", **at, "part": item["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": RESPONSE},
    ]
    numbered = [{**event, "sequence_number": n} for n, event in enumerate(events)]
    return sse(*[(event["type"], event) for event in numbered])


def run_events():
    message = {
        "id": "msg_1",
        "object": "thread.message",
        "created_at": 1,
        "thread_id": "thread_abc",
        "role": "assistant",
        "content": [{"type": "text", "text": {"value": "Hello.", "annotations": []}}],
        "status": "completed",
    }
    delta = {"content": [{"index": 0, "type": "text", "text": {"value": "Hello."}}]}
    queued = {**RUN, "status": "queued", "usage": None}
    return sse(
        ("thread.run.created", queued),
        ("thread.message.created", {**message, "content": [], "status": "in_progress"}),
        ("thread.message.delta", {"id": "msg_1", "object": "thread.message.delta", "delta": delta}),
        ("thread.message.completed", message),
        ("thread.run.completed", RUN),
        ("done", "[DONE]"),
    )


class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that comes piece by piece; it tells whether it was closed, and how much was read."""

    def __init__(self, pieces, error=None):
        self.pieces = pieces
        self.error = error
        self.read = 0
        self.closed = False

    def __iter__(self):
        for piece in self.pieces:
            self.read += 1
            yield piece
        if self.error is not None:
            raise self.error

    async def __aiter__(self):
        for piece in self:
            yield piece

    def close(self):
        self.closed = True

    async def aclose(self):
        self.closed = True


class Wire:
    """A stand-in for the API below the SDK: it answers by path and notes what was sent."""

    def __init__(self, status=200, stream_error=None, fail=None):
        self.requests = []
        self.streams = []
        self.status = status
        self.stream_error = stream_error
        self.fail = fail
        self.attempts = 0

    def client(self, kind=openai.OpenAI, **options):
        transport = httpx2.MockTransport(self._answer)
        given = {"api_key": "sk-test", "max_retries": 0, **options}
        return kind(http_client=httpx2.Client(transport=transport), **given)

    def async_client(self, kind=openai.AsyncOpenAI, **options):
        transport = httpx2.MockTransport(self._answer)
        given = {"api_key": "sk-test", "max_retries": 0, **options}
        return kind(http_client=httpx2.AsyncClient(transport=transport), **given)

    def _answer(self, request):
        self.requests.append(request)
        self.attempts += 1
        if self.fail is not None:
            failure = self.fail(self.attempts, request)
            if failure is not None:
                return failure
        if self.status >= 400:
            kind, code = ERRORS[self.status]
            error = {"message": "It went wrong.", "type": kind, "param": None, "code": code}
            return httpx2.Response(self.status, json={"error": error}, headers=HEADERS)
        return self._good(request)

    def _good(self, request):
        path = request.url.path.replace("/v1", "", 1)
        if "/deployments/" in path:
            path = "/" + path.split("/", 4)[-1]
        body = {}
        if request.content.startswith(b"{"):
            body = json.loads(request.content)
        if body.get("stream") or request.url.params.get("stream") == "true":
            return self._stream(path, body)
        return answer(path, request.method)

    def _stream(self, path, body):
        if path == "/chat/completions":
            options = body.get("stream_options") or {}
            pieces = chat_events(options.get("include_usage"))
        elif path.startswith("/responses"):
            pieces = response_events()
        elif path == "/completions":
            pieces = sse(COMPLETION, "[DONE]")
        elif path.startswith("/images"):
            done = {"type": "image_generation.completed", "b64_json": "aGk=", "created_at": 1}
            usage = {"input_tokens": 5, "output_tokens": 9, "total_tokens": 14}
            pieces = sse(("image_generation.completed", {**done, "usage": usage}))
        else:
            pieces = run_events()
        stream = Pieces(pieces, self.stream_error)
        self.streams.append(stream)
        headers = {**HEADERS, "content-type": "text/event-stream; charset=utf-8"}
        return httpx2.Response(200, headers=headers, stream=stream)


HEADERS = {
    "x-request-id": "req_1",
    "x-ratelimit-remaining-tokens": "4999",
    "x-ratelimit-reset-tokens": "6ms",
    "openai-processing-ms": "21",
}
IMAGE = {
    "created": 1,
    "data": [{"b64_json": "aGk="}],
    "usage": {"input_tokens": 5, "output_tokens": 9, "total_tokens": 14},
}
_ANSWERS = {
    "/chat/completions": CHAT,
    "/responses": RESPONSE,
    "/responses/compact": {
        "id": "resp_2",
        "object": "response.compaction",
        "created_at": 1,
        "output": [{"id": "cmp_1", "type": "compaction", "encrypted_content": "x"}],
        "usage": RESPONSE_USAGE,
    },
    "/responses/input_tokens": {"object": "response.input_tokens", "input_tokens": 42},
    "/completions": COMPLETION,
    "/embeddings": {
        "object": "list",
        "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    },
    "/images/generations": IMAGE,
    "/images/edits": IMAGE,
    "/images/variations": IMAGE,
    "/audio/transcriptions": {
        "text": "Hello.",
        "usage": {"type": "tokens", "input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
    },
    "/audio/translations": {"text": "Hello."},
    "/moderations": {
        "id": "modr-1",
        "model": "omni-moderation",
        "results": [{"flagged": False, "categories": {}, "category_scores": {}}],
    },
    "/assistants": {"id": "asst_abc", "object": "assistant", "created_at": 1, "model": "gpt-5", "tools": []},
    "/threads": {"id": "thread_abc", "object": "thread", "created_at": 1},
    "/batches": {"id": "batch_1", "object": "batch", "status": "validating"},
    "/conversations": {"id": "conv_1", "object": "conversation", "created_at": 1},
    "/vector_stores": {"id": "vs_abc", "object": "vector_store", "created_at": 1},
    "/videos": {"id": "video_1", "object": "video", "status": "queued", "model": "sora-2"},
    "/decisions": {
        "id": "dec_1",
        "object": "decision",
        "model": "gpt-6-luna",
        "answers": [{"type": "predicate", "probability": 0.9}],
        "usage": RESPONSE_USAGE,
    },
}  # fmt: skip


def answer(path, method):
    """Return the answer of an endpoint that does not stream."""
    if path == "/audio/speech":
        return httpx2.Response(200, content=b"\x00\x01", headers={"content-type": "audio/mpeg"})
    if "/runs" in path:
        return httpx2.Response(200, json=RUN, headers=HEADERS)
    if path.endswith("/search"):
        found = {"file_id": "file-1", "filename": "a.md", "score": 0.5, "content": []}
        return httpx2.Response(200, json={"object": "list", "data": [found], "has_more": False})
    if path.startswith("/responses/resp_"):
        return httpx2.Response(200, json=RESPONSE, headers=HEADERS)
    if method == "GET" and path not in _ANSWERS:
        return httpx2.Response(200, json={"object": "list", "data": [], "has_more": False})
    return httpx2.Response(
        200, json=_ANSWERS.get(path, {"id": "x_1", "object": "x"}), headers=HEADERS
    )

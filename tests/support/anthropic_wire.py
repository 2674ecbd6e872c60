"""Answers of Anthropic's API as they come over the wire, and clients that get them."""

import base64
import json
import struct
import zlib

import anthropic

_BASE = vars(anthropic._base_client)
httpx2 = _BASE.get("httpx2") or _BASE["httpx"]  # what this version of the SDK stands on

REQUEST = {
    "model": "claude-opus-5",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Hi"}],
}
USAGE = {
    "input_tokens": 11,
    "cache_read_input_tokens": 3,
    "cache_creation_input_tokens": 2,
    "output_tokens": 7,
    "service_tier": "standard",
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5-20260801",
    "content": [{"type": "text", "text": "Hello there"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}
TOOL_MESSAGE = {
    **MESSAGE,
    "content": [
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    ],
    "stop_reason": "tool_use",
}
HEADERS = {
    "request-id": "req_1",
    "anthropic-organization-id": "org_1",
    "anthropic-ratelimit-tokens-remaining": "900",
}


def events(message=MESSAGE, end=True):
    """Return the stream events of a message, as pairs of name and data."""
    started = {
        **message,
        "content": [],
        "stop_reason": None,
        "usage": {**message["usage"], "output_tokens": 1},
    }
    made = [{"type": "message_start", "message": started}, {"type": "ping"}]
    for index, block in enumerate(message["content"]):
        made += _block_events(index, block)
    if end:
        delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
        usage = {"output_tokens": message["usage"]["output_tokens"]}
        made += [
            {"type": "message_delta", "delta": delta, "usage": usage},
            {"type": "message_stop"},
        ]
    return [(event["type"], event) for event in made]


def _block_events(index, block):
    if block["type"] == "text":
        empty = {"type": "text", "text": ""}
        pieces = [
            {"type": "text_delta", "text": piece} for piece in block["text"].partition(" ") if piece
        ]
    else:
        empty = {**block, "input": {}}
        text = json.dumps(block["input"])
        pieces = [
            {"type": "input_json_delta", "partial_json": piece} for piece in (text[:5], text[5:])
        ]
    return [
        {"type": "content_block_start", "index": index, "content_block": empty},
        *({"type": "content_block_delta", "index": index, "delta": piece} for piece in pieces),
        {"type": "content_block_stop", "index": index},
    ]


def event_bytes(pairs):
    """Return server-sent events, one piece of bytes for each."""
    return [f"event: {name}\ndata: {json.dumps(data)}\n\n".encode() for name, data in pairs]


def aws_bytes(pairs):
    """Return the same events in frames of Amazon's event stream encoding, one piece for each."""
    return [
        aws_frame({":event-type": "chunk", ":message-type": "event"}, data) for _, data in pairs
    ]


def aws_frame(headers, data):
    """Return one frame: an event in base64, or the fault that ``headers`` name."""
    headers = {":content-type": "application/json", **headers}
    block = b"".join(
        struct.pack(">B", len(name))
        + name.encode()
        + struct.pack(">BH", 7, len(value))
        + value.encode()
        for name, value in headers.items()
    )
    is_event = ":event-type" in headers
    inner = base64.b64encode(json.dumps(data, separators=(",", ":")).encode()).decode()
    payload = json.dumps({"bytes": inner, "p": "abc"} if is_event else data).encode()
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    frame = prelude + block + payload
    return frame + struct.pack(">I", zlib.crc32(frame))


class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that comes in pieces; it counts what was taken and notes its close.

    A piece that is an exception is raised in its place.
    """

    def __init__(self, pieces):
        self.pieces = pieces
        self.taken = 0
        self.closed = 0

    def __iter__(self):
        for piece in self.pieces:
            if isinstance(piece, BaseException):
                raise piece
            self.taken += 1
            yield piece

    async def __aiter__(self):
        for piece in self:
            yield piece

    def close(self):
        self.closed += 1

    async def aclose(self):
        self.closed += 1


class Wire:
    """A transport that answers by path, keeps every request, and serves sync and async clients.

    Attributes:
        requests: What was sent, in order.
        answers: Path to an answer: JSON, or a response, or a list of these played in order.
    """

    def __init__(self, answers=None, message=MESSAGE):
        self.requests = []
        self.message = message
        self.answers = dict(answers or {})
        self.stream_pieces = None
        self.streams = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.get(request.url.path)
        if isinstance(answer, list):
            answer = answer.pop(0)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, httpx2.Response):
            return answer
        if answer is not None:
            return httpx2.Response(200, json=answer, headers=HEADERS)
        body = json.loads(request.content or b"{}")
        if body.get("stream") or "stream" in request.url.path.lower():
            return self.streamed(request)
        return httpx2.Response(200, json=self.message, headers=HEADERS)

    def streamed(self, request):
        """Answer with the message of this wire as a stream."""
        is_aws = request.url.path.endswith("/invoke-with-response-stream")
        encode = aws_bytes if is_aws else event_bytes
        stream = Pieces(self.stream_pieces or encode(events(self.message)))
        self.streams.append(stream)
        kind = "application/vnd.amazon.eventstream" if is_aws else "text/event-stream"
        headers = {**HEADERS, "content-type": kind}
        return httpx2.Response(200, headers=headers, stream=stream)

    def client(self, kind=anthropic.Anthropic, **options):
        """Return a client of any sync kind on this wire."""
        http = httpx2.Client(transport=httpx2.MockTransport(self))
        return kind(http_client=http, max_retries=0, **{**_key(kind), **options})

    def async_client(self, kind=anthropic.AsyncAnthropic, **options):
        """Return a client of any async kind on this wire."""
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self))
        return kind(http_client=http, max_retries=0, **{**_key(kind), **options})


def _key(kind):
    return {"api_key": "x"} if kind in (anthropic.Anthropic, anthropic.AsyncAnthropic) else {}

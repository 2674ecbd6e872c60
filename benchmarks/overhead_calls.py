"""Calls of the openai and anthropic packages whose cost is measured: workloads of ``overhead.py``."""

import asyncio
import json

CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Paris is the capital of France."},
        }
    ],
    "usage": {
        "prompt_tokens": 21,
        "completion_tokens": 8,
        "total_tokens": 29,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    },
}
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
SMALL = [{"role": "user", "content": "What is the capital of France?"}]
LARGE = [
    {"role": "user" if n % 2 == 0 else "assistant", "content": f"{n} " + "Once upon a time. " * 83}
    for n in range(20)
]
TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5",
    "content": [{"type": "text", "text": "Paris is the capital of France."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 21, "output_tokens": 8},
}
CHUNKS = 200


def body_of_stream():
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    chunks = [
        {
            **base,
            "choices": [{"index": 0, "delta": {"content": f"word{n} "}, "finish_reason": None}],
        }
        for n in range(CHUNKS - 1)
    ]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks] + [b"data: [DONE]\n\n"]


def body_of_message_stream():
    delta = {"type": "content_block_delta", "index": 0}
    events = [
        {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        *(
            {**delta, "delta": {"type": "text_delta", "text": f"word{n} "}}
            for n in range(CHUNKS - 5)
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 195},
        },
        {"type": "message_stop"},
    ]
    return [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events]


class Calls:
    """The calls, on real clients above an answering transport."""

    def __init__(self):
        import anthropic
        import httpx2
        import openai

        pieces, message_pieces = body_of_stream(), body_of_message_stream()
        answered = json.dumps(MESSAGE).encode()
        plain = json.dumps(CHAT).encode()
        message = {**CHAT["choices"][0]["message"], "tool_calls": [TOOL_CALL]}
        tool = json.dumps(
            {**CHAT, "choices": [{**CHAT["choices"][0], "message": message}]}
        ).encode()

        class Stream(httpx2.SyncByteStream):
            def __init__(self, pieces):
                self.pieces = pieces

            def __iter__(self):
                yield from self.pieces

        def answer(request):
            is_message = request.url.path == "/v1/messages"
            if b'"stream":true' in request.content:
                headers = {"content-type": "text/event-stream"}
                stream = Stream(message_pieces if is_message else pieces)
                return httpx2.Response(200, headers=headers, stream=stream)
            headers = {"content-type": "application/json"}
            if is_message:
                return httpx2.Response(200, headers=headers, content=answered)
            body = tool if b'"tool_choice":"required"' in request.content else plain
            return httpx2.Response(200, headers=headers, content=body)

        transport = httpx2.MockTransport(answer)
        self.client = openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport))
        self.async_client = openai.AsyncOpenAI(
            api_key="x", http_client=httpx2.AsyncClient(transport=transport)
        )
        self.claude = anthropic.Anthropic(
            api_key="x", http_client=httpx2.Client(transport=transport)
        )
        self.wrap = self.plain

    @staticmethod
    def plain(_kind, _name, function):
        """Return a step with nothing around it."""
        return function

    def small(self):
        self.client.chat.completions.create(model="gpt-4o-mini", messages=SMALL)

    def large(self):
        self.client.chat.completions.create(model="gpt-4o-mini", messages=LARGE)

    def stream(self):
        for _ in self.client.chat.completions.create(
            model="gpt-4o-mini", messages=SMALL, stream=True
        ):
            pass

    def message(self):
        self.claude.messages.create(model=MESSAGE["model"], max_tokens=100, messages=SMALL)

    def message_stream(self):
        for _ in self.claude.messages.create(
            model=MESSAGE["model"], max_tokens=100, messages=SMALL, stream=True
        ):
            pass

    def concurrent(self):
        async def run():
            create = self.async_client.chat.completions.create
            calls = [create(model="gpt-4o-mini", messages=SMALL) for _ in range(200)]
            await asyncio.gather(*calls)

        asyncio.run(run())

    def agent(self):
        create = self.client.chat.completions.create
        tool = self.wrap("tool", "f", lambda a: a + 1)

        def run():
            messages = list(SMALL)
            for _ in range(2):
                result = create(
                    model="gpt-4o-mini", messages=messages, tools=[TOOL], tool_choice="required"
                )
                messages.append(result.choices[0].message)
                messages.append({"role": "tool", "tool_call_id": "call_1", "content": str(tool(1))})
            create(model="gpt-4o-mini", messages=messages)

        self.wrap("agent", "a", run)()

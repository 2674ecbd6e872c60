"""CPU time that instrumentations add to calls of the openai and anthropic packages.

Each variant runs in a process of its own, so that none is patched by two of them. The parent asks all of
them in turn for a round of calls, again and again; a round answers with the CPU time of the calling
thread and of the whole process, everything that was recorded encoded to OTLP protobuf. Other load on the
machine only ever adds to a round, so each process is told by its least disturbed one; what it adds is that
less the bare SDK's. Where things happen to lie in memory makes a process some per cent quicker or slower as long
as it lives, so all of it is done again with new processes, and the median is told. Answers come from a transport in the same process: no sockets, no waiting.

    python benchmarks/overhead.py                              # bare SDK, stock OpenTelemetry span, AgentOps
    python benchmarks/overhead.py --peer genai=VENV/bin/python --peer openinference=VENV/bin/python ...

A peer is named after its instrumentation and runs in the Python given, where openai, anthropic, the
OpenTelemetry SDK, opentelemetry-exporter-otlp-proto-common and the instrumentations of both are installed.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time

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
CALLS = {
    "small": 300,
    "large": 150,
    "stream": 10,
    "concurrent": 2,
    "agent": 60,
    "message": 300,
    "message_stream": 10,
}
UNITS = {"stream": CHUNKS, "message_stream": CHUNKS, "concurrent": 200}
LABELS = {
    "small": "small chat call",
    "large": "30 KB prompt",
    "stream": "stream, per chunk",
    "concurrent": "200 concurrent async calls, per call",
    "agent": "agent run: 3 calls, 2 tools",
    "message": "anthropic: small message",
    "message_stream": "anthropic: stream, per chunk",
}


# ---- the side that is measured


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


class Workloads:
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
            body = tool if request.content.endswith(b'"tool_choice":"required"}') else plain
            return httpx2.Response(200, headers=headers, content=body)

        transport = httpx2.MockTransport(answer)
        self.client = openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport))
        self.async_client = openai.AsyncOpenAI(
            api_key="x", http_client=httpx2.AsyncClient(transport=transport)
        )
        self.claude = anthropic.Anthropic(
            api_key="x", http_client=httpx2.Client(transport=transport)
        )
        self.wrap = lambda kind, name, function: function

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


def stock_provider():
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Encoding(SpanExporter):
        def export(self, spans):
            encode_spans(spans).SerializeToString()
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Encoding(), max_queue_size=100_000))
    trace.set_tracer_provider(provider)
    return provider


def set_up_bare(_work):
    return lambda: None


def begin_span(tracer, kwargs, provider):
    from opentelemetry.trace import SpanKind

    return tracer.start_as_current_span(
        f"chat {kwargs['model']}",
        kind=SpanKind.CLIENT,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": kwargs["model"],
        },
    )


def hand_write_messages(tracer):
    """The same for Anthropic's messages as below for OpenAI's completions."""
    from anthropic.resources.messages import Messages

    create = Messages.create

    def wrapped(self, **kwargs):
        with begin_span(tracer, kwargs, "anthropic") as span:
            result = create(self, **kwargs)
            span.set_attribute("gen_ai.input.messages", json.dumps(kwargs["messages"]))
            if kwargs.get("stream"):
                return result
            span.set_attribute("gen_ai.response.id", result.id)
            span.set_attribute("gen_ai.response.model", result.model)
            span.set_attribute("gen_ai.usage.input_tokens", result.usage.input_tokens)
            span.set_attribute("gen_ai.usage.output_tokens", result.usage.output_tokens)
            span.set_attribute("gen_ai.response.finish_reasons", [result.stop_reason])
            answer = [block.model_dump() for block in result.content]
            span.set_attribute("gen_ai.output.messages", json.dumps(answer))
            return result

    Messages.create = wrapped


def set_up_stock(work):
    """A span written by hand with the stock SDK: what one would do without any instrumentation."""
    import openai

    provider = stock_provider()
    tracer = provider.get_tracer("hand-written")
    create = openai.resources.chat.completions.Completions.create
    async_create = openai.resources.chat.completions.AsyncCompletions.create

    def end(span, kwargs, result):
        messages = [m if isinstance(m, dict) else m.model_dump() for m in kwargs["messages"]]
        span.set_attribute("gen_ai.input.messages", json.dumps(messages))
        if kwargs.get("stream"):
            return
        span.set_attribute("gen_ai.response.id", result.id)
        span.set_attribute("gen_ai.response.model", result.model)
        span.set_attribute("gen_ai.usage.input_tokens", result.usage.prompt_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", result.usage.completion_tokens)
        reasons = [choice.finish_reason for choice in result.choices]
        span.set_attribute("gen_ai.response.finish_reasons", reasons)
        answers = [choice.message.model_dump() for choice in result.choices]
        span.set_attribute("gen_ai.output.messages", json.dumps(answers))

    def wrapped(self, **kwargs):
        with begin_span(tracer, kwargs, "openai") as span:
            result = create(self, **kwargs)
            end(span, kwargs, result)
            return result

    async def async_wrapped(self, **kwargs):
        with begin_span(tracer, kwargs, "openai") as span:
            result = await async_create(self, **kwargs)
            end(span, kwargs, result)
            return result

    openai.resources.chat.completions.Completions.create = wrapped
    openai.resources.chat.completions.AsyncCompletions.create = async_wrapped
    hand_write_messages(tracer)

    def wrap(_kind, name, function):
        def run(*args):
            with tracer.start_as_current_span(name):
                return function(*args)

        return run

    work.wrap = wrap
    return provider.force_flush


def set_up_agentops(work):
    from agentops.providers import install_all
    from agentops.telemetry.config import ExporterConfig, TelemetryConfig
    from agentops.telemetry.exporters.base import DELIVERED, Exporter
    from agentops.telemetry.manager import TelemetryManager

    class Encoding(Exporter):
        name = "encoding"
        encodings = ("traces_protobuf", "logs_protobuf")  # as the exporter for OTLP

        def export(self, batch, timeout_s):
            batch.parts()[0].body()
            return DELIVERED

    exporter = ExporterConfig(type="instance", instance=Encoding())
    config = TelemetryConfig(exporters=(exporter,), spool={"enabled": False})
    manager = TelemetryManager(config)
    install_all(manager, ["openai", "anthropic"])

    def wrap(kind, name, function):
        from opentelemetry import trace

        def run(*args):
            span = manager.create_span(name, attributes={"agentops.span.kind": kind})
            with trace.use_span(span, end_on_exit=True):
                return function(*args)

        return run

    work.wrap = wrap
    return lambda: manager.flush(30_000)


def set_up_genai(work):
    import os

    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    provider = stock_provider()
    from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    AnthropicInstrumentor().instrument(tracer_provider=provider)
    return stock_wrap(work, provider)


def set_up_openinference(work):
    provider = stock_provider()
    from openinference.instrumentation.anthropic import AnthropicInstrumentor
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    AnthropicInstrumentor().instrument(tracer_provider=provider)
    return stock_wrap(work, provider)


def set_up_openllmetry(work):
    provider = stock_provider()
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    AnthropicInstrumentor().instrument(tracer_provider=provider)
    return stock_wrap(work, provider)


def stock_wrap(work, provider):
    tracer = provider.get_tracer("agent")

    def wrap(_kind, name, function):
        def run(*args):
            with tracer.start_as_current_span(name):
                return function(*args)

        return run

    work.wrap = wrap
    return provider.force_flush


SET_UPS = {
    "bare": set_up_bare,
    "stock span by hand": set_up_stock,
    "agentops": set_up_agentops,
    "genai": set_up_genai,
    "openinference": set_up_openinference,
    "openllmetry": set_up_openllmetry,
}


def serve(variant):
    """Answer each line, the name of a workload, with microseconds a unit: [caller, process]."""
    work = Workloads()
    flush = SET_UPS[variant](work)
    for workload in CALLS:
        for _ in range(3):
            getattr(work, workload)()
    flush()
    print("ready", flush=True)
    for line in sys.stdin:
        workload = line.strip()
        call, count = getattr(work, workload), CALLS[workload]
        thread, process = time.thread_time_ns(), time.process_time_ns()
        for _ in range(count):
            call()
        thread = time.thread_time_ns() - thread
        flush()
        process = time.process_time_ns() - process
        units = count * UNITS.get(workload, 1)
        print(json.dumps([thread / units / 1e3, process / units / 1e3]), flush=True)


# ---- the side that asks


class Variant:
    def __init__(self, name, python):
        self.name = name
        command = [python, __file__, "--serve", name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        while (line := self.process.stdout.readline()) != "ready\n":
            if not line:
                raise SystemExit(f"{name} could not be set up")

    def ask(self, workload):
        self.process.stdin.write(workload + "\n")
        self.process.stdin.flush()
        while not (line := self.process.stdout.readline()).startswith("["):
            if not line:
                raise SystemExit(f"{self.name} died")
        return json.loads(line)


def measure(variants, rounds, workloads):
    """Return {workload: {variant: (caller us, process us)}}: what is added, of bare its own, of the least disturbed rounds."""
    told = {}
    for workload in workloads:
        rows = {variant.name: [] for variant in variants}
        for _ in range(rounds):
            for variant in variants:
                rows[variant.name].append(variant.ask(workload))
        least = {name: tuple(map(min, zip(*row_s, strict=True))) for name, row_s in rows.items()}
        bare = least["bare"]
        told[workload] = {
            name: each if name == "bare" else (each[0] - bare[0], each[1] - bare[1])
            for name, each in least.items()
        }
    return told


def measure_again(pythons, options):
    """Return the medians of what several sets of processes tell."""
    runs = []
    for _ in range(options.processes):
        variants = [Variant(name, python) for name, python in pythons.items()]
        try:
            runs.append(measure(variants, options.rounds, options.workload or list(CALLS)))
        finally:
            for variant in variants:
                variant.process.terminate()
                variant.process.wait()
    return {
        workload: {
            name: tuple(statistics.median(run[workload][name][i] for run in runs) for i in (0, 1))
            for name in pythons
        }
        for workload in runs[0]
    }


def report(told):
    names = [name for name in next(iter(told.values())) if name != "bare"]
    print("Microseconds added: total CPU / on the calling thread (bare SDK: its own time)\n")
    print("| workload | bare SDK | " + " | ".join(names) + " |")
    print("|---|---|" + "---|" * len(names))
    for workload, by_name in told.items():
        digits = 1 if workload in ("stream", "message_stream") else 0
        cells = [LABELS[workload], f"{by_name['bare'][1]:.{digits}f}"]
        for name in names:
            thread, process = by_name[name]
            cells.append(f"{process:.{digits}f} / {thread:.{digits}f}")
        print("| " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=5, help="sets of processes")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--workload", action="append", choices=list(CALLS), default=[])
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    pythons = dict.fromkeys(("bare", "stock span by hand", "agentops"), sys.executable)
    pythons.update(dict(peer.split("=", 1) for peer in options.peer))
    report(measure_again(pythons, options))


if __name__ == "__main__":
    main()

"""What may be around the calls of ``overhead.py``: instrumentations that are switched on and off in one process."""

import json
import os
import sys
from functools import partial

MISSING = object()


class AgentOps:
    """This package, with a destination that takes OTLP protobuf as the exporter for OTLP does.

    Args:
        taken: Encodings of that destination.
    """

    def __init__(self, *taken):
        from agentops.telemetry.config import ExporterConfig, TelemetryConfig
        from agentops.telemetry.exporters.base import DELIVERED, Exporter
        from agentops.telemetry.manager import TelemetryManager

        variant = self
        self.recorded = 0

        class Encoding(Exporter):
            name = "encoding"
            encodings = taken or ("traces_protobuf", "logs_protobuf")

            def export(self, batch, timeout_s):
                part = batch.parts()[0]
                part.body()
                variant.recorded += part.count
                return DELIVERED

        exporter = ExporterConfig(type="instance", instance=Encoding())
        config = TelemetryConfig(exporters=(exporter,), spool={"enabled": False})
        self.manager = TelemetryManager(config)
        self.providers = []

    def switch(self, is_on):
        from agentops.providers import install_all

        for each in self.providers:
            each.uninstall()
        self.providers = install_all(self.manager, ["openai", "anthropic"]) if is_on else []

    def flush(self):
        assert self.manager.flush(30_000)

    def wrap(self, kind, name, function):
        from opentelemetry import trace

        def run(*args):
            span = self.manager.create_span(name, attributes={"agentops.span.kind": kind})
            with trace.use_span(span, end_on_exit=True):
                return function(*args)

        return run


class Stock:
    """The OpenTelemetry SDK with a batch processor."""

    def __init__(self):
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import (
            BatchSpanProcessor,
            SpanExporter,
            SpanExportResult,
        )

        variant = self
        self.recorded = 0

        class Encoding(SpanExporter):
            def export(self, spans):
                encode_spans(spans).SerializeToString()
                variant.recorded += len(spans)
                return SpanExportResult.SUCCESS

        self.provider = TracerProvider()
        self.provider.add_span_processor(BatchSpanProcessor(Encoding(), max_queue_size=100_000))
        trace.set_tracer_provider(self.provider)
        self.tracer = self.provider.get_tracer("agent")

    def flush(self):
        assert self.provider.force_flush()

    def wrap(self, _kind, name, function):
        def run(*args):
            with self.tracer.start_as_current_span(name):
                return function(*args)

        return run


class ByHand(Stock):
    """A span written by hand with the stock SDK: what one would do without any instrumentation."""

    def __init__(self):
        super().__init__()
        from anthropic.resources.messages import Messages
        from openai.resources.chat.completions import AsyncCompletions, Completions

        self.places = [
            (Completions, Completions.create, self.around(Completions.create, "openai", self.end)),
            (AsyncCompletions, AsyncCompletions.create, self.around_async(AsyncCompletions.create)),
            (
                Messages,
                Messages.create,
                self.around(Messages.create, "anthropic", self.end_message),
            ),
        ]

    def switch(self, is_on):
        for kind, before, ours in self.places:
            kind.create = ours if is_on else before

    def around(self, create, provider, end):
        def wrapped(resource, **kwargs):
            with self.begin(kwargs, provider) as span:
                result = create(resource, **kwargs)
                end(span, kwargs, result)
                return result

        return wrapped

    def around_async(self, create):
        async def wrapped(resource, **kwargs):
            with self.begin(kwargs, "openai") as span:
                result = await create(resource, **kwargs)
                self.end(span, kwargs, result)
                return result

        return wrapped

    def begin(self, kwargs, provider):
        from opentelemetry.trace import SpanKind

        return self.tracer.start_as_current_span(
            f"chat {kwargs['model']}",
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": provider,
                "gen_ai.request.model": kwargs["model"],
            },
        )

    def end(self, span, kwargs, result):
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

    def end_message(self, span, kwargs, result):
        span.set_attribute("gen_ai.input.messages", json.dumps(kwargs["messages"]))
        if kwargs.get("stream"):
            return
        span.set_attribute("gen_ai.response.id", result.id)
        span.set_attribute("gen_ai.response.model", result.model)
        span.set_attribute("gen_ai.usage.input_tokens", result.usage.input_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", result.usage.output_tokens)
        span.set_attribute("gen_ai.response.finish_reasons", [result.stop_reason])
        answer = [block.model_dump() for block in result.content]
        span.set_attribute("gen_ai.output.messages", json.dumps(answer))


class Peer(Stock):
    """Two instrumentors as OpenTelemetry defines them. Not every one takes off all it has put on: what it changed is put back."""

    def __init__(self, *instrumentors):
        super().__init__()
        before = attributes_of("openai", "anthropic")
        for each in instrumentors:
            each.instrument(tracer_provider=self.provider)
        after = attributes_of("openai", "anthropic")
        holders = {holder for holder, _ in before}
        self.changes = [
            (holder, name, before.get((holder, name), MISSING), value)
            for (holder, name), value in after.items()
            if holder in holders and before.get((holder, name), MISSING) is not value
        ]
        self.is_on = True

    def switch(self, is_on):
        if is_on == self.is_on:
            return
        self.is_on = is_on
        for holder, name, before, after in self.changes:
            if is_on or before is not MISSING:
                setattr(holder, name, after if is_on else before)
            else:
                delattr(holder, name)


def attributes_of(*packages):
    """Return everything in the loaded modules and classes of some packages: {(module or class, name): value}."""
    modules = [m for name, m in list(sys.modules.items()) if name.partition(".")[0] in packages]
    classes = {each for m in modules for each in vars(m).values() if type(each) is type}
    named = [each for each in classes if each.__module__.partition(".")[0] in packages]
    return {
        (holder, name): value
        for holder in (*modules, *named)
        for name, value in list(vars(holder).items())
    }


def genai():
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    return Peer(OpenAIInstrumentor(), AnthropicInstrumentor())


def openinference():
    from openinference.instrumentation.anthropic import AnthropicInstrumentor
    from openinference.instrumentation.openai import OpenAIInstrumentor

    return Peer(OpenAIInstrumentor(), AnthropicInstrumentor())


def openllmetry():
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    return Peer(OpenAIInstrumentor(), AnthropicInstrumentor())


VARIANTS = {
    "stock span by hand": ByHand,
    "agentops": AgentOps,
    "agentops, spans only": partial(AgentOps, "traces_protobuf"),
    "genai": genai,
    "openinference": openinference,
    "openllmetry": openllmetry,
}
"""By its name, what makes a variant. Each has ``switch(is_on)``, ``flush()``, ``wrap(kind, name, function)`` for
steps that are no calls, and ``recorded``: spans (and events) that were encoded so far."""

"""What is a model call, whoever serves it? Instrumentation floor: the neutral shape of one call.

A :class:`LLMCall` is begun on the caller's thread with what the sampler must know, and filled on the
pipeline's worker from the request and the response. It becomes span attributes by
:meth:`LLMCall.to_attributes`; the AgentOps event of the call repeats them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentops import semconv
from agentops.pricing import Prices, is_stand_in, priced_models
from agentops.telemetry.completion import Measurement
from agentops.telemetry.records import AnyValue

__all__ = ["LLMCall", "Message", "Part", "Usage", "merge_usage"]

Part = dict[str, AnyValue]
"""One part of a message in the JSON shape of the GenAI conventions: ``{"type": "text", ...}``."""

Message = dict[str, AnyValue]
"""``{"role": str, "parts": [Part], "name"?: str, "finish_reason"?: str}``."""


@dataclass(kw_only=True)
class Usage:
    """Tokens of one call as the provider counted them; ``None`` means the provider did not tell.

    ``input_tokens`` includes what was read from and written to a cache; every other field but
    ``output_tokens`` is a subset of one of these two and is never added to them.

    What was told stands in the instance, ``None`` in the class: most calls tell four counts of fourteen.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    reasoning_output_tokens: int | None = None
    text_input_tokens: int | None = None
    text_output_tokens: int | None = None
    image_input_tokens: int | None = None
    image_output_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    text_cache_read_input_tokens: int | None = None
    image_cache_read_input_tokens: int | None = None
    audio_cache_read_input_tokens: int | None = None

    def __setattr__(self, name: str, value: int | None) -> None:
        """Set a count.

        Raises:
            AttributeError: There is no count of this name.
        """
        if name not in _USAGE_NAMES:
            raise AttributeError(f"Usage has no count {name!r}; it has {', '.join(_USAGE_NAMES)}")
        vars(self)[name] = value

    def to_attributes(self) -> dict[str, AnyValue]:
        """Return the told counts under their conventional names."""
        told = vars(self).items()
        return {_USAGE_NAMES[name]: count for name, count in told if count is not None}


def _untold() -> Usage:
    """Return the usage of a call of which nothing was told yet."""
    return object.__new__(Usage)


_USAGE_NAMES = {
    "input_tokens": semconv.GEN_AI_USAGE_INPUT_TOKENS,
    "output_tokens": semconv.GEN_AI_USAGE_OUTPUT_TOKENS,
    "cache_read_input_tokens": semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "cache_write_input_tokens": semconv.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "reasoning_output_tokens": semconv.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    "text_input_tokens": semconv.GEN_AI_USAGE_TEXT_INPUT_TOKENS,
    "text_output_tokens": semconv.GEN_AI_USAGE_TEXT_OUTPUT_TOKENS,
    "image_input_tokens": semconv.GEN_AI_USAGE_IMAGE_INPUT_TOKENS,
    "image_output_tokens": semconv.GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS,
    "audio_input_tokens": semconv.GEN_AI_USAGE_AUDIO_INPUT_TOKENS,
    "audio_output_tokens": semconv.GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS,
    "text_cache_read_input_tokens": semconv.GEN_AI_USAGE_TEXT_CACHE_READ_INPUT_TOKENS,
    "image_cache_read_input_tokens": semconv.GEN_AI_USAGE_IMAGE_CACHE_READ_INPUT_TOKENS,
    "audio_cache_read_input_tokens": semconv.GEN_AI_USAGE_AUDIO_CACHE_READ_INPUT_TOKENS,
}
"""Fields to the attributes they become."""


@dataclass(slots=True, kw_only=True)
class LLMCall:
    """One call of a model service, from the request to the last chunk of the answer.

    Attributes:
        operation: ``gen_ai.operation.name``; ``""`` for a call of the service that is no model
            operation (listing files): it gets a span, no LLM event.
        provider: ``gen_ai.provider.name``.
        model: Model that was asked for, ``""`` when the call names none.
        span_name: Name of the span; by default ``{operation} {model}``.
        span_kind: ``agentops.span.kind``; ``""`` for none.
        server_address: Host name the request goes to.
        server_port: Its port; ``None`` when it is the default of the scheme.
        start_attributes: More attributes that are known, and wanted by samplers, at the start.
        request: What the reader wants to look at again on the worker; owned by the vendor's SDK,
            never changed.
        attributes: Everything without a field of its own; filled on the worker.
        input_messages: ``gen_ai.input.messages``; content.
        output_messages: ``gen_ai.output.messages``; content.
        system_instructions: ``gen_ai.system_instructions``; content.
        tool_definitions: ``gen_ai.tool.definitions``; content.
        content: More attributes that are content: left out unless content is captured in full.
        response_id: ``gen_ai.response.id``; ``""`` when the provider told none.
        response_model: ``gen_ai.response.model``: the model that answered; ``""`` likewise.
        finish_reasons: One for each choice, in the order of the choices.
        usage: Tokens as counted by the provider.
        priced_units: More that costs, by its name in ``genai-prices``: ``{"web_searches": 2}``.
        price_context: What chooses between price lists of a model: ``{"service_tier": "flex"}``.
        asides: Requests of models that the service made for this one, which cost too; of each its provider,
            its models and what it used.
        cost_usd: US dollars, with the asides; ``None`` means unknown.
        error_type: ``error.type``: the provider's own code, else the class of the exception.
        error_message: What the service said was wrong when nothing was raised.
        started_ns: Monotonic clock when it was asked for; 0 when nobody asked.
        first_chunk_ns: Monotonic clock at the first chunk of a stream; 0 when nothing was streamed.
        last_chunk_ns: The same at the last chunk.
        chunk_count: Chunks of the answer, when it was streamed.
    """

    operation: str
    provider: str
    model: str = ""
    span_name: str = ""
    span_kind: str = "llm"
    server_address: str = ""
    server_port: int | None = None
    start_attributes: dict[str, AnyValue] = field(default_factory=dict)
    request: object = None
    attributes: dict[str, AnyValue] = field(default_factory=dict)
    input_messages: list[Message] = field(default_factory=list)
    output_messages: list[Message] = field(default_factory=list)
    system_instructions: list[Part] = field(default_factory=list)
    tool_definitions: list[AnyValue] = field(default_factory=list)
    content: dict[str, AnyValue] = field(default_factory=dict)
    response_id: str = ""
    response_model: str = ""
    finish_reasons: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=_untold)
    priced_units: dict[str, float] = field(default_factory=dict)
    price_context: dict[str, str] = field(default_factory=dict)
    error_message: str = ""
    asides: "list[LLMCall]" = field(default_factory=list)
    cost_usd: float | None = None
    error_type: str = ""
    started_ns: int = 0
    first_chunk_ns: int = 0
    last_chunk_ns: int = 0
    chunk_count: int = 0

    def name(self) -> str:
        """Return the name of the span."""
        return self.span_name or f"{self.operation} {self.model}".rstrip()

    def to_start_attributes(self) -> dict[str, AnyValue]:
        """Return what must stand on the span when it starts, because samplers look at it."""
        attributes = dict(self.start_attributes)
        attributes[semconv.GEN_AI_PROVIDER_NAME] = self.provider
        if self.operation:
            attributes[semconv.GEN_AI_OPERATION_NAME] = self.operation
        if self.span_kind:
            attributes[semconv.AGENTOPS_SPAN_KIND] = self.span_kind
        if self.model:
            attributes[semconv.GEN_AI_REQUEST_MODEL] = self.model
        if self.server_address:
            attributes[semconv.SERVER_ADDRESS] = self.server_address
            if self.server_port is not None:
                attributes[semconv.SERVER_PORT] = self.server_port
        return attributes

    def to_attributes(self, content_mode: str) -> dict[str, AnyValue]:
        """Return what is known at the end.

        Args:
            content_mode: ``none``, ``metadata`` or ``full``; only ``full`` lets content through.
        """
        attributes = {**self.attributes, **self.usage.to_attributes()}
        if self.response_id:
            attributes[semconv.GEN_AI_RESPONSE_ID] = self.response_id
        if self.response_model:
            attributes[semconv.GEN_AI_RESPONSE_MODEL] = self.response_model
        if self.finish_reasons:
            attributes[semconv.GEN_AI_RESPONSE_FINISH_REASONS] = self.finish_reasons
        if self.error_type:
            attributes[semconv.ERROR_TYPE] = self.error_type
        if self.first_chunk_ns and self.started_ns:
            seconds = (self.first_chunk_ns - self.started_ns) / 1e9
            attributes[semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = seconds
        if self.cost_usd is not None:
            attributes[semconv.AGENTOPS_COST_USD] = self.cost_usd
        if content_mode == "full":
            self._add_content(attributes)
        return attributes

    def _add_content(self, attributes: dict[str, AnyValue]) -> None:
        attributes.update(self.content)
        if self.input_messages:
            attributes[semconv.GEN_AI_INPUT_MESSAGES] = self.input_messages
        if self.output_messages:
            attributes[semconv.GEN_AI_OUTPUT_MESSAGES] = self.output_messages
        if self.system_instructions:
            attributes[semconv.GEN_AI_SYSTEM_INSTRUCTIONS] = self.system_instructions
        if self.tool_definitions:
            attributes[semconv.GEN_AI_TOOL_DEFINITIONS] = self.tool_definitions

    def to_measurements(self) -> list[Measurement]:
        """Return the metrics that do not follow from the attributes: the pace of a stream."""
        if self.chunk_count < 2 or self.last_chunk_ns <= self.first_chunk_ns:
            return []
        seconds = (self.last_chunk_ns - self.first_chunk_ns) / 1e9 / (self.chunk_count - 1)
        return [Measurement(name=semconv.METRIC_TIME_PER_OUTPUT_CHUNK, value=seconds)]

    def to_priced_units(self) -> dict[str, float]:
        """Return how many of each unit were used, by their names in ``genai-prices``; no zeros."""
        units: dict[str, float] = {
            _UNITS[name]: count
            for name, count in vars(self.usage).items()
            if count and name in _UNITS
        }
        units.update(self.priced_units)
        return units

    def add_cost(self, prices: Prices, priced_hosts: Sequence[str]) -> None:
        """Find what the call and its asides cost in all; where one has no price, nothing is told.

        Args:
            prices: The price lists.
            priced_hosts: Patterns of private hosts that relay a vendor's service.
        """
        if self.cost_usd is not None:
            return
        if is_stand_in(self.server_address, self.attributes, priced_hosts):
            return
        costs: list[float] = []
        for each in (self, *self.asides):
            units = each.to_priced_units()
            if units:
                cost = each._cost_of(units, prices)
                if cost is None:
                    if self.asides or not _TOKENS.issuperset(units):
                        self.attributes[semconv.AGENTOPS_COST_UNKNOWN] = True
                    return
                costs.append(cost)
        if costs:
            self.cost_usd = costs[0] if len(costs) == 1 else round(sum(costs), 12)

    def _cost_of(self, units: Mapping[str, float], prices: Prices) -> float | None:
        """Return what units cost by the first of the model's names that has a price."""
        provider, context = self.provider, self.price_context
        for model in priced_models(provider, self.model, self.response_model):
            cost = prices.cost_of_units(provider, model, units, context=context) if model else None
            if cost is not None:
                return cost
        return None


_UNITS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_write_input_tokens": "cache_write_tokens",
    "image_input_tokens": "input_image_tokens",
    "image_output_tokens": "output_image_tokens",
    "audio_input_tokens": "input_audio_tokens",
    "audio_output_tokens": "output_audio_tokens",
    "image_cache_read_input_tokens": "cache_image_read_tokens",
    "audio_cache_read_input_tokens": "cache_audio_read_tokens",
}
"""Counts to their names in ``genai-prices``, where they have a price of their own."""

_TOKENS = frozenset({"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"})


def merge_usage(into: Usage, counts: Mapping[str, object]) -> None:
    """Put the counts that are whole numbers into ``into``; anything else is left as it was.

    Args:
        into: Changed in place.
        counts: Names of :class:`Usage` fields to what the provider sent.
    """
    told = vars(into)
    for name, value in counts.items():
        if type(value) is int and value >= 0 and name in _USAGE_NAMES:
            told[name] = value

"""What do all readers of OpenAI's JSON share? Part of what is known of the openai package."""

from collections.abc import Iterable, Mapping

from agentops import semconv
from agentops.instrumentation.calls import LLMCall, Usage
from agentops.instrumentation.providers.costs import read_cost
from agentops.instrumentation.providers.fields import Json, code, count, mapping, text

__all__ = [
    "LookReader",
    "Reader",
    "read_error",
    "read_image_usage",
    "read_parameters",
    "read_usage",
]

_PARAMETERS = (
    ("temperature", semconv.GEN_AI_REQUEST_TEMPERATURE),
    ("top_p", semconv.GEN_AI_REQUEST_TOP_P),
    ("top_k", semconv.GEN_AI_REQUEST_TOP_K),  # of other servers
    ("frequency_penalty", semconv.GEN_AI_REQUEST_FREQUENCY_PENALTY),
    ("presence_penalty", semconv.GEN_AI_REQUEST_PRESENCE_PENALTY),
    ("seed", semconv.GEN_AI_REQUEST_SEED),
    ("max_tokens", semconv.GEN_AI_REQUEST_MAX_TOKENS),
    ("max_completion_tokens", semconv.GEN_AI_REQUEST_MAX_TOKENS),
    ("max_output_tokens", semconv.GEN_AI_REQUEST_MAX_TOKENS),
    ("max_prompt_tokens", semconv.AGENTOPS_REQUEST_MAX_INPUT_TOKENS),
    ("reasoning_effort", semconv.GEN_AI_REQUEST_REASONING_LEVEL),
    ("previous_response_id", semconv.GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID),
    ("dimensions", semconv.GEN_AI_EMBEDDINGS_DIMENSION_COUNT),
)
_PARAMETER_NAMES = frozenset(
    ("stop", "n", "service_tier", "encoding_format", *(name for name, _ in _PARAMETERS))
)


class Reader:
    """Reads one family of endpoints; this one reads what is common to all of them.

    Attributes:
        joins_pieces: Whether the texts in its events are pieces of one text that are put together.
        tells_usage_when_asked: Whether a stream of it tells usage only where the request says so.
    """

    joins_pieces = False
    tells_usage_when_asked = False

    def read_input(self, call: LLMCall, request: Json) -> None:
        """Read the body of the request."""
        read_parameters(call, request)

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read the body of an answer that was not streamed."""
        read_object(call, body)

    def read_events(self, call: LLMCall, events: Iterable[tuple[str, object]]) -> None:
        """Read the server-sent events of a streamed answer: the last object of each kind counts."""
        for _, data in events:
            if isinstance(data, dict):
                read_object(call, data)
                read_error(call, data)


class LookReader(Reader):
    """Reads what is looked at again, by GET or with a change: what it used was told when it was used."""

    def read_body(self, call: LLMCall, body: Json) -> None:
        """Read id, model and status, no usage."""
        read_object(call, {**body, "usage": None})

    def read_events(self, call: LLMCall, events: Iterable[tuple[str, object]]) -> None:
        """Read the same from the events of a stream."""
        for _, data in events:
            if isinstance(data, dict):
                self.read_body(call, data)
                read_error(call, data)


def read_object(call: LLMCall, body: Json) -> None:
    """Read what any object of the API may tell: id, model, status, usage."""
    call.response_id = text(body, "id") or call.response_id
    call.response_model = text(body, "model") or call.response_model
    if status := text(body, "status"):
        call.attributes[semconv.GEN_AI_RESPONSE_STATUS] = status
    usage = mapping(body, "usage")
    read_usage(call.usage, usage)
    read_cost(call, usage)


def read_parameters(call: LLMCall, request: Json) -> None:
    """Read the parameters that endpoints share; what was not given is left out."""
    if _PARAMETER_NAMES.isdisjoint(request):
        return
    attributes = call.attributes
    for name, attribute in _PARAMETERS:
        value = request.get(name)
        if isinstance(value, (str, int, float)):
            attributes[attribute] = value
    stop = request.get("stop")
    if stop:
        attributes[semconv.GEN_AI_REQUEST_STOP_SEQUENCES] = (
            [stop] if isinstance(stop, str) else stop
        )
    choices = count(request, "n")
    if choices not in (None, 1):
        attributes[semconv.GEN_AI_REQUEST_CHOICE_COUNT] = choices
    tier = text(request, "service_tier")
    if tier and tier != "auto":
        attributes[semconv.OPENAI_REQUEST_SERVICE_TIER] = tier
    if encoding := text(request, "encoding_format"):
        attributes[semconv.GEN_AI_REQUEST_ENCODING_FORMATS] = [encoding]


def read_usage(usage: Usage, told: Json) -> None:
    """Read a ``usage`` object of any endpoint; the last one that tells a count wins.

    Where it has several names of a count the newer one is read, unless it is empty.
    """
    counts = vars(usage)
    for name, value in told.items():
        if type(value) is int:
            at = _COUNTS.get(name)
            if at is None or (name in _NEWER and told.get(_NEWER[name])):
                continue
            if value > 0 or (value == 0 and counts.get(at) is None):
                counts[at] = value
        elif name in _DETAILS and isinstance(value, dict) and not told.get(_NEWER.get(name, "")):
            _read_details(counts, value, _DETAILS[name])


def read_image_usage(usage: Usage, told: Json) -> None:
    """Read what a model of images counted: where it does not tell apart what it made, that is images."""
    read_usage(usage, told)
    made = count(told, "output_tokens")
    if made and not mapping(told, "output_tokens_details"):
        usage.image_output_tokens = made


def _read_details(counts: dict[str, int], told: Json, names: Mapping[str, str]) -> None:
    for name, value in told.items():
        if type(value) is int:
            at = names.get(name)
            if at is not None and (value > 0 or (value == 0 and counts.get(at) is None)):
                counts[at] = value
        elif name == "cached_tokens_details" and isinstance(value, dict):
            _read_details(counts, value, _CACHED)


_COUNTS = {
    "input_tokens": "input_tokens",
    "prompt_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "completion_tokens": "output_tokens",
    "cached_tokens": "cache_read_input_tokens",  # Moonshot
    "prompt_cache_hit_tokens": "cache_read_input_tokens",  # DeepSeek
    "reasoning_tokens": "reasoning_output_tokens",  # Perplexity
    "cache_read_input_tokens": "cache_read_input_tokens",  # LiteLLM, Databricks
    "cache_creation_input_tokens": "cache_write_input_tokens",
}
_TAKEN = {
    "cached_tokens": "cache_read_input_tokens",
    "cache_write_tokens": "cache_write_input_tokens",
    "cache_creation_tokens": "cache_write_input_tokens",  # LiteLLM
    "cache_creation_input_tokens": "cache_write_input_tokens",  # DashScope
    "text_tokens": "text_input_tokens",
    "image_tokens": "image_input_tokens",
    "audio_tokens": "audio_input_tokens",
}
_CACHED = {
    "text_tokens": "text_cache_read_input_tokens",
    "image_tokens": "image_cache_read_input_tokens",
    "audio_tokens": "audio_cache_read_input_tokens",
}
_MADE = {
    "reasoning_tokens": "reasoning_output_tokens",
    "text_tokens": "text_output_tokens",
    "image_tokens": "image_output_tokens",
    "audio_tokens": "audio_output_tokens",
}
_DETAILS = {
    "input_tokens_details": _TAKEN,
    "prompt_tokens_details": _TAKEN,
    "input_token_details": _TAKEN,
    "output_tokens_details": _MADE,
    "completion_tokens_details": _MADE,
    "output_token_details": _MADE,
}
_NEWER = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "prompt_tokens_details": "input_tokens_details",
    "completion_tokens_details": "output_tokens_details",
    "input_token_details": "input_tokens_details",
    "output_token_details": "output_tokens_details",
}


def read_error(call: LLMCall, body: Json) -> None:
    """Read an ``error``, an object or a text, in an answer whose HTTP status says nothing of it."""
    error = body.get("error")
    if not error:
        return
    if isinstance(error, str):
        error = {"code": error, "message": error}
    if isinstance(error, dict):
        told = code(error.get("code"), error.get("type"))
        call.error_type = call.error_type or told or "error"
        call.error_message = call.error_message or text(error, "message")

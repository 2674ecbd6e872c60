"""How is a streamed completion asked for its usage? Part of what is known of the openai package.

OpenAI tells the usage of a streamed completion only where the request has ``stream_options``, and then in a
chunk of its own, without choices, before the end.
"""

import re
from collections.abc import Mapping
from copy import copy
from typing import Any, cast

from agentops.instrumentation.providers.events import parse_events

__all__ = ["TELLING", "asking_options", "is_usage_chunk"]

TELLING = frozenset(
    {"deepseek", "groq", "mistral_ai", "moonshot_ai", "openrouter", "perplexity", "x_ai"}
)
"""Providers that tell the usage of every stream, so that a program has it without asking."""

_NO_CHOICES = re.compile(rb'"choices":\s*\[\s*\]')


def asking_options(options: Any) -> object | None:  # noqa: ANN401 - of every version of the SDK
    """Return request options that ask for the usage too; ``None`` where the program has said what it wants.

    Args:
        options: The SDK's, of a completion; they and the program's values in them stay as they are.
    """
    body = getattr(options, "json_data", None)
    more = getattr(options, "extra_json", None)
    if not isinstance(body, dict) or not isinstance(more, (Mapping, type(None))):
        return None
    merged = {**body, **(more or {})}
    told = merged.get("stream_options", {})
    if merged.get("stream") is not True or not isinstance(told, dict) or "include_usage" in told:
        return None
    asking: Any = copy(options)
    changed = {"stream_options": {**told, "include_usage": True}}
    if more and "stream_options" in more:
        asking.extra_json = {**more, **changed}
    else:
        asking.json_data = {**body, **changed}
    return cast("object", asking)


def is_usage_chunk(event: bytes) -> bool:
    """Tell whether a server-sent event is the chunk that comes only because usage was asked for."""
    # Before it is read: every other chunk has choices, of which this is no part.
    if _NO_CHOICES.search(event) is None:
        return False
    return any(_tells_usage_alone(data) for _, data in parse_events(event.rstrip() + b"\n\n"))


def _tells_usage_alone(data: object) -> bool:
    if not isinstance(data, dict):
        return False
    return data.get("choices") == [] and isinstance(data.get("usage"), dict)

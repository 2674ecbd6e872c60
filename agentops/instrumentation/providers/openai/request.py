"""What was the client told to send? Part of what is known of the openai package."""

from collections.abc import Mapping
from dataclasses import dataclass

from agentops.instrumentation.providers.fields import Json, json_value

__all__ = ["ClientRequest"]

_NOTHING: Json = {}


@dataclass(slots=True, kw_only=True)
class ClientRequest:
    """A request as the client was told to send it.

    Attributes:
        method: In lower case.
        path: Relative to the client's base URL, with its query.
        body: What becomes the JSON body; the SDK has copied it from the program's arguments, but deep
            inside it may still be theirs.
        is_stream: Whether the answer is to be streamed.
        wire: The body as it was sent; ``b""`` when it is not known, no JSON, or very large.
    """

    method: str
    path: str
    body: Json
    is_stream: bool
    wire: bytes = b""

    @classmethod
    def of(cls, options: object, is_stream: bool) -> "ClientRequest":
        """Read the SDK's request options; nothing of the program's is iterated."""
        body = getattr(options, "json_data", None)
        return cls(
            method=str(getattr(options, "method", "")).lower(),
            path=str(getattr(options, "url", "")),
            body=body if type(body) is dict or isinstance(body, Mapping) else _NOTHING,
            is_stream=is_stream,
        )

    def sent(self) -> Json:
        """Return the body that was sent; it is read from the wire, which nobody can change."""
        if self.wire:
            try:
                sent = json_value(self.wire.decode())
            except (ValueError, RecursionError):
                return self.body
            if isinstance(sent, dict):
                return sent
        return self.body

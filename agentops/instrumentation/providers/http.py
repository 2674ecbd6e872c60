"""What did the HTTP exchange of a call say? Instrumentation floor: bytes and headers, no vendor.

The engine lets an :class:`HttpExchange` hold the answer of a call: the body that the vendor's SDK has
read, or the pieces of a stream as they passed by. Nothing is decoded on the caller's thread; the
worker asks for :meth:`HttpExchange.json` or :meth:`HttpExchange.events`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from agentops.guard import guarded
from agentops.instrumentation.providers.events import merged_events, parse_events
from agentops.instrumentation.providers.fields import code, json_value

__all__ = ["HttpExchange", "HttpResponse", "amazon_code", "header_fields"]


def header_fields(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers by their names in lower case; of a repeated one the last.

    Args:
        headers: Of ``httpx`` or ``httpx2``, where each look at one header walks all of them; or any mapping.
    """
    raw = getattr(headers, "raw", None)
    if raw is None:
        return {key.lower(): value for key, value in headers.items()}
    return {key.lower().decode("latin-1"): value.decode("latin-1") for key, value in raw}


@lru_cache(maxsize=64)
def _media_type(told: str) -> str:
    return told.partition(";")[0].strip().lower()


def amazon_code(told: Mapping[str, str]) -> str:
    """Return what Amazon calls an error: ``ThrottlingException``; ``""`` where no header tells.

    Its REST JSON protocol has the code in ``x-amzn-errortype``, maybe with an address after it.

    Args:
        told: Headers by their names in lower case.
    """
    return code(told.get("x-amzn-errortype", "").partition(":")[0])


class HttpResponse(Protocol):
    """What is used of an ``httpx`` or ``httpx2`` response."""

    status_code: int
    is_closed: bool
    stream: object

    @property
    def headers(self) -> Mapping[str, str]:
        """Header names, in any case, to values."""

    @property
    def content(self) -> bytes:
        """The body, once it was read."""


_OWN_BYTES = 2048  # of headers, options and the call itself (openai 3.54, measured)
_EVENT_STREAMS = ("application/vnd.amazon.eventstream", "application/x-jsonl")
_END_MARK = re.compile(  # the last as Bedrock sends it, in base64
    rb'(?:\A|[\r\n])data: ?\[DONE\]|"type": ?"(?:message_stop|response\.(?:completed|incomplete|failed)'
    rb'|speech\.audio\.done|transcript\.text\.done)"|"eyJ0eXBlIjoibWVzc2FnZV9zdG9w'
)
_END_BYTES = 512  # Bedrock's last event tells what it measured


@dataclass(slots=True, kw_only=True)
class HttpExchange:
    """The answer of one call, as it came over the wire.

    Attributes:
        status: HTTP status code.
        headers: Of the response; lookups ignore case.
        response_type: Class of the response, which knows how to undo its content encoding.
        sent: JSON object that the request carried; ``b""`` when it is not known, no such object, or very large.
        sent_bytes: How long the body of the request was.
        retries: How often the SDK sent the request again before this answer.
        content: Body that the SDK has read; ``b""`` where it streams.
        parts: Body as it streamed by, still in its content encoding; of a stream that is neither events,
            JSON nor text nothing is kept.
        has_gap: Whether a part of the body was not kept because it is too large.
        is_event_stream_asked: Whether the SDK reads the body as events, whatever its type says.
        end: ``complete`` when the body came to its end, ``closed`` when the program stopped reading,
            ``abandoned`` when it let go of the stream without closing it, ``error`` otherwise.
    """

    status: int
    headers: Mapping[str, str]
    response_type: type
    sent: bytes = b""
    sent_bytes: int = 0
    retries: int = 0
    content: bytes = b""
    parts: Sequence[bytes] = ()
    has_gap: bool = False
    is_event_stream_asked: bool = False
    end: str = ""
    _decoded: bytes | None = None
    _fields: dict[str, str] | None = None

    def weight_bytes(self) -> int:
        """Return how much memory the exchange keeps, and the request: its bytes, or the values they were made of."""
        received = len(self.content) + sum(map(len, self.parts))
        return _OWN_BYTES + received + max(len(self.sent), self.sent_bytes)

    def body(self) -> bytes:
        """Return the decoded body, as far as it was received; ``b""`` when nothing was."""
        if self._decoded is None:
            self._decoded = self.content or self._decode(b"".join(self.parts))
        return self._decoded

    def _decode(self, data: bytes) -> bytes:
        encoding = self.header("content-encoding")
        if not data or encoding in ("", "identity"):
            return data
        pieces: list[bytes] = []
        with guarded("decoding a response body"):
            headers = {"content-encoding": encoding}
            answer = self.response_type(200, headers=headers, content=_unended(data))
            with suppress(EOFError):
                for piece in answer.iter_bytes():
                    pieces.append(piece)  # noqa: PERF402 - what came before an error stays
        return b"".join(pieces)

    def header(self, name: str) -> str:
        """Return a header by its name in lower case, ``""`` when it is absent; repeats are not joined."""
        return self.fields().get(name, "")

    def fields(self) -> dict[str, str]:
        """Return all headers by their names in lower case; of a repeated one the last."""
        if self._fields is None:
            self._fields = header_fields(self.headers)
        return self._fields

    def content_type(self) -> str:
        """Return the media type without parameters, in lower case."""
        return _media_type(self.header("content-type"))

    def is_worth_keeping(self) -> bool:
        """Tell whether the body can be read: events, JSON or text."""
        kind = self.content_type()
        return (
            self.is_event_stream_asked
            or not kind
            or kind.startswith("text/")
            or kind.endswith("json")
            or kind in _EVENT_STREAMS
        )

    def is_complete(self) -> bool:
        """Tell whether the whole answer came, whatever became of the stream after it."""
        return self.end in ("", "complete") or (self.end != "error" and self.has_end_mark())

    def has_end_mark(self) -> bool:
        """Tell whether the body ends with the last event of a stream: ``[DONE]`` or its like."""
        body = self.body()
        last = body[body.rfind(b"\ndata:") + 1 :]  # may be long, with its type at either end
        ends = last[:_END_BYTES], last[-_END_BYTES:]
        return any(_END_MARK.search(each) is not None for each in ends)

    def is_event_stream(self) -> bool:
        """Tell whether the body is a stream of server-sent events, also where no header says so."""
        if self.is_event_stream_asked or self.content_type() == "text/event-stream":
            return self.body().lstrip()[:1] not in (b"{", b"[")
        return self.body()[:6].startswith((b"data:", b"event:"))

    def json(self) -> object:
        """Return the body as a JSON value, or ``None`` when it is none."""
        try:
            return json_value(self.body())
        except (ValueError, RecursionError):
            return None

    def events(self) -> Iterator[tuple[str, object]]:
        """Yield ``(event name, JSON value)`` of each server-sent event; data that is no JSON is skipped."""
        return parse_events(self.body())

    def merged_events(self) -> tuple[Iterator[tuple[str, object]], int]:
        """Return the same, pieces of one text joined, and how many events that were more."""
        return merged_events(self.body())


def _unended(data: bytes) -> Iterator[bytes]:
    """Yield ``data`` and never come to an end: some decoders want one that is whole, which a stream cut off has not."""
    yield data
    raise EOFError

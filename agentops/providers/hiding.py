"""How is an event kept from the program that reads a stream? Stands beside the engine.

A request that was changed to tell more is answered with an event that the program has not asked for. It is
left out where the HTTP package undoes the content encoding: above that stand the vendor's stream objects and
whoever reads bytes, text or lines; below it all passes as it was sent, and is recorded.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["hide_events"]

_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")  # WHATWG HTML, 9.2.6
_EVENT_BYTES_MAX = 1024 * 1024  # what is larger is no event that would be hidden

_Decoded = bytes | Iterable[bytes]  # as ``httpx`` and as ``httpx2`` has it
_IsHidden = Callable[[bytes], bool]


def hide_events(response: Any, is_hidden: _IsHidden) -> None:  # noqa: ANN401 - of two packages
    """Leave events out of what is read from a response.

    Args:
        response: Of ``httpx`` or ``httpx2``; its body was read, or is about to be streamed.
        is_hidden: Whether an event, as it was sent, is left out.
    """
    # No public name leads to either.
    if hasattr(response, "_content"):
        response._content = _shown(_parted(response._content), is_hidden)
        vars(response).pop("_text", None)  # a hook of the program has looked at all of it
    else:
        response._decoder = _HidingDecoder(response._get_content_decoder(), is_hidden)


class _HidingDecoder:
    """Stands in for the decoder of a response; an event is given once it is whole, for which the SDK waits too.

    Args:
        decoder: The response's own.
        is_hidden: Whether an event is left out.
    """

    def __init__(self, decoder: Any, is_hidden: _IsHidden) -> None:  # noqa: ANN401 - of two packages
        self._decoder = decoder
        self._is_hidden = is_hidden
        self._held = b""

    def decode(self, data: bytes) -> _Decoded:
        """Return the events that the next bytes complete."""
        return self._passed(self._decoder.decode(data))

    def flush(self) -> _Decoded:
        """Return what is left at the end."""
        return self._passed(self._decoder.flush(), held_max=0)

    def _passed(self, decoded: _Decoded, held_max: int = _EVENT_BYTES_MAX) -> _Decoded:
        given = decoded if isinstance(decoded, bytes) else b"".join(decoded)
        events = _parted(self._held + given, len(self._held))
        self._held = events.pop() if len(events[-1]) <= held_max else b""
        shown = _shown(events, self._is_hidden)
        return shown if isinstance(decoded, bytes) else (shown,)


def _parted(data: bytes, known: int = 0) -> list[bytes]:
    """Return events with their ends, and last what has no end.

    Args:
        data: One after the other.
        known: How many bytes at its beginning hold no whole event.
    """
    ends = [found.end() for found in _EVENT_END.finditer(data, max(0, known - 3))]
    return [data[begin:end] for begin, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def _shown(events: Iterable[bytes], is_hidden: _IsHidden) -> bytes:
    """Return the bytes of those events that are not hidden."""
    return b"".join([event for event in events if not is_hidden(event)])

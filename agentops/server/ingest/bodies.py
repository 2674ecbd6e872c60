"""How does a request body become bytes in memory, never more of them than allowed?

Bounds hold before and after decompression, and while it runs: a compressed bomb is refused after the
first mebibytes, not after it has filled the memory.
"""

import zlib
from collections.abc import Iterator, Mapping

import anyio
import anyio.to_thread
import zstandard
from starlette.types import Receive

from agentops.server.ingest.budget import Held
from agentops.server.ingest.limits import IngestLimits
from agentops.server.ingest.refusal import Refusal

__all__ = ["inflate", "read_body"]

_STEP = 1 << 18
_SLICE = 1 << 16
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_ZSTD_WINDOW_MAX = 1 << 27
_ZSTD_SLICE = 512


async def read_body(
    receive: Receive, headers: Mapping[str, str], limits: IngestLimits, held: Held
) -> bytes:
    """Read the whole body of an ASGI request and undo its ``Content-Encoding``.

    Raises:
        Refusal: 408 too slow, 413 too large, 415 unknown encoding, 503 too much is being received, 400
            broken compression or a sender that went away.
    """
    told = headers.get("content-length", "")
    if told.isdigit() and int(told) > limits.wire_bytes_max:
        raise _too_large(f"{told} bytes", limits.wire_bytes_max)
    try:
        with anyio.fail_after(limits.body_timeout_s):
            data = await _collect(receive, limits, held)
    except TimeoutError:
        raise Refusal(408, f"the body did not arrive within {limits.body_timeout_s:g} s") from None
    encoding = headers.get("content-encoding", "")
    if encoding and len(data) > _SLICE:  # everybody else would wait for it
        body = await anyio.to_thread.run_sync(inflate, data, encoding, limits)
    else:
        body = inflate(data, encoding, limits)
    held.add(len(body) - len(data) if body is not data else 0)
    return body


async def _collect(receive: Receive, limits: IngestLimits, held: Held) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "the sender went away before the end of the body")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limits.wire_bytes_max:
            raise _too_large("a body", limits.wire_bytes_max)
        held.add(len(chunk))
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks) if len(chunks) > 1 else chunks[0]


def _too_large(what: str, allowed: int) -> Refusal:
    return Refusal(413, f"{what} exceeds the limit of {allowed} bytes; send smaller batches")


def inflate(data: bytes, encoding: str, limits: IngestLimits) -> bytes:
    """Return ``data`` without its ``Content-Encoding``: none, identity, gzip, deflate or zstd.

    Raises:
        Refusal: 413 beyond the size or ratio allowed, 415 another encoding, 400 data that is not what
            the header says.
    """
    name = encoding.strip().lower()
    if name in ("", "identity", "none"):
        return data
    if name in ("gzip", "x-gzip", "deflate"):
        pieces = _zlib_pieces(data)
    elif name == "zstd":
        pieces = _zstd_pieces(data)
    else:
        raise Refusal(
            415, f"Content-Encoding {encoding[:40]!r}: expected none, gzip, deflate or zstd"
        )
    out: list[bytes] = []
    size = 0
    try:
        for piece, read in pieces:
            out.append(piece)
            size += len(piece)
            allowed = max(limits.ratio_free_bytes, limits.ratio_max * min(read, len(data)))
            allowed = min(allowed, limits.decoded_bytes_max)
            if size > allowed:
                raise _too_large(f"what a {name} body inflates to", allowed)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise Refusal(400, f"the body is not valid {name}: {str(error)[:120]}") from None
    return b"".join(out)


def _zlib_pieces(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield what gzip (also of several members), zlib or raw deflate data holds, in bounded steps.

    Beside each piece stands how much of ``data`` was looked at for it.
    """
    engine = None
    for at in range(0, len(data), _SLICE):
        rest = data[at : at + _SLICE]
        while rest:
            if engine is None:
                wrapped = rest[:1] == b"\x1f" or _is_zlib(rest)
                engine = zlib.decompressobj(_GZIP_OR_ZLIB if wrapped else -zlib.MAX_WBITS)
            elif engine.eof:
                rest = rest.lstrip(b"\0")  # padding between members
                engine = zlib.decompressobj(_GZIP_OR_ZLIB) if rest else engine
                continue
            yield engine.decompress(rest, _STEP), at + _SLICE
            rest = engine.unused_data if engine.eof else engine.unconsumed_tail
    while engine is not None and not engine.eof:
        piece = engine.decompress(b"", _STEP)
        if not piece and not engine.eof:
            raise EOFError("it ends too early")
        yield piece, len(data)


def _is_zlib(data: bytes) -> bool:
    """Tell the two-byte zlib header from raw deflate, which some senders mean by ``deflate``."""
    return len(data) > 1 and data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0


def _zstd_pieces(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Like :func:`_zlib_pieces`; fed in small slices, because one call inflates all it is given."""
    maker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_MAX)
    engine = maker.decompressobj()
    for at in range(0, len(data), _ZSTD_SLICE):
        rest = data[at : at + _ZSTD_SLICE]
        while rest:
            if engine.eof:
                engine = maker.decompressobj()
            yield engine.decompress(rest), at + _SLICE
            rest = engine.unused_data if engine.eof else b""
    if not engine.eof:
        raise EOFError("it ends too early")

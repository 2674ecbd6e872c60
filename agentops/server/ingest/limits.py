"""How much may one request hold? Bounds that every protocol keeps, with their defaults."""

import msgspec

__all__ = ["IngestLimits"]


class IngestLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one request. What exceeds a bound of the request is refused, of a span cut and counted.

    Attributes:
        wire_bytes_max: Body as received.
        decoded_bytes_max: Body after decompression.
        ratio_max: Decoded bytes for each byte read so far, in steps of 64 KiB; looked at beyond
            ``ratio_free_bytes``.
        depth_max: Nesting of attribute values.
        records_max: Spans, or log records, of a request.
        elements_max: Protobuf fields of a request that is larger than ``scan_bytes_min``.
        attributes_max: Attributes of one span, event, link, log record or resource.
        key_chars_max: Longer attribute keys are left out and counted as dropped.
        value_chars_max: Longer values are cut; the mark tells the original size and a hash.
        body_timeout_s: Time for the whole body to arrive.
        held_bytes_max: Bodies of all requests under way together; beyond it senders are told to wait.
        thread_bytes_min: Larger bodies are decoded off the event loop.
    """

    wire_bytes_max: int = 20 << 20
    decoded_bytes_max: int = 64 << 20
    ratio_max: int = 200
    ratio_free_bytes: int = 1 << 20
    depth_max: int = 32
    records_max: int = 50_000
    elements_max: int = 6_000_000
    scan_bytes_min: int = 4 << 20
    attributes_max: int = 1024
    events_max: int = 1024
    links_max: int = 1024
    key_chars_max: int = 1024
    value_chars_max: int = 1 << 20
    body_timeout_s: float = 30.0
    held_bytes_max: int = 256 << 20
    thread_bytes_min: int = 1 << 20

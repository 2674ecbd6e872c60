"""What can be set about telemetry? Telemetry floor: the vocabulary under ``telemetry:`` in YAML.

Every field has the same name in Python, YAML and the documentation. The objects are frozen; what does
not fit is refused when they are made, with the path of the key (:class:`ConfigurationError`).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import InitVar, dataclass, field, replace
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from agentops.errors import ConfigurationError
from agentops.telemetry.schema import at, read, settle

__all__ = [
    "BatchConfig",
    "ContentMode",
    "ContextConfig",
    "ExporterConfig",
    "KeepConfig",
    "LimitsConfig",
    "LoggingConfig",
    "Mask",
    "MatchConfig",
    "SamplingConfig",
    "SamplingRule",
    "SpoolConfig",
    "TelemetryConfig",
]

ContentMode: TypeAlias = Literal["none", "metadata", "full"]
"""How much of prompts, answers, arguments and results is recorded: nothing, their shape, or all of it."""

Mask: TypeAlias = str | Callable[[str], str]
"""A regular expression whose matches are replaced, or a function from text to masked text."""

Signal: TypeAlias = Literal["traces", "logs", "metrics"]
Propagator: TypeAlias = Literal["w3c", "tracecontext", "baggage", "b3", "b3multi", "jaeger", "none"]
LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


def _require(holds: bool, key: str, seen: object, expected: str) -> None:
    if not holds:
        raise ConfigurationError(key, seen, expected)


def _positive(config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        _require(value > 0, name, value, "a whole number above 0")


def _probability(name: str, value: float) -> None:
    _require(0.0 <= value <= 1.0, name, value, "a number from 0 to 1")


def _amount(config: object, *names: str) -> None:
    """Check numbers that may be absent but not negative."""
    for name in names:
        value = getattr(config, name)
        _require(value is None or value >= 0, name, value, "a number of 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchConfig:
    """Which sessions does a sampling rule speak of? All that is given must hold; ``*`` matches any text.

    Attributes:
        name: Pattern for the name of the session, or of the first span where there is no session.
        tags: Every one of these tags is on the session.
        provider: Pattern for ``gen_ai.provider.name`` of the session's first model call.
        model: Pattern for ``gen_ai.request.model`` of the session's first model call.
        attributes: Attribute name to pattern for its value.
    """

    name: str | None = None
    tags: tuple[str, ...] = ()
    provider: str | None = None
    model: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the values."""
        settle(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRule:
    """A sampling rate for some sessions.

    Attributes:
        match: Which sessions; an empty match means all.
        rate: Share of them that is recorded, 0 to 1.
    """

    match: MatchConfig = field(default_factory=MatchConfig)
    rate: float = 1.0

    def __post_init__(self) -> None:
        """Check the range."""
        settle(self)
        _probability("rate", self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepConfig:
    """Which sessions are kept although the rate left them out? Any one condition is enough.

    Attributes:
        errors: Keep a session in which a span or event failed.
        slower_than_ms: Keep a session that lasted longer than this, in milliseconds; ``None``: no condition.
        cost_above_usd: Keep a session whose model calls cost more than this together, in US dollars.
        tokens_above: Keep a session whose model calls used more tokens than this together.
        buffer_bytes_max: Memory for sessions that are not decided yet, all together; the oldest are left out
            when it is full.
    """

    errors: bool = False
    slower_than_ms: float | None = None
    cost_above_usd: float | None = None
    tokens_above: int | None = None
    buffer_bytes_max: int = 16 * 1024 * 1024

    def __post_init__(self) -> None:
        """Check the ranges."""
        settle(self)
        _amount(self, "slower_than_ms", "cost_above_usd", "tokens_above")
        _positive(self, "buffer_bytes_max")

    @property
    def is_active(self) -> bool:
        """Whether any condition is set."""
        limits = (self.slower_than_ms, self.cost_above_usd, self.tokens_above)
        return self.errors or any(limit is not None for limit in limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig:
    """Which sessions are recorded? One decision holds for all spans and events of a session.

    Attributes:
        rate: Share of the sessions that no rule matches, 0 to 1.
        rules: Looked at in order; the first that matches gives the rate.
        keep: Conditions that keep a session although it was left out.
        sessions_per_second_max: Sessions begun per second at most; ``None``: no limit.
    """

    rate: float = 1.0
    rules: tuple[SamplingRule, ...] = ()
    keep: KeepConfig = field(default_factory=KeepConfig)
    sessions_per_second_max: float | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        settle(self)
        _probability("rate", self.rate)
        _amount(self, "sessions_per_second_max")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConfig:
    """How much is gathered before it is sent?

    Attributes:
        items_max: Records in one batch.
        bytes_max: Encoded bytes in one batch.
        delay_ms: A record waits at most so long for others to join its batch, in milliseconds.
        queue_bytes_max: Memory for what waits, all destinations together; beyond it records are dropped
            and counted, unless they are on disk.
    """

    items_max: int = 512
    bytes_max: int = 4 * 1024 * 1024
    delay_ms: int = 500
    queue_bytes_max: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        """Check the ranges."""
        settle(self)
        _positive(self, "items_max", "bytes_max", "delay_ms", "queue_bytes_max")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolConfig:
    """What waits on disk for a destination that cannot be reached?

    Attributes:
        enabled: Whether anything is written to disk.
        directory: Where; ``None`` means ``agentops/spool`` in the user's state directory.
        bytes_max: Disk space per destination; beyond it the oldest are dropped and counted.
    """

    enabled: bool = True
    directory: str | None = None
    bytes_max: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        """Check the ranges."""
        settle(self)
        _positive(self, "bytes_max")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    """How large may a record grow? What is cut is marked, what is left out is counted.

    Attributes:
        attribute_bytes_max: UTF-8 bytes of one attribute's value.
        attributes_max: Attributes of one span or event.
        events_max: Events inside one span.
        links_max: Links of one span.
        depth_max: Levels of a nested value.
        nodes_max: Values inside one nested value.
    """

    attribute_bytes_max: int = 1024 * 1024
    attributes_max: int = 1024
    events_max: int = 128
    links_max: int = 128
    depth_max: int = 16
    nodes_max: int = 10_000

    def __post_init__(self) -> None:
        """Check the ranges."""
        settle(self)
        _positive(
            self,
            "attribute_bytes_max",
            "attributes_max",
            "events_max",
            "links_max",
            "depth_max",
            "nodes_max",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingConfig:
    """Which records of the standard ``logging`` module become events of the session they happen in?

    Attributes:
        level: Lowest level of the log records that become events. None do until one of these two is set.
        loggers: Patterns for the names of their loggers; ``agentops``' own are never taken.
    """

    level: LogLevel = "INFO"
    loggers: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        """Check the values."""
        settle(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextConfig:
    """How does the trace travel to other processes?

    Attributes:
        propagation: Header formats, written all and read in this order: ``w3c`` (``tracecontext`` and
            ``baggage``), ``tracecontext``, ``baggage``, ``b3``, ``b3multi``, ``jaeger`` (read only),
            or ``none`` alone.
        threads: Threads, timers and executors carry the context they were started in, by themselves.
        environment: The process joins the trace and the session that its parent left in the environment
            (``TRACEPARENT``, ``BAGGAGE`` ...); then it starts no automatic session of its own.
    """

    propagation: tuple[Propagator, ...] = ("w3c",)
    threads: bool = False
    environment: bool = False

    def __post_init__(self) -> None:
        """Check the names."""
        settle(self)
        alone = "none" not in self.propagation or len(self.propagation) == 1
        _require(alone, "propagation", list(self.propagation), "'none' to stand alone")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExporterConfig:
    """One destination.

    Attributes:
        type: ``agentops``, ``otlp``, ``console``, ``file``, ``memory``, the name of an installed
            ``agentops.exporters`` entry point, or ``package.module:factory``.
        endpoint: URL, or ``host:port`` for OTLP over gRPC.
        is_whole_url: The endpoint is the very URL to send to: no ``/v1/traces`` is added. For one signal.
        api_key: Key for an ``agentops`` destination; never shown.
        protocol: OTLP only: ``http/protobuf``, ``http/json``, ``grpc``. ``None``: ``grpc`` where the endpoint has no scheme, else ``http/protobuf``.
        headers: Sent with every request; values are never shown.
        compression: Of request bodies: ``gzip``, ``zstd``, ``none``. ``None``: ``gzip``, but ``none`` to this machine.
        timeout_ms: For one delivery with all its waiting, in milliseconds.
        signals: What this destination takes, of ``traces``, ``logs``, ``metrics``.
        insecure: Allow plain text to a host that is not this machine.
        certificate_file: PEM bundle the server's certificate is checked against.
        client_certificate_file: PEM certificate shown to the server.
        client_key_file: PEM key of that certificate.
        path: File to append to; ``file`` only.
        content: Narrower than ``telemetry.content`` for this destination; ``None``: the same.
        options: Keyword arguments for a factory of one's own; values are never shown.
        instance: An exporter object made in code; then ``type`` is ``"instance"``.
    """

    type: str
    endpoint: str | None = None
    is_whole_url: bool = False
    api_key: str | None = field(default=None, repr=False)
    protocol: Literal["http/protobuf", "http/json", "grpc"] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    compression: Literal["none", "gzip", "zstd"] | None = None
    timeout_ms: int = 10_000
    signals: tuple[Signal, ...] = ("traces", "logs")
    insecure: bool = False
    certificate_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None
    path: str | None = None
    content: ContentMode | None = None
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    instance: object | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without loading the exporter."""
        settle(self)
        _require(bool(self.type), "type", self.type, "the name of an exporter")
        _require(self.type != "file" or bool(self.path), "path", self.path, "the file to write to")
        if self.endpoint is not None:
            _check_endpoint(self.endpoint)
        _positive(self, "timeout_ms")


def _check_endpoint(endpoint: str) -> None:
    """Refuse an endpoint whose host and port cannot be read, or that holds a password: names of destinations do not."""
    seen = "***" if "@" in endpoint else endpoint
    try:
        parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
        is_usable = parts.port != 0
    except ValueError:
        raise ConfigurationError("endpoint", seen, "a URL, or host:port") from None
    _require(is_usable, "endpoint", seen, "a URL, or host:port")
    _require(parts.username is None, "endpoint", seen, "a URL without a password; use headers")


def _exporter(value: object) -> ExporterConfig:
    if isinstance(value, (ExporterConfig, Mapping)):
        if isinstance(value, Mapping) and "type" not in value:
            raise ConfigurationError("type", None, "the name of an exporter, such as otlp")
        return read(ExporterConfig, value)
    if callable(getattr(value, "export", None)):
        return ExporterConfig(type="instance", instance=value)
    if isinstance(value, str):
        return ExporterConfig(type=value)
    raise ConfigurationError("", value, "a mapping with the key type, or an exporter object")


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryConfig:
    """Everything under ``telemetry:``.

    ``sampling_rate`` and ``trace_context`` are accepted spellings of ``sampling.rate`` and ``context``.

    Attributes:
        provider: ``private``: a TracerProvider of our own; ``attach``: our processor is added to the
            program's global TracerProvider; ``global``: ours becomes the global one if none is set.
        content: How much of prompts and answers is recorded: all of it, its shape (``metadata``), or nothing.
            Texts of errors, which may quote it, are content too; types and codes of errors always stay.
        content_on: Where the content of an instrumented call stands: on its span, on its event, or both.
        sampling: Which sessions are recorded.
        exporters: Destinations. In code an exporter object may stand for a mapping, also a stock
            OpenTelemetry ``SpanExporter``.
        batch: How much is gathered before it is sent.
        spool: What waits on disk.
        limits: How large a record may grow.
        mask: What is hidden before anything leaves the process, besides keys of known providers.
        priced_hosts: Hosts of your own network that relay a vendor's service: calls through them have the
            vendor's prices; ``*`` matches any text. Calls to other hosts of your network have no price.
        stream_usage: Streamed completions of OpenAI are asked for their usage where the program does not ask, and
            the chunk that tells it is kept from the program; else the request is never changed.
        context: How the trace travels to other processes.
        logging: Records of the ``logging`` module as events; ``None``: they are left alone.
        processors: Stock OpenTelemetry ``SpanProcessor`` objects that see every span; code only.
        disabled: Nothing is recorded; the host program runs as if AgentOps were absent.
    """

    provider: Literal["private", "attach", "global"] = "private"
    content: ContentMode = "full"
    content_on: Literal["spans", "events", "both"] = "spans"
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    exporters: tuple[ExporterConfig, ...] = field(default=(), metadata={"raw": True})
    batch: BatchConfig = field(default_factory=BatchConfig)
    spool: SpoolConfig = field(default_factory=SpoolConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    mask: tuple[Mask, ...] = field(default=(), metadata={"raw": True})
    priced_hosts: tuple[str, ...] = ()
    stream_usage: bool = False
    context: ContextConfig = field(default_factory=ContextConfig)
    logging: LoggingConfig | None = None
    processors: tuple[object, ...] = ()
    disabled: bool = False
    sampling_rate: InitVar[float | None] = None
    trace_context: InitVar[ContextConfig | None] = None

    def __post_init__(
        self, sampling_rate: float | None, trace_context: ContextConfig | None
    ) -> None:
        """Read nested values, also in their other spellings, and check them."""
        if trace_context is not None:
            object.__setattr__(self, "context", trace_context)
        settle(self)
        if sampling_rate is not None:
            sampling = at("sampling_rate", _with_rate, self.sampling, sampling_rate)
            object.__setattr__(self, "sampling", sampling)
        exporters = at("exporters", _each, _exporter, self.exporters)
        object.__setattr__(self, "exporters", exporters)
        object.__setattr__(self, "mask", at("mask", _each, _mask, self.mask))
        at("processors", _each, _processor, self.processors)


def _each(convert: Callable[[object], object], values: object) -> tuple[object, ...]:
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise ConfigurationError("", values, "a list")
    return tuple(at(f"[{index}]", convert, value) for index, value in enumerate(values))


def _processor(value: object) -> object:
    _require(callable(getattr(value, "on_end", None)), "", value, "a SpanProcessor object")
    return value


def _with_rate(sampling: SamplingConfig, rate: float) -> SamplingConfig:
    return replace(sampling, rate=rate)


def _mask(mask: object) -> Mask:
    if callable(mask):
        return mask
    _require(isinstance(mask, str), "", mask, "a regular expression, or a function in code")
    try:
        re.compile(str(mask))
    except re.error as error:
        raise ConfigurationError("", mask, f"a regular expression ({error})") from None
    return str(mask)

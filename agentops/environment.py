"""Which environment variables set what? Top floor of the SDK, below ``config``; reads no environment itself.

Every scalar setting and every list of texts has a variable of its own, made from its key path:
``telemetry.batch.delay_ms`` is ``AGENTOPS_BATCH_DELAY_MS``. OpenTelemetry's own variables are read
where neither those nor the file say anything.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

__all__ = [
    "ALIASES",
    "Reading",
    "capture_mode",
    "is_url",
    "misspelt",
    "otel_settings",
    "repairs",
    "unread",
    "variable_of",
]

_PREFIX: Final = "AGENTOPS_"
_LIKENESS: Final = 0.8  # not so low that variables of older releases seem to mean today's

ALIASES: Final[Mapping[str, str]] = {
    "OTEL_SERVICE_NAME": "service_name",
    "AGENTOPS_DEFAULT_TAGS": "session.tags",
    "AGENTOPS_AUTO_START_SESSION": "session.auto_start",
}
"""Other names of variables that go before the file, ``{variable: key path}``."""

_CAPTURE: Final[Mapping[str, tuple[str, str]]] = {
    "no_content": ("none", "spans"),
    "false": ("none", "spans"),
    "0": ("none", "spans"),
    "span_only": ("full", "spans"),
    "event_only": ("full", "events"),
    "span_and_event": ("full", "both"),
    "true": ("full", "spans"),
    "1": ("full", "spans"),
}
_SAMPLERS: Final = ("always_on", "always_off", "traceidratio")
_PROPAGATORS: Final = ("tracecontext", "baggage", "b3", "b3multi", "jaeger", "none")
_COUNTS: Final[Mapping[str, str]] = {
    "OTEL_BSP_SCHEDULE_DELAY": "telemetry.batch.delay_ms",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "telemetry.batch.items_max",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "telemetry.limits.attribute_bytes_max",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "telemetry.limits.attribute_bytes_max",
    "OTEL_ATTRIBUTE_COUNT_LIMIT": "telemetry.limits.attributes_max",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "telemetry.limits.attributes_max",
    "OTEL_SPAN_EVENT_COUNT_LIMIT": "telemetry.limits.events_max",
    "OTEL_SPAN_LINK_COUNT_LIMIT": "telemetry.limits.links_max",
}
"""Whole numbers; of two that set the same, the later goes first."""

_QUEUE: Final = "queues are bounded in bytes, see telemetry.batch.queue_bytes_max"
_WITH_SPANS: Final = "events leave together with the spans: OTEL_BSP_* holds for both"
_ONE_LIMIT: Final = "the limits of spans hold for their events and links, and for log records"
_NOT_READ: Final[Mapping[str, str]] = {
    "OTEL_BSP_MAX_QUEUE_SIZE": _QUEUE,
    "OTEL_BLRP_SCHEDULE_DELAY": _WITH_SPANS,
    "OTEL_BLRP_EXPORT_TIMEOUT": _WITH_SPANS,
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": _WITH_SPANS,
    "OTEL_BLRP_MAX_QUEUE_SIZE": _QUEUE,
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": _ONE_LIMIT,
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": _ONE_LIMIT,
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": _ONE_LIMIT,
    "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": _ONE_LIMIT,
    "OTEL_METRIC_EXPORT_INTERVAL": "our metrics leave once a minute and at each flush",
    "OTEL_METRIC_EXPORT_TIMEOUT": "a delivery of metrics has 10 seconds",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "our metrics are cumulative",
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "buckets are those of the GenAI conventions",
    "OTEL_CONFIG_FILE": "our settings stand in agentops.yaml",
    "OTEL_LOG_LEVEL": "our few lines go to the logger named agentops",
}
"""Variables that are not read, and why."""


_SAYS_EXPORTERS: Final = re.compile(
    r"OTEL_EXPORTER_OTLP_(\w+_)?ENDPOINT|OTEL_(TRACES|LOGS|METRICS)_EXPORTER"
)
_SDK_LIMITS: Final = re.compile(r"OTEL_(SPAN_|EVENT_|LINK_|LOGRECORD_)?[A-Z_]*(COUNT|LENGTH)_LIMIT")
"""Variables that the OpenTelemetry SDK reads when it is imported, and raises about."""


@dataclass(slots=True)
class Reading:
    """What the environment says.

    Attributes:
        values: ``{key path: (value, name of the variable)}``.
        refused: Sentences about variables that are set to what cannot be used.
    """

    values: dict[str, tuple[object, str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def refuse(self, name: str, seen: str, expected: str) -> None:
        """Note that a variable cannot be used; the text seen is cut to 40 characters."""
        self.refused.append(f"{name}={seen[:40]!r} (expected {expected})")


def variable_of(path: str) -> str:
    """Return the name of the variable for a key path."""
    if not path.startswith("telemetry.logging."):  # AGENTOPS_LOGGING_LEVEL meant our own log, once
        path = path.removeprefix("telemetry.")
    return _PREFIX + path.replace(".", "_").upper()


def misspelt(environment: Mapping[str, str], known: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each variable that is set, means nothing, and is spelled nearly as one of ``known``."""
    endings = [name.removeprefix(_PREFIX) for name in known]
    for name in sorted(environment):
        if name.startswith(_PREFIX) and name not in known:
            ending = name.removeprefix(_PREFIX).removeprefix("TELEMETRY_")
            near = difflib.get_close_matches(ending, endings, n=1, cutoff=_LIKENESS)
            if near:
                yield f"{name} (no such setting; did you mean {_PREFIX}{near[0]}?)"


def capture_mode(environment: Mapping[str, str], reading: Reading) -> tuple[str, str] | None:
    """Return content mode and place that the standard variable demands; ``None`` when it is not set.

    An unknown value demands ``none``: it was set to hide something.
    """
    name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    text = environment.get(name, "").strip()
    if not text:
        return None
    mode = _CAPTURE.get(text.lower())
    if mode is None:
        reading.refuse(name, text, "NO_CONTENT, SPAN_ONLY, EVENT_ONLY or SPAN_AND_EVENT")
    return mode or ("none", "spans")


def otel_settings(environment: Mapping[str, str]) -> Reading:
    """Return what OpenTelemetry's own variables say, as settings of ours."""
    reading = Reading()
    for name, path in _COUNTS.items():
        number = _count(environment, name, reading)
        if number is not None:
            reading.values[path] = (number, name)
    _count(environment, "OTEL_BSP_EXPORT_TIMEOUT", reading)  # used for each exporter, told of once
    for name in repairs(environment).keys() - _COUNTS.keys():
        reading.refuse(name, environment[name], "what the specification of OpenTelemetry says")
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower()
    if disabled == "true":
        reading.values["telemetry.disabled"] = (True, "OTEL_SDK_DISABLED")
    elif disabled not in ("", "false"):
        reading.refuse("OTEL_SDK_DISABLED", disabled, "true or false")
    _sampler(environment, reading)
    _propagators(environment, reading)
    exporters = list(_exporters(environment, reading))
    if exporters:
        says = [name for name in environment if _SAYS_EXPORTERS.fullmatch(name)]
        reading.values["telemetry.exporters"] = (exporters, min(says))
    return reading


def _count(environment: Mapping[str, str], name: str, reading: Reading) -> int | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and int(text[:18]) > 0:
        return int(text[:18])
    reading.refuse(name, text, "a whole number above 0")
    return None


def _sampler(environment: Mapping[str, str], reading: Reading) -> None:
    name = environment.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    kind = name.removeprefix("parentbased_")
    if not kind:
        return
    if kind not in _SAMPLERS:
        known = "always_on, always_off or traceidratio, or one of these after parentbased_"
        reading.refuse("OTEL_TRACES_SAMPLER", name, known)
        return
    rate = 0.0 if kind == "always_off" else 1.0
    if kind == "traceidratio":
        text = environment.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
        try:
            rate = float(text or 1.0)
        except ValueError:
            rate = -1.0
        if not 0.0 <= rate <= 1.0:
            reading.refuse("OTEL_TRACES_SAMPLER_ARG", text, "a number from 0 to 1")
            return
    reading.values["telemetry.sampling.rate"] = (rate, "OTEL_TRACES_SAMPLER")


def _propagators(environment: Mapping[str, str], reading: Reading) -> None:
    names = _listed(environment.get("OTEL_PROPAGATORS", "").lower())
    known = [name for name in names if name in _PROPAGATORS]
    for name in names:
        if name not in known:
            reading.refuse("OTEL_PROPAGATORS", name, f"some of {', '.join(_PROPAGATORS)}")
    if known:
        found = ["none"] if "none" in known else known
        reading.values["telemetry.context.propagation"] = (found, "OTEL_PROPAGATORS")


def _exporters(environment: Mapping[str, str], reading: Reading) -> Iterator[dict[str, object]]:
    """Make the exporters of ``OTEL_*_EXPORTER`` and ``OTEL_EXPORTER_OTLP_*``.

    Signals that say the same share one. Metrics go out only where something names them: the
    specification sends them by default, and most receivers of spans have no place for them.
    """
    shared = _address(environment, "OTEL_EXPORTER_OTLP_ENDPOINT", reading)
    together: list[str] = []
    console: list[str] = []
    for signal in _SIGNALS:
        own = _address(environment, f"{_OTLP}{signal.upper()}_ENDPOINT", reading)
        kinds = _kinds(environment, signal, reading)
        if "console" in kinds:
            console.append(signal)
        by_default = bool(own or (shared and signal != "metrics"))
        if "otlp" not in kinds and (kinds or not by_default):
            continue
        if own or any(environment.get(f"{_OTLP}{signal.upper()}_{name}") for name in _PER_SIGNAL):
            yield _exporter(environment, reading, own or shared, [signal], is_whole=bool(own))
        else:
            together.append(signal)
    if together:
        yield _exporter(environment, reading, shared, together)
    if console:
        yield {"type": "console"}


def _kinds(environment: Mapping[str, str], signal: str, reading: Reading) -> list[str]:
    """Return the kinds of exporter that ``OTEL_{signal}_EXPORTER`` names; empty: it says nothing usable."""
    name = f"OTEL_{signal.upper()}_EXPORTER"
    kinds = []
    for kind in _listed(environment.get(name, "").lower()):
        if kind in _KINDS:
            kinds.append(kind)
        else:
            reading.refuse(name, kind, f"some of {', '.join(_KINDS)}")
    return kinds


def _address(environment: Mapping[str, str], name: str, reading: Reading) -> str:
    text = environment.get(name, "").strip()
    if text and not is_url(text) and not _is_host_and_port(text):
        seen = "***" if "@" in text else text
        reading.refuse(name, seen, "a URL such as https://collector:4318, or host:port for gRPC")
        return ""
    return text


def _is_host_and_port(text: str) -> bool:
    return bool(_HOST_AND_PORT.fullmatch(text)) and 0 < int(text.rpartition(":")[2]) <= 65_535


def is_url(text: str) -> bool:
    """Whether ``text`` is an ``http`` or ``https`` URL with a host, perhaps a port, and no password."""
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.port != 0 and parts.username is None
        return parts.scheme in ("http", "https") and is_whole
    except ValueError:
        return False


def _exporter(
    environment: Mapping[str, str],
    reading: Reading,
    endpoint: str,
    signals: list[str],
    *,
    is_whole: bool = False,
) -> dict[str, object]:
    def of(name: str) -> tuple[str, str]:
        own = f"{_OTLP}{signals[0].upper()}_{name}"
        used = own if len(signals) == 1 and environment.get(own, "").strip() else f"{_OTLP}{name}"
        return used, environment.get(used, "").strip()

    made: dict[str, object] = {"type": "otlp", "signals": signals}
    for name, known in _CHOICES.items():
        variable, text = of(name)
        if text.lower() in known:
            made[name.lower()] = text.lower()
        elif text:
            reading.refuse(variable, text, f"one of {', '.join(known)}")
    if "protocol" not in made and (
        endpoint.rstrip("/").endswith(":4317") or (endpoint and "://" not in endpoint)
    ):
        made["protocol"] = "grpc"  # the port registered for it; HTTP has 4318
    if made.get("protocol") == "grpc" and find_spec("grpc") is None:
        reading.refused.append(f"gRPC for {endpoint[:80]} (run: pip install 'agentops[grpc]')")
        made["protocol"] = "http/protobuf"
    is_grpc = made.get("protocol") == "grpc"
    if not is_grpc and endpoint and "://" not in endpoint:
        reading.refuse(of("ENDPOINT")[0], endpoint, "a URL such as https://collector:4318")
        endpoint, is_whole = "", False
    made["endpoint"] = endpoint or f"http://localhost:{4317 if is_grpc else 4318}"
    rest: dict[str, object] = {}
    for name, key in _FILES.items():
        variable, text = of(name)
        if text and not Path(text).is_file():
            reading.refuse(variable, text, "a file that exists")
        else:
            rest[key] = text
    rest["is_whole_url"] = is_whole and not is_grpc
    rest["timeout_ms"] = _timeout_ms(environment, of("TIMEOUT")[0], reading)
    rest["headers"] = _headers(of("HEADERS")[1], reading)
    rest["insecure"] = of("INSECURE")[1].lower() == "true"
    return made | {key: value for key, value in rest.items() if value}


def _timeout_ms(environment: Mapping[str, str], name: str, reading: Reading) -> int | None:
    """Return the smaller of the exporter's own limit and that of a batch; both bound one delivery."""
    own = _count(environment, name, reading)
    whole = _count(environment, "OTEL_BSP_EXPORT_TIMEOUT", Reading())
    return own if whole is None else min(whole, own or _TIMEOUT_MS)


_OTLP: Final = "OTEL_EXPORTER_OTLP_"
_TIMEOUT_MS: Final = 10_000
_SIGNALS: Final = ("traces", "logs", "metrics")
_KINDS: Final = ("otlp", "console", "none")
_HOST_AND_PORT: Final = re.compile(r"([\w.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}")
_PER_SIGNAL: Final = (
    "PROTOCOL", "COMPRESSION", "HEADERS", "TIMEOUT", "INSECURE",
    "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY",
)  # fmt: skip
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "PROTOCOL": ("grpc", "http/protobuf", "http/json"),
    "COMPRESSION": ("gzip", "none"),
}
_FILES: Final[Mapping[str, str]] = {
    "CERTIFICATE": "certificate_file",
    "CLIENT_CERTIFICATE": "client_certificate_file",
    "CLIENT_KEY": "client_key_file",
}


def _headers(text: str, reading: Reading) -> dict[str, str]:
    """Read ``key=value,key=value``, values percent-encoded (OTLP exporter specification)."""
    headers: dict[str, str] = {}
    for pair in _listed(text):
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            headers[name.strip()] = unquote(value.strip())
        else:
            reading.refuse(
                "OTEL_EXPORTER_OTLP_HEADERS", "...", "key=value pairs with commas between"
            )
    return headers


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def unread(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of OpenTelemetry that are set and not read, and why: ``{variable: reason}``."""
    return {name: why for name, why in _NOT_READ.items() if environment.get(name, "").strip()}


def repairs(environment: Mapping[str, str]) -> dict[str, str | None]:
    """Return what OpenTelemetry's SDK would fail on or complain of, ``{variable: usable value}``.

    ``None`` as a value means that the variable is best not set at all.
    """
    found: dict[str, str | None] = {}
    for name, value in environment.items():
        if _SDK_LIMITS.fullmatch(name) and value.strip() and not value.strip().isdecimal():
            found[name] = None
    attributes = environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    pairs = attributes.split(",")
    kept = [pair for pair in pairs if pair.partition("=")[0].strip() and "=" in pair]
    if len(kept) < len(pairs):
        found["OTEL_RESOURCE_ATTRIBUTES"] = ",".join(kept) or None
    for name, group in _LOADED.items():
        named = _listed(environment.get(name, ""))
        kept = [each for each in named if each == "*" or any(entry_points(group=group, name=each))]
        if len(kept) < len(named):
            found[name] = ",".join(kept) or None
    return {name: value for name, value in found.items() if name in environment}


_LOADED: Final[Mapping[str, str]] = {
    "OTEL_PYTHON_CONTEXT": "opentelemetry_context",
    "OTEL_PYTHON_TRACER_PROVIDER": "opentelemetry_tracer_provider",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "opentelemetry_resource_detector",
}
"""Variables that name entry points, and their group."""

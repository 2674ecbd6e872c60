"""What does the program want? Code, environment, file and defaults, read into one frozen configuration.

Top floor of the SDK; the only module that reads the process environment. Precedence: code, then
``AGENTOPS_*`` variables, then the file, then OpenTelemetry's variables, then defaults. Two variables
switch something off and therefore win over everything: ``OTEL_SDK_DISABLED`` and
``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT``.
"""

import dataclasses
import logging
import os
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Final

from agentops import configfile, environment
from agentops.errors import ConfigurationError
from agentops.instrumentation.providers import paths_of
from agentops.telemetry.config import ExporterConfig, TelemetryConfig
from agentops.telemetry.schema import at, read, refuse_unknown, settle

__all__ = [
    "HOSTED",
    "LOCAL",
    "Config",
    "SessionConfig",
    "Setting",
    "differing",
    "load",
    "process_environment",
    "settings",
    "unread_variables",
    "usable_environment",
]

logger = logging.getLogger("agentops")

HOSTED: Final = "https://api.agentops.ai"
"""Where records go when there is a key and nothing else is said."""

LOCAL: Final = "http://127.0.0.1:4320"
"""Where records go when there is no key and nothing else is said: the backend of ``agentops serve``."""

_CONTENT_PATH: Final = "telemetry.content"
_EXPORTERS_PATH: Final = "telemetry.exporters"
_OTHER_SPELLINGS: Final = {
    "telemetry.sampling_rate": "telemetry.sampling.rate",
    "telemetry.trace_context": "telemetry.context",
}

Leaves = dict[str, tuple[object, str]]
"""``{key path: (value, origin)}``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """What happens to sessions by itself?

    Attributes:
        auto_start: ``init`` starts a session for everything outside of any other.
        tags: On every session.
        print_summary: One line about the sessions is written to stderr, where that is a terminal, when the
            program ends.
    """

    auto_start: bool = True
    tags: tuple[str, ...] = ()
    print_summary: bool = True

    def __post_init__(self) -> None:
        """Check the values."""
        settle(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything the program wants.

    Attributes:
        service_name: ``service.name`` of all records; ``None``: what OpenTelemetry's resource says.
        api_key: Key for AgentOps destinations that have none of their own; never shown.
        instrument: Providers to instrument: ``openai``, ``anthropic``, one of your own as
            ``package.module:Class``; ``None``: every one that is installed; empty: none. HTTP clients may be
            named too: ``httpx``, ``httpx2``, ``requests``, ``aiohttp``, ``urllib3`` (extra ``http``).
        session: What happens to sessions by itself.
        telemetry: What is recorded and where it goes.
        origins: Where each value came from, ``{key path: origin}``; made by :func:`load`.
        file: The configuration file that was read; ``None`` when there was none.
    """

    service_name: str | None = None
    api_key: str | None = field(default=None, repr=False)
    instrument: tuple[str, ...] | None = None
    session: SessionConfig = field(default_factory=SessionConfig)
    telemetry: TelemetryConfig = field(default_factory=TelemetryConfig)
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, metadata={"made": True})
    file: str | None = field(default=None, metadata={"made": True})

    def __post_init__(self) -> None:
        """Check the values."""
        settle(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value of a configuration, for showing.

    Attributes:
        path: Key path.
        value: Its value, secrets masked.
        origin: ``default``, ``code``, the name of a variable or the path of a file.
    """

    path: str
    value: object
    origin: str


def load(
    *,
    config: str | os.PathLike[str] | None = None,
    api_key: str | None = None,
    service_name: str | None = None,
    instrument: Sequence[str] | None = None,
    session: Mapping[str, object] | SessionConfig | None = None,
    telemetry: Mapping[str, object] | TelemetryConfig | None = None,
) -> Config:
    """Read the configuration.

    Args:
        config: Path of the file; ``None``: ``AGENTOPS_CONFIG``, or the nearest ``agentops.yaml``.
        api_key: As in :class:`Config`, as are the others. ``None`` means not said here.
        service_name: See there.
        instrument: See there.
        session: See there.
        telemetry: See there.

    Returns:
        The configuration with its origins. There is at least one exporter unless code says otherwise.

    Raises:
        ConfigurationError: Code or file say something unusable. The environment never does: what is
            unusable there is passed over, with one warning.
    """
    code = {
        "api_key": api_key,
        "service_name": service_name,
        "instrument": instrument,
        "session": session,
        "telemetry": telemetry,
    }
    refused: list[str] = []
    file = _file(config, refused)
    otel = environment.otel_settings(os.environ)
    refused += otel.refused
    found: Leaves = dict(_usable(otel.values, refused))
    if file is not None:
        found |= _file_leaves(file, refused)
    found |= _usable(_variables(), refused)
    refused += environment.misspelt(os.environ, _known_variables())
    found |= _leaves(Config, {k: v for k, v in code.items() if v is not None}, "", "code")
    _switches(found, otel, refused)
    if refused:
        logger.warning("agentops ignores unusable settings: %s", "; ".join(refused))
    return _finish(found, file)


@contextmanager
def usable_environment() -> Iterator[None]:
    """Let OpenTelemetry's SDK be imported and set up although its variables hold what it cannot use.

    It raises at import over some of them. They are taken out for the moment and put back; when all are
    usable, nothing is touched.
    """
    repaired = environment.repairs(os.environ)
    before = {name: os.environ[name] for name in repaired}
    for name, value in repaired.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    try:
        yield
    finally:
        os.environ.update(before)


def process_environment() -> Mapping[str, str]:
    """Return the environment of the process, for what a parent process left there."""
    return os.environ


def unread_variables() -> Mapping[str, str]:
    """Return OpenTelemetry's variables that are set and not read, and why: ``{variable: reason}``."""
    return environment.unread(os.environ)


def settings(config: Config) -> list[Setting]:
    """Return every setting of a configuration with its origin, in the order of the documentation."""
    return [
        Setting(path=path, value=value, origin=config.origins.get(path, "default"))
        for path, value in _shown(config, "")
    ]


def differing(config: Config, other: Config) -> list[str]:
    """Return the key paths that code, or the file it names, sets in ``other`` to what ``config`` has not."""
    told = [path for path, origin in other.origins.items() if origin in ("code", other.file)]
    return [path for path in told if attrgetter(path)(config) != attrgetter(path)(other)]


def _file(given: str | os.PathLike[str] | None, refused: list[str]) -> Path | None:
    if given is not None:
        return Path(given).expanduser()
    named = os.environ.get("AGENTOPS_CONFIG", "").strip()
    if named:
        path = Path(named).expanduser()
        if path.is_file():
            return path
        refused.append(f"AGENTOPS_CONFIG={named[:80]!r} (there is no such file)")
    try:
        return configfile.find(Path.cwd())
    except OSError:  # the working directory is gone
        return None


def _file_leaves(file: Path, refused: list[str]) -> Leaves:
    origin = str(file)

    def missing(name: str) -> None:
        refused.append(
            f"${{{name}}} in {origin} (the variable is not set or empty, and has no default)"
        )

    content = configfile.expand(configfile.parse(file), os.environ.get, missing)
    assert isinstance(content, Mapping)
    leaves = _leaves(Config, _without_nothing(content), "", origin)
    _build(leaves)
    return leaves


def _without_nothing(value: Mapping[str, object]) -> dict[str, object]:
    """Return a mapping without keys whose value is nothing: an empty key in YAML says nothing."""
    return {
        key: _without_nothing(each) if isinstance(each, Mapping) else each
        for key, each in value.items()
        if each is not None
    }


def _leaves(kind: type, value: object, path: str, origin: str) -> Leaves:
    """Take a nested mapping apart into its leaves, refusing unknown keys."""
    if is_dataclass(value) and not isinstance(value, type):
        value = _differing(value)
    if not isinstance(value, Mapping):
        return {path: (value, origin)}
    hints = typing.get_type_hints(kind)
    known = [f.name for f in fields(kind) if not f.metadata.get("made")]
    if kind is TelemetryConfig:
        known += ["sampling_rate", "trace_context"]
    elsewhere = {f.name: f"telemetry.{f.name}" for f in fields(TelemetryConfig)} if not path else {}
    at(path, refuse_unknown, value, known, elsewhere)
    leaves: Leaves = {}
    for key, each in value.items():
        full = f"{path}.{key}" if path else key
        full = _OTHER_SPELLINGS.get(full, full)
        part = hints.get("context" if key == "trace_context" else key)
        if isinstance(part, type) and is_dataclass(part):
            leaves |= _leaves(part, each, full, origin)
        else:
            leaves[full] = (each, origin)
    return leaves


def _differing(config: object) -> dict[str, object]:
    """Return the fields of a configuration object that are not at their default."""
    default = type(config)()
    names = [f.name for f in fields(config)]  # type: ignore[arg-type] # a dataclass
    return {
        name: getattr(config, name)
        for name in names
        if getattr(config, name) != getattr(default, name)
    }


def _variables() -> Leaves:
    """Return what the variables of our own and ``OTEL_SERVICE_NAME`` say."""
    found: Leaves = {}
    for variable, path in environment.ALIASES.items():
        text = os.environ.get(variable, "").strip()
        if text:
            found[path] = (_parts(text) if path.endswith("tags") else text, variable)
    for path, is_list in _settable().items():
        variable = environment.variable_of(path)
        text = os.environ.get(variable, "").strip()
        if text:
            found[path] = (_parts(text) if is_list else text, variable)
    return found


@cache
def _settable() -> Mapping[str, bool]:
    """Return the key path of every setting that a variable can set, and whether it is a list."""
    return dict(_variable_paths(Config, ""))


def _known_variables() -> set[str]:
    return {
        *map(environment.variable_of, _settable()),
        *environment.ALIASES,
        "AGENTOPS_API_ENDPOINT",
        "AGENTOPS_CONFIG",
    }


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _variable_paths(kind: type, path: str) -> Iterator[tuple[str, bool]]:
    """Yield them for one part of the configuration, below ``path``."""
    hints = typing.get_type_hints(kind)
    for f in fields(kind):
        hint = _bare(hints[f.name])
        full = f"{path}.{f.name}" if path else f.name
        if isinstance(hint, type) and is_dataclass(hint):
            yield from _variable_paths(hint, full)
        elif f.metadata.get("made") or full in (_EXPORTERS_PATH, "telemetry.processors"):
            continue
        elif typing.get_origin(hint) is tuple:
            item = typing.get_args(hint)[0]
            if not is_dataclass(item):
                yield full, True
        else:
            yield full, False


def _bare(hint: object) -> object:
    """Return the annotation without ``| None``."""
    choices = [each for each in typing.get_args(hint) if each is not type(None)]
    is_optional = type(None) in typing.get_args(hint)
    return choices[0] if is_optional and len(choices) == 1 else hint


def _usable(leaves: Leaves, refused: list[str]) -> Leaves:
    """Return the leaves that can be used; note the others."""
    return {path: leaf for path, leaf in leaves.items() if _is_usable(path, leaf, refused)}


def _is_usable(path: str, leaf: tuple[object, str], refused: list[str]) -> bool:
    try:
        _build({path: leaf})
        if path == "instrument":
            paths_of(leaf[0] if isinstance(leaf[0], list) else ())
    except ConfigurationError as error:
        seen = "..." if "key" in path else str(leaf[0])[:40]
        expected = error.expected.removesuffix(f" (set by {leaf[1]})")
        refused.append(f"{leaf[1]}={seen!r} (expected {expected})")
        return False
    return True


def _switches(found: Leaves, otel: environment.Reading, refused: list[str]) -> None:
    """Let the two variables win that switch something off."""
    disabled = otel.values.get("telemetry.disabled")
    if disabled is not None:
        found["telemetry.disabled"] = disabled
    reading = environment.Reading()
    mode = environment.capture_mode(os.environ, reading)
    refused += reading.refused
    if mode is not None:
        name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
        found |= {_CONTENT_PATH: (mode[0], name), f"{_CONTENT_PATH}_on": (mode[1], name)}


def _build(leaves: Leaves) -> Config:
    """Put leaves together and read them.

    Raises:
        ConfigurationError: With key path, and the origin of the value in the text.
    """
    tree: dict[str, object] = {}
    for path, (value, _) in leaves.items():
        node = tree
        *parents, last = path.split(".")
        for parent in parents:
            below = node.setdefault(parent, {})
            if not isinstance(below, dict):
                raise ConfigurationError(path, below, "a mapping")
            node = below
        node[last] = value
    try:
        return read(Config, tree)
    except ConfigurationError as error:
        origin = next((o for p, (_, o) in leaves.items() if error.path.startswith(p)), "code")
        if origin == "code":
            raise
        raise ConfigurationError(
            error.path, error.seen, f"{error.expected} (set by {origin})"
        ) from None


def _finish(found: Leaves, file: Path | None) -> Config:
    """Fill in what follows from the rest: the exporters, and the key of each."""
    config = _build(found)
    telemetry = config.telemetry
    origins = {path: origin for path, (_, origin) in found.items()}
    endpoint = _api_endpoint()
    if _EXPORTERS_PATH not in found:
        exporter = ExporterConfig(
            type="agentops", endpoint=endpoint or (HOSTED if config.api_key else LOCAL)
        )
        telemetry = dataclasses.replace(telemetry, exporters=(exporter,))
        origins[_EXPORTERS_PATH] = "AGENTOPS_API_ENDPOINT" if endpoint else "default"
    exporters = tuple(_with_key(each, config.api_key) for each in telemetry.exporters)
    spool = telemetry.spool
    if spool.directory is None:
        spool = dataclasses.replace(spool, directory=str(_state_directory() / "spool"))
    telemetry = dataclasses.replace(telemetry, exporters=exporters, spool=spool)
    return dataclasses.replace(
        config, telemetry=telemetry, origins=origins, file=None if file is None else str(file)
    )


def _api_endpoint() -> str:
    endpoint = os.environ.get("AGENTOPS_API_ENDPOINT", "").strip()
    if endpoint and not environment.is_url(endpoint):
        # Whoever names an address of their own does not mean the hosted service.
        expected = "a URL such as https://api.agentops.ai, without a password"
        logger.warning(
            "agentops ignores AGENTOPS_API_ENDPOINT (expected %s); %s is used", expected, LOCAL
        )
        return LOCAL
    return endpoint


def _with_key(exporter: ExporterConfig, api_key: str | None) -> ExporterConfig:
    if exporter.type != "agentops":
        return exporter
    key = exporter.api_key or api_key
    endpoint = exporter.endpoint or (HOSTED if key else LOCAL)
    return dataclasses.replace(exporter, api_key=key, endpoint=endpoint)


def _state_directory() -> Path:
    """Return where this user's programs keep state (XDG Base Directory Specification)."""
    named = os.environ.get("XDG_STATE_HOME", "").strip()
    base = Path(named) if named.startswith("/") else Path.home() / ".local" / "state"
    return base / "agentops"


def _shown(value: object, path: str) -> Iterator[tuple[str, object]]:
    if not is_dataclass(value) or isinstance(value, type):
        yield path, value
        return
    for f in fields(value):
        if f.metadata.get("made"):
            continue
        each = getattr(value, f.name)
        full = f"{path}.{f.name}" if path else f.name
        if f.name == "exporters":
            yield full, [_exporter_shown(exporter) for exporter in each]
        elif "key" in f.name and each is not None:
            yield full, "***"
        else:
            yield from _shown(each, full)


def _exporter_shown(exporter: ExporterConfig) -> dict[str, object]:
    """Return what is set of an exporter, secrets masked."""
    shown = _differing_exporter(exporter)
    if "api_key" in shown:
        shown["api_key"] = "***"
    for name in ("headers", "options"):
        if name in shown:
            shown[name] = dict.fromkeys(getattr(exporter, name), "***")
    if "instance" in shown:
        shown["instance"] = type(exporter.instance).__name__
    return shown


def _differing_exporter(exporter: ExporterConfig) -> dict[str, object]:
    plain = ExporterConfig(type=exporter.type, path="-")
    names = [f.name for f in fields(exporter)]
    return {"type": exporter.type} | {
        name: getattr(exporter, name)
        for name in names
        if getattr(exporter, name) not in (None, getattr(plain, name))
    }

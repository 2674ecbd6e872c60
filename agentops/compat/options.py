"""What did the older releases call this setting? ``init`` and ``configure`` with every keyword they took.

Each older keyword is written here once, with the place in today's configuration that it means.
"""

import difflib
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from agentops import client
from agentops.errors import ConfigurationError
from agentops.session.session import Session, tag_list

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["OlderOptions", "configure", "init", "translate"]

logger = logging.getLogger("agentops")

Options = dict[str, Any]


class OlderOptions(client.InitOptions, total=False):
    """Keywords that agentops 0.3 and 0.4 took, besides today's.

    Attributes:
        endpoint: Address of the AgentOps destination.
        exporter_endpoint: 0.4: address the spans go to, with or without ``/v1/traces``; an OTLP destination.
        app_url: Address of the pages that links point to.
        max_wait_time: Milliseconds a record waits for company.
        export_flush_interval: The same, in 0.4.
        max_queue_size: Records in one batch, which is what 0.4 took it for.
        tags: Labels of the automatic session.
        default_tags: The same.
        trace_name: Name of the automatic session.
        instrument_llm_calls: ``False``: no provider is instrumented.
        auto_start_session: Whether there is an automatic session.
        inherited_session_id: UUID that the automatic session takes over.
        skip_auto_end_session: Whether ``end_session(is_auto_end=True)`` is ignored.
        log_session_replay_url: Whether a line with the session's address is printed at exit.
        log_level: Level of the logger ``agentops``.
        exporter: An OpenTelemetry ``SpanExporter`` instead of the AgentOps destination.
        processor: An OpenTelemetry ``SpanProcessor`` that sees every span.
        parent_key: Not served: warned about.
        env_data_opt_out: Nothing to opt out of: no data of the host is collected.
        auto_init: Of no effect: a session initialises by itself.
        fail_safe: Of no effect: nothing fails the program anyhow.
        prefetch_jwt_token: Of no effect: the token is fetched in the background anyhow.
    """

    endpoint: str | None
    exporter_endpoint: str | None
    app_url: str | None
    max_wait_time: int | None
    export_flush_interval: int | None
    max_queue_size: int | None
    tags: Iterable[str] | None
    default_tags: Iterable[str] | None
    trace_name: str | None
    instrument_llm_calls: bool | None
    auto_start_session: bool | None
    inherited_session_id: str | None
    skip_auto_end_session: bool | None
    log_session_replay_url: bool | None
    log_level: str | int | None
    exporter: object | None
    processor: object | None
    parent_key: str | None
    env_data_opt_out: bool | None
    auto_init: bool | None
    fail_safe: bool | None
    prefetch_jwt_token: bool | None


def init(api_key: str | None = None, **options: "Unpack[OlderOptions]") -> Session | None:
    """Start AgentOps: read the configuration, instrument the providers, start the automatic session.

    Takes today's keywords (:class:`agentops.client.InitOptions`) and those of agentops 0.3 and 0.4.
    Nothing is sent on the caller's thread. A second call changes nothing and returns the same; settings
    that differ from those in use are warned about.

    Args:
        api_key: Key of the AgentOps destination; by default from file or environment.
        **options: See :class:`OlderOptions`.

    Returns:
        The automatic session, or ``None`` where it is switched off.

    Raises:
        ConfigurationError: A setting is not usable; the message names its path.
        TypeError: A keyword that no release knew.
    """
    return client.begin(*translate({**options, "api_key": api_key})).sessions.automatic


def configure(api_key: str | None = None, **options: "Unpack[OlderOptions]") -> None:
    """Keep settings for the next :func:`init`; once AgentOps runs they can no longer change.

    Args:
        api_key: Key of the AgentOps destination.
        **options: See :class:`OlderOptions`.

    Raises:
        TypeError: A keyword that no release knew.
    """
    if not client.prepare(*translate({**options, "api_key": api_key})):
        logger.warning(
            "agentops.configure: AgentOps runs already; call agentops.shutdown() and init() again"
        )


def translate(options: Mapping[str, Any]) -> tuple[Options, Options]:
    """Return today's options of ``init`` and fields of :class:`~agentops.client.Behaviour`.

    What is given under today's name wins over the same thing under an older one.

    Args:
        options: Keywords of any release; ``None`` as a value means not given.

    Raises:
        TypeError: A keyword that no release knew.
    """
    given = {name: value for name, value in options.items() if value is not None}
    today: Options = {}
    behaviour: Options = {}
    for name, value in given.items():
        if name in _MEANINGS:
            _MEANINGS[name](today, behaviour, value)
        elif name not in _TODAY:
            raise TypeError(f"got an unexpected keyword argument {name!r}; {_hint(name)}")
    return client.merged(today, {name: given[name] for name in _TODAY & given.keys()}), behaviour


def _hint(name: str) -> str:
    near = difflib.get_close_matches(name, [*_TODAY, *_MEANINGS], n=1)
    return f"did you mean {near[0]!r}?" if near else f"today's are {', '.join(sorted(_TODAY))}"


_TODAY = frozenset(client.InitOptions.__annotations__) | {"api_key"}


def _telemetry(today: Options, *path: str, value: object) -> None:
    place = today.setdefault("telemetry", {})
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place.setdefault(path[-1], value)


def _endpoint(today: Options, _behaviour: Options, value: str) -> None:
    today.setdefault("telemetry", {})["exporters"] = [{"type": "agentops", "endpoint": value}]


def _exporter_endpoint(today: Options, _behaviour: Options, value: str) -> None:
    _telemetry(today, "exporters", value=[{"type": "otlp", "endpoint": value}])


def _tags(today: Options, _behaviour: Options, value: Iterable[str]) -> None:
    tags = today.setdefault("session", {}).setdefault("tags", [])
    tags.extend(tag for tag in tag_list(value) if tag not in tags)


def _instrument(today: Options, _behaviour: Options, value: bool) -> None:
    if not value:
        today["instrument"] = []


def _inherited(_today: Options, behaviour: Options, value: str) -> None:
    behaviour["session_id"] = value
    behaviour["auto_start"] = True


def _log_level(_today: Options, _behaviour: Options, value: str | int) -> None:
    try:
        logger.setLevel(value.upper() if isinstance(value, str) else value)
    except (TypeError, ValueError):
        raise ConfigurationError("log_level", value, "a level such as INFO or 20") from None


def _parent_key(_today: Options, _behaviour: Options, _value: str) -> None:
    logger.warning(
        "agentops: parent_key is not served; add an `agentops` exporter with that key instead"
    )


def _nothing(_today: Options, _behaviour: Options, _value: object) -> None:
    """Do nothing: what the keyword asks for is always so."""


_MEANINGS: dict[str, Callable[[Options, Options, Any], object]] = {
    "app_url": lambda _, behaviour, value: behaviour.update(pages_url=value.rstrip("/")),
    "auto_init": _nothing,
    "auto_start_session": lambda _, behaviour, value: behaviour.setdefault("auto_start", value),
    "default_tags": _tags,
    "endpoint": _endpoint,
    "env_data_opt_out": _nothing,
    "export_flush_interval": lambda today, _, value: _telemetry(
        today, "batch", "delay_ms", value=value
    ),
    "exporter": lambda today, _, value: _telemetry(today, "exporters", value=[value]),
    "exporter_endpoint": _exporter_endpoint,
    "fail_safe": _nothing,
    "inherited_session_id": _inherited,
    "instrument_llm_calls": _instrument,
    "log_level": _log_level,
    "log_session_replay_url": lambda today, _, value: today.setdefault("session", {}).update(
        print_summary=value
    ),
    "max_queue_size": lambda today, _, value: _telemetry(today, "batch", "items_max", value=value),
    "max_wait_time": lambda today, _, value: _telemetry(today, "batch", "delay_ms", value=value),
    "parent_key": _parent_key,
    "prefetch_jwt_token": _nothing,
    "processor": lambda today, _, value: _telemetry(today, "processors", value=[value]),
    "skip_auto_end_session": lambda _, behaviour, value: behaviour.update(skips_auto_end=value),
    "tags": _tags,
    "trace_name": lambda _, behaviour, value: behaviour.update(session_name=value),
}

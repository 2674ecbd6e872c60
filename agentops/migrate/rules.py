"""What is called otherwise today? Rewrite rules as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = [
    "CONTENT",
    "DROPPED",
    "ENVIRONMENT",
    "MOVED_MODULES",
    "NAMING_AGENTS",
    "PLACES",
    "RELEASE_OF",
    "RENAMES",
    "Place",
    "Rename",
]


@dataclass(frozen=True, slots=True)
class Rename:
    """A function or decorator with another name today.

    Attributes:
        name: Today's name.
        keywords: Older name of a keyword -> today's; no others may be given.
        positional: Today's keywords for positional arguments; ``""``: it stays positional. No more may be given.
        is_bare: Whether it may stand without being called.
    """

    name: str
    keywords: Mapping[str, str] = field(default_factory=dict)
    positional: tuple[str, ...] = ()
    is_bare: bool = False


_STEP: Final = {
    name: name
    for name in ("name", "version", "tags", "attributes", "capture_request", "capture_response")
}

RENAMES: Final[Mapping[str, Rename]] = {
    "end_trace": Rename(
        "end_session", {"trace_context": "session", "end_state": "end_state"}, ("", "end_state")
    ),
    "operation": Rename("task", _STEP, ("",), is_bare=True),
    "record_action": Rename("task", {"event_name": "name"}, ("",)),
    "record_function": Rename("task", {"event_name": "name"}, ("",)),
    "record_tool": Rename("tool", {"tool_name": "name"}, ("",)),
    "start_session": Rename(
        "start_session",
        {
            "name": "name",
            "tags": "tags",
            "session_id": "session_id",
            "inherited_session_id": "session_id",
        },
        ("", "", ""),
        is_bare=True,
    ),
    "start_trace": Rename("start_session", {"trace_name": "name", "tags": "tags"}, ("", "tags")),
    "trace": Rename("session", {"name": "name", "tags": "tags"}, ("",), is_bare=True),
    "track_agent": Rename("agent", {"name": "name"}, ("",), is_bare=True),
    "track_tool": Rename("tool", {"name": "name"}, ("",), is_bare=True),
}
"""Older name of the package -> what it is today."""

MOVED_MODULES: Final = frozenset(
    {"agentops.decorators", "agentops.enums", "agentops.event", "agentops.sdk.decorators"}
)
"""Modules of older programs whose names stand in ``agentops``."""

NAMING_AGENTS: Final = frozenset({"agentops_agent_id", "agentops_agent_name", "agentops_name"})
"""What ``track_agent`` gives and takes besides, and ``agent`` does not."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a keyword of ``init`` stands today.

    Attributes:
        path: Keys, of which the first is a keyword of ``init``.
        takes: What its value has to be, for it to be sure that it means the same.
        text: Today's value, with ``{}`` for the older one.
    """

    path: tuple[str, ...]
    takes: Literal["tags", "bool", "int", "text", "call"]
    text: str = "{}"


PLACES: Final[Mapping[str, Place]] = {
    "auto_start_session": Place(("session", "auto_start"), "bool"),
    "default_tags": Place(("session", "tags"), "tags"),
    "endpoint": Place(
        ("telemetry", "exporters"), "text", '[{{"type": "agentops", "endpoint": {}}}]'
    ),
    "export_flush_interval": Place(("telemetry", "batch", "delay_ms"), "int"),
    "exporter": Place(("telemetry", "exporters"), "call", "[{}]"),
    "exporter_endpoint": Place(
        ("telemetry", "exporters"), "text", '[{{"type": "otlp", "endpoint": {}}}]'
    ),
    "log_session_replay_url": Place(("session", "print_summary"), "bool"),
    "max_queue_size": Place(("telemetry", "batch", "items_max"), "int"),
    "max_wait_time": Place(("telemetry", "batch", "delay_ms"), "int"),
    "processor": Place(("telemetry", "processors"), "call", "[{}]"),
    "tags": Place(("session", "tags"), "tags"),
}
"""Keyword of ``init`` and ``configure`` -> its place today."""

DROPPED: Final = frozenset({"auto_init", "env_data_opt_out", "fail_safe", "prefetch_jwt_token"})
"""Keywords of ``init`` without an effect: what they ask for is always so."""

_DELAY: Final = "AGENTOPS_BATCH_DELAY_MS"
_LEVEL: Final = 'logging.getLogger("agentops").setLevel(...)'
CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
ENVIRONMENT: Final[Mapping[str, str]] = {
    "AGENTOPS_APP_URL": "app_url of agentops.init",
    "AGENTOPS_AUTO_INIT": "",
    "AGENTOPS_ENV_DATA_OPT_OUT": "",
    "AGENTOPS_EXPORTER_ENDPOINT": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "AGENTOPS_EXPORT_FLUSH_INTERVAL": _DELAY,
    "AGENTOPS_FAIL_SAFE": "",
    "AGENTOPS_INSTRUMENT_LLM_CALLS": "agentops.init(instrument=[])",
    "AGENTOPS_LOGGING_LEVEL": _LEVEL,
    "AGENTOPS_LOGGING_TO_FILE": "a handler of the logger `agentops`",
    "AGENTOPS_LOG_LEVEL": _LEVEL,
    "AGENTOPS_LOG_SESSION_REPLAY_URL": "AGENTOPS_SESSION_PRINT_SUMMARY",
    "AGENTOPS_MAX_QUEUE_SIZE": "AGENTOPS_BATCH_ITEMS_MAX",
    "AGENTOPS_MAX_WAIT_TIME": _DELAY,
    "AGENTOPS_PARENT_KEY": "one more `agentops` exporter with that key",
    "AGENTOPS_PREFETCH_JWT_TOKEN": "",
    "AGENTOPS_SKIP_AUTO_END_SESSION": "skip_auto_end_session of agentops.init",
    "AGENTOPS_TRACE_NAME": "trace_name of agentops.init",
    "TRACELOOP_TRACE_CONTENT": f"{CONTENT}=no_content",
}
"""Variable that is not read any more -> what to use instead; ``""``: nothing, what it asks for is always so."""

_OF_0_3: Final = (
    "AsyncLangchainCallbackHandler LangchainCallbackHandler add_tags create_agent event get_api_key get_session"
    " helpers inherited_session_id llms parent_key partners record_action record_function record_tool set_api_key"
    " set_parent_key set_tags stop_instrumenting time_travel"
)
_OF_0_4: Final = (
    "AgentAttributes CoreAttributes ERROR SUCCESS SpanAttributes SpanKind ToolAttributes UNSET WorkflowAttributes"
    " app_url auto_init end_trace enums export_flush_interval exporter exporter_endpoint fail_safe"
    " integration legacy log_session_replay_url operation prefetch_jwt_token print_validation_summary processor sdk"
    " start_trace trace trace_name tracer track_endpoint track_tool update_trace_metadata validate_trace_spans"
    " validation"
)
RELEASE_OF: Final[Mapping[str, str]] = {
    **dict.fromkeys(_OF_0_3.split(), "0.3"),
    **dict.fromkeys(_OF_0_4.split(), "0.4"),
}
"""Name, module or keyword of ``init`` -> the release that alone of the two had it, or made it known."""

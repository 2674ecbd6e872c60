"""AgentOps: observability for AI agents on OpenTelemetry.

The names below are loaded when they are first used, so that importing the package costs next to
nothing. ``__all__`` holds those that programs should use; those that only agentops 0.3 or 0.4 had
resolve too.
"""

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import LogRecord
    from types import ModuleType

    from agentops.client import Client as Client
    from agentops.client import current_session as current_session
    from agentops.client import flush as flush
    from agentops.client import get_client as get_client
    from agentops.client import record as record
    from agentops.client import shutdown as shutdown
    from agentops.compat.options import configure as configure
    from agentops.compat.options import init as init
    from agentops.compat.v0_3 import add_tags as add_tags
    from agentops.compat.v0_3 import create_agent as create_agent
    from agentops.compat.v0_3 import end_all_sessions as end_all_sessions
    from agentops.compat.v0_3 import end_session as end_session
    from agentops.compat.v0_3 import get_api_key as get_api_key
    from agentops.compat.v0_3 import get_session as get_session
    from agentops.compat.v0_3 import record_action as record_action
    from agentops.compat.v0_3 import record_function as record_function
    from agentops.compat.v0_3 import record_tool as record_tool
    from agentops.compat.v0_3 import set_api_key as set_api_key
    from agentops.compat.v0_3 import set_tags as set_tags
    from agentops.compat.v0_3 import start_session as start_session
    from agentops.compat.v0_3 import stop_instrumenting as stop_instrumenting
    from agentops.compat.v0_3 import track_agent as track_agent
    from agentops.compat.v0_4 import end_trace as end_trace
    from agentops.compat.v0_4 import start_trace as start_trace
    from agentops.compat.v0_4 import trace as trace
    from agentops.compat.v0_4 import track_tool as track_tool
    from agentops.compat.v0_4 import update_trace_metadata as update_trace_metadata
    from agentops.decorators import agent as agent
    from agentops.decorators import guardrail as guardrail
    from agentops.decorators import operation as operation
    from agentops.decorators import session as session
    from agentops.decorators import task as task
    from agentops.decorators import tool as tool
    from agentops.decorators import workflow as workflow
    from agentops.errors import AgentOpsError as AgentOpsError
    from agentops.errors import ConfigurationError as ConfigurationError
    from agentops.events import ActionEvent as ActionEvent
    from agentops.events import ErrorEvent as ErrorEvent
    from agentops.events import Event as Event
    from agentops.events import EventType as EventType
    from agentops.events import LLMEvent as LLMEvent
    from agentops.events import ToolEvent as ToolEvent
    from agentops.instrumentation.base import BaseInstrumentation as BaseInstrumentation
    from agentops.instrumentation.context import TraceContext as TraceContext
    from agentops.instrumentation.executors import propagate as propagate
    from agentops.instrumentation.providers.anthropic import (
        AnthropicInstrumentation as AnthropicInstrumentation,
    )
    from agentops.instrumentation.providers.base import (
        ProviderInstrumentation as ProviderInstrumentation,
    )
    from agentops.instrumentation.providers.openai import (
        OpenAIInstrumentation as OpenAIInstrumentation,
    )
    from agentops.providers.instrumented_provider import (
        InstrumentedProvider as InstrumentedProvider,
    )
    from agentops.session.manager import SessionManager as SessionManager
    from agentops.session.session import Session as Session
    from agentops.session.state import EndState as EndState
    from agentops.session.state import TraceState as TraceState
    from agentops.telemetry.config import BatchConfig as BatchConfig
    from agentops.telemetry.config import ContextConfig as ContextConfig
    from agentops.telemetry.config import ExporterConfig as ExporterConfig
    from agentops.telemetry.config import SamplingConfig as SamplingConfig
    from agentops.telemetry.config import SamplingRule as SamplingRule
    from agentops.telemetry.config import TelemetryConfig as TelemetryConfig
    from agentops.telemetry.exporters.base import Exporter as Exporter
    from agentops.telemetry.manager import TelemetryManager as TelemetryManager

__version__ = "0.5.0"

_HOMES = {
    "agentops.client": "Client current_session flush get_client record shutdown",
    "agentops.compat.options": "configure init",
    "agentops.compat.v0_3": (
        "add_tags create_agent end_all_sessions end_session get_api_key get_session record_action"
        " record_function record_tool set_api_key set_tags start_session stop_instrumenting track_agent"
    ),
    "agentops.compat.v0_4": "end_trace start_trace trace track_tool update_trace_metadata",
    "agentops.decorators": "agent guardrail operation session task tool workflow",
    "agentops.errors": "AgentOpsError ConfigurationError",
    "agentops.events": "ActionEvent ErrorEvent Event EventType LLMEvent ToolEvent",
    "agentops.instrumentation.base": "BaseInstrumentation",
    "agentops.instrumentation.context": "TraceContext",
    "agentops.instrumentation.executors": "propagate",
    "agentops.instrumentation.providers.anthropic": "AnthropicInstrumentation",
    "agentops.instrumentation.providers.base": "ProviderInstrumentation",
    "agentops.instrumentation.providers.openai": "OpenAIInstrumentation",
    "agentops.providers.instrumented_provider": "InstrumentedProvider",
    "agentops.session.manager": "SessionManager",
    "agentops.session.session": "Session",
    "agentops.session.state": "EndState TraceState",
    "agentops.telemetry.config": (
        "BatchConfig ContextConfig ExporterConfig SamplingConfig SamplingRule TelemetryConfig"
    ),
    "agentops.telemetry.exporters.base": "Exporter",
    "agentops.telemetry.manager": "TelemetryManager",
}
_OLDER_HOMES = {
    "agentops.compat.reserved": (
        "AsyncLangchainCallbackHandler LangchainCallbackHandler print_validation_summary"
        " set_parent_key tracer track_endpoint validate_trace_spans"
    ),
    "agentops.compat.v0_4": (
        "AgentAttributes CoreAttributes ERROR SUCCESS SpanAttributes SpanKind StatusCode"
        " ToolAttributes UNSET ValidationError WorkflowAttributes"
    ),
}
_SUBMODULES = frozenset({"events", "middleware", "testing"})

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)

_HOME_OF |= {name: home for home, names in _OLDER_HOMES.items() for name in names.split()}


def _load(name: str) -> "ModuleType":
    """Import a module of ours; the first brings OpenTelemetry, unless the program has it already."""
    if "opentelemetry.context" in sys.modules:
        return importlib.import_module(name)
    import logging  # nothing needs it before OpenTelemetry does

    log = logging.getLogger("opentelemetry.context")
    log.addFilter(_is_told_by_nobody_else)
    try:
        return importlib.import_module(name)
    finally:
        log.removeFilter(_is_told_by_nobody_else)


def _is_told_by_nobody_else(record: "LogRecord") -> bool:
    """Pass over the traceback for an ``OTEL_PYTHON_CONTEXT`` that names nothing: ``init`` says so in a line."""
    return record.exc_info is None or record.exc_info[0] is not StopIteration


if not TYPE_CHECKING:  # a checker that saw this would let every misspelt name pass

    def __getattr__(name: str) -> object:
        """Load a public name on first use."""
        if name in _SUBMODULES:
            return _load(f"agentops.{name}")
        home = _HOME_OF.get(name)
        if home is None:
            raise AttributeError(f"module 'agentops' has no attribute {name!r}")
        if name == "session":  # verb and package are one: see agentops/session/__init__.py
            return _load("agentops.session")
        value = getattr(_load(home), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        """Return the public names, loaded or not."""
        return sorted({*globals(), *_HOME_OF, *_SUBMODULES})

"""What is a step of an agent? Session floor: one span and one correlated event for each execution.

A step is an agent, a tool, a task, a workflow or a guardrail. On the caller's thread only references
are taken; names are bound to arguments and values made JSON on the pipeline's worker.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextvars import Token  # noqa: TC003 - as below
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span  # noqa: TC002 - the class is public: its annotations must resolve

from agentops import semconv
from agentops.clock import iso_from_ns, monotonic_ns, now_ns
from agentops.events import ActionEvent, Event, ToolEvent
from agentops.guard import guarded
from agentops.session.context import attach, detach
from agentops.session.session import is_orderly, stable_agent_id, tag_list
from agentops.telemetry.ambient import leave_ended, set_ambient
from agentops.telemetry.completion import Completion

if TYPE_CHECKING:
    from agentops.telemetry.manager import TelemetryManager

__all__ = ["Arguments", "IdleRun", "Parameters", "StepKind", "StepRun", "StepSpec", "snapshot"]

StepKind: TypeAlias = Literal["agent", "tool", "task", "workflow", "guardrail"]
"""The kinds of step; also the value of ``agentops.span.kind``."""

_OPERATIONS = {"agent": "invoke_agent", "tool": "execute_tool", "workflow": "invoke_workflow"}
_NAMES = {
    "agent": semconv.GEN_AI_AGENT_NAME,
    "tool": semconv.GEN_AI_TOOL_NAME,
    "workflow": semconv.GEN_AI_WORKFLOW_NAME,
}
_DESCRIPTIONS = {
    "agent": semconv.GEN_AI_AGENT_DESCRIPTION,
    "tool": semconv.GEN_AI_TOOL_DESCRIPTION,
}
_AGENT = (semconv.GEN_AI_AGENT_NAME, semconv.AGENTOPS_AGENT_ID)
_VERSIONS = {"agent": semconv.GEN_AI_AGENT_VERSION}
_SNAPSHOT_ITEMS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSpec:
    """What a decorator says about a step; everything that is the same for each execution.

    Attributes:
        kind: Kind of the step.
        name: Name of the agent, tool ... .
        version: Version of it, in the program's own words.
        description: What it is for.
        tags: Labels of the span.
        cost_usd: What one execution costs, in US dollars; ``None``: unknown.
        guards: For a guardrail: ``input`` or ``output``.
        attributes: Further attributes.
        takes_input: Whether arguments are recorded.
        takes_output: Whether the result is recorded.
        start_attributes: Made from the above.
        span_name: Made from the above.
    """

    kind: StepKind
    name: str
    version: str | None = None
    description: str | None = None
    tags: Iterable[str] | str = ()
    cost_usd: float | None = None
    guards: str | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)
    takes_input: bool = True
    takes_output: bool = True
    start_attributes: Mapping[str, object] = field(init=False)
    span_name: str = field(init=False)

    def __post_init__(self) -> None:
        """Make, once, what each execution needs."""
        operation = _OPERATIONS.get(self.kind)
        told: dict[str, object] = {
            semconv.AGENTOPS_SPAN_KIND: self.kind,
            semconv.GEN_AI_OPERATION_NAME: operation,
            _NAMES.get(self.kind, ""): self.name,
            _DESCRIPTIONS.get(self.kind, ""): self.description,
            _VERSIONS.get(self.kind, semconv.AGENTOPS_STEP_VERSION): self.version,
            semconv.GEN_AI_TOOL_TYPE: "function" if self.kind == "tool" else None,
            semconv.AGENTOPS_TAGS: tag_list(self.tags) or None,
            semconv.AGENTOPS_COST_USD: self.cost_usd,
            semconv.AGENTOPS_GUARDRAIL_SPEC: self.guards,
            **self.attributes,
        }
        told.pop("", None)
        if self.kind == "agent":
            told[semconv.AGENTOPS_AGENT_ID] = stable_agent_id(self.name)
        start = {name: value for name, value in told.items() if value is not None}
        object.__setattr__(self, "start_attributes", start)
        object.__setattr__(
            self, "span_name", f"{operation} {self.name}" if operation else self.name
        )


class Parameters:
    """What the parameters of one callable are called; found out once, on the worker.

    Args:
        function: The callable.
    """

    __slots__ = ("_function", "_signature")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._signature: inspect.Signature | None = None

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, object]:
        """Return parameter name to value, without ``self`` and ``cls``.

        A call that fits no signature, which raises in the callable, gives ``args`` and ``kwargs``.
        """
        try:
            if self._signature is None:
                self._signature = inspect.signature(self._function)
            named = dict(self._signature.bind(*args, **kwargs).arguments)
        except (TypeError, ValueError):
            return {"args": list(args), "kwargs": dict(kwargs)}
        first = next(iter(self._signature.parameters), "")
        if first in ("self", "cls") and "." in getattr(self._function, "__qualname__", ""):
            named.pop(first, None)
        return named


class Arguments:
    """The arguments of one call, taken by reference; they get their names on the worker.

    Args:
        parameters: Those of what was called.
        args: Positional arguments.
        kwargs: Keyword arguments.
    """

    __slots__ = ("_args", "_kwargs", "_parameters")

    def __init__(
        self, parameters: Parameters, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self._parameters = parameters
        self._args = tuple(map(snapshot, args)) if args else args
        self._kwargs = {name: snapshot(value) for name, value in kwargs.items()}

    def named(self) -> dict[str, object]:
        """Return parameter name to value, without ``self`` and ``cls``."""
        return self._parameters.bind(self._args, self._kwargs)


def snapshot(value: object) -> object:
    """Return a list, dict or set copied one level deep, anything else as it is.

    The program may change the container before the worker reads it. Long ones are taken by reference:
    copying them would cost the caller.
    """
    kind = type(value)
    if (kind is list or kind is dict or kind is set) and len(value) <= _SNAPSHOT_ITEMS_MAX:  # type: ignore[arg-type] # the three have a length
        return value.copy()  # type: ignore[attr-defined] # and a copy
    return value


class StepRun:
    """One execution of a step.

    Made by the decorators and by ``with agentops.tool("search") as run:``.

    Args:
        telemetry_manager: Where the span and the event go.
        spec: What is executed.
        inputs: What went in; ``None``: not told.

    Attributes:
        span: The OpenTelemetry span of the execution.
        context: OpenTelemetry context in which the step's own code runs.
    """

    def __init__(
        self,
        telemetry_manager: "TelemetryManager",
        spec: StepSpec,
        inputs: Arguments | None = None,
    ) -> None:
        self._manager = telemetry_manager
        self._spec = spec
        self._inputs: object = inputs
        self._output: object = None
        self._error_type: str | None = None
        self._started_ns = now_ns()
        self._started_monotonic_ns = monotonic_ns()
        self._ended = False
        self._token: Token[Context] | None = None
        around = leave_ended(otel.get_current())
        self.span: Span = telemetry_manager.create_span(
            spec.span_name, attributes=spec.start_attributes, parent=around
        )
        context = trace.set_span_in_context(self.span, around)
        self.context: Context = self._with_agent(context) if spec.kind == "agent" else context

    def _with_agent(self, context: Context) -> Context:
        known = self._spec.start_attributes
        return set_ambient(context, {name: known[name] for name in _AGENT})

    def enter(self) -> None:
        """Make the step current in this task or thread until it ends."""
        self._token = attach(self.context)

    def _leave(self) -> None:
        if self._token is not None:
            detach(self._token)

    def set_input(self, value: object) -> None:
        """Tell what went in; any value."""
        self._inputs = snapshot(value)

    def set_output(self, value: object) -> None:
        """Tell what came out; any value."""
        self._output = snapshot(value)

    def end(self, output: object = None, error: BaseException | None = None) -> None:
        """Say how it went; a second call does nothing, and nothing is raised.

        Args:
            output: The result; ``None`` keeps what :meth:`set_output` told.
            error: The exception that left the step.
        """
        if self._ended:
            return
        self._ended = True
        self._leave()
        with guarded("ending a step"):
            if output is not None:
                self._output = snapshot(output)
            error = None if is_orderly(error) else error
            self._error_type = None if error is None else type(error).__name__
            elapsed_ns = monotonic_ns() - self._started_monotonic_ns
            self._ended_ns = self._started_ns + elapsed_ns
            self._manager.end_span(self.span, complete=self._complete, error=error)

    def _complete(self) -> Completion:
        """Make what belongs on the span and in the event; runs on the pipeline's worker.

        What is content the worker narrows afterwards, as the content mode wants it.
        """
        spec, is_told = self._spec, self._manager.content_mode != "none"
        inputs = self._inputs.named() if isinstance(self._inputs, Arguments) else self._inputs
        inputs = inputs if is_told and spec.takes_input else None
        output = self._output if is_told and spec.takes_output else None
        is_tool = spec.kind == "tool"
        attributes = {
            semconv.GEN_AI_TOOL_CALL_ARGUMENTS if is_tool else semconv.AGENTOPS_INPUT: inputs,
            semconv.GEN_AI_TOOL_CALL_RESULT if is_tool else semconv.AGENTOPS_OUTPUT: output,
        }
        kept = {name: value for name, value in attributes.items() if value is not None}
        return Completion(attributes=kept, events=[self._event(inputs, output)])

    def _event(self, inputs: object, output: object) -> Event:
        common: dict[str, Any] = {
            "params": inputs,
            "returns": output,
            "init_timestamp": iso_from_ns(self._started_ns),
            "end_timestamp": iso_from_ns(self._ended_ns),
            "logs": self._error_type,
        }
        if self._spec.kind == "tool":
            return ToolEvent(name=self._spec.name, **common)
        if self._spec.kind == "agent":
            common["agent_id"] = self._spec.start_attributes[semconv.AGENTOPS_AGENT_ID]
        return ActionEvent(action_type=self._spec.name, **common)


class IdleRun(StepRun):
    """What ``with agentops.tool(...)`` gives before AgentOps is initialised: it records nothing."""

    def __init__(self) -> None:
        self._token = None
        self.span = trace.INVALID_SPAN
        self.context = otel.get_current()

    def end(self, output: object = None, error: BaseException | None = None) -> None:  # noqa: ARG002
        """Stop being current; there is nothing to record."""
        self._leave()

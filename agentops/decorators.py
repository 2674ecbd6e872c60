"""Which parts of a program are sessions, agents, tools ...? The verbs that say so.

Each verb is a decorator, with or without keywords, for functions, coroutines, generators, async
generators, methods and classes, and a context manager for ``with`` and ``async with``. None changes
what the decorated thing returns, raises or is. Before :func:`agentops.init` the steps run plainly; a
session initialises AgentOps from file and environment when the program did not.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar, overload
from uuid import UUID

from opentelemetry import context as otel

from agentops import client, semconv
from agentops.guard import guarded
from agentops.instrumentation.tools import claim_tool
from agentops.session.context import context_session
from agentops.session.session import Session, SessionOptions, is_orderly
from agentops.session.steps import (
    Arguments,
    IdleRun,
    Parameters,
    StepKind,
    StepRun,
    StepSpec,
)
from agentops.session.wrapping import Run, wrap
from agentops.telemetry.completion import Completion

if TYPE_CHECKING:
    # Not in typing before Python 3.11; checkers know it without the package being installed.
    from typing_extensions import Unpack

__all__ = [
    "GuardrailKeywords",
    "SessionVerb",
    "StepKeywords",
    "StepVerb",
    "ToolKeywords",
    "agent",
    "guardrail",
    "operation",
    "session",
    "task",
    "tool",
    "workflow",
]

T = TypeVar("T")
HandleT = TypeVar("HandleT")
CallableT = TypeVar("CallableT", bound="Callable[..., Any] | type | staticmethod[..., Any]")
_RUN = otel.create_key("agentops-run")


class StepKeywords(TypedDict, total=False):
    """Keywords of every step.

    Attributes:
        name: Name; by default that of the function or class.
        version: Version of it, in the program's own words.
        description: What it is for; for an agent or a tool, by default nothing.
        tags: Labels of the span.
        attributes: Further span attributes.
        capture_request: Whether arguments are recorded, where the content mode lets them; default true.
        capture_response: Whether results are recorded; default true.
    """

    name: str | None
    version: str | None
    description: str | None
    tags: Iterable[str] | str
    attributes: Mapping[str, object]
    capture_request: bool
    capture_response: bool


class _Verb(ABC, Generic[HandleT]):
    """A decorator and context manager; may be used any number of times, also at once."""

    def __init__(self) -> None:
        self._open: list[HandleT] = []

    @abstractmethod
    def __call__(self, target: T) -> T:
        """Decorate ``target``.

        Raises:
            TypeError: It cannot be called.
        """

    @abstractmethod
    def _enter(self) -> HandleT:
        """Begin, make it current, and return its handle."""

    @abstractmethod
    def _exit(self, handle: HandleT, error: BaseException | None) -> None:
        """End what the handle stands for."""

    @abstractmethod
    def _current(self) -> object:
        """Return the handle that is open here, whatever task or thread this is."""

    def __enter__(self) -> HandleT:
        """Begin, and make it current."""
        handle = self._enter()
        self._open.append(handle)
        return handle

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; an exception is noted and passes on."""
        with guarded("leaving a with block"):
            current = self._current()
            handle = next((each for each in self._open if each is current), self._open[-1])
            self._open.remove(handle)
            self._exit(handle, error)

    async def __aenter__(self) -> HandleT:
        """Begin, and make it current."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; an exception is noted and passes on."""
        self.__exit__(kind, error, traceback)


class StepVerb(_Verb[StepRun]):
    """What :func:`agent`, :func:`tool`, :func:`task`, :func:`workflow` and :func:`guardrail` return.

    ``with verb as run:`` gives a :class:`~agentops.session.steps.StepRun`, whose ``set_input`` and
    ``set_output`` tell what a decorator would have seen by itself.
    """

    def __init__(self, kind: StepKind, options: Mapping[str, Any]) -> None:
        super().__init__()
        self._kind = kind
        self._options = dict(options)

    def __call__(self, target: T) -> T:
        """Decorate a function, method or class."""
        name = self._options.get("name")
        if isinstance(target, type):
            return wrap(target, _ClassSteps(self, name or target.__name__).begin)
        spec = self._spec(name or _name(target))
        return wrap(target, _Steps(spec).begin)

    def spec_for_method(self, owner: str, method: str) -> StepSpec:
        """Return what is executed when a method of a decorated class runs.

        An agent is one agent whichever of its methods is called; every method of a class of tools is
        a tool of its own.
        """
        whole = self._kind == "agent" or method == "__call__"
        return self._spec(owner if whole else f"{owner}.{method}")

    def _spec(self, name: str) -> StepSpec:
        return StepSpec(kind=self._kind, **{**self._options, "name": name})

    def _enter(self) -> StepRun:
        spec = self._spec(self._options.get("name") or self._kind)
        run = _Steps(spec).run()
        run.context = otel.set_value(_RUN, run, run.context)
        run.enter()
        return run

    def _exit(self, handle: StepRun, error: BaseException | None) -> None:
        handle.end(error=error)

    def _current(self) -> object:
        return otel.get_value(_RUN)


class _Steps:
    """Begins the executions of one decorated callable."""

    __slots__ = ("_parameters", "_spec")

    def __init__(self, spec: StepSpec) -> None:
        self._spec = spec
        self._parameters: Parameters | None = None

    def begin(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Run | None:
        active = client.active()
        if active is None:
            return None
        with guarded("beginning a step"):
            if self._spec.kind == "tool" and self._is_begun(function):
                return None
            inputs = None
            if self._spec.takes_input and active.telemetry.content_mode != "none":
                self._parameters = self._parameters or Parameters(function)
                inputs = Arguments(self._parameters, args, kwargs)
            return StepRun(active.telemetry, self._spec, inputs)
        return None

    def _is_begun(self, function: Callable[..., Any]) -> bool:
        """Whether a vendor's SDK runs the tool and has begun its span: there is one span, not two."""
        spec = self._spec
        run = claim_tool(function)
        if run is None:
            return False
        run.hides_arguments, run.hides_result = not spec.takes_input, not spec.takes_output
        run.enrich(spec.name, spec.span_name, spec.start_attributes)
        return True

    def run(self) -> StepRun:
        active = client.active()
        if active is not None:
            with guarded("beginning a step"):
                return StepRun(active.telemetry, self._spec)
        return IdleRun()


class _ClassSteps:
    """Begins the executions of the methods of one decorated class."""

    def __init__(self, verb: StepVerb, owner: str) -> None:
        self._verb = verb
        self._owner = owner
        self._methods: dict[str, _Steps] = {}

    def begin(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Run | None:
        name = function.__name__
        steps = self._methods.get(name)
        if steps is None:
            steps = _Steps(self._verb.spec_for_method(self._owner, name))
            self._methods[name] = steps
        return steps.begin(function, args, kwargs)


class SessionVerb(_Verb[Session]):
    """What :func:`session` returns: each use of it is a session of its own."""

    def __init__(self, name: str | None, options: SessionOptions) -> None:
        super().__init__()
        self._name = name
        self._options = options

    def __call__(self, target: T) -> T:
        """Decorate a function, method or class: each call is a session."""
        name = self._name or _name(target)
        parameters: dict[Callable[..., Any], Parameters] = {}

        def begin(
            function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
        ) -> Run | None:
            with guarded("beginning a session"):
                named = parameters.setdefault(function, Parameters(function))
                return _SessionRun(name, self._options, Arguments(named, args, kwargs))
            return None

        return wrap(target, begin)

    def _enter(self) -> Session:
        return client.required().sessions.start(self._name or "session", self._options)

    def _exit(self, handle: Session, error: BaseException | None) -> None:
        handle.end(error=None if is_orderly(error) else error)

    def _current(self) -> object:
        return context_session()


class _SessionRun:
    """The session of one call of a decorated function."""

    def __init__(self, name: str, options: SessionOptions, inputs: Arguments) -> None:
        active = client.required()
        self._is_told = active.telemetry.content_mode != "none"
        self._inputs = inputs
        self._output: object = None
        self._session = active.sessions.start(name, options, enter=False)
        self.context = self._session.context

    def end(self, output: object = None, error: BaseException | None = None) -> None:
        """End the session; an exception ends it as ``Fail``."""
        self._output = output
        self._session.end(error=None if is_orderly(error) else error, complete=self._complete)

    def _complete(self) -> Completion:
        if not self._is_told:
            return Completion()
        told = {
            semconv.AGENTOPS_INPUT: self._inputs.named(),
            semconv.AGENTOPS_OUTPUT: self._output,
        }
        return Completion(attributes={k: v for k, v in told.items() if v is not None})


@overload
def session(target: CallableT, /) -> CallableT: ...
@overload
def session(
    name: str | None = None,
    /,
    *,
    tags: Iterable[str] | str = ...,
    session_id: UUID | str | None = ...,
    attributes: Mapping[str, object] | None = ...,
) -> SessionVerb: ...
def session(target: Any = None, /, **options: Any) -> Any:
    """Make a session of a block or of each call of a function: ``with agentops.session("support"):``.

    A session is a trace of its own, whatever is current around it.

    Args:
        target: Name of the session, or the function to decorate.
        **options: ``name`` (instead of the first argument), ``tags``, ``session_id`` (UUID to take
            over), ``attributes`` of the root span.

    Returns:
        The decorated function, or a decorator and context manager giving the
        :class:`~agentops.session.session.Session`.
    """
    function, name = (None, target) if isinstance(target, str) else (target, None)
    name = options.pop("name", None) or name
    _refuse_unknown("session", options, _SESSION_KEYWORDS)
    verb = SessionVerb(name, SessionOptions(**options))
    return verb if function is None else verb(function)


@overload
def agent(target: CallableT, /) -> CallableT: ...
@overload
def agent(target: str | None = None, /, **options: "Unpack[StepKeywords]") -> StepVerb: ...
def agent(target: Any = None, /, **options: Any) -> Any:
    """Make an agent of a function or class: its work is one ``invoke_agent`` span and one action event.

    Args:
        target: Name of the agent, or the function or class to decorate.
        **options: See :class:`StepKeywords`.
    """
    return _step("agent", target, options)


class ToolKeywords(StepKeywords, total=False):
    """Keywords of :func:`tool`.

    Attributes:
        cost: What one execution costs, in US dollars.
    """

    cost: float | None


@overload
def tool(target: CallableT, /) -> CallableT: ...
@overload
def tool(target: str | None = None, /, **options: "Unpack[ToolKeywords]") -> StepVerb: ...
def tool(target: Any = None, /, **options: Any) -> Any:
    """Make a tool of a function or class: each execution is one ``execute_tool`` span and tool event.

    Args:
        target: Name of the tool, or the function or class to decorate.
        **options: See :class:`ToolKeywords`.
    """
    return _step("tool", target, options)


@overload
def task(target: CallableT, /) -> CallableT: ...
@overload
def task(target: str | None = None, /, **options: "Unpack[StepKeywords]") -> StepVerb: ...
def task(target: Any = None, /, **options: Any) -> Any:
    """Make a task, a step of an agent's own work, of a function or class. Also called ``operation``.

    Args:
        target: Name of the task, or the function or class to decorate.
        **options: See :class:`StepKeywords`.
    """
    return _step("task", target, options)


operation = task
"""Another name of :func:`task`."""


@overload
def workflow(target: CallableT, /) -> CallableT: ...
@overload
def workflow(target: str | None = None, /, **options: "Unpack[StepKeywords]") -> StepVerb: ...
def workflow(target: Any = None, /, **options: Any) -> Any:
    """Make a workflow, work of several agents together, of a function or class.

    Args:
        target: Name of the workflow, or the function or class to decorate.
        **options: See :class:`StepKeywords`.
    """
    return _step("workflow", target, options)


class GuardrailKeywords(StepKeywords, total=False):
    """Keywords of :func:`guardrail`.

    Attributes:
        spec: What it guards: ``input`` or ``output``.
    """

    spec: Literal["input", "output"] | None


@overload
def guardrail(target: CallableT, /) -> CallableT: ...
@overload
def guardrail(target: str | None = None, /, **options: "Unpack[GuardrailKeywords]") -> StepVerb: ...
def guardrail(target: Any = None, /, **options: Any) -> Any:
    """Make a guardrail, a check of what goes in or comes out, of a function or class.

    Args:
        target: Name of the guardrail, or the function or class to decorate.
        **options: See :class:`GuardrailKeywords`.
    """
    return _step("guardrail", target, options)


_FIELDS = {
    "cost": "cost_usd",
    "spec": "guards",
    "capture_request": "takes_input",
    "capture_response": "takes_output",
}
_OWN_KEYWORDS = {"tool": {"cost"}, "guardrail": {"spec"}}
_KEYWORDS = frozenset(StepKeywords.__annotations__)
_SESSION_KEYWORDS = frozenset({"attributes", "session_id", "tags"})


def _refuse_unknown(verb: str, options: Mapping[str, Any], known: frozenset[str]) -> None:
    for name in options:
        if name not in known:
            choices = ", ".join(sorted({"name", *known}))
            raise TypeError(
                f"{verb}() got an unexpected keyword argument {name!r}; expected some of {choices}"
            )


def _step(kind: StepKind, target: object, options: dict[str, Any]) -> object:
    _refuse_unknown(kind, options, _KEYWORDS | _OWN_KEYWORDS.get(kind, set()))
    if isinstance(target, str):
        options["name"], target = target, None
    verb = StepVerb(kind, {_FIELDS.get(name, name): value for name, value in options.items()})
    return verb if target is None else verb(target)


def _name(target: object) -> str:
    # Static and class methods, and partial functions, bear the name inside.
    inner = getattr(target, "__func__", getattr(target, "func", target))
    return str(getattr(inner, "__name__", None) or type(target).__name__)


if not TYPE_CHECKING:  # a checker that saw this would let every misspelt name pass

    def __getattr__(name: str) -> object:
        """Load what agentops 0.3 had in this module; by name, as it stands above it."""
        if name in ("record_action", "record_function", "record_tool", "track_agent"):
            return getattr(importlib.import_module("agentops.compat.v0_3"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

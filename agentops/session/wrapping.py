"""How does a callable come to run inside a span without being changed? Session floor.

:func:`wrap` keeps the kind of what it is given: a coroutine function stays one, a generator stays one,
a class stays the same object. Results and exceptions pass through by identity. In a generator the
context is current only while its own code runs, never across a ``yield``.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

from opentelemetry import context as otel
from opentelemetry.context import Context

from agentops.session.context import attach, detach

__all__ = ["Begin", "Run", "wrap"]

T = TypeVar("T")
_OWNER = otel.create_key("agentops-owner")
_CACHE_METHODS = frozenset({"cache_clear", "cache_info", "cache_parameters"})


class Run(Protocol):
    """One execution of a wrapped callable."""

    context: Context
    """What is current while the callable's own code runs."""

    def end(self, output: object = None, error: BaseException | None = None) -> None:
        """Say how it went; never raises."""


Begin: TypeAlias = Callable[
    [Callable[..., Any], tuple[Any, ...], Mapping[str, Any]],
    Run | None,
]
"""Called before each execution with the callable and its arguments; ``None``: run it plainly."""


def wrap(target: T, begin: Begin) -> T:
    """Return ``target`` so that each execution of it is a run of ``begin``.

    Args:
        target: Function, coroutine function, generator function, async generator function, static or
            class method, any other callable, or a class, whose public methods are then wrapped in
            place (see :func:`_wrap_class`).
        begin: Makes the run.

    Raises:
        TypeError: ``target`` cannot be called.
    """
    wrapped: Any
    if isinstance(target, type):
        wrapped = _wrap_class(target, begin)
    elif isinstance(target, (staticmethod, classmethod)):
        wrapped = type(target)(wrap(target.__func__, begin))
    elif not callable(target) or not _is_function_like(target):
        raise TypeError(
            f"got {target!r}; expected a function, a method or a class;"
            " if another decorator made this object, put ours beneath that one"
        )
    elif inspect.isasyncgenfunction(target):
        wrapped = _wrap_async_generator(target, begin)
    elif inspect.isgeneratorfunction(target):
        wrapped = _wrap_generator(target, begin)
    elif inspect.iscoroutinefunction(target):
        wrapped = _wrap_coroutine(target, begin)
    else:
        wrapped = _wrap_function(target, begin)
        for name in _CACHE_METHODS & set(dir(target)):
            setattr(wrapped, name, getattr(target, name))
    return wrapped  # type: ignore[no-any-return] # same kind as the target, which no checker can see


def _is_function_like(target: object) -> bool:
    """Whether a plain function can stand in the place of ``target``.

    An object of a class of its own (a tool of a framework, say) has more to it than being called.
    """
    is_simple = inspect.isroutine(target) or isinstance(target, functools.partial)
    return is_simple or hasattr(target, "__wrapped__")


def _wrap_function(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes
        run = begin(function, args, kwargs)
        if run is None:
            return function(*args, **kwargs)
        with _Call(run) as call:
            call.result = function(*args, **kwargs)
        return call.result

    return wrapper


def _wrap_coroutine(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes
        run = begin(function, args, kwargs)
        if run is None:
            return await function(*args, **kwargs)
        with _Call(run) as call:
            call.result = await function(*args, **kwargs)
        return call.result

    return wrapper


class _Call:
    """One call that gives one result: the block runs in the run's context, and the run ends with it."""

    __slots__ = ("_run", "_token", "result")

    def __init__(self, run: Run) -> None:
        self._run = run
        self.result: Any = None

    def __enter__(self) -> "_Call":
        self._token = attach(self._run.context)
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        detach(self._token)
        self._run.end(self.result, error)


def _wrap_generator(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401
        inner = function(*args, **kwargs)
        run = begin(function, args, kwargs)
        if run is None:
            return (yield from inner)
        return (yield from _drive(inner, run))

    return wrapper


def _drive(inner: Generator[Any, Any, Any], run: Run) -> Generator[Any, Any, Any]:
    """Step ``inner`` with its own context current during each step, as PEP 380 delegates."""
    step: Callable[[Any], Any] = inner.send
    value: Any = None
    with _Course(run) as course:
        while True:
            course.enter()
            try:
                item = step(value)
            finally:
                value = None
                course.leave()
            course.yielded.add(item)
            try:
                value, step = (yield item), inner.send
            except BaseException as thrown:  # noqa: BLE001 - handed on to the generator, as it came
                value, step = thrown, inner.throw
    return course.returned


def _wrap_async_generator(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:  # noqa: ANN401
        inner: AsyncGenerator[Any, Any] = function(*args, **kwargs)
        step: Callable[[Any], Any] = inner.asend
        value: Any = None
        with _Course(begin(function, args, kwargs) or _Plain()) as course:
            while True:
                course.enter()
                try:
                    item = await step(value)
                finally:
                    value = None
                    course.leave()
                course.yielded.add(item)
                try:
                    value, step = (yield item), inner.asend
                except BaseException as thrown:  # noqa: BLE001 - handed on, as it came
                    value, step = thrown, inner.athrow

    return wrapper


class _Course:
    """A generator from its first step to its end: what is current in its steps, what it gave, how it ended.

    The ``with`` block holds all its steps and is left by an exception only: that the generator is
    exhausted, or is closed, is no error, and the first of these goes no further.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._context = run.context
        self.yielded = _Yielded()
        self.returned: Any = None

    def enter(self) -> None:
        """Make current what was current at the end of the step before."""
        self._token = attach(self._context)

    def leave(self) -> None:
        """Keep what is current for the next step, and restore what was current outside."""
        self._context = otel.get_current()
        detach(self._token)

    def __enter__(self) -> "_Course":
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        is_exhausted = isinstance(error, (StopIteration, StopAsyncIteration))
        if isinstance(error, StopIteration):
            self.returned = error.value
        is_over = is_exhausted or isinstance(error, GeneratorExit)
        self._run.end(self.yielded.output(self.returned), None if is_over else error)
        return is_exhausted


def _wrap_class(cls: type, begin: Begin) -> type:
    """Wrap the public methods that the class itself defines, and ``__call__``; return the same class.

    Only the outermost call on an object makes a run: a method that calls another one of the same
    object is one piece of work, not two. Construction, properties, static and class methods are left
    alone.
    """

    def begin_outermost(
        method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Run | None:
        owner = args[0] if args else None
        if owner is None or otel.get_value(_OWNER) is owner:
            return None
        run = begin(method, args, kwargs)
        if run is not None:
            run.context = otel.set_value(_OWNER, owner, run.context)
        return run

    for name, member in list(vars(cls).items()):
        is_public = name == "__call__" or not name.startswith("_")
        if is_public and inspect.isfunction(member):
            setattr(cls, name, wrap(member, begin_outermost))
    return cls


class _Plain:
    """The run of an async generator that is not recorded: there is no delegating ``yield from`` there."""

    def __init__(self) -> None:
        self.context = otel.get_current()

    def end(self, output: object = None, error: BaseException | None = None) -> None:
        """Do nothing."""


class _Yielded:
    """What a generator gave out, up to a bound, by reference."""

    __slots__ = ("_characters", "_items", "_left_out")

    ITEMS_MAX = 256
    CHARACTERS_MAX = 262_144

    def __init__(self) -> None:
        self._items: list[object] = []
        self._characters = 0
        self._left_out = 0

    def add(self, item: object) -> None:
        if type(item) is str or type(item) is bytes:  # isinstance would run code of the item's own
            self._characters += len(item)
        if len(self._items) < self.ITEMS_MAX and self._characters <= self.CHARACTERS_MAX:
            self._items.append(item)
        else:
            self._left_out += 1

    def output(self, returned: object) -> object:
        """Return what is worth recording: the items, and how many more there were."""
        if self._left_out:
            self._items.append(f"... and {self._left_out} more")
        if returned is not None:
            return {"yielded": self._items, "returned": returned}
        return self._items

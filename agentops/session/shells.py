"""How does a wrapper refuse wrong arguments when it is called, and not later? Session floor.

A coroutine function checks its arguments when it is called; what is in it runs when the coroutine is
awaited. One that takes ``*args, **kwargs`` refuses nothing, so the wrong call would be found only then,
in another task maybe. So a shell with the parameters of the wrapped function stands around the wrapper,
made of text that Python compiles, as ``dataclasses`` makes ``__init__``.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from textwrap import indent
from typing import Any, Final, Literal, TypeAlias, TypeVar

__all__ = ["Kind", "in_shell"]

F = TypeVar("F", bound=Callable[..., Any])
Kind: TypeAlias = Literal["coroutine", "generator", "async generator"]

_SHELLS: Final[Mapping[Kind, str]] = {
    "coroutine": """
async def shell{declared}:
    return await {called}
""",
    "generator": """
def shell{declared}:
    return (yield from {called})
""",
    # What "yield from" would be, if there were one for these.
    "async generator": """
async def shell{declared}:
    _inner_ = {called}
    _step_, _value_ = _inner_.asend, None
    while True:
        try:
            _item_ = await _step_(_value_)
        except StopAsyncIteration:
            return
        finally:
            _value_ = None
        try:
            _value_, _step_ = (yield _item_), _inner_.asend
        except BaseException as _thrown_:
            _value_, _step_ = _thrown_, _inner_.athrow
""",
}
_MAKER: Final = """
def make(_wrapper_, _unset_, _call_, _values_):
{shell}
    return shell
"""
_OPEN: Final = "(*args, **kwargs)"


class _Unset:
    """Stands for a default in the text: the wrapped function has its own."""

    def __repr__(self) -> str:
        return "_unset_"


_UNSET: Final = _Unset()


def in_shell(function: Callable[..., Any], kind: Kind, wrapper: F) -> F:
    """Return ``wrapper`` in a shell that takes just the arguments of ``function``.

    Args:
        function: What is wrapped; one that is no plain function, or takes anything, needs no shell.
        kind: What it is.
        wrapper: Of the same kind; it takes any arguments.
    """
    if not inspect.isfunction(function) or hasattr(function, "__signature__"):
        return wrapper
    signature = inspect.signature(function, follow_wrapped=False)
    parameters = [
        each.replace(
            annotation=each.empty, default=each.empty if each.default is each.empty else _UNSET
        )
        for each in signature.parameters.values()
    ]
    declared = str(inspect.Signature(parameters))
    if declared == _OPEN:
        return wrapper
    if any(each.default is _UNSET for each in parameters):
        called = "_call_(_values_())"
    else:
        called = f"_wrapper_({', '.join(map(_forwarded, parameters))})"
    source = _MAKER.format(
        shell=indent(_SHELLS[kind].format(declared=declared, called=called), "    ")
    )
    made: dict[str, Any] = {}
    # In the function's own globals: what looks up the names in its annotations does so there.
    exec(compile(source, "<agentops>", "exec"), function.__globals__, made)
    shell: F = made["make"](wrapper, _UNSET, _caller(wrapper, parameters), locals)
    functools.update_wrapper(shell, function)
    return shell


def _forwarded(parameter: inspect.Parameter) -> str:
    """Return how a parameter without a default is handed on."""
    name = parameter.name
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"*{name}"
    if parameter.kind is parameter.VAR_KEYWORD:
        return f"**{name}"
    return f"{name}={name}" if parameter.kind is parameter.KEYWORD_ONLY else name


def _caller(
    wrapper: Callable[..., Any], parameters: Sequence[inspect.Parameter]
) -> Callable[[Mapping[str, Any]], Any]:
    """Return what calls the wrapper with what was given, defaults left to the function itself."""
    by_kind: dict[object, list[str]] = {}
    for each in parameters:
        by_kind.setdefault(each.kind, []).append(each.name)
    positional = [
        *by_kind.get(inspect.Parameter.POSITIONAL_ONLY, ()),
        *by_kind.get(inspect.Parameter.POSITIONAL_OR_KEYWORD, ()),
    ]
    rest = by_kind.get(inspect.Parameter.VAR_POSITIONAL, ())
    named = by_kind.get(inspect.Parameter.KEYWORD_ONLY, ())
    more = by_kind.get(inspect.Parameter.VAR_KEYWORD, ())

    def call(values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a coroutine or generator
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        is_after_gap = False
        for name in positional:
            value = values[name]
            if value is _UNSET:
                is_after_gap = True
            elif is_after_gap:
                kwargs[name] = value
            else:
                args.append(value)
        for name in rest:
            args += values[name]
        for name in named:
            if values[name] is not _UNSET:
                kwargs[name] = values[name]
        for name in more:
            kwargs.update(values[name])
        return wrapper(*args, **kwargs)

    return call

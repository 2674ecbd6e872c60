"""How is a vendor's function replaced, and put back? The only place that wraps other people's code.

A patch sits on the class or module that holds the function. Taking it off restores what was there
before, the very same object; where somebody else has wrapped ours since, ours stays and becomes
transparent. A vendor that is not imported yet is waited for.

In place of a method stands another plain method: it is what any look at it expects, and the quickest to
call. What is called in any other way (static and class methods, functions of modules, generators,
wrappers of others) gets a proxy of wrapt's.
"""

import importlib
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import copy, deepcopy
from functools import partial, update_wrapper
from importlib.machinery import PathFinder
from inspect import (
    CO_ASYNC_GENERATOR,
    CO_COROUTINE,
    CO_GENERATOR,
    isasyncgenfunction,
    iscoroutinefunction,
    isgeneratorfunction,
    signature,
)
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeAlias, TypeGuard, cast

import wrapt

from agentops.forking import in_children
from agentops.guard import guarded

__all__ = [
    "UNSEEN",
    "Args",
    "Function",
    "Kwargs",
    "ObjectProxy",
    "Patch",
    "Wrapper",
    "end_all",
    "hide_frames",
    "is_awaited",
    "when_imported",
    "wrapped_function",
]

if TYPE_CHECKING:
    _WraptProxy = wrapt.ObjectProxy[Any]
    FunctionWrapper = wrapt.FunctionWrapper[..., object]
else:  # wrapt 1.x cannot be subscripted
    _WraptProxy = wrapt.ObjectProxy
    FunctionWrapper = wrapt.FunctionWrapper

Function: TypeAlias = Callable[..., object]
Args: TypeAlias = tuple[object, ...]
Kwargs: TypeAlias = Mapping[str, object]
"""What a wrapper is given: the function, and the arguments of its call."""

Wrapper: TypeAlias = Callable[[Function, object, Args, Kwargs], object]
"""``wrapper(wrapped, instance, args, kwargs)``: calls ``wrapped(*args, **kwargs)`` and returns its result."""

_MISSING = object()


class _Turn:
    """Whose turn it is: one thread at a time puts patches on and takes them off, which stand upon one another."""

    def __init__(self) -> None:
        self._renew()
        in_children(self._renew)

    def _renew(self) -> None:
        self.lock = threading.RLock()


_turn = _Turn()


class Patch:
    """One function or property of somebody else, wrapped. Safe for many threads.

    Args:
        module: Dotted name of the module that holds it; it must be importable.
        path: Path inside the module: ``"Client.request"``. An inherited method is wrapped on the
            named class only.
        wrapper_of: Returns, of the function as it stands in there, what is called in its place.

    Attributes:
        module: As given.
        is_active: Whether it is on.
    """

    def __init__(self, module: str, path: str, wrapper_of: Callable[[Function], Wrapper]) -> None:
        self.module = module
        self._path = path
        self._wrapper_of = wrapper_of
        self._wrapper: Wrapper
        self._holder: object = None
        self._before: object = _MISSING
        self._ours: object = None
        self.is_active = False

    @property
    def is_off(self) -> bool:
        """Whether nothing of ours is left where it would be put: the module may have been imported anew."""
        holder = self._holder_in(sys.modules.get(self.module))
        return self._ours is None or self._holder is not holder

    def apply(self) -> bool:
        """Wrap the function; return ``False`` when this version of the package does not have it."""
        if self.is_active:
            return True
        holder = self._resolve()
        name = self._path.rpartition(".")[2]
        # What this look imports, it imports while others have their turn: they may wait for it in an import of theirs.
        if holder is None or getattr(holder, name, None) is None:
            return False
        with _turn.lock:
            self._put_on(holder, name)
        return True

    def _put_on(self, holder: object, name: str) -> None:
        original = getattr(holder, name)
        if self.is_active or (self._ours is not None and self._is_in_chain(original)):
            self.is_active = True
            return
        self._holder = holder
        self._wrapper = self._wrapper_of(original)
        self._before = vars(holder).get(name, _MISSING)
        raw = _raw(holder, name)
        if isinstance(raw, property):
            self._ours = self._property(raw)
        elif isinstance(holder, type) and _is_plain(raw):
            self._ours = self._method(raw)
        else:
            self._ours = _Wrapped(raw, self._run)
        setattr(holder, name, self._ours)
        self.is_active = True

    def apply_again(self) -> None:
        """Wrap the function again if it was on and somebody else has put back what they found before us.

        What the program has put in its place stays as it is.
        """
        lock = _turn.lock
        if not lock.acquire(blocking=False):  # another thread is at it
            return
        try:
            name = self._path.rpartition(".")[2]
            found = getattr(self._holder, name, None)
            is_known = _is_below(self._ours, found) or _is_from(self.module, found)
            if self.is_active and is_known and not self._is_in_chain(found):
                self.is_active = False
                self._ours = None
                self._put_on(self._holder, name)
        finally:
            lock.release()

    def remove(self) -> None:
        """Put back what was there; transparent when somebody has wrapped ours since.

        Once theirs is gone, another call takes ours off.
        """
        with _turn.lock:
            self.is_active = False
            if self._ours is not None:
                self._take_off()

    def _take_off(self) -> None:
        name = self._path.rpartition(".")[2]
        current = vars(self._holder).get(name)
        # Who read ours off the class before wrapping it has put back a bound stand-in of it.
        if current is not self._ours and getattr(current, "_self_parent", None) is not self._ours:
            return
        if self._before is _MISSING:
            delattr(self._holder, name)
        else:
            setattr(self._holder, name, self._before)
        self._ours = None

    def _resolve(self) -> object | None:
        try:
            return self._holder_in(importlib.import_module(self.module))
        except ImportError:
            return None

    def _holder_in(self, module: object) -> object | None:
        holder = module
        for part in self._path.split(".")[:-1]:
            holder = getattr(holder, part, None)
        return holder

    def _is_in_chain(self, function: object) -> bool:
        """Tell whether ``function`` leads to our wrapper through ``__wrapped__``."""
        # Read off a class, wrapt gives a bound stand-in of the wrapper: its callable tells it.
        return any(
            each is self._ours or getattr(each, "_self_wrapper", None) == self._run
            for each in _chain(function)
        )

    def _property(self, original: property) -> property:
        """Return a property whose value the wrapper chooses."""

        def read(instance: object) -> object:
            value = partial(original.__get__, instance, type(instance))
            try:
                return self._wrapper(value, instance, (), {}) if self.is_active else value()
            except BaseException as error:
                hide_frames(error)
                raise

        return property(read, original.fset, original.fdel, original.__doc__)

    def _method(self, original: FunctionType) -> Function:
        """Return a plain method around ``original``; a coroutine function around a coroutine function."""
        patch = self
        function: Callable[..., Any] = original
        wrapper: Callable[..., Any] = self._wrapper

        def method(self: object, /, *args: object, **kwargs: object) -> object:
            try:
                if not patch.is_active:
                    return function(self, *args, **kwargs)
                # Called on the class, ``self`` may be anything; there is no method of ``None``.
                bound = partial(function, None) if self is None else MethodType(function, self)
                return wrapper(bound, self, args, kwargs)
            except BaseException as error:
                hide_frames(error)
                raise

        async def coroutine_method(self: object, /, *args: object, **kwargs: object) -> object:
            try:
                if not patch.is_active:
                    return await function(self, *args, **kwargs)
                # Called on the class, ``self`` may be anything; there is no method of ``None``.
                bound = partial(function, None) if self is None else MethodType(function, self)
                return await wrapper(bound, self, args, kwargs)
            except BaseException as error:
                hide_frames(error)
                raise

        is_coroutine_function = original.__code__.co_flags & CO_COROUTINE
        ours = update_wrapper(coroutine_method if is_coroutine_function else method, original)
        # Not every look at the parameters goes on to what is wrapped.
        ours.__signature__ = signature(original)  # type: ignore[attr-defined] # as inspect has it
        return ours

    def _run(self, wrapped: Function, instance: object, args: Args, kwargs: Kwargs) -> object:
        try:
            if not self.is_active:
                return wrapped(*args, **kwargs)
            return self._wrapper(wrapped, instance, args, kwargs)
        except BaseException as error:
            hide_frames(error)
            raise


class ObjectProxy(_WraptProxy):
    """Stands around somebody else's object; printed, it is that object."""

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __copy__(self) -> object:
        return copy(self.__wrapped__)

    def __deepcopy__(self, memo: dict[int, object]) -> object:
        return deepcopy(self.__wrapped__, memo)

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """A copy is one of the object; it has no part in what is followed."""
        return self.__wrapped__.__reduce_ex__(protocol)  # type: ignore[no-any-return] # as object has it


class _Wrapped(FunctionWrapper):
    """A wrapped function; its own class so that ours can be told from others'."""


def hide_frames(error: BaseException) -> None:
    """Take frames of this package off the top of the traceback, where one of them has just caught ``error``.

    A bare ``raise`` does not add its frame again: the traceback is what it would be without us. Python
    3.10 keeps the frame that raises.
    """
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_globals.get("__package__") == __package__:
        traceback = traceback.tb_next
    error.__traceback__ = traceback


class _Unseen:
    """Stands around a call of somebody else's function that may raise; see :func:`hide_frames`."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None:
            hide_frames(error)


UNSEEN = _Unseen()


def wrapped_function(function: Function, wrapper: Wrapper) -> Function:
    """Return ``function`` with ``wrapper`` around it; to a look it is still the same."""
    return _Wrapped(function, wrapper)


def is_awaited(function: Function, *, otherwise: bool) -> bool:
    """Tell whether what ``function`` returns is awaited; ``otherwise`` where its looks do not tell."""
    if isgeneratorfunction(function) or isasyncgenfunction(function):
        return False
    return otherwise or iscoroutinefunction(function)


def _is_plain(function: object) -> TypeGuard[FunctionType]:
    """Tell whether a method can be replaced by a plain one; a generator function would no longer look like one."""
    if type(function) is not FunctionType:  # wrapt's proxies tell this type as theirs, too
        return False
    return not function.__code__.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR)


def _chain(function: object) -> Iterator[object]:
    """Yield a function and what it wraps, outermost first."""
    for _ in range(64):
        if function is None:
            return
        yield function
        function = getattr(function, "__wrapped__", None)


def _is_below(ours: object, function: object) -> bool:
    """Tell whether ``function``, as read off its class, is among what ours wraps."""
    function = getattr(function, "_self_parent", None) or function
    return any(each is function for each in _chain(ours))


def _is_from(module: str, function: object) -> bool:
    """Tell whether a package has defined ``function`` itself: others' wrappers only take over its name."""
    if type(function) is not FunctionType:
        return False
    home = str(function.__globals__.get("__name__"))
    return home.partition(".")[0] == module.partition(".")[0]


def _raw(holder: object, name: str) -> Function | property:
    """Return the attribute as it stands in the class, without binding it."""
    if isinstance(holder, type):
        for base in holder.__mro__:
            if name in vars(base):
                return cast("Function", vars(base)[name])
    return cast("Function", getattr(holder, name))


def when_imported(
    module: str, action: Callable[[], None], *, may_be_folder: bool = False
) -> Callable[[], None]:
    """Call ``action`` now if ``module`` is imported already, and right after each import to come.

    An error in ``action`` never reaches the program that imports.

    Args:
        module: Dotted name.
        action: Called again where the module is imported anew, after it was taken out of ``sys.modules``.
        may_be_folder: Whether a package without a file of its own (PEP 420) counts as imported: nothing tells
            when it is. Else such a folder is the program's own, which only has the same name.

    Returns:
        What ends the watch.
    """

    def run() -> None:
        with guarded(f"instrumenting {module}"):
            if sys.modules.get(module) is not None:
                # Another thread may be in the midst of it; what is loaded of it here meanwhile fails its import.
                importlib.import_module(module)
            action()

    end = _Imports.watch(module, run)
    # A program that is not to find a package has None in its place.
    if sys.modules.get(module) is not None or (may_be_folder and _is_namespace(module)):
        run()
    return end


def end_all(ends: list[Callable[[], None]]) -> None:
    """Call what ends watches, and forget it."""
    with suppress(IndexError):  # another thread may be at it, too
        while ends:
            ends.pop()()


class _Imports:
    """Does something after each import of a module: wrapt forgets a hook that it has called.

    It finds nothing. Asked for a module, it asks for a hook of wrapt's, whose finder comes after it. There is only one,
    and it stays: while a finder is taken away, an import on another thread may miss the next.
    """

    def __init__(self) -> None:
        self._actions: dict[str, list[Callable[[], None]]] = {}
        self._hooked: set[str] = set()

    @staticmethod
    def watch(module: str, action: Callable[[], None]) -> Callable[[], None]:
        """Have ``action`` done after each import of ``module``; return what ends that."""
        with _turn.lock:
            finder = next((each for each in sys.meta_path if type(each) is _Imports), None)
            if finder is None:
                wrapt.register_post_import_hook(str, "sys")  # does nothing but bring wrapt's finder
                finder = _Imports()
                sys.meta_path.insert(0, finder)
        actions = finder._actions.setdefault(module, [])
        actions.append(action)

        def end() -> None:
            with suppress(ValueError):  # it has ended
                actions.remove(action)

        return end

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 - as asked
        """Have wrapt call when the import is done."""
        # Wrapt asks all finders again in the midst.
        is_new = fullname not in sys.modules and fullname not in self._hooked
        if is_new and self._actions.get(fullname):
            self._hooked.add(fullname)
            wrapt.register_post_import_hook(self._run, fullname)

    def _run(self, loaded: ModuleType) -> None:
        self._hooked.discard(loaded.__name__)
        for each in tuple(self._actions[loaded.__name__]):
            each()


def _is_namespace(module: str) -> bool:
    """Tell whether a top-level package is nothing but a folder of others."""
    if "." in module:  # to find it, the package that it is in would be loaded
        return False
    spec = PathFinder.find_spec(module)
    return spec is not None and spec.loader is None

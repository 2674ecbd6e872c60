"""Which of the program's tools does the anthropic package run, and where? Pure reading.

Its runners call the program's tools between model calls. From 1.x on one method runs one tool and
knows the id of the call; before, only the method of the tool itself can be hooked.
"""

from importlib import import_module
from typing import Final

from agentops.instrumentation.providers.anthropic.blocks import field, read_parts
from agentops.instrumentation.providers.base import Target
from agentops.instrumentation.tools import ToolRun

__all__ = ["read_tool", "read_tool_result", "tool_targets"]

_RUNNER: Final = "anthropic.lib.tools._beta_runner"
_SESSION_RUNNER: Final = "anthropic.lib.tools._beta_session_runner"
_FUNCTIONS: Final = "anthropic.lib.tools._beta_functions"


def tool_targets() -> tuple[Target, ...]:
    """Return the functions that run tools in the installed version."""
    try:
        runner = getattr(import_module(_RUNNER), "BaseSyncToolRunner", None)
    except ImportError:
        return ()
    if not hasattr(runner, "_run_tool"):
        return (
            _target(_FUNCTIONS, "BetaFunctionTool.call"),
            _target(_FUNCTIONS, "BetaAsyncFunctionTool.call", is_async=True),
        )
    return (
        _target(_RUNNER, "BaseSyncToolRunner._run_tool"),
        _target(_RUNNER, "BaseAsyncToolRunner._run_tool", is_async=True),
        _target(_RUNNER, "BaseSyncToolRunner._run_toolset_member"),
        _target(_RUNNER, "BaseAsyncToolRunner._run_toolset_member", is_async=True),
        _target(_SESSION_RUNNER, "SessionToolRunner._call_tool", is_async=True),
    )


def _target(module: str, name: str, *, is_async: bool = False) -> Target:
    return Target(module=module, name=name, role="tool", is_async=is_async)


def read_tool(hook: str, args: tuple[object, ...]) -> ToolRun | None:
    """Read a run off the arguments of one of the hooked functions.

    Args:
        hook: Name of the target.
        args: ``(tool, input)`` of a tool's own method; ``(runner, tool, use)`` or ``(runner, use)`` of
            a runner's, where the use is a content block or a session event.
    """
    if hook.endswith(".call"):
        tool, use, arguments = args[0], args[0], args[1] if len(args) > 1 else None
    elif hook.endswith("_run_toolset_member"):
        tool, use, arguments = None, args[1], field(args[1], "input")
    else:
        tool, use, arguments = args[1], args[2], field(args[2], "input")
    name = field(use, "name")
    if not isinstance(name, str):
        return None
    call_id, description = field(use, "id"), field(tool, "description")
    return ToolRun(
        name=name,
        call_id=call_id if isinstance(call_id, str) else "",
        description=description if isinstance(description, str) else "",
        function=getattr(tool, "func", None) or getattr(tool, "call", None),
        arguments=arguments,
        shape=_shaped,
    )


def _shaped(value: object) -> object:
    """Return blocks of content as parts, anything else as it is."""
    is_content = isinstance(value, list) and all(field(each, "type") for each in value)
    return read_parts(value) if value and is_content else value


def read_tool_result(run: ToolRun, result: object) -> None:
    """Read what a tool gave back: the block or event a runner sends to the model, or the tool's own value."""
    answer = result[0] if isinstance(result, tuple) and result else result
    if field(answer, "type") is None:
        run.result = answer
        return
    run.result = field(answer, "content")
    if field(answer, "is_error"):
        run.error_type = "tool_error"

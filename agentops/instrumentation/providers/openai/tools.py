"""Which of the program's functions does the openai package run? Part of what is known of it.

Its runners (3.x) run functions, the members of a driver's browser, actions on a driver's computer, and
the actions a decision chose; its streams of managed agents run handlers.
"""

from collections.abc import Sequence
from typing import Any

from agentops.instrumentation.providers.base import Target
from agentops.instrumentation.providers.fields import parsed
from agentops.instrumentation.providers.openai.responses import output_parts
from agentops.instrumentation.tools import Action, ToolRun

__all__ = ["find_actions", "read_tool", "read_tool_result", "tool_targets"]

_BY_CLASS = (
    ("openai.lib.responses_tool_runner", "ResponsesToolRunner._execute_function"),
    ("openai.lib.browser", "BrowserToolset._execute"),
    ("openai.lib.computer", "ComputerToolset._dispatch"),
)


def tool_targets() -> list[Target]:
    """Return the methods of the SDK that run one tool each, and the one that notes a decision's actions."""
    return [
        *(
            Target(module=module, name=f"{prefix}{name}", role="tool", is_async=bool(prefix))
            for module, name in _BY_CLASS
            for prefix in ("", "Async")
        ),
        Target(
            module="openai.lib.streaming.agents._tools", name="ToolInvocation.invoke", role="tool"
        ),
        Target(module="openai.lib.decisions_tool_runner", name="_Run.candidates", role="actions"),
    ]


def read_tool(hook: str, args: tuple[Any, ...]) -> ToolRun:
    """Read a run off the arguments of one of the hooked methods.

    Args:
        hook: Name of the target.
        args: The object, then its arguments: for a runner its state and the item with which the model
            asks, for a toolset the item, for an invocation the handler.
    """
    if hook.endswith("_dispatch"):
        return _computer(args[1])
    holder = args[0]
    if hook.endswith("invoke"):
        return _function(holder.call, args[1])
    if hook.endswith("_execute"):
        return _function(args[1], holder._handlers.get(args[1].name))
    registered = holder._functions[args[2].name]
    run = _function(args[2], registered.execute)
    run.description = str(registered.tool.get("description") or "")
    return run


def _function(call: Any, function: object) -> ToolRun:  # noqa: ANN401 - an item of either API
    return ToolRun(
        name=call.name,
        call_id=call.call_id,
        function=function,
        arguments=parsed(call.arguments),
        shape=output_parts,
    )


def _computer(call: Any) -> ToolRun:  # noqa: ANN401 - of either generation of the tool
    """Read the actions on a computer: several, or the single one of the tool's first generation."""
    actions = getattr(call, "actions", None)
    return ToolRun(
        name="computer",
        call_id=call.call_id,
        arguments={"actions": actions or [getattr(call, "action", None)]},
        shape=output_parts,
    )


def find_actions(candidates: Sequence[Any]) -> list[Action]:
    """Find what a decision may choose to have done; a choice has no id but its own name."""
    return [
        Action(
            holder=each,
            attribute="execute",
            run=ToolRun(
                name=each.id,
                call_id=each.id,
                description=each.description,
                function=each.execute,
            ),
        )
        for each in candidates
        if each.execute is not None
    ]


def read_tool_result(run: ToolRun, result: object) -> None:
    """Read what goes back to the model; a browser tells beside it whether the member did its work."""
    if isinstance(result, tuple) and len(result) == 2 and _is_output(result[0]):
        result, is_done = result
        run.error_type = "" if is_done else "tool_error"
    run.result = result["output"] if _is_output(result) else result  # type: ignore[index] # a dict


def _is_output(value: object) -> bool:
    return isinstance(value, dict) and {"type", "call_id", "output"} <= value.keys()

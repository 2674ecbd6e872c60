"""Which of the program's functions does the openai package run? Part of what is known of it."""

from typing import Any

from agentops.instrumentation.providers.base import Target
from agentops.instrumentation.providers.fields import parsed
from agentops.instrumentation.tools import ToolRun

__all__ = ["read_tool", "read_tool_result", "tool_targets"]

_RUNNER = "openai.lib.responses_tool_runner"


def tool_targets() -> list[Target]:
    """Return the methods of the SDK's runners (openai 3.x) that run one function each."""
    return [
        Target(
            module=_RUNNER,
            name=f"{prefix}ResponsesToolRunner._execute_function",
            role="tool",
            is_async=bool(prefix),
        )
        for prefix in ("", "Async")
    ]


def read_tool(args: tuple[Any, ...]) -> ToolRun:
    """Read a run off the runner, its state and the item with which the model asks for it."""
    runner, item = args[0], args[2]
    tool = runner._functions[item.name].tool
    return ToolRun(
        name=item.name,
        call_id=item.call_id,
        description=str(tool.get("description") or ""),
        arguments=parsed(item.arguments),
    )


def read_tool_result(run: ToolRun, result: object) -> None:
    """Read what goes back to the model."""
    run.result = result.get("output") if isinstance(result, dict) else result

"""What must and must not pass a strict type checker; mypy reads this, nothing runs it."""

from collections.abc import AsyncIterator, Callable, Iterator

import agentops
from agentops.session.session import Session


@agentops.agent
def planner(question: str, *, depth: int = 1) -> str:
    return question * depth


@agentops.tool(name="search", tags=["a"], cost=0.1)
async def search(query: str) -> list[str]:
    return [query]


@agentops.task
def numbers(count: int) -> Iterator[int]:
    yield from range(count)


@agentops.workflow("flow")
async def letters() -> AsyncIterator[str]:
    yield "a"


@agentops.guardrail(spec="input")
def check(text: str) -> bool:
    return bool(text)


@agentops.session
def main() -> int:
    return 1


@agentops.session("named", tags=["prod"])
def named() -> int:
    return 1


@agentops.agent
class Agent:
    def run(self) -> int:
        return 1


kept: Callable[[str], str] = planner
count: int = main() + named() + Agent().run()
text: str = planner("a", depth=2)

with agentops.session("s", tags=["t"]) as session:
    current: Session = session
    event: agentops.ActionEvent | agentops.Event = session.record(agentops.ActionEvent("note"))
    session.end("Fail", "why")

with agentops.tool("search") as run:
    run.set_output(1)


async def use() -> None:
    found: list[str] = await search("q")
    async with agentops.agent("a") as run:
        run.set_input(found)
    async for letter in letters():
        letter.upper()


started: Session | None = agentops.init(service_name="s", telemetry={}, tags=["older"])
agentops.init("key", instrument=["openai"])

planner(1)  # type: ignore[arg-type]
planner("a", deep=1)  # type: ignore[call-arg]
wrong: int = planner("a")  # type: ignore[assignment]
agentops.agent(colour="red")  # type: ignore[call-overload]
agentops.agent(cost=1.0)  # type: ignore[call-overload]
agentops.guardrail(spec="middle")  # type: ignore[call-overload]
agentops.init(colour="red")  # type: ignore[call-arg]
agentops.nothing  # type: ignore[attr-defined]  # noqa: B018

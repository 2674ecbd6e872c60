"""How do the spans of a session hang together? Pure functions over parent ids; cycles do no harm."""

from collections.abc import Sequence
from typing import Final, Protocol

__all__ = ["MISSING", "ROOT", "Node", "agent_depths", "critical_path", "parents"]

ROOT: Final = -1
"""Parent index of a span that has none."""

MISSING: Final = -2
"""Parent index of a span whose parent has not been received, or whose parents form a ring."""


class Node(Protocol):
    """What is needed of a span."""

    @property
    def trace_id(self) -> str:
        """32 hex digits."""

    @property
    def span_id(self) -> str:
        """16 hex digits."""

    @property
    def parent_span_id(self) -> str:
        """16 hex digits, or ``""``."""

    @property
    def end_ns(self) -> int:
        """When it ended."""

    @property
    def span_type(self) -> str:
        """As in :class:`agentops.server.rows.SpanRow`."""


def parents(spans: Sequence[Node]) -> list[int]:
    """Return the index of each span's parent, :data:`ROOT` or :data:`MISSING`; without rings.

    A root that names no parent in its own trace stays a root. Every chain of indexes ends.
    """
    places = {(span.trace_id, span.span_id): index for index, span in enumerate(spans)}
    found = [
        places.get((span.trace_id, span.parent_span_id), MISSING) if span.parent_span_id else ROOT
        for span in spans
    ]
    _cut_rings(found)
    return found


def critical_path(spans: Sequence[Node]) -> list[str]:
    """Return span ids from the root that ended last down, at each level the child that ended last."""
    above = parents(spans)
    last: dict[int, int] = {}
    for index, parent in enumerate(above):
        level = parent if parent >= 0 else ROOT
        if level not in last or spans[index].end_ns > spans[last[level]].end_ns:
            last[level] = index
    path: list[str] = []
    place = last.get(ROOT)
    while place is not None:
        path.append(spans[place].span_id)
        place = last.get(place)
    return path


def agent_depths(spans: Sequence[Node], above: Sequence[int]) -> list[int]:
    """Return for each span how many agents stand above it; 0 directly under the session."""
    depths: list[int | None] = [None] * len(spans)
    for start in range(len(spans)):
        chain = []
        place = start
        while place >= 0 and depths[place] is None:
            chain.append(place)
            place = above[place]
        depth = 0
        if place >= 0:
            depth = (depths[place] or 0) + (spans[place].span_type == "agent")
        for index in reversed(chain):
            depths[index] = depth
            depth += spans[index].span_type == "agent"
    return [depth or 0 for depth in depths]


def _cut_rings(above: list[int]) -> None:
    """Where parents form a ring, let one span of it lose its parent."""
    state = [0] * len(above)  # 0 not seen, 1 on the way, 2 known to end
    for start in range(len(above)):
        way = []
        place = start
        while place >= 0 and state[place] == 0:
            state[place] = 1
            way.append(place)
            place = above[place]
        if place >= 0 and state[place] == 1:
            above[place] = MISSING
        for index in way:
            state[index] = 2

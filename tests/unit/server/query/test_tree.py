from dataclasses import dataclass

from agentops.server.query.tree import MISSING, ROOT, agent_depths, critical_path, parents


@dataclass(frozen=True)
class Node:
    span_id: str
    parent_span_id: str = ""
    end_ns: int = 0
    span_type: str = "other"
    trace_id: str = "t"


def test_parents_are_indexes():
    nodes = [Node("a"), Node("b", "a"), Node("c", "b"), Node("d", "gone")]

    assert [ROOT, 0, 1, MISSING] == parents(nodes)


def test_parent_of_another_trace_is_missing():
    assert [ROOT, MISSING] == parents([Node("a"), Node("b", "a", trace_id="u")])


def test_ring_of_parents_is_cut_once():
    nodes = [Node("a", "c"), Node("b", "a"), Node("c", "b"), Node("s", "s")]
    above = parents(nodes)

    assert [MISSING] == [place for place in above[:3] if place < 0]
    assert MISSING == above[3]
    for start in range(4):
        place, steps = start, 0
        while place >= 0:
            place, steps = above[place], steps + 1
        assert steps <= 4


def test_chain_of_ten_thousand_is_no_recursion():
    nodes = [Node(str(i), str(i - 1) if i else "") for i in range(10_000)]

    assert 9_998 == parents(nodes)[-1]
    assert 10_000 == len(critical_path(nodes))


def test_critical_path_takes_the_child_that_ended_last():
    nodes = [Node("root", end_ns=9), Node("early", "root", 5), Node("late", "root", 8)]
    nodes += [Node("leaf", "late", 7), Node("other", "early", 6)]

    assert ["root", "late", "leaf"] == critical_path(nodes)


def test_depth_counts_the_agents_above():
    nodes = [
        Node("leaf", "inner", span_type="llm"),
        Node("inner", "step", span_type="agent"),
        Node("step", "outer", span_type="task"),
        Node("outer", "root", span_type="agent"),
        Node("root", span_type="session"),
    ]

    assert [2, 1, 1, 0, 0] == agent_depths(nodes, parents(nodes))

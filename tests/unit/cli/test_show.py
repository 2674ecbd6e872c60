"""The tree of `agentops show`, drawn from a skeleton."""

from agentops.cli.show import ASCII, BOX, _depth_first, _tree_lines


def skeleton(parents, **columns):
    count = len(parents)
    return {
        "strings": [f"span {n}" for n in range(count)],
        "types": ["agent"],
        "parent": parents,
        "start_us": [n * 1_000 for n in range(count)],
        "duration_us": [1_000] * count,
        "type": [0] * count,
        "name": list(range(count)),
        "status": [0] * count,
        "input_tokens": [None] * count,
        "output_tokens": [None] * count,
        "cost_usd": [None] * count,
        **columns,
    }


def test_children_follow_their_parent_with_branches():
    drawn = [indent + str(index) for index, indent in _depth_first([-1, 0, 1, 0], BOX)]

    assert ["0", "├─ 1", "│  └─ 2", "└─ 3"] == drawn


def test_spans_without_a_parent_here_stand_at_the_top():
    assert [(0, ""), (1, ""), (2, "`- ")] == _depth_first([-1, -2, 1], ASCII)


def test_a_circle_of_parents_is_shown_and_ends():
    assert {0, 1, 2} == {index for index, _ in _depth_first([1, 0, -1], BOX)}


def test_ten_thousand_levels_do_not_recurse():
    order = _depth_first([-1, *range(10_000)], ASCII)

    assert 10_001 == len(order)


def test_bars_fill_the_width_and_stay_in_it():
    lines = _tree_lines(skeleton([-1, 0, 0], duration_us=[3_000, 1, 1_000]), 100, ASCII)

    bars = [
        line.plain[line.plain.index("agent") if "agent" in line.plain else 34 :] for line in lines
    ]
    assert all(len(line.plain) <= 100 for line in lines)
    assert "#" * 29 in bars[0]
    assert 1 == bars[1].count("#")


def test_failed_span_is_marked_and_tokens_are_shown():
    (line,) = _tree_lines(
        skeleton([-1], status=[2], input_tokens=[812], output_tokens=[119], cost_usd=[0.0002]),
        120,
        BOX,
    )

    assert "A span 0 ✗" in line.plain
    assert "812→119  $0.000200" in line.plain


def test_a_name_of_several_lines_stays_on_its_line():
    (line,) = _tree_lines(skeleton([-1], strings=["first\nsecond"]), 100, ASCII)

    assert "first second" in line.plain
    assert "\n" not in line.plain


def test_control_characters_from_outside_do_not_reach_the_terminal():
    (line,) = _tree_lines(skeleton([-1], strings=["\x1b[31mred\x1b[0m \x07bell"]), 100, BOX)

    assert "A red bell" in line.plain
    assert "\x1b" not in line.plain

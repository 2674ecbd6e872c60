"""No function is longer than a screen."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 60


def test_no_function_is_over_the_limit_of_lines():
    too_long = [
        f"{path.relative_to(ROOT)}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for folder in ("agentops", "scripts", "benchmarks", "examples")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > LINES_MAX
    ]

    assert [] == too_long

"""How are the keywords of ``init`` and ``configure`` written today?"""

from collections import Counter
from collections.abc import Callable, Mapping, Set

import libcst as cst
from libcst import matchers

from agentops.migrate.rules import DROPPED, PLACES

__all__ = ["Change", "rewritten_options"]

Change = Callable[[cst.Call], cst.Call]
"""Returns a call as it is written today."""

_Tree = dict[str, "_Tree | str"]
_TIGHT = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
_COMMENT = matchers.Comment()
_NESTED = ("session", "telemetry", "instrument")


def rewritten_options(call: cst.Call) -> tuple[Change, list[str]]:
    """Return what rewrites a call of ``init`` or ``configure``, and what is to be looked at.

    Args:
        call: As it stands.
    """
    remarks = []
    if sum(each.keyword is None and not each.star for each in call.args) > 1:
        remarks.append("only the key is taken by position; name the other arguments")
    is_open = any(each.star for each in call.args)
    if is_open:
        remarks.append("what is given with * or ** is not looked at")
    given = {each.keyword.value: each for each in call.args if each.keyword is not None}
    older = [name for name in given if name in PLACES or name == "instrument_llm_calls"]
    if older and (is_open or any(name in given for name in _NESTED)):
        told = [f"{name} is still read; today it is {_today(name)}" for name in older]
        return _unchanged, [*remarks, *told]
    tree: _Tree = {}
    heirs: dict[str, str] = {}  # older keyword -> the one that takes its place in the call
    gone = set(DROPPED & given.keys())
    places = Counter(PLACES[name].path for name in older if name in PLACES)
    for name in older:
        before = set(tree)
        is_alone = name not in PLACES or places[PLACES[name].path] == 1
        if is_alone and _put(tree, name, given[name].value):
            gone.add(name)
            heirs.update((name, key) for key in tree.keys() - before)
        else:
            remarks.append(f"{name} is still read; today it is {_today(name)}")
    change = _change(gone, heirs, tree)
    if len(matchers.findall(change(call), _COMMENT)) < len(matchers.findall(call, _COMMENT)):
        return _unchanged, [*remarks, f"{', '.join(sorted(gone))}: a comment would be lost"]
    return change, remarks


def _unchanged(call: cst.Call) -> cst.Call:
    return call


def _today(name: str) -> str:
    if name == "instrument_llm_calls":
        return "instrument=[] for False"
    return ".".join(PLACES[name].path)


def _put(tree: _Tree, name: str, value: cst.BaseExpression) -> bool:
    """Put an older keyword where it stands today; return whether it is sure what it means."""
    if name == "instrument_llm_calls":
        if _code(value) == "False":
            tree["instrument"] = "[]"
        return _code(value) in ("True", "False")
    place = PLACES[name]
    if not _fits(value, place.takes):
        return False
    node: _Tree = tree
    for key in place.path[:-1]:
        below = node.setdefault(key, {})
        assert isinstance(below, dict)  # no path is the beginning of another
        node = below
    text = _as_list(value) if place.takes == "tags" else _code(value)
    node[place.path[-1]] = place.text.format(text)
    return True


def _fits(value: cst.BaseExpression, takes: str) -> bool:
    if takes == "bool":
        return _code(value) in ("True", "False")
    if takes == "int":
        return isinstance(value, cst.Integer)
    if takes == "call":
        return isinstance(value, cst.Call)
    if takes == "tags" and isinstance(value, (cst.List, cst.Tuple, cst.Set)):
        return True
    return isinstance(value, (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString))


def _as_list(tags: cst.BaseExpression) -> str:
    if isinstance(tags, (cst.List, cst.Tuple, cst.Set)):
        return _code(cst.List(tags.elements))
    return f"[{_code(tags)}]"


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _change(gone: Set[str], heirs: Mapping[str, str], tree: _Tree) -> Change:
    """Return what takes keywords out of a call and puts others in their places."""

    def change(call: cst.Call) -> cst.Call:
        kept: list[cst.Arg] = []
        for each in call.args:
            name = each.keyword.value if each.keyword is not None else ""
            if name not in gone:
                kept.append(each)
            elif name in heirs:
                value = cst.parse_expression(_written(tree[heirs[name]]))
                key = cst.Name(heirs[name])
                kept.append(each.with_changes(keyword=key, value=value, equal=_TIGHT))
        if kept and len(kept) < len(call.args):
            kept[-1] = kept[-1].with_changes(comma=call.args[-1].comma)
        return call.with_changes(args=kept)

    return change


def _written(value: _Tree | str) -> str:
    if isinstance(value, str):
        return value
    return "{" + ", ".join(f'"{key}": {_written(each)}' for key, each in value.items()) + "}"

"""How is a file rewritten? Only where the new text surely means what the older one does."""

import importlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import libcst as cst

import agentops
from agentops.migrate.keywords import Change, rewritten_options
from agentops.migrate.rules import MOVED_MODULES, NAMING_AGENTS, RENAMES, Rename
from agentops.migrate.survey import PACKAGE, Reference, Survey

__all__ = ["Remark", "is_there", "kept_names", "moves_to_root", "rewrite"]

Remark = tuple[int, str]
"""A line, from 1, and what is to be looked at there."""

_TRACES = ("start_trace", "end_trace")
_OPTIONS = ("init", "configure")


def kept_names(surveys: Sequence[Survey]) -> dict[str, str]:
    """Return the older names that have to stay in all of these files, and why: ``{name: reason}``.

    What one file makes another may use, so a name is rewritten in all of them or in none.
    """
    kept: dict[str, str] = {}
    given = {name for survey in surveys for name in survey.given_session}
    if any(NAMING_AGENTS & survey.names for survey in surveys):
        kept["track_agent"] = f"the program uses {', '.join(sorted(NAMING_AGENTS))}"
    uses = [(survey.bound, each) for survey in surveys for each in survey.references]
    for bound, each in uses:
        rename = RENAMES.get(each.name)
        if rename is None:
            continue
        if not _fits(each, rename):
            kept[each.name] = f"it is used in a way that {rename.name} may not take"
        elif isinstance(each.node, cst.Name) and each.node.value in bound:
            kept[each.name] = "a file has something else under that name, too"
        elif each.name.startswith("record_") and given and (each.decorated or "?") in (*given, "?"):
            kept[each.name] = "what it decorates is called with session="
    if kept.keys() & set(_TRACES):  # what the one returns the other takes
        reason = next(kept[name] for name in _TRACES if name in kept)
        kept = {**dict.fromkeys(_TRACES, reason), **kept}
    return kept


def _fits(use: Reference, rename: Rename) -> bool:
    """Whether today's name takes what the older one is given."""
    if use.call is None:
        return rename.is_bare
    arguments = use.call.args
    places = [each for each in arguments if each.keyword is None]
    if any(each.star for each in arguments) or len(places) > len(rename.positional):
        return False
    words = [each.keyword.value for each in arguments if each.keyword is not None]
    if not rename.keywords.keys() >= set(words):
        return False
    if use.name == "end_trace":
        return bool(places or "trace_context" in words)  # without one it ends every trace
    if use.name in ("trace", "start_trace"):
        tags = [each.value for each in arguments if each.keyword and each.keyword.value == "tags"]
        return all(map(_are_labels, [*tags, *(each.value for each in places[1:])]))
    return True


def _are_labels(value: cst.BaseExpression) -> bool:
    return isinstance(value, (cst.List, cst.Tuple, cst.Set, cst.SimpleString))


@dataclass(slots=True)
class _Edits:
    """What is put in the place of which node."""

    names: dict[cst.CSTNode, str] = field(default_factory=dict)
    calls: dict[cst.CSTNode, Change] = field(default_factory=dict)
    imports: dict[cst.CSTNode, cst.ImportFrom] = field(default_factory=dict)


def rewrite(
    survey: Survey, kept: Collection[str], told: Collection[str]
) -> tuple[cst.Module, list[Remark]]:
    """Return a file as it is written for this release, and what of it is to be looked at.

    Args:
        survey: What it uses.
        kept: Older names that stay; see :func:`kept_names`.
        told: Names that some file of the program may have of this one, under which they have to stay here.
    """
    edits, remarks = _Edits(), list[Remark]()
    own = {each.node.value for each in survey.references if isinstance(each.node, cst.Name)}
    fixed = {name for name in RENAMES if name in told or name not in own}
    aliased = _import_edits(survey, kept, fixed, edits)
    for each in survey.references:
        rename = RENAMES.get(each.name)
        if each.name in _OPTIONS and each.call is not None:
            edits.calls[each.call], texts = rewritten_options(each.call)
            remarks += [(each.line, f"{each.name}: {text}") for text in texts]
        elif rename is not None and each.name not in kept:
            if isinstance(each.node, cst.Attribute):
                edits.names[each.node.attr] = rename.name
            elif each.node.value == each.name and each.name not in aliased:
                edits.names[each.node] = rename.name
            if each.call is not None:
                edits.calls[each.call] = _renaming(rename)
    changed = survey.module.visit(_Editor(edits))
    assert isinstance(changed, cst.Module)
    return changed, remarks


def _renaming(rename: Rename) -> Change:
    """Return what names a call's arguments as today's function does."""

    def change(call: cst.Call) -> cst.Call:
        arguments = []
        for index, each in enumerate(call.args):
            word = each.keyword.value if each.keyword is not None else None
            today = rename.positional[index] if word is None else rename.keywords[word]
            if today and today != word:
                tight = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
                equal = tight if word is None else each.equal
                each = each.with_changes(keyword=cst.Name(today), equal=equal)
            arguments.append(each)
        return call.with_changes(args=arguments)

    return change


def _import_edits(
    survey: Survey, kept: Collection[str], fixed: Collection[str], edits: _Edits
) -> set[str]:
    """Note how imports change; return the older names that stay in this file, for what is called otherwise now."""
    aliased: set[str] = set()
    for node, module, _ in survey.imports:
        if isinstance(node.names, cst.ImportStar):
            continue
        names = [_name_of(alias) for alias in node.names]
        moves = moves_to_root(module, names)
        aliases: list[cst.ImportAlias] = []
        for alias, name in zip(node.names, names, strict=True):
            rename = None if name in kept else RENAMES.get(name)
            if rename is not None and rename.name != name:
                changed = alias.with_changes(name=cst.Name(rename.name))
                if alias.asname is None and (name in fixed or rename.name in survey.bound):
                    aliased.add(name)
                    as_before = cst.AsName(cst.Name(name))
                    changed = changed.with_changes(asname=as_before)
                alias = changed
            alias = alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)
            if not any(alias.deep_equals(each) for each in aliases):
                aliases.append(alias)
        laid_out = [
            each.with_changes(comma=before.comma)
            for each, before in zip(aliases, node.names[len(names) - len(aliases) :], strict=True)
        ]
        home = cst.Name(PACKAGE) if moves else node.module
        edits.imports[node] = node.with_changes(module=home, names=laid_out)
    return aliased


def _name_of(alias: cst.ImportAlias) -> str:
    assert isinstance(alias.name, cst.Name)  # the grammar has no dots here
    return alias.name.value


def moves_to_root(module: str, names: Sequence[str]) -> bool:
    """Whether names of a module that is there for older programs, or not at all, are to be had from the package."""
    return module != PACKAGE and all(
        name in dir(agentops)
        and name != "TraceContext"  # another thing today
        and (module in MOVED_MODULES or not is_there(module, name))
        for name in names
    )


def is_there(module: str, name: str = "") -> bool:
    """Whether this release has a module, and a name in it."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        return not str(error.name).startswith(PACKAGE)  # there, but what it needs is not
    except ImportError:
        return True
    return not name or hasattr(found, name) or is_there(f"{module}.{name}")


class _Editor(cst.CSTTransformer):
    def __init__(self, edits: _Edits) -> None:
        super().__init__()
        self._edits = edits

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        name = self._edits.names.get(original_node)
        return updated_node if name is None else updated_node.with_changes(value=name)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        change = self._edits.calls.get(original_node)
        return updated_node if change is None else change(updated_node)

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom:
        return self._edits.imports.get(original_node, updated_node)

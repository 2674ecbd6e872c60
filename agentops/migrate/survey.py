"""What of AgentOps does a file use? Reads one file's syntax tree; decides and changes nothing."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import libcst as cst
from libcst import metadata

from agentops.migrate.rules import MOVED_MODULES

__all__ = ["PACKAGE", "Reference", "Survey", "dotted", "survey_of"]

PACKAGE = "agentops"


@dataclass(slots=True)
class Reference:
    """A place where a name of the package is used.

    Attributes:
        module: Where the program has it from: ``agentops``, ``agentops.sdk.decorators`` ...
        name: As it is called there.
        node: The name or attribute.
        line: From 1.
        call: The call of it; ``None``: it is not called.
        decorated: Name of the function or class that it decorates; ``""``: none.
    """

    module: str
    name: str
    node: cst.Name | cst.Attribute
    line: int
    call: cst.Call | None
    decorated: str


@dataclass(slots=True)
class Survey:
    """What a file uses.

    Attributes:
        module: Its syntax tree, of which all nodes here are.
        references: Where names of the package are used, imports left out.
        imports: ``from agentops... import ...`` with the line and the module.
        modules: Modules of the package that are imported as such, with the line.
        names: All identifiers in it.
        given_session: Names of what is called with ``session=``, with the line.
        bound: Names that something else than an import of the package binds where names of the package are used.
        told: Names that it has of other modules, or speaks of in texts.
    """

    module: cst.Module
    references: list[Reference] = field(default_factory=list)
    imports: list[tuple[cst.ImportFrom, str, int]] = field(default_factory=list)
    modules: list[tuple[str, int]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    given_session: dict[str, int] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)

    def imported(self) -> Iterator[tuple[str, list[str], int]]:
        """Yield module, names and line of each import: no names for a module itself, ``*`` for all."""
        for module, line in self.modules:
            yield module, [], line
        for node, module, line in self.imports:
            if isinstance(node.names, cst.ImportStar):
                yield module, ["*"], line
            else:
                yield module, [str(alias.evaluated_name) for alias in node.names], line


def survey_of(source: bytes) -> Survey:
    """Return what a file uses.

    Raises:
        libcst.ParserSyntaxError: It is no Python.
        UnicodeDecodeError: It is in another encoding than it says.
    """
    wrapper = metadata.MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    surveyor = _Surveyor(Survey(wrapper.module))
    wrapper.visit(surveyor)
    surveyor.found.bound = set(_bound(wrapper, surveyor.found.references))
    return surveyor.found


def dotted(node: cst.BaseExpression | None) -> str:
    """Return ``a.b.c`` for names with dots, ``""`` for anything else."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr.value}" if before else ""
    return ""


def _is_ours(module: str) -> bool:
    return module == PACKAGE or module.startswith(f"{PACKAGE}.")


def _bound(wrapper: metadata.MetadataWrapper, references: Collection[Reference]) -> Iterator[str]:
    scope_of = wrapper.resolve(metadata.ScopeProvider)
    used = {scope_of[wrapper.module], *(scope_of.get(each.node) for each in references)}
    scopes = {scope for scope in used if scope is not None}
    while not (around := {scope.parent for scope in scopes}) <= scopes:
        scopes |= around
    for scope in scopes:
        for each in scope.assignments:
            if isinstance(each, metadata.BuiltinAssignment):
                continue
            is_import = isinstance(each, metadata.ImportAssignment)
            if not (is_import and _is_ours(each.get_module_name_for_import())):  # type: ignore[attr-defined] # see left
                yield each.name


class _Surveyor(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (
        metadata.QualifiedNameProvider,
        metadata.PositionProvider,
        metadata.ParentNodeProvider,
    )

    def __init__(self, found: Survey) -> None:
        super().__init__()
        self.found = found

    def visit_Name(self, node: cst.Name) -> None:
        self.found.names.add(node.value)
        self._reference(node)

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        self.found.names.add(node.attr.value)
        if not self._reference(node):
            self.found.told.add(node.attr.value)
        node.value.visit(self)  # not the name of the attribute, which is no reference
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        if node.keyword is not None:
            self.found.names.add(node.keyword.value)
        node.value.visit(self)
        return False

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        text = node.evaluated_value
        if isinstance(text, str):
            self.found.told.add(text.rpartition(".")[2])

    def visit_Call(self, node: cst.Call) -> None:
        if any(arg.keyword is not None and arg.keyword.value == "session" for arg in node.args):
            called = dotted(node.func).rpartition(".")[2]
            self.found.given_session.setdefault(called, self._line(node))

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        module = "" if node.relative else dotted(node.module)
        if _is_ours(module):
            self.found.imports.append((node, module, self._line(node)))
        elif not isinstance(node.names, cst.ImportStar):
            self.found.told.update(str(alias.evaluated_name) for alias in node.names)
        return False

    def visit_Import(self, node: cst.Import) -> bool:
        for alias in node.names:
            if _is_ours(module := dotted(alias.name)):
                self.found.modules.append((module, self._line(node)))
        return False

    def _reference(self, node: cst.Name | cst.Attribute) -> bool:
        """Note a use of a name of the package; return whether it is one, or on the way to one."""
        names = self._qualified(node)
        for found in names:
            module, _, name = found.rpartition(".")
            if not self._is_module(module) or self._is_module(found):
                continue
            parent = self.get_metadata(metadata.ParentNodeProvider, node)
            call = parent if isinstance(parent, cst.Call) and parent.func is node else None
            decorated = self._decorated(call or node)
            self.found.references.append(
                Reference(module, name, node, self._line(node), call, decorated)
            )
        return any(map(_is_ours, names))

    def _is_module(self, name: str) -> bool:
        """Whether a dotted name is a module of the package, or on the way to one; else it is a value in one."""
        imported = [module for module, _ in self.found.modules]
        imported += [module for _, module, _ in self.found.imports]
        known = (PACKAGE, *MOVED_MODULES, *imported)
        return any(module == name or module.startswith(f"{name}.") for module in known)

    def _qualified(self, node: cst.CSTNode) -> Collection[str]:
        found = self.get_metadata(metadata.QualifiedNameProvider, node, ())
        names = found() if callable(found) else found
        imported = metadata.QualifiedNameSource.IMPORT
        return {each.name for each in names if each.source is imported}

    def _decorated(self, node: cst.CSTNode) -> str:
        parent = self.get_metadata(metadata.ParentNodeProvider, node)
        if not isinstance(parent, cst.Decorator):
            return ""
        target = self.get_metadata(metadata.ParentNodeProvider, parent)
        assert isinstance(target, (cst.FunctionDef, cst.ClassDef))
        return target.name.value

    def _line(self, node: cst.CSTNode) -> int:
        return int(self.get_metadata(metadata.PositionProvider, node).start.line)

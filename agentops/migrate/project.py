"""Which files of a program are to be looked at, and what becomes of each?"""

import difflib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import libcst as cst

from agentops.compat import reserved
from agentops.migrate.codemod import is_there, kept_names, moves_to_root, rewrite
from agentops.migrate.rules import ENVIRONMENT, RELEASE_OF, RENAMES
from agentops.migrate.survey import PACKAGE, Survey, survey_of

__all__ = ["FileReport", "Note", "examine"]

_BYTES_MAX: Final = 4 << 20
_NOT_OF_THE_PROGRAM: Final = frozenset({"__pycache__", "node_modules", "site-packages"})
_SETTINGS: Final = (
    ".env*",
    "requirements*.txt",
    "*.toml",
    "*.cfg",
    "*.yml",
    "*.yaml",
    "Dockerfile*",
)
_OLDER: Final = re.compile(rf"\b({'|'.join(RENAMES)})\b".encode())
_VARIABLE: Final = re.compile(rf"\b({'|'.join(ENVIRONMENT)})\b")
_PIN: Final = re.compile(
    r"""\bagentops\s*(?:\[[\w,\s-]*\])?\s*["']?\s*(?:=\s*["'])?\s*(?:==|~=|<=?|\^)\s*0\.[0-4]\b"""
)


class Note(NamedTuple):
    """What somebody has to look at; ``line`` counts from 1."""

    line: int
    text: str


@dataclass(slots=True)
class FileReport:
    """What was found in a file.

    Attributes:
        path: The file.
        releases: Releases that it seems to be written for, with what told so: ``{"0.3": ["record_action"]}``.
        before: Its text as it is; ``b""``: it is not rewritten.
        after: Its text for this release; the same where nothing changes.
        notes: What is to be looked at, by line.
    """

    path: Path
    releases: dict[str, list[str]] = field(default_factory=dict)
    before: bytes = b""
    after: bytes = b""
    notes: list[Note] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        """Whether it would be rewritten."""
        return self.before != self.after

    def diff(self) -> str:
        """Return the change as a unified diff; empty where there is none."""
        before, after = (
            text.decode(errors="replace").splitlines(keepends=True)
            for text in (self.before, self.after)
        )
        name = self.path.as_posix().lstrip("/")
        lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def write(self) -> None:
        """Put the new text in the place of the older one, whole or not at all.

        Raises:
            OSError: The file cannot be written; it is as it was.
        """
        target = self.path.resolve()  # a link stays one
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self.after)
            shutil.copymode(target, name)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise


def examine(paths: Sequence[Path]) -> list[FileReport]:
    """Look at files, and at what is in directories; return a report for each that has to do with AgentOps.

    Nothing is written. Files that are given together are one program: a name is rewritten in all of them or in none.

    Args:
        paths: Files and directories. Of directories, hidden ones and virtual environments are left out.
    """
    reports: list[FileReport] = []
    surveys: list[tuple[FileReport, Survey]] = []
    told: set[str] = set()
    for path in dict.fromkeys(file for given in paths for file in _files(given)):
        report = FileReport(path)
        text = _read(report)
        if text is None:
            reports.append(report)
        elif PACKAGE.encode() in text.lower():
            if path.suffix == ".py":
                survey = _surveyed(report, text)
                if survey is not None:
                    surveys.append((report, survey))
            elif path.suffix == ".ipynb":
                report.notes.append(
                    Note(1, "a notebook is not rewritten; export it, or see the guide")
                )
            _look_at_lines(report, text)
            reports.append(report)
        elif path.suffix == ".py" and _OLDER.search(
            text
        ):  # it may have it of a file that has it of us
            survey = _surveyed(report, text)
            told |= survey.told if survey is not None else RENAMES.keys()
    kept = kept_names([survey for _, survey in surveys])
    told.update(*(survey.told for _, survey in surveys))
    for report, survey in surveys:
        _judge(report, survey, kept, told)
    for report in reports:
        report.notes = sorted(set(report.notes))
    return [each for each in reports if each.changes or each.notes or each.releases]


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, below, names in os.walk(path):
        below[:] = sorted(
            name
            for name in below
            if not name.startswith(".")
            and name not in _NOT_OF_THE_PROGRAM
            and not Path(folder, name, "pyvenv.cfg").exists()
        )
        for file in map(Path(folder).joinpath, sorted(names)):
            if file.suffix in (".py", ".ipynb") or any(map(file.match, _SETTINGS)):
                yield file


def _read(report: FileReport) -> bytes | None:
    try:
        size = report.path.stat().st_size
        if size > _BYTES_MAX:
            report.notes.append(Note(1, f"not looked at: {size} bytes, the limit is {_BYTES_MAX}"))
            return None
        return report.path.read_bytes()
    except OSError as error:
        report.notes.append(Note(1, f"not looked at: {error.strerror}"))
        return None


def _surveyed(report: FileReport, text: bytes) -> Survey | None:
    try:
        survey = survey_of(text)
    except cst.ParserSyntaxError as error:
        report.notes.append(Note(error.raw_line, "not rewritten: it is no Python that can be read"))
    except (UnicodeDecodeError, LookupError, SyntaxError):
        report.notes.append(Note(1, "not rewritten: its encoding is another than it says"))
    except RecursionError:
        report.notes.append(Note(1, "not rewritten: it is nested too deep"))
    else:
        report.before = report.after = text
        return survey
    return None


def _look_at_lines(report: FileReport, text: bytes) -> None:
    """Note older environment variables, and requirements that keep an older release."""
    for line, content in enumerate(text.decode(errors="replace").splitlines(), 1):
        for variable in _VARIABLE.findall(content):
            instead = ENVIRONMENT[variable]
            said = f"use {instead}" if instead else "what it asks for is always so"
            report.notes.append(Note(line, f"{variable} is not read any more; {said}"))
        if report.path.suffix != ".py" and _PIN.search(content):
            report.notes.append(
                Note(line, "this requirement keeps an older agentops; ask for >=0.5")
            )


def _judge(report: FileReport, survey: Survey, kept: dict[str, str], told: set[str]) -> None:
    """Rewrite a file and note what is left."""
    module, remarks = rewrite(survey, kept, told)
    report.after = module.bytes
    report.notes += [Note(*remark) for remark in remarks]
    for name, line in _used(survey):
        release = RELEASE_OF.get(name)
        if release and name not in report.releases.setdefault(release, []):
            report.releases[release].append(name)
        if name in reserved.__all__ and name != "NotServedError":
            report.notes.append(Note(line, f"{name}: {getattr(reserved, name).__doc__}"))
        elif name in kept:
            report.notes.append(
                Note(
                    line,
                    f"{name} stays, {kept[name]}; it still works, today's name is {RENAMES[name].name}",
                )
            )
    report.notes += [*_not_imported(survey), *_not_served(survey)]
    report.releases = {key: value for key, value in sorted(report.releases.items()) if value}


def _used(survey: Survey) -> Iterator[tuple[str, int]]:
    """Yield names, modules and keywords of ``init`` that a file uses, with the line."""
    for module, names, line in survey.imported():
        for part in (*module.split(".")[1:], *names):
            yield part, line
    for each in survey.references:
        yield each.name, each.line
        if each.call is not None and each.name in ("init", "configure", "start_session"):
            for argument in each.call.args:
                if argument.keyword is not None:
                    yield argument.keyword.value, each.line


def _not_imported(survey: Survey) -> Iterator[Note]:
    """Yield a note for each module or name that is imported and that this release does not have."""
    for module, names, line in survey.imported():
        if "*" in names:
            yield Note(line, "what * brings is not followed; name what is imported")
        elif not (names or is_there(module)):
            yield Note(line, f"there is no {module} any more; import from agentops")
        elif not moves_to_root(module, names):
            for name in names:
                if not is_there(module, name):
                    yield Note(line, f"there is no {name} in {module} any more")


def _not_served(survey: Survey) -> Iterator[Note]:
    """Yield a note for each use of what this release does not have."""
    for each in survey.references:
        if each.name == "Client" and each.call is not None:
            yield Note(each.line, "Client() is another thing today; use the functions of agentops")
        elif isinstance(each.node, cst.Attribute) and not is_there(each.module, each.name):
            yield Note(each.line, f"there is no {each.module}.{each.name} any more")
    if "create" in survey.given_session:
        line = survey.given_session["create"]
        yield Note(line, "a model call takes no session= any more; use session.patch(create)(...)")

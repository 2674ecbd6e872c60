"""Writes the tables of docs/reference/configuration.md from the dataclasses that define the settings.

Run it after changing a setting; ``--check`` only says whether the page is up to date.
"""

import inspect
import re
import sys
import typing
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path

from agentops import environment
from agentops.config import Config
from agentops.telemetry.config import ExporterConfig, MatchConfig, SamplingRule

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/configuration.md"
CODE_ONLY = {"telemetry.processors"}
NO_VARIABLE = {"telemetry.exporters", "telemetry.sampling.rules", *CODE_ONLY}


def meanings(kind: type) -> dict[str, str]:
    """Return what the docstring of a dataclass says of each of its fields."""
    text = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:")[2]
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            name = start[1]
            found[name] = start[2]
        elif name and line.strip():
            found[name] += " " + line.strip()
    return {key: value.replace("``", "`").replace("|", "\\|") for key, value in found.items()}


def bare(hint: object) -> object:
    """Return an annotation without ``| None``."""
    choices = [each for each in typing.get_args(hint) if each is not type(None)]
    is_optional = type(None) in typing.get_args(hint)
    return choices[0] if is_optional and len(choices) == 1 else hint


def default_of(f: "Field[object]") -> str:
    """Return the default of a field as YAML would write it."""
    value = f.default if f.default is not MISSING else None
    if f.default_factory is not MISSING:
        value = f.default_factory()
    if f.default is MISSING and f.default_factory is MISSING:
        return "required"
    if value is None:
        return "-"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, (tuple, list)):
        return "`[" + ", ".join(map(str, value)) + "]`"
    return "`{}`" if value == {} or is_dataclass(value) else f"`{value}`"


def rows(kind: type, path: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield key path, default, variable and meaning of every setting below ``path``."""
    hints = typing.get_type_hints(kind)
    told = meanings(kind)
    for f in fields(kind):
        if f.metadata.get("made"):
            continue
        full = f"{path}.{f.name}" if path else f.name
        hint = bare(hints[f.name])
        if isinstance(hint, type) and is_dataclass(hint):
            yield from rows(hint, full)
            continue
        variable = "-" if full in NO_VARIABLE else f"`{environment.variable_of(full)}`"
        yield full, default_of(f), variable, told[f.name]


def settings_table() -> str:
    """Return the table of all settings but those of exporters and rules."""
    lines = ["| key | default | variable | meaning |", "|---|---|---|---|"]
    lines += [f"| `{key}` | {d} | {v} | {m} |" for key, d, v, m in rows(Config, "")]
    return "\n".join(lines)


def plain_table(kind: type) -> str:
    """Return the table of the fields of one dataclass."""
    told = meanings(kind)
    lines = ["| key | default | meaning |", "|---|---|---|"]
    lines += [f"| `{f.name}` | {default_of(f)} | {told[f.name]} |" for f in fields(kind)]
    return "\n".join(lines)


TABLES = {
    "settings": settings_table,
    "exporter": lambda: plain_table(ExporterConfig),
    "rule": lambda: plain_table(SamplingRule),
    "match": lambda: plain_table(MatchConfig),
}


def render(text: str) -> str:
    """Return the page with every marked table replaced."""
    for name, table in TABLES.items():
        start = f"<!-- {name} -->\n"
        before, _, rest = text.partition(start)
        after = rest.partition("<!-- end -->")[2]
        text = f"{before}{start}{table()}\n<!-- end -->{after}"
    return text


if __name__ == "__main__":
    before = PAGE.read_text(encoding="utf-8")
    after = render(before)
    if "--check" in sys.argv:
        sys.exit(before != after)
    PAGE.write_text(after, encoding="utf-8")

"""Where is the configuration file and what does it say? Top floor of the SDK, below ``config``.

YAML and TOML are imported only when there is such a file to read.
"""

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from agentops.errors import ConfigurationError

__all__ = ["expand", "find", "parse"]

_NAMES: Final = ("agentops.yaml", "agentops.yml")
_BYTES_MAX: Final = 1 << 20
_REFERENCE: Final = re.compile(
    r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})"
)


def find(directory: Path) -> Path | None:
    """Return the nearest configuration file in ``directory`` or above it, or ``None``.

    ``agentops.yaml`` and ``agentops.yml`` anywhere on the way go before a ``[tool.agentops]`` table.
    """
    places = (directory, *directory.parents)
    for place in places:
        for name in _NAMES:
            if (place / name).is_file():
                return place / name
    for place in places:
        file = place / "pyproject.toml"
        if _mentions_us(file):
            return file
    return None


def parse(file: Path) -> Mapping[str, object]:
    """Return what a YAML file, or the ``[tool.agentops]`` table of a TOML file, says.

    Raises:
        ConfigurationError: The file cannot be read or is not a mapping.
    """
    text = _text(file)
    content = _toml(text, file) if file.suffix == ".toml" else _yaml(text, file)
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise ConfigurationError(str(file), content, "a mapping of settings")
    return content


def expand(
    value: object, lookup: Callable[[str], str | None], missing: Callable[[str], None]
) -> object:
    """Return ``value`` with ``${NAME}`` and ``${NAME:-default}`` in all its texts replaced.

    ``$$`` stands for one dollar sign. A text that comes out empty becomes ``None``.

    Args:
        value: Text, list, mapping or anything else, which is returned as it is.
        lookup: Returns the value of a variable, ``None`` when it is not set.
        missing: Told the name of each variable that is not set or empty, and has no default.
    """
    if isinstance(value, Mapping):
        return {key: expand(each, lookup, missing) for key, each in value.items()}
    if isinstance(value, list):
        return [expand(each, lookup, missing) for each in value]
    if not isinstance(value, str) or "$" not in value:
        return value

    def replacement(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "$"
        found = lookup(name) or match["default"]
        if found is None:
            missing(name)
        return found or ""

    return _REFERENCE.sub(replacement, value) or None


def _mentions_us(file: Path) -> bool:
    """Whether a ``pyproject.toml`` may hold our table; one that cannot be read is somebody else's affair."""
    try:
        with file.open("rb") as stream:
            return b"[tool.agentops" in stream.read(_BYTES_MAX)
    except OSError:
        return False


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_BYTES_MAX + 1)
            text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(file), str(error), "a readable UTF-8 file") from None
    if len(content) > _BYTES_MAX:
        raise ConfigurationError(str(file), "more", f"at most {_BYTES_MAX} bytes")
    return text


def _yaml(text: str, file: Path) -> object:
    import yaml  # costs more than all the rest of the configuration, and not every program has a file

    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigurationError(f"{file}:{line}", error.problem, "valid YAML") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigurationError(str(file), str(error), "valid YAML") from None


def _toml(text: str, file: Path) -> object:
    # Imported as above; Python 3.10 has no reader of its own.
    reader = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        content = reader.loads(text)
    except ValueError as error:
        raise ConfigurationError(str(file), str(error), "valid TOML") from None
    tools = content.get("tool")
    return tools.get("agentops") if isinstance(tools, dict) else None

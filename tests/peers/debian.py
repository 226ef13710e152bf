"""Programs of Debian's packages, unpacked beside the system.

For those that would bring along far more than a test wants (ZoneMinder's probe: a database and PHP), and for those that
this system's release has built without the part that is tested (VLC without what reads RTSP). Nothing is installed, and
none of it is in the repository: the packages are fetched from where the system fetches its own, and kept in the user's
cache for later runs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightline-tests"
LIMIT = 100.0
"""Seconds for each step."""
_OF_THE_SYSTEM = ("-oDir::State::status=/dev/null", "-oAPT::Sandbox::User=")
"""apt's options for packages whatever of them is installed, fetched as whoever runs this."""
_NO_OTHERS = tuple(f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"))


def unpacked(name: str, wanted: Sequence[str], only: str, release: str = "") -> Path:
    """A folder into which packages were unpacked, as if it were the root.

    They are `wanted` and, of those whose names match the expression `only`, what they depend on and matches, too; from
    `release` of Debian, or the one that the system is. `name` is the folder's. Skips where they cannot be had.
    """
    folder, asked = CACHE / name, "\n".join((*wanted, only, release))
    done = folder / "asked"
    if done.exists() and done.read_text() == asked:
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, ignore_cleanup_errors=True) as making:
        try:
            _unpack(Path(making), wanted, re.compile(only), release)
        except (OSError, subprocess.SubprocessError) as error:
            why = str(getattr(error, "stderr", "") or error).strip()
            pytest.skip(f"{name} cannot be had from Debian's packages: {why[-300:]}")
        (Path(making) / "asked").write_text(asked)
        shutil.rmtree(folder, ignore_errors=True)
        Path(making).rename(folder)
    return folder


def _unpack(folder: Path, wanted: Sequence[str], only: re.Pattern[str], release: str) -> None:
    options = _lists_of(release) if release else _OF_THE_SYSTEM
    followed = filter(only.fullmatch, wanted)
    said = _run("apt-cache", *options, "depends", "--recurse", *_NO_OTHERS, *followed)
    names = {line for line in said.splitlines() if only.fullmatch(line)}
    with tempfile.TemporaryDirectory(dir=CACHE) as packages:
        _run("apt-get", *options, "download", "-qq", *sorted(names.union(wanted)), cwd=packages)
        for package in Path(packages).glob("*.deb"):
            _run("dpkg-deb", "--extract", str(package), str(folder))


def _lists_of(release: str) -> tuple[str, ...]:
    """apt's options for another release's lists, which are fetched and kept apart from the system's."""
    folder = CACHE / f"lists-{release}"
    (folder / "partial").mkdir(parents=True, exist_ok=True)
    places = _run("apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", "Origin: Debian")
    site = next((line for line in places.splitlines() if line.endswith("/debian")), None)
    if site is None:
        raise OSError("apt-get update was never run, or the system's packages are not Debian's")
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    source = folder.with_suffix(".list")  # apt keeps the folder free from what is not its own
    source.write_text(f"deb [signed-by={keys}] {site} {release} main\n")
    settings = {
        "Dir::Etc::sourcelist": source,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder,
        "Dir::Cache": folder,
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    }
    options = (*_OF_THE_SYSTEM, *(f"-o{key}={value}" for key, value in settings.items()))
    _run("apt-get", *options, "update", "-qq")
    return options


def _run(*command: str, cwd: str | None = None) -> str:
    run = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=LIMIT)
    return run.stdout

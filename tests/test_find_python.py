"""Which Python `make setup` takes, of those that stand in PATH."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "find_python"

TOO_OLD = "exit 1"
INCOMPLETE = "echo 0"
PLAIN = "echo 1"
OPTIMISED = "echo 2"


def found(folder: Path, pythons: dict[str, str]) -> str:
    """The choice among stand-ins that say of themselves what a real one says."""
    for name, says in pythons.items():
        stand_in = folder / name
        stand_in.write_text(f"#!/bin/sh\n{says}\n")
        stand_in.chmod(0o755)
    done = subprocess.run([SCRIPT], env={"PATH": str(folder)}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ({"python3": OPTIMISED, "python3.13": OPTIMISED}, "python3"),
        ({"python3": PLAIN, "python3.12": OPTIMISED}, "python3.12"),
        ({"python3": TOO_OLD, "python3.13": INCOMPLETE, "python3.11": OPTIMISED}, "python3.11"),
    ],
)
def test_an_optimised_python_is_taken_wherever_it_stands(tmp_path: Path, pythons: dict[str, str], chosen: str) -> None:
    assert found(tmp_path, pythons) == chosen


def test_a_real_python_is_asked_what_it_is(tmp_path: Path) -> None:
    """This one, if no better one is the system's."""
    (tmp_path / "python3").symlink_to(sys.executable)
    assert found(tmp_path, {}) in {"python3", "/usr/bin/python3"}

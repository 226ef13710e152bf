"""Where the recordings of real cameras and receivers lie, beside the checkout. They are never committed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("SHARED_DIR", Path(__file__).resolve().parents[2] / "shared"))


def shared(name: str) -> Path:
    """The path of `shared/data/NAME`; skips the calling test, saying so, where it is absent."""
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"no recording {name}: the shared data is not beside this checkout")
    return path


def tool(name: str) -> Path:
    """The path of `shared/tools/NAME`; skips the calling test, saying so, where it is absent."""
    path = SHARED / "tools" / name
    if not path.exists():
        pytest.skip(f"no tool {name}: the shared tools are not beside this checkout")
    return path

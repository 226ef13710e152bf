"""Two hundred single bits flipped anywhere in an archive: each is caught, and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proof_rig import make_archive
from tests.test_verify import catch_flips

pytestmark = pytest.mark.soak


async def test_two_hundred_flipped_bits_are_caught_and_named(tmp_path: Path) -> None:
    await catch_flips(await make_archive(tmp_path), 200, seed=200)

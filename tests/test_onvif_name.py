"""The import name `onvif` belongs to onvif-zeep-async; our folder of that name must never hide it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_our_onvif_folder_is_no_package() -> None:
    assert not (ROOT / "onvif" / "__init__.py").exists()


def test_import_onvif_finds_the_library_beside_our_folder() -> None:
    code = "import onvif, onvif_protocol; print(onvif.ONVIFCamera.__module__); print(onvif_protocol.__file__)"
    # From the checkout, where the folder `onvif` lies on the path before site-packages.
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    module, file = done.stdout.split()
    assert module == "onvif.client"
    assert Path(file).parent.name == "onvif_protocol"

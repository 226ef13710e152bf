"""The wheel's build hook: the page and the compiled kernels go into it (see build_page.py and build_kernel.py)."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))

import build_kernel
import build_page


class SightlineBuildHook(BuildHookInterface[Any]):
    """Builds what a wheel needs. An editable install leaves that to `make setup`."""

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling."""
        root = Path(self.root)
        if self.target_name != "wheel" or build_page.up_to_date(root) or build_page.machine_npm():
            return []
        return [build_page.NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files."""
        root = Path(self.root)
        if version == "editable" or self.target_name != "wheel":
            return
        if not build_page.up_to_date(root):
            build_page.build(root)
        if build_kernel.build(root):
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["pure_python"] = False
            build_data["tag"] = f"cp311-abi3-{platform}"

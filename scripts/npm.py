"""Runs npm in web/ui: the machine's own, or the Python package's (see build_page.py)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from build_page import npm_command

page = Path(__file__).resolve().parent.parent / "web/ui"
sys.exit(subprocess.run([*npm_command(), *sys.argv[1:]], cwd=page, check=False).returncode)

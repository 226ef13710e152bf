"""Runs npm in web/ui: the machine's own, or the Python package's (see build_page.py)."""

from __future__ import annotations

import sys
from pathlib import Path

from build_page import npm

sys.exit(npm(Path(__file__).resolve().parent.parent, *sys.argv[1:]))

"""The pictures that the documents show are there, and each is one that `scripts/screenshots.py` makes."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MADE = runpy.run_path(str(ROOT / "scripts/screenshots.py"))
SHOWN = re.compile(r"!\[[^\]]+\]\(([^)]+)\)")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def shown() -> set[Path]:
    """The files of the pictures that documents show; each has words for who does not see it."""
    return {
        (document.parent / name).resolve()
        for document in DOCUMENTS
        for name in SHOWN.findall(document.read_text("utf-8"))
    }


def test_each_picture_of_a_document_is_there_and_made_by_the_script() -> None:
    made = {MADE["FOLDER"] / f"{picture.name}.webp" for picture in MADE["PICTURES"]}
    assert len(made) == len(MADE["PICTURES"]), "two have one name"
    assert shown()
    assert shown() <= made
    assert [path.name for path in shown() if not path.is_file()] == []


def test_every_picture_is_shown_somewhere_and_all_are_small() -> None:
    pictures = set(MADE["FOLDER"].iterdir())
    assert pictures == shown()
    assert sum(path.stat().st_size for path in pictures) <= MADE["MOST_BYTES"]

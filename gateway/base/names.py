"""What cameras and groups of cameras can be called, and how what others wrote becomes one line."""

from __future__ import annotations

import re

RESERVED = ("anchors", "keys")
"""No camera's id: the ledger's own files are called so."""
CAMERA_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,62}")
GROUP_NAME = re.compile(r"[^\s,/\"'\x00-\x1f\x7f]{1,63}")


def camera_id(text: str) -> str:
    """Check that `text` can be a camera's id.

    Raises:
        ValueError: it cannot.
    """
    if not CAMERA_ID.fullmatch(text):
        raise ValueError(
            f'"{text}" cannot be an id: use up to 63 letters, digits, "-", "_", "." or "~", '
            "beginning with a letter or a digit"
        )
    if text.lower() in RESERVED:
        raise ValueError(f'"{text}" cannot be an id: a file of the ledger is called so')
    return text


def is_camera_id(text: str) -> bool:
    """Whether `text` can be a camera's id."""
    return CAMERA_ID.fullmatch(text) is not None and text.lower() not in RESERVED


def group_name(text: str) -> str:
    """Check that `text` can be the name of a group of cameras.

    Raises:
        ValueError: it cannot.
    """
    if not GROUP_NAME.fullmatch(text) or not text.isprintable():
        raise ValueError(
            f'"{text}" cannot name a group: use up to 63 characters that can be seen, no spaces, commas, quotes or "/"'
        )
    return text


def one_line(text: str) -> str:
    """`text` with one space for each run of what cannot be seen: line breaks, marks of direction (UAX 9)."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())

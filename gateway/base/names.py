"""What cameras and groups of cameras can be called, and how strict every section of the settings is."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict

RESERVED = ("anchors", "keys")
"""No camera's id: the ledger's own files are called so."""
CAMERA_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,62}")
GROUP_NAME = re.compile(r"[^\s,/\"'\x00-\x1f\x7f]{1,63}")


class Section(BaseModel):
    """A section of the settings: no unknown keys, no change once read, no values in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


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
    if not GROUP_NAME.fullmatch(text):
        raise ValueError(f'"{text}" cannot name a group: use up to 63 characters, no spaces, commas, quotes or "/"')
    return text


def _each_once(groups: tuple[str, ...]) -> tuple[str, ...]:
    """In one order, so that writing them in another is no change."""
    return tuple(sorted(set(groups)))


CameraId: TypeAlias = Annotated[str, AfterValidator(camera_id)]
GroupName: TypeAlias = Annotated[str, AfterValidator(group_name)]
Groups: TypeAlias = Annotated[tuple[GroupName, ...], AfterValidator(_each_once)]

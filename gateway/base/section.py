"""What every section of the settings has: how strict it is, and the names that stand in it."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict

from gateway.base.names import camera_id, group_name, one_line


class Section(BaseModel):
    """A section of the settings: no unknown keys, no change once read, no values in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _each_once(groups: tuple[str, ...]) -> tuple[str, ...]:
    """In one order, so that writing them in another is no change."""
    return tuple(sorted(set(groups)))


Label: TypeAlias = Annotated[str, AfterValidator(one_line)]
CameraId: TypeAlias = Annotated[str, AfterValidator(camera_id)]
GroupName: TypeAlias = Annotated[str, AfterValidator(group_name)]
Groups: TypeAlias = Annotated[tuple[GroupName, ...], AfterValidator(_each_once)]

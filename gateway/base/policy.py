"""The section `[policy]`: what one can write there, and which lines contradict each other.

It stands in the settings file alone, so that who may see what can be read in one place; no environment variable changes
it. What it means for somebody is `gateway.access.authority`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from gateway.base.duration import parse_duration
from gateway.base.roles import GRANTED, OF_ONE_CAMERA, Right, Role
from gateway.base.section import CameraId, Groups, Section
from gateway.base.sizes import Size
from gateway.base.toml_lines import Path

LINES = "lines"
"""Under this name the context of a validation has the line of each key (`base.toml_lines.key_lines`)."""
DEFAULT_CATEGORY = "default"

View: TypeAlias = Literal["live", "recorded"]
Hidden: TypeAlias = Literal["position", "stream"]


def _span(text: str) -> str:
    parse_duration(text)
    return text


def _granted(rights: tuple[Right, ...]) -> tuple[Right, ...]:
    for right in rights:
        if right not in GRANTED:
            raise ValueError(f'"{right}" cannot be given: use {", ".join(GRANTED)}')
    return tuple(sorted(set(rights), key=GRANTED.index))


Span: TypeAlias = Annotated[str, AfterValidator(_span)]
"""As people write it; `base.duration` reads it."""
Rights: TypeAlias = Annotated[tuple[Right, ...], AfterValidator(_granted)]
ReasonText: TypeAlias = Annotated[str, Field(min_length=3, max_length=200)]


class Retention(Section):
    """`[[policy.retention]]`: how long what is recorded stays, by its category and camera."""

    category: Annotated[str, Field(min_length=1, max_length=64)] = DEFAULT_CATEGORY
    cameras: tuple[CameraId, ...] = ()
    groups: Groups = ()
    """Neither `cameras` nor `groups`: all cameras that no other row of the category is for."""
    keep: Span | None = None
    """It is deleted after this; None: when the room is needed."""
    keep_at_least: Span | None = None
    """It is not deleted before this, however little room there is."""
    max_bytes: Size | None = None
    """What each camera may fill with it: the oldest beyond is deleted."""


class Allow(Section):
    """`[[policy.allow]]`: what a role may do with cameras of some groups. The rows of a role replace its defaults."""

    role: Role
    groups: Groups = ()
    """(): all cameras."""
    rights: Rights


class Rule(Section):
    """`[[policy.rule]]`: for some cameras, something else than what the policy says at its top. None: as there."""

    cameras: tuple[CameraId, ...] = ()
    groups: Groups = ()
    ask_reason: tuple[View, ...] | None = None
    watermark: bool | None = None
    tell_wearer: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        if not self.cameras and not self.groups:
            raise ValueError('name "cameras" or "groups" that it is for')
        if self.ask_reason is None and self.watermark is None and self.tell_wearer is None:
            raise ValueError('it says nothing: write "ask_reason", "watermark" or "tell_wearer"')
        return self


class PrivacyMode(Section):
    """`[[policy.privacy]]`: what it means when a wearer's privacy mode is on."""

    groups: Groups = ()
    """(): all cameras that no other row names a group of."""
    hide: tuple[Hidden, ...]
    recording: bool = True
    """Whether recording goes on."""


class Policy(Section):
    """`[policy]`, free of contradictions."""

    ask_reason: tuple[View, ...] = ()
    """The views that need a reason."""
    reasons: tuple[ReasonText, ...] = ()
    """Offered to choose from; (): people write their own."""
    watermark: bool = False
    """The viewer's name is drawn over the picture, by the page: it deters, and keeps nobody from anything."""
    tell_wearer: bool = False
    pre_roll_sound: bool = False
    report_by: Literal["role", "name"] = "role"
    """Whether the report for citizens says by role or by name who looked."""
    retention: tuple[Retention, ...] = ()
    allow: tuple[Allow, ...] = ()
    rule: tuple[Rule, ...] = ()
    privacy: tuple[PrivacyMode, ...] = ()

    _lines: Mapping[Path, int] = PrivateAttr(default_factory=dict)

    @field_validator("ask_reason")
    @classmethod
    def _each_view_once(cls, views: tuple[View, ...]) -> tuple[View, ...]:
        return tuple(sorted(set(views)))

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Policy:
        lines: Mapping[Path, int] = (info.context or {}).get(LINES, {})
        self._lines = {path[1:]: line for path, line in lines.items() if path[0] == "policy"}
        found = [contradiction.sentence(self) for contradiction in _contradictions(self)]
        if found:
            raise ValueError("; ".join(found))
        return self

    @property
    def categories(self) -> list[str]:
        """What a hold may be for, as the rows of `retention` name it, in their order; the default is none."""
        return [name for name in dict.fromkeys(row.category for row in self.retention) if name != DEFAULT_CATEGORY]

    def line(self, *path: str | int) -> int | None:
        """The line of the settings file on which a key stands, or else what it is in; None: it is not written there."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1] if isinstance(path[-1], str) and len(path) > 1 and isinstance(path[-2], int) else ()
        return None

    def says(self, other: Policy) -> bool:
        """Whether `other` says the same, wherever its lines stand."""
        return self.model_dump() == other.model_dump()


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two places of a policy that cannot both hold."""

    first: Path
    second: Path
    why: str

    def sentence(self, policy: Policy) -> str:
        """What is wrong, with both lines."""
        return f"{_place(policy, self.first)} and {_place(policy, self.second)} contradict each other: {self.why}"


def _place(policy: Policy, path: Path) -> str:
    name = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in path)
    line = policy.line(*path)
    return f'"policy{name}"' if line is None else f'line {line} ("policy{name}")'


def _contradictions(policy: Policy) -> Iterator[Contradiction]:
    for i, row in enumerate(policy.retention):
        if row.keep and row.keep_at_least and parse_duration(row.keep) < parse_duration(row.keep_at_least):
            why = f"what is deleted after {row.keep} is not kept for at least {row.keep_at_least}"
            yield Contradiction(("retention", i, "keep"), ("retention", i, "keep_at_least"), why)
    for i, j in _pairs(policy.retention):
        yield from _contradictions_of_retention(policy, i, j)
    yield from _contradictions_of_rights(policy)
    for i, j in _pairs(policy.rule):
        yield from _contradictions_of_rules(policy, i, j)
    for i, mode in enumerate(policy.privacy):
        if not mode.hide and mode.recording:
            why = "with nothing hidden and recording going on, privacy mode would change nothing"
            yield Contradiction(("privacy", i, "hide"), ("privacy", i, "recording"), why)
    for i, j in _pairs(policy.privacy):
        both = _common(policy.privacy[i].groups, policy.privacy[j].groups)
        if both is not None:
            why = f"both say what privacy mode does for {both}: write one row"
            yield Contradiction(("privacy", i), ("privacy", j), why)


def _contradictions_of_retention(policy: Policy, i: int, j: int) -> Iterator[Contradiction]:
    one, two = policy.retention[i], policy.retention[j]
    if one.category != two.category:
        return
    if cameras := set(one.cameras) & set(two.cameras):
        both = f" of the camera {min(cameras)}"
    elif groups := set(one.groups) & set(two.groups):
        both = f" of the group {min(groups)}"
    elif not (one.cameras or one.groups or two.cameras or two.groups):
        both = ""
    else:
        return
    why = f'both say how long "{one.category}"{both} is kept: write one row'
    yield Contradiction(("retention", i), ("retention", j), why)


def _contradictions_of_rights(policy: Policy) -> Iterator[Contradiction]:
    for i, row in enumerate(policy.allow):
        given = set(row.rights)
        role, rights = ("allow", i, "role"), ("allow", i, "rights")
        if Right.AUDIO in given and not given & {Right.LIVE, Right.RECORDED}:
            yield Contradiction(role, rights, 'there is no sound without a picture: give "live" or "recorded", too')
        if Right.EXPORT in given and Right.RECORDED not in given:
            yield Contradiction(role, rights, 'who may not see recordings cannot export them: give "recorded", too')
        whole = sorted(given - OF_ONE_CAMERA)
        if row.groups and whole:
            why = f"{', '.join(whole)} cannot be given for some cameras only: write a row without groups"
            yield Contradiction(("allow", i, "groups"), rights, why)
    for i, j in _pairs(policy.allow):
        one, two = policy.allow[i], policy.allow[j]
        both = _common(one.groups, two.groups) if one.role is two.role else None
        if both is not None and one.rights != two.rights:
            why = f"both say what a {one.role} may do with {both}: write one row"
            yield Contradiction(("allow", i, "rights"), ("allow", j, "rights"), why)


def _contradictions_of_rules(policy: Policy, i: int, j: int) -> Iterator[Contradiction]:
    one, two = policy.rule[i], policy.rule[j]
    cameras, groups = set(one.cameras) & set(two.cameras), set(one.groups) & set(two.groups)
    if not cameras and not groups:
        return
    both = f"camera {min(cameras)}" if cameras else f"group {min(groups)}"
    for key in ("ask_reason", "watermark", "tell_wearer"):
        first, second = getattr(one, key), getattr(two, key)
        if first is not None and second is not None and _plain(first) != _plain(second):
            yield Contradiction(("rule", i, key), ("rule", j, key), f"they differ for the {both}")


def _plain(value: Any) -> Any:
    return set(value) if isinstance(value, tuple) else value


def _common(one: tuple[str, ...], two: tuple[str, ...]) -> str | None:
    """What two lists of groups, where () is all cameras, name alike; None: nothing."""
    if not one and not two:
        return "all cameras"
    shared = set(one) & set(two)
    return f"group {min(shared)}" if shared else None


def _pairs(rows: Iterable[object]) -> Iterator[tuple[int, int]]:
    return combinations(range(len(tuple(rows))), 2)

"""What holds now: who may do what with which camera, by role, by group, by the policy, and by the wearer's privacy.

Every route, socket and stream asks here, and nowhere else. It is pure and in memory: asked for each event and each
viewer, from the event loop's thread. Who changes users, cameras, policy or privacy tells it; whoever has something
running for somebody looks again when `on_changed` is called. Why something holds, in sentences, is
`gateway.access.explain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from gateway.access.rights import RIGHTS
from gateway.access.visitors import Visitor
from gateway.base.policy import DEFAULT_CATEGORY, Hidden, Policy, PrivacyMode, Retention, Rule, View
from gateway.base.roles import OF_ONE_CAMERA, Right, Role

SEEING = frozenset({Right.LIVE, Right.RECORDED, Right.POSITION, Right.CONFIGURE})
"""With any of them for a camera, one knows that it is there."""
_NEEDS: dict[Right, View] = {Right.LIVE: "live", Right.RECORDED: "recorded", Right.EXPORT: "recorded"}
"""The view whose reason is asked for a right."""
_HIDES: dict[Hidden, frozenset[Right]] = {
    "position": frozenset({Right.POSITION}),
    "stream": frozenset({Right.LIVE, Right.AUDIO}),
}


class Asker(Protocol):
    """Who asks: a Principal, or an account somebody wonders about."""

    @property
    def role(self) -> Role:
        """What they are."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The camera groups they are limited to."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras they are limited to, beside those of `groups`; neither: no limit."""


def limited(who: Asker) -> bool:
    """Whether somebody is limited to some cameras."""
    return bool(who.groups or who.cameras)


@dataclass(frozen=True, slots=True)
class Privacy:
    """A wearer's privacy mode that is on."""

    since_ns: int
    """UTC."""
    hides_position: bool
    hides_stream: bool
    recording: bool
    """Whether recording goes on."""

    @property
    def hidden(self) -> frozenset[Right]:
        """The rights that nobody has meanwhile."""
        return (_HIDES["position"] if self.hides_position else frozenset()) | (
            _HIDES["stream"] if self.hides_stream else frozenset()
        )


@dataclass(frozen=True, slots=True)
class Asks:
    """What the policy asks of the views of one camera."""

    reason: frozenset[View]
    """The views that need one."""
    watermark: bool
    tells_wearer: bool


class Authority:
    """Says what holds. Start it with the policy; `update` it with everything else."""

    def __init__(self, policy: Policy, cameras: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.on_changed: list[Callable[[], None]] = []
        """Called after each change: what runs for somebody may have to end."""
        self.policy = policy
        self._cameras = dict(cameras or {})
        self._private: dict[str, Privacy] = {}
        self._known: dict[tuple[Role, tuple[str, ...], tuple[str, ...], str], frozenset[Right]] = {}
        self._asked: dict[str, Asks] = {}

    def update(
        self,
        *,
        policy: Policy | None = None,
        cameras: Mapping[str, tuple[str, ...]] | None = None,
        private: Mapping[str, Privacy] | None = None,
    ) -> None:
        """Take over what changed: the policy, all cameras with their groups, all cameras whose wearer is private."""
        before = self.policy, self._cameras, self._private
        self.policy = self.policy if policy is None else policy
        self._cameras = self._cameras if cameras is None else dict(cameras)
        self._private = self._private if private is None else dict(private)
        if before != (self.policy, self._cameras, self._private):
            self._known.clear()
            self._asked.clear()
            for listener in self.on_changed:
                listener()

    # ---- rights

    def may(self, who: Asker, right: Right, camera: str | None = None) -> bool:
        """Whether `who` has `right` for `camera`; without a camera: for all of them, and what is not about cameras."""
        if right is Right.OPEN:
            return True
        if isinstance(who, Visitor) and camera is None:
            return False
        if right is Right.LOGGED_IN:
            return right in RIGHTS[who.role]
        if camera is not None:
            return right in self.rights(who, camera)
        return not limited(who) and any(not groups and right in rights for groups, rights in self.rows(who.role))

    def may_somewhere(self, who: Asker, right: Right) -> bool:
        """Whether there could be a camera for which `who` has `right`."""
        if isinstance(who, Visitor):
            return right in who.given
        return any(right in rights for _, rights in self.rows(who.role))

    def rights(self, who: Asker, camera: str) -> frozenset[Right]:
        """All that `who` may do with `camera` now. A camera that is not known is in no group."""
        held = self._held(who, camera)
        return who.of(camera, held) if isinstance(who, Visitor) else held

    def _held(self, who: Asker, camera: str) -> frozenset[Right]:
        key = who.role, who.groups, who.cameras, camera
        known = self._known.get(key)
        if known is None:
            private = self._private.get(camera)
            hidden = frozenset[Right]() if private is None else private.hidden
            known = self.rights_in(who, camera, self.groups(camera)) - hidden
            if camera in self._cameras:  # not any name that somebody tries
                self._known[key] = known
        return known

    def rights_in(self, who: Asker, camera: str, groups: Iterable[str]) -> frozenset[Right]:
        """What `who` may do with a camera of that id once it is in `groups`, private or not."""
        of_camera = set(groups)
        if limited(who) and camera not in who.cameras and of_camera.isdisjoint(who.groups):
            return frozenset()
        held: set[Right] = set()
        for wanted, rights in self.rows(who.role):
            if not wanted or not of_camera.isdisjoint(wanted):
                held |= rights
        return frozenset(held & OF_ONE_CAMERA if limited(who) else held) - {Right.LOGGED_IN}

    def sees(self, who: Asker, camera: str) -> bool:
        """Whether `who` may know that there is such a camera. To others it does not exist."""
        return not SEEING.isdisjoint(self.lasting_rights(who, camera))

    def lasting_rights(self, who: Asker, camera: str) -> frozenset[Right]:
        """As `rights`, whether or not a privacy mode hides something: for who is told what there is, not shown it."""
        if self._private.get(camera) is None:
            return self.rights(who, camera)
        held = self.rights_in(who, camera, self.groups(camera))
        return who.of(camera, held) if isinstance(who, Visitor) else held

    def rows(self, role: Role) -> list[tuple[tuple[str, ...], frozenset[Right]]]:
        """Groups (of cameras; (): all) and rights: the policy's rows for a role, or else its defaults."""
        rows = [(row.groups, frozenset(row.rights)) for row in self.policy.allow if row.role is role]
        return rows or [((), RIGHTS[role])]

    def known(self, camera: str) -> bool:
        """Whether there is such a camera."""
        return camera in self._cameras

    def groups(self, camera: str) -> tuple[str, ...]:
        """The groups that a camera is in."""
        return self._cameras.get(camera, ())

    # ---- what the policy asks of a view

    def reason_needed(self, who: Asker, right: Right, camera: str) -> bool:
        """Whether a reason must be given with this use of `right`."""
        return right in self.rights(who, camera) and _NEEDS.get(right) in self.asks(camera).reason

    def watermark(self, who: Asker, camera: str) -> bool:
        """Whether the page draws the viewer's name over this camera's picture."""
        return bool(self.rights(who, camera) & {Right.LIVE, Right.RECORDED}) and self.asks(camera).watermark

    def asks(self, camera: str) -> Asks:
        """What the policy asks of those who see this camera."""
        asks = self._asked.get(camera)
        if asks is None:
            asks = self._compose(camera)
            if camera in self._cameras:
                self._asked[camera] = asks
        return asks

    def _compose(self, camera: str) -> Asks:
        policy = self.policy
        views = [rule.ask_reason or () for _, rule in self.rules("ask_reason", camera)] or [policy.ask_reason]
        marks = [bool(rule.watermark) for _, rule in self.rules("watermark", camera)] or [policy.watermark]
        tells = [bool(rule.tell_wearer) for _, rule in self.rules("tell_wearer", camera)] or [policy.tell_wearer]
        return Asks(frozenset(chain.from_iterable(views)), any(marks), any(tells))

    def rules(self, key: str, camera: str) -> list[tuple[int, Rule]]:
        """The policy's rules that say `key` for a camera, with their numbers.

        One that names the camera goes before those that name its groups; of several groups the strictest holds.
        """
        speaking = [(i, rule) for i, rule in enumerate(self.policy.rule) if getattr(rule, key) is not None]
        named = [(i, rule) for i, rule in speaking if camera in rule.cameras]
        return named or [(i, rule) for i, rule in speaking if not set(rule.groups).isdisjoint(self.groups(camera))]

    # ---- privacy

    def private(self, camera: str) -> Privacy | None:
        """The wearer's privacy mode, if it is on."""
        return self._private.get(camera)

    def hides_position(self, camera: str) -> bool:
        """Whether the wearer's privacy mode hides where they are, from everybody."""
        private = self._private.get(camera)
        return private is not None and private.hides_position

    @property
    def privacies(self) -> Mapping[str, Privacy]:
        """All that are on, by camera."""
        return self._private

    def unrecorded(self, camera: str) -> bool:
        """Whether the wearer's privacy mode keeps a camera from being recorded."""
        private = self._private.get(camera)
        return private is not None and not private.recording

    def privacy_modes(self, camera: str) -> list[tuple[int, PrivacyMode]]:
        """The rows that say what privacy mode does for a camera, with their numbers; none: it has no such mode."""
        rows = list(enumerate(self.policy.privacy))
        own = [(i, row) for i, row in rows if not set(row.groups).isdisjoint(self.groups(camera))]
        return own or [(i, row) for i, row in rows if not row.groups]

    # ---- retention

    def retention(self, camera: str, category: str = DEFAULT_CATEGORY) -> list[tuple[int, Retention]]:
        """The rows that say how long recordings of a camera and category are kept, with their numbers.

        A row that names the camera goes before those that name its groups, these before one for all; of several groups
        the longest holds. For a category that no row is about, the default's hold.
        """
        rows = [(i, row) for i, row in enumerate(self.policy.retention) if row.category == category]
        named = [(i, row) for i, row in rows if camera in row.cameras]
        grouped = [(i, row) for i, row in rows if not set(row.groups).isdisjoint(self.groups(camera))]
        found = named or grouped or [(i, row) for i, row in rows if not row.cameras and not row.groups]
        return found if found or category == DEFAULT_CATEGORY else self.retention(camera)

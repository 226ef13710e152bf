"""Why somebody may do something, or not: sentences for people, each with the line of the policy that says so.

What holds is `gateway.access.authority`'s to say; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gateway.access.authority import Asker, Authority, limited
from gateway.access.rights import RIGHTS
from gateway.access.visitors import Visitor
from gateway.base.policy import DEFAULT_CATEGORY, Policy, Retention, View
from gateway.base.rfc3339 import format_utc
from gateway.base.roles import GRANTED, OF_ONE_CAMERA, Right

_DOING = {
    Right.LIVE: "watch {camera} live",
    Right.RECORDED: "see what was recorded of {camera}",
    Right.POSITION: "see where {camera} is and was",
    Right.AUDIO: "hear {camera}",
    Right.EXPORT: "export recordings of {camera}",
    Right.RESPOND: "deal with alerts and incidents of {camera}",
    Right.CONFIGURE: "configure {camera}",
    Right.AUDIT: "read the audit",
    Right.METRICS: "read the metrics",
}
_WHAT_IS_HIDDEN = {Right.POSITION: "position", Right.LIVE: "picture", Right.AUDIO: "sound"}


class Named(Asker, Protocol):
    """Who asks, with a name to call them by."""

    @property
    def name(self) -> str:
        """The account's."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether somebody may do something with a camera."""

    allowed: bool
    why: str
    """A clause, lower case, without a full stop."""
    lines: tuple[int, ...] = ()
    """Of the settings file: those that decided; (): the defaults did."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a key or row of the policy says."""

    line: int | None
    """Of the settings file; None: it is not written there, and so the default."""
    says: str


def statements(policy: Policy) -> list[Statement]:
    """The whole policy in sentences, in the order of the file."""
    reason = _asks_reason(policy.ask_reason)
    told = [
        Statement(policy.line("ask_reason"), f"{reason}."),
        Statement(policy.line("watermark"), f"The viewer's name is {_not(policy.watermark)}drawn over the picture."),
        Statement(policy.line("tell_wearer"), f"The wearer is {_not(policy.tell_wearer)}told that somebody watches."),
        Statement(
            policy.line("pre_roll_sound"), f"Pre-roll is kept with{'' if policy.pre_roll_sound else 'out'} sound."
        ),
    ]
    if policy.reasons:
        told.append(Statement(policy.line("reasons"), f"Reasons to choose from: {'; '.join(policy.reasons)}."))
    for i, kept in enumerate(policy.retention):
        which = _which(kept.cameras, kept.groups)
        whose = f"recordings of {which}" if which else "recordings"
        told.append(Statement(policy.line("retention", i), f"{_keeps(kept, whose)}."))
    for i, row in enumerate(policy.allow):
        rights = ", ".join(row.rights) or "nothing"
        told.append(Statement(policy.line("allow", i), f"A {row.role} may, with {_cameras_of(row.groups)}: {rights}."))
    for i, rule in enumerate(policy.rule):
        said = []
        if rule.ask_reason is not None:
            said.append(_asks_reason(rule.ask_reason).lower())
        if rule.watermark is not None:
            said.append(f"the viewer's name is {_not(rule.watermark)}drawn over the picture")
        if rule.tell_wearer is not None:
            said.append(f"the wearer is {_not(rule.tell_wearer)}told that somebody watches")
        which = _which(rule.cameras, rule.groups)
        told.append(Statement(policy.line("rule", i), f"For {which}: {'; '.join(said)}."))
    for i, mode in enumerate(policy.privacy):
        hidden = " and ".join(mode.hide) or "nothing"
        goes_on = "recording goes on" if mode.recording else "nothing is recorded"
        which = _cameras_of(mode.groups)
        says = f"A wearer's privacy mode, with {which}, hides {hidden}; {goes_on}."
        told.append(Statement(policy.line("privacy", i), says))
    return sorted(told, key=lambda statement: statement.line or 0)


def ruling(authority: Authority, who: Named, right: Right, camera: str) -> Ruling:
    """Whether `who` has `right` for `camera` now, and why."""
    if isinstance(who, Visitor):
        holds = right in authority.rights(who, camera)
        return Ruling(holds, f"the share {'gives' if holds else 'does not give'} it")
    groups = authority.groups(camera)
    if limited(who) and camera not in who.cameras and set(groups).isdisjoint(who.groups):
        return Ruling(False, f"{who.name} is limited to {_limit(who)}, and {camera} is in {_named(groups)}")
    if limited(who) and right not in OF_ONE_CAMERA:
        return Ruling(False, f"{who.name} is limited to {_limit(who)}, and this is about the whole gateway")
    private = authority.private(camera)
    if private is not None and right in private.hidden:
        hidden = f"its wearer's privacy mode hides its {_WHAT_IS_HIDDEN[right]} since {format_utc(private.since_ns)}"
        return Ruling(False, hidden, _lines(authority, "privacy", (i for i, _ in authority.privacy_modes(camera))))
    rows = [(i, row) for i, row in enumerate(authority.policy.allow) if row.role is who.role]
    if not rows:
        holds = right in RIGHTS[who.role]
        say = f"a role {who.role} has this right" if holds else f"a role {who.role} does not have this right"
        return Ruling(holds, f"{say} by default, and the policy has no row for it")
    giving = [i for i, row in rows if right in row.rights and (not row.groups or set(row.groups) & set(groups))]
    if giving:
        lines = _lines(authority, "allow", giving)
        return Ruling(True, f"{_lines_say(lines, 'gives', 'give')} it to the role {who.role}", lines)
    lines = _lines(authority, "allow", (i for i, _ in rows))
    say = f"{_lines_say(lines, 'says', 'say')} what the role {who.role} may do with {camera}, and this is not among it"
    return Ruling(False, say, lines)


def explanation(authority: Authority, who: Named, camera: str) -> list[str]:
    """All that holds for `who` and `camera`, a sentence each."""
    limit = f", limited to {_limit(who)}" if limited(who) else ""
    told = [f"{who.name} has the role {who.role}{limit}.", f"{camera} is in {_named(authority.groups(camera))}."]
    if not authority.sees(who, camera):
        told.append(f"To {who.name} there is no such camera: it is in no list, no event and no search.")
    for right in GRANTED:
        found = ruling(authority, who, right, camera)
        may = "may" if found.allowed else "may not"
        told.append(f"{who.name} {may} {_DOING[right].format(camera=camera)}: {found.why}.")
    return [*told, *_asked(authority, camera), *_private(authority, camera), *_kept(authority, camera)]


def summary(authority: Authority, who: Named, cameras: Iterable[str]) -> list[str]:
    """What holds for `who` over all cameras, a sentence for each right."""
    limit = f", limited to {_limit(who)}" if limited(who) else ""
    told = [f"{who.name} has the role {who.role}{limit}."]
    seen = [camera for camera in cameras if authority.sees(who, camera)]
    for right in GRANTED:
        if right not in OF_ONE_CAMERA:
            may = "may" if authority.may(who, right) else "may not"
            told.append(f"{who.name} {may} {_DOING[right]}.")
            continue
        names = sorted(camera for camera in seen if authority.may(who, right, camera))
        which = "every camera" if authority.may(who, right) else ", ".join(names)
        doing = _DOING[right].format(camera=which or "any camera")
        told.append(f"{who.name} {'may' if which else 'may not'} {doing}.")
    return told


def _asked(authority: Authority, camera: str) -> list[str]:
    """What the policy asks of a view of this camera."""
    asks = authority.asks(camera)
    reason = _asks_reason(asks.reason)
    marked = "The viewer's name is drawn over its picture" if asks.watermark else "Its picture is not marked"
    told = "The wearer is told that somebody watches" if asks.tells_wearer else "The wearer is not told"
    said = (("ask_reason", reason), ("watermark", marked), ("tell_wearer", told))
    return [f"{sentence}: {_says(authority, key, camera)}." for key, sentence in said]


def _says(authority: Authority, key: str, camera: str) -> str:
    rules = authority.rules(key, camera)
    if rules:
        lines = _lines(authority, "rule", (i for i, _ in rules), key)
        return _lines_say(lines, "says so", "say so, and the strictest holds")
    line = authority.policy.line(key)
    return f"line {line} says so" if line is not None else "the policy says nothing else"


def _private(authority: Authority, camera: str) -> list[str]:
    private = authority.private(camera)
    modes = authority.privacy_modes(camera)
    if private is None:
        if not modes:
            return ["Its wearer has no privacy mode: the policy has no row for it."]
        say = _lines_say(_lines(authority, "privacy", (i for i, _ in modes)), "says", "say")
        return [f"Its wearer's privacy mode is off; {say} what it does."]
    hidden = sorted(_WHAT_IS_HIDDEN[right] for right in private.hidden)
    goes_on = "recording goes on" if private.recording else "nothing is recorded"
    since = format_utc(private.since_ns)
    return [f"Its wearer's privacy mode is on since {since}: hidden are {', '.join(hidden) or 'nothing'}; {goes_on}."]


def _kept(authority: Authority, camera: str) -> list[str]:
    categories = dict.fromkeys([DEFAULT_CATEGORY, *(row.category for row in authority.policy.retention)])
    told = []
    for category in categories:
        rows = authority.retention(camera, category)
        if not rows:
            told.append("Its recordings are kept until their room is needed: the policy says nothing else.")
        for number, row in rows:
            if row.category == category:
                say = _lines_say(_lines(authority, "retention", [number]), "says so", "say so")
                told.append(f"{_keeps(row, 'its recordings')}: {say}.")
    return told


def _keeps(row: Retention, whose: str) -> str:
    """A sentence without its full stop."""
    ends = [f"after {row.keep}"] if row.keep else []
    if row.max_bytes:
        ends.append(f"when there is more of a camera than {row.max_bytes}")
    ends.append("when their room is needed")
    least = f", and not before {row.keep_at_least}" if row.keep_at_least else ""
    sentence = f"{whose} of the category {row.category} are deleted {' or '.join(ends)}{least}"
    return sentence[0].upper() + sentence[1:]


def _asks_reason(views: Iterable[View]) -> str:
    named = " or a ".join(sorted(views))
    return f"A reason is asked before a {named} view" if named else "No reason is asked"


def _not(holds: bool) -> str:
    return "" if holds else "not "


def _which(cameras: tuple[str, ...], groups: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(cameras), _cameras_of(groups) if groups else "")))


def _cameras_of(groups: tuple[str, ...]) -> str:
    return f"cameras of {_named(groups)}" if groups else "all cameras"


def _lines(authority: Authority, table: str, numbers: Iterable[int], *key: str) -> tuple[int, ...]:
    found = (authority.policy.line(table, number, *key) for number in numbers)
    return tuple(line for line in found if line is not None)


def _lines_say(lines: tuple[int, ...], one: str, several: str) -> str:
    if not lines:
        return f"the policy {one}"
    if len(lines) == 1:
        return f"line {lines[0]} {one}"
    return f"lines {', '.join(map(str, lines[:-1]))} and {lines[-1]} {several}"


def _limit(who: Asker) -> str:
    cameras = f"the camera{'s' if len(who.cameras) > 1 else ''} {', '.join(who.cameras)}" if who.cameras else ""
    return " and ".join(filter(None, (_named(who.groups) if who.groups else "", cameras)))


def _named(groups: tuple[str, ...]) -> str:
    if not groups:
        return "no group"
    return f"the group{'s' if len(groups) > 1 else ''} {', '.join(groups)}"

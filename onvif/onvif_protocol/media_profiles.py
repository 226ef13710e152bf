"""The profiles of a served device, as both generations of the Media service see them.

Here belong which profiles a user has (the device's own and those that the user made), which configurations there are,
and what a client may change: nothing of the device's own. The words of each service are in `media1` and `media2`,
those they share in `media_elements`.

Profiles that clients make are kept in memory: some recorders (Synology's) make one for themselves and delete it again.

Source: ONVIF Media Service Specification 5.2, Media2 Service Specification 5.2.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from onvif_protocol.device import Call, invalid_argument
from onvif_protocol.device_model import EVERY, MediaModel, MediaProfile, Part
from onvif_protocol.soap import Element, Fault, FaultError, qname, text_of

MAX_MADE: Final = 16
"""Profiles that one user may have made at a time."""
MAX_PROFILES: Final = 1024
"""What the capabilities say: nobody who has not logged in is told how many cameras there are."""
MAX_BUILT: Final = 4 * MAX_PROFILES
AT_A_TIME: Final = 8
"""Profiles that are put into an answer before others may run."""
MAX_TOKEN: Final = 64
"""tt:ReferenceToken and tt:Name."""

Held: TypeAlias = tuple[tuple[Part, str], ...]
Uses: TypeAlias = Mapping[tuple[Part, str], int]
"""How many profiles hold a configuration, by its kind and token."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A profile of a client's own making."""

    name: str
    of: str
    """The token of the device's profile that its configurations are taken from; while it holds none, any."""
    parts: frozenset[Part] = frozenset()


class Profiles:
    """The profiles of one device; those of `codecs` only."""

    def __init__(self, model: MediaModel, codecs: Sequence[str] = ("H264", "H265")) -> None:
        self._model = model
        self._codecs = tuple(codecs)
        self._made: dict[str, dict[str, _Made]] = {}
        self._numbers = itertools.count(1)

    def only(self, codec: str) -> Profiles:
        """The same profiles, but for those of other codecs."""
        some = Profiles(self._model, (codec,))
        some._made, some._numbers = self._made, self._numbers
        return some

    def all(self, user: str) -> list[MediaProfile]:
        """All that `user` has, the device's own first."""
        own = self._own(user)
        by_token = {profile.token: profile for profile in own}
        made = [
            replace(by_token[made.of], token=token, name=made.name, parts=made.parts, fixed=False)
            for token, made in self._made.get(user, {}).items()
            if made.of in by_token
        ]
        return own + made

    def find(self, user: str, token: str) -> MediaProfile:
        """One of them, by its token. Raises FaultError."""
        for profile in self.all(user):
            if profile.token == token:
                return profile
        raise invalid_argument("there is no such profile", "ter:NoProfile")

    def uses(self, user: str) -> Uses:
        """How many of `user`'s profiles hold each configuration."""
        return uses_in(self.all(user))

    # ---- configurations

    def configurations(self, user: str, part: Part) -> list[MediaProfile]:
        """Of each configuration of that kind a profile that holds it."""
        return list({token: p for p in self._own(user) if (token := p.configuration(part)) is not None}.values())

    def configuration(self, user: str, part: Part, token: str) -> MediaProfile:
        """A profile that holds the configuration of that token. Raises FaultError."""
        for profile in self.configurations(user, part):
            if profile.configuration(part) == token:
                return profile
        raise invalid_argument("there is no such configuration", "ter:NoConfig")

    def compatible(self, user: str, part: Part, token: str) -> list[MediaProfile]:
        """As `configurations`, those that can be added to the profile of that token. Raises FaultError."""
        profile = self.find(user, token)
        if not profile.fixed and not profile.parts:
            return self.configurations(user, part)
        whole = replace(profile, parts=EVERY)
        return [whole] if whole.configuration(part) is not None else []

    # ---- what clients make

    def create(self, user: str, name: str, token: str = "") -> MediaProfile:
        """Make an empty profile. Raises FaultError."""
        own, made = self._own(user), self._made.setdefault(user, {})
        token = token or f"made-{next(self._numbers)}"
        if not name or max(len(name), len(token)) > MAX_TOKEN:
            raise invalid_argument("a profile has a name, and a token of at most 64 characters", "ter:BadProfile")
        if token in made or any(profile.token == token for profile in own):
            raise invalid_argument("there is a profile of that token already", "ter:ProfileExists")
        if len(made) >= MAX_MADE or not own:
            raise _conflict("no more profiles can be made", "ter:MaxNVTProfiles")
        made[token] = _Made(name, own[0].token)
        return self.find(user, token)

    def delete(self, user: str, token: str) -> None:
        """Delete a profile that was made. Raises FaultError."""
        if self.find(user, token).fixed:
            raise FaultError(Fault("Sender", "this profile is fixed", ("ter:Action", "ter:DeletionOfFixedProfile")))
        del self._made[user][token]

    def add(self, user: str, token: str, part: Part, configuration: str) -> None:
        """Put a configuration into a profile that was made, in the place of what it has of that kind; to one that holds
        it already there is nothing to add. Raises FaultError.
        """
        profile = self.find(user, token)
        if profile.configuration(part) == configuration:
            return
        holder = self.configuration(user, part, configuration)
        if profile.fixed:
            raise _conflict("this profile is fixed: make one of your own", "ter:ConfigurationConflict")
        made = self._made[user][token]
        if made.parts - {part} and profile.source.token != holder.source.token:
            raise _conflict("this profile is another camera's", "ter:ConfigurationConflict")
        self._made[user][token] = _Made(made.name, holder.token, made.parts | {part})

    def remove(self, user: str, token: str, part: Part) -> None:
        """Take a configuration out of a profile that was made. Raises FaultError."""
        profile = self.find(user, token)
        if part not in profile.parts:
            return
        if profile.fixed:
            raise _conflict("this profile is fixed: make one of your own", "ter:ConfigurationConflict")
        made = self._made[user][token]
        self._made[user][token] = replace(made, parts=made.parts - {part})

    def _own(self, user: str) -> list[MediaProfile]:
        return [profile for profile in self._model.profiles(user) if profile.video.codec in self._codecs]


def uses_in(profiles: Iterable[MediaProfile]) -> Uses:
    """How many of `profiles` hold each configuration."""
    return Counter(held for profile in profiles for held in profile.held)


class Built:
    """What profiles look like in an answer, kept: to make it takes a hundred times as long as to copy it.

    A recorder of a few hundred cameras asks for all of them at once, and the streams must not wait for that.
    """

    def __init__(self, build: Callable[[MediaProfile, Uses], Element]) -> None:
        self._build = build
        self._known: dict[tuple[str, Held], tuple[MediaProfile, tuple[int, ...], Element]] = {}
        """By token and configurations, of which accounts with other rights see others: as it was last."""

    async def all(self, profiles: Sequence[MediaProfile], uses: Uses) -> list[Element]:
        """The elements of these profiles; lets others run meanwhile."""
        made: list[Element] = []
        for profile in profiles:
            made.append(self.one(profile, uses))
            if len(made) % AT_A_TIME == 0:
                await asyncio.sleep(0)
        return made

    def one(self, profile: MediaProfile, uses: Uses) -> Element:
        """The element of one of them."""
        held = profile.held
        key, counts = (profile.token, held), tuple(uses[each] for each in held)
        known = self._known.get(key)
        if known is None or known[:2] != (profile, counts):
            if len(self._known) >= MAX_BUILT:
                self._known.clear()
            known = self._known[key] = profile, counts, self._build(profile, uses)
        return deepcopy(known[2])


def streaming(profile: MediaProfile) -> MediaProfile:
    """The profile, when it holds what makes a stream. Raises FaultError."""
    if not {Part.VIDEO_SOURCE, Part.VIDEO_ENCODER} <= profile.parts:
        raise _conflict("this profile has no video source and encoder", "ter:IncompleteConfiguration")
    return profile


def user_of(call: Call) -> str:
    """Who logged in for an operation that is not open."""
    assert call.user is not None
    return call.user


def _conflict(reason: str, subcode: str) -> FaultError:
    return FaultError(Fault("Receiver", reason, ("ter:Action", subcode)))


# ---- what Set… may say: nothing that would change a camera


def check_unchanged(part: Part, profile: MediaProfile, wanted: Element) -> None:
    """Raise FaultError unless a configuration is wanted as it is. Limits may be wider than what is sent."""
    if not _CHECKS[part](profile, wanted):
        raise invalid_argument("the camera decides on this, and the gateway passes it on", "ter:ConfigModify")


def _same_source(profile: MediaProfile, wanted: Element) -> bool:
    bounds = wanted.find(qname("tt:Bounds"))
    whole = {"x": "0", "y": "0", "width": str(profile.source.width), "height": str(profile.source.height)}
    return text_of(wanted, "tt:SourceToken") == profile.source.token and (
        bounds is None or all(bounds.get(key) == value for key, value in whole.items())
    )


def _same_video(profile: MediaProfile, wanted: Element) -> bool:
    video = profile.video
    size = text_of(wanted, "tt:Resolution/tt:Width"), text_of(wanted, "tt:Resolution/tt:Height")
    limits = (
        ("tt:RateControl/tt:FrameRateLimit", round(video.frame_rate)),
        ("tt:RateControl/tt:BitrateLimit", video.bitrate_kbps),
    )
    return (
        text_of(wanted, "tt:Encoding") == video.codec
        and size == (str(video.width), str(video.height))
        and all(_number(text_of(wanted, path, str(least))) >= least for path, least in limits)
    )


def _same_audio(profile: MediaProfile, wanted: Element) -> bool:
    audio, named = profile.audio, text_of(wanted, "tt:Encoding")
    return audio is not None and named in (audio.codec, ENCODING_OF_MEDIA1.get(audio.codec))


def _same_metadata(_: MediaProfile, wanted: Element) -> bool:
    return (
        wanted.find(qname("tt:PTZStatus")) is None and wanted.find(f"{qname('tt:Events')}/{qname('tt:Filter')}") is None
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise invalid_argument("this is not a number", "ter:ConfigModify") from None


_CHECKS: Final = {
    Part.VIDEO_SOURCE: _same_source,
    Part.AUDIO_SOURCE: _same_source,
    Part.VIDEO_ENCODER: _same_video,
    Part.AUDIO_ENCODER: _same_audio,
    Part.METADATA: _same_metadata,
}

ENCODING_OF_MEDIA1: Final = {"PCMU": "G711", "PCMA": "G711", "mpeg4-generic": "AAC"}
"""What tt:AudioEncoding calls a codec."""

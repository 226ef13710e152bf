"""The elements that both generations of the Media service share: configurations of sources and of metadata.

Source: ONVIF's schema (onvif.xsd, prefix `tt`).
"""

from __future__ import annotations

from typing import Final

from onvif_protocol.device_model import MediaProfile, Part
from onvif_protocol.media_profiles import MAX_PROFILES, Uses
from onvif_protocol.soap import Element, element

SESSION_TIMEOUT: Final = "PT60S"


def named(profile: MediaProfile, part: Part, uses: Uses) -> list[Element]:
    """What every configuration begins with."""
    count = uses[part, profile.configuration(part) or ""]
    return [element("tt:Name", profile.source.name), element("tt:UseCount", str(count))]


def video_source_configuration(name: str, profile: MediaProfile, uses: Uses) -> Element:
    """The whole picture of the source."""
    source = profile.source
    return element(
        name,
        *named(profile, Part.VIDEO_SOURCE, uses),
        element("tt:SourceToken", source.token),
        element("tt:Bounds", x=0, y=0, width=source.width, height=source.height),
        token=source.token,
    )


def audio_source_configuration(name: str, profile: MediaProfile, uses: Uses) -> Element:
    """The camera's microphone, which has the token of its video source."""
    token = profile.source.token
    named_ = named(profile, Part.AUDIO_SOURCE, uses)
    return element(name, *named_, element("tt:SourceToken", token), token=token)


def metadata_configuration(name: str, profile: MediaProfile, uses: Uses) -> Element:
    """What the camera sends as metadata, whole."""
    return element(
        name,
        *named(profile, Part.METADATA, uses),
        element("tt:Events"),  # without a filter: every event is streamed, the position among them
        element("tt:Analytics", "false"),
        no_multicast(),
        element("tt:SessionTimeout", SESSION_TIMEOUT),
        token=profile.metadata,
    )


def video_source_options(name: str, profiles: list[MediaProfile]) -> Element:
    """What Set… may say: what is."""
    widths, heights = [p.source.width for p in profiles], [p.source.height for p in profiles]
    bounds = element(
        "tt:BoundsRange",
        int_range("tt:XRange", 0, 0),
        int_range("tt:YRange", 0, 0),
        int_range("tt:WidthRange", min(widths), max(widths)),
        int_range("tt:HeightRange", min(heights), max(heights)),
    )
    tokens = (element("tt:VideoSourceTokensAvailable", p.source.token) for p in profiles)
    return element(name, bounds, *tokens, MaximumNumberOfProfiles=MAX_PROFILES)


def audio_source_options(name: str, profiles: list[MediaProfile]) -> Element:
    """What Set… may say: what is."""
    return element(name, *(element("tt:InputTokensAvailable", p.source.token) for p in profiles))


def metadata_options(name: str, _: list[MediaProfile]) -> Element:
    """Nothing of a pan and tilt unit: there is none."""
    ptz = element(
        "tt:PTZStatusFilterOptions",
        element("tt:PanTiltStatusSupported", "false"),
        element("tt:ZoomStatusSupported", "false"),
    )
    return element(name, ptz)


def osd_options(name: str) -> Element:
    """Nothing can be drawn into a picture that is passed on untouched; Hikvision's recorders ask all the same."""
    return element(
        name,
        element("tt:MaximumNumberOfOSDs", Total=0),
        element("tt:Type", "Text"),
        element("tt:PositionOption", "Custom"),
    )


def no_multicast() -> Element:
    """The schema wants an address even from a device that never sends multicast."""
    return element(
        "tt:Multicast",
        element("tt:Address", element("tt:Type", "IPv4"), element("tt:IPv4Address", "0.0.0.0")),  # noqa: S104
        element("tt:Port", "0"),
        element("tt:TTL", "0"),
        element("tt:AutoStart", "false"),
    )


def resolution(name: str, width: int, height: int) -> Element:
    """Width and height in pixels."""
    return element(name, element("tt:Width", str(width)), element("tt:Height", str(height)))


def resolutions(name: str, profiles: list[MediaProfile]) -> list[Element]:
    """Those of the encoders, each once."""
    return [resolution(name, *size) for size in dict.fromkeys((p.video.width, p.video.height) for p in profiles)]


def int_range(name: str, least: int, most: int) -> Element:
    """A tt:IntRange."""
    return element(name, element("tt:Min", str(least)), element("tt:Max", str(most)))

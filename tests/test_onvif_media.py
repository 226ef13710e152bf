"""What both generations of the Media service say of profiles, and what they let clients do."""

from __future__ import annotations

import itertools

import pytest

from gateway.base.clock import ManualClock
from onvif_protocol.device import Device, Request
from onvif_protocol.device_model import Part
from onvif_protocol.media_profiles import MAX_MADE
from onvif_protocol.soap import (
    NS,
    Element,
    Envelope,
    build_envelope,
    build_username_token,
    parse_envelope,
    parse_fault,
    parse_xml,
    qname,
    text_of,
)
from tests.onvif_calls import AS_IT_IS, CALLS, ON_A_MADE_PROFILE, TOKEN
from tests.onvif_device_model import MAIN, REAR, SMALL, ExampleModel, make_device

CLOCK = ManualClock()
NUMBERS = itertools.count()


@pytest.fixture
def device() -> Device:
    return make_device(ExampleModel([SMALL, MAIN, REAR]), clock=CLOCK)


async def ask(device: Device, name: str, inner: str = "", *, user: str = "op") -> Envelope:
    """The answer to a request, whose children are in the namespace of its own service."""
    prefix = name.partition(":")[0]
    declared = " ".join(f'xmlns:{known}="{uri}"' for known, uri in NS.items())
    body = parse_xml(f'<{name} {declared} xmlns="{NS[prefix]}">{inner}</{name}>'.encode())
    token = build_username_token(user, "secret", nonce=str(next(NUMBERS)).encode(), utc_ns=CLOCK.utc_ns())
    answer = await device.handle(Request("/onvif/media", build_envelope(body, [token]), "10.0.0.1"))
    return parse_envelope(answer.body)


async def fault(device: Device, name: str, inner: str = "", *, user: str = "op") -> str:
    """The innermost subcode of the fault that answers."""
    found = parse_fault(await ask(device, name, inner, user=user))
    assert found is not None, name
    return found.subcodes[-1].removeprefix("ter:")


def tokens(envelope: Envelope) -> list[str]:
    return [str(child.get("token")) for child in envelope.body]


async def configurations(device: Device, token: str) -> list[str]:
    """The kinds of configurations that a profile holds."""
    answer = await ask(device, "tr2:GetProfiles", f"<Token>{token}</Token><Type>All</Type>")
    held = answer.body.find("tr2:Profiles/tr2:Configurations", dict(NS))
    return [] if held is None else [str(child.tag).partition("}")[2] for child in held]


def test_every_operation_is_tested(device: Device) -> None:
    """Whoever adds one adds how it is called: its answer is held against ONVIF's schema."""
    prefixes = {f"{{{uri}}}": prefix for prefix, uri in NS.items()}
    names = {f"{prefixes[name.partition('}')[0] + '}']}:{name.partition('}')[2]}" for name in device.operations}
    refused = names - CALLS.keys() - ON_A_MADE_PROFILE
    assert {name for name in refused if name.partition(":")[2].startswith("Get")} == {"tds:GetSystemBackup"}
    assert CALLS.keys() <= names


# ---- what there is


async def test_media1_has_no_words_for_h265(device: Device) -> None:
    assert tokens(await ask(device, "trt:GetProfiles")) == ["small", "main"]
    assert tokens(await ask(device, "trt:GetVideoSources")) == ["source_0"]
    assert tokens(await ask(device, "trt:GetVideoEncoderConfigurations")) == ["small_video", "main_video"]
    assert await fault(device, "trt:GetProfile", "<ProfileToken>rear</ProfileToken>") == "NoProfile"
    assert tokens(await ask(device, "tr2:GetProfiles")) == ["small", "main", "rear"]


async def test_media2_tells_of_h265_what_the_camera_sends(device: Device) -> None:
    answer = await ask(
        device, "tr2:GetProfiles", "<Token>rear</Token><Type>VideoEncoder</Type><Type>AudioEncoder</Type>"
    )
    assert await configurations(device, "rear") == [part.value for part in Part]
    encoder = answer.body.find("tr2:Profiles/tr2:Configurations/tr2:VideoEncoder", dict(NS))
    assert encoder is not None
    assert text_of(encoder, "tt:Encoding") == "H265"
    assert (text_of(encoder, "tt:Resolution/tt:Width"), encoder.get("GovLength")) == ("1920", "50")
    assert text_of(answer.body, "tr2:Profiles/tr2:Configurations/tr2:AudioEncoder/tt:Encoding") == "mpeg4-generic"
    assert answer.body.find("tr2:Profiles/tr2:Configurations/tr2:VideoSource", dict(NS)) is None


async def test_media2_profiles_without_a_type_tell_no_configuration(device: Device) -> None:
    answer = await ask(device, "tr2:GetProfiles")
    assert answer.body.find("tr2:Profiles/tr2:Configurations", dict(NS)) is None


async def test_configurations_count_their_users(device: Device) -> None:
    answer = await ask(device, "trt:GetVideoSourceConfigurations")
    assert text_of(answer.body, "trt:Configurations/tt:UseCount") == "2"


async def test_options_leave_no_choice(device: Device) -> None:
    answer = await ask(
        device, "trt:GetVideoEncoderConfigurationOptions", "<ConfigurationToken>main_video</ConfigurationToken>"
    )
    h264 = answer.body.find("trt:Options/tt:H264", dict(NS))
    assert h264 is not None
    assert len(h264.findall(qname("tt:ResolutionsAvailable"))) == 1
    assert text_of(h264, "tt:FrameRateRange/tt:Min") == text_of(h264, "tt:FrameRateRange/tt:Max") == "30"
    everything = await ask(device, "tr2:GetVideoEncoderConfigurationOptions")
    assert [text_of(options, "tt:Encoding") for options in everything.body] == ["H264", "H265"]


async def test_options_of_a_device_without_sound_are_a_fault() -> None:
    silent = make_device(ExampleModel([SMALL]), clock=CLOCK)
    for service in ("trt", "tr2"):
        assert await fault(silent, f"{service}:GetAudioEncoderConfigurationOptions") == "NoConfig"
        assert len((await ask(silent, f"{service}:GetAudioEncoderConfigurations")).body) == 0


@pytest.mark.parametrize("protocol", ["RtspUnicast", "RTSP", "RtspOverHttp"])
async def test_media2_names_the_stream(device: Device, protocol: str) -> None:
    inner = f"<Protocol>{protocol}</Protocol><ProfileToken>rear</ProfileToken>"
    assert text_of((await ask(device, "tr2:GetStreamUri", inner)).body, "tr2:Uri") == "rtsp://10.0.0.1:8554/rear"


@pytest.mark.parametrize("protocol", ["RtspMulticast", "RtspsUnicast", "SRT", ""])
async def test_a_stream_that_is_not_offered_is_a_fault(device: Device, protocol: str) -> None:
    inner = f"<Protocol>{protocol}</Protocol><ProfileToken>rear</ProfileToken>"
    assert await fault(device, "tr2:GetStreamUri", inner) == "InvalidStreamSetup"


async def test_a_snapshot_that_is_not_there_is_a_fault(device: Device) -> None:
    for service in ("trt", "tr2"):
        inner = "<ProfileToken>small</ProfileToken>"
        assert await fault(device, f"{service}:GetSnapshotUri", inner) == "ActionNotSupported"


# ---- what clients make


async def test_synology_makes_a_profile_of_its_own_and_deletes_it(device: Device) -> None:
    await ask(device, "trt:CreateProfile", "<Name>SynoProfile</Name><Token>Syno</Token>")
    setup = CALLS["trt:GetStreamUri"].replace("main", "Syno")
    assert await fault(device, "trt:GetStreamUri", setup) == "IncompleteConfiguration"
    for part in Part:
        inner = f"<ProfileToken>Syno</ProfileToken><ConfigurationToken>{TOKEN[part]}</ConfigurationToken>"
        answer = await ask(device, f"trt:Add{part.value}Configuration", inner)
        assert answer.name == qname(f"trt:Add{part.value}ConfigurationResponse")
    assert await configurations(device, "Syno") == [part.value for part in Part]
    stream = await ask(device, "trt:GetStreamUri", setup)
    assert text_of(stream.body, "trt:MediaUri/tt:Uri") == "rtsp://10.0.0.1:8554/Syno"
    inner = "<ProfileToken>Syno</ProfileToken>"
    answer = await ask(device, "trt:RemoveAudioEncoderConfiguration", inner)
    assert answer.name == qname("trt:RemoveAudioEncoderConfigurationResponse")
    assert "AudioEncoder" not in await configurations(device, "Syno")
    assert tokens(await ask(device, "trt:GetProfiles")) == ["small", "main", "Syno"]
    assert (await ask(device, "trt:DeleteProfile", inner)).name == qname("trt:DeleteProfileResponse")
    assert await fault(device, "trt:DeleteProfile", inner) == "NoProfile"


def reference(kind: str, token: str = "") -> str:
    return f"<Configuration><Type>{kind}</Type>{f'<Token>{token}</Token>' if token else ''}</Configuration>"


async def test_media2_makes_profiles_as_well(device: Device) -> None:
    made = await ask(device, "tr2:CreateProfile", "<Name>Mine</Name>" + reference("VideoSource", "source_1"))
    token = text_of(made.body, "tr2:Token")
    inner = f"<ProfileToken>{token}</ProfileToken>"
    await ask(device, "tr2:AddConfiguration", inner + reference("VideoEncoder") + reference("Metadata"))
    assert await configurations(device, token) == ["VideoSource", "VideoEncoder", "Metadata"]
    assert token not in tokens(await ask(device, "trt:GetProfiles")), "it is of H.265"
    removed = await ask(device, "tr2:RemoveConfiguration", inner + reference("All"))
    assert removed.name == qname("tr2:RemoveConfigurationResponse")
    assert await configurations(device, token) == []
    await ask(device, "tr2:DeleteProfile", f"<Token>{token}</Token>")
    assert token not in tokens(await ask(device, "tr2:GetProfiles"))


async def test_a_profile_that_cannot_be_made_leaves_nothing(device: Device) -> None:
    assert await fault(device, "tr2:CreateProfile", "<Name>Mine</Name>" + reference("PTZ", "1")) == "NoConfig"
    assert (
        await fault(device, "tr2:CreateProfile", "<Name>Mine</Name>" + reference("VideoSource", "none")) == "NoConfig"
    )
    assert tokens(await ask(device, "tr2:GetProfiles")) == ["small", "main", "rear"]


async def test_a_profile_is_of_one_camera(device: Device) -> None:
    await ask(device, "trt:CreateProfile", "<Name>Mine</Name><Token>mine</Token>")
    await ask(
        device, "tr2:AddConfiguration", "<ProfileToken>mine</ProfileToken>" + reference("VideoSource", "source_0")
    )
    inner = "<ProfileToken>mine</ProfileToken>" + reference("VideoEncoder", "rear_video")
    assert await fault(device, "tr2:AddConfiguration", inner) == "ConfigurationConflict"


@pytest.mark.parametrize(
    ("name", "inner", "subcode"),
    [
        ("trt:CreateProfile", "<Name>x</Name><Token>main</Token>", "ProfileExists"),
        ("trt:CreateProfile", "<Name></Name>", "BadProfile"),
        ("trt:CreateProfile", f"<Name>x</Name><Token>{'x' * 65}</Token>", "BadProfile"),
        ("trt:DeleteProfile", "<ProfileToken>main</ProfileToken>", "DeletionOfFixedProfile"),
        ("tr2:DeleteProfile", "<Token>main</Token>", "DeletionOfFixedProfile"),
        (
            "trt:AddVideoEncoderConfiguration",
            "<ProfileToken>main</ProfileToken><ConfigurationToken>small_video</ConfigurationToken>",
            "ConfigurationConflict",
        ),
        (
            "trt:AddVideoEncoderConfiguration",
            "<ProfileToken>main</ProfileToken><ConfigurationToken>none</ConfigurationToken>",
            "NoConfig",
        ),
        ("trt:RemoveMetadataConfiguration", "<ProfileToken>main</ProfileToken>", "ConfigurationConflict"),
    ],
)
async def test_the_devices_own_profiles_stay_as_they_are(device: Device, name: str, inner: str, subcode: str) -> None:
    assert await fault(device, name, inner) == subcode
    assert tokens(await ask(device, "tr2:GetProfiles")) == ["small", "main", "rear"]


async def test_nobody_fills_the_memory_with_profiles(device: Device) -> None:
    for _ in range(MAX_MADE):
        await ask(device, "trt:CreateProfile", "<Name>x</Name>")
    assert await fault(device, "trt:CreateProfile", "<Name>x</Name>") == "MaxNVTProfiles"
    assert len(tokens(await ask(device, "tr2:GetProfiles"))) == 3 + MAX_MADE


# ---- what clients would set


def changed(part: Part, was: str, now: str) -> tuple[str, str]:
    settings = AS_IT_IS[part]
    assert was in settings
    token = f'<Configuration token="{TOKEN[part]}">{settings.replace(was, now)}</Configuration>'
    return f"trt:Set{part.value}Configuration", token


LIMITS = (
    "<tt:RateControl><tt:FrameRateLimit>{}</tt:FrameRateLimit><tt:BitrateLimit>{}</tt:BitrateLimit></tt:RateControl>"
)
QUALITY = "<tt:Quality>3</tt:Quality>"


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        changed(Part.VIDEO_SOURCE, "source_0", "source_1"),
        changed(Part.VIDEO_SOURCE, 'width="1280"', 'width="640"'),
        changed(Part.AUDIO_SOURCE, "source_0", "source_1"),
        changed(Part.VIDEO_ENCODER, "H264", "JPEG"),
        changed(Part.VIDEO_ENCODER, "720", "480"),
        changed(Part.VIDEO_ENCODER, QUALITY, LIMITS.format(10, 9000)),
        changed(Part.VIDEO_ENCODER, QUALITY, LIMITS.format(30, 64)),
        changed(Part.VIDEO_ENCODER, QUALITY, LIMITS.format("many", 2000)),
        changed(Part.AUDIO_ENCODER, "G711", "AAC"),
        changed(Part.METADATA, "<tt:Analytics>", "<tt:PTZStatus/><tt:Analytics>"),
        changed(Part.METADATA, "<tt:Analytics>", "<tt:Events><tt:Filter/></tt:Events><tt:Analytics>"),
    ],
)
async def test_what_would_change_a_camera_is_refused(device: Device, name: str, inner: str) -> None:
    assert await fault(device, name, inner) == "ConfigModify"


async def test_wider_limits_change_nothing(device: Device) -> None:
    name, inner = changed(Part.VIDEO_ENCODER, QUALITY, LIMITS.format(60, 8000))
    assert (await ask(device, name, inner)).name == qname("trt:SetVideoEncoderConfigurationResponse")


@pytest.mark.parametrize("service", ["trt", "tr2"])
@pytest.mark.parametrize("inner", ["", '<Configuration token="none"/>'])
async def test_settings_of_nothing_are_a_fault(device: Device, service: str, inner: str) -> None:
    assert await fault(device, f"{service}:SetVideoEncoderConfiguration", inner) == "NoConfig"


# ---- the small services


async def test_device_io_lists_the_sources(device: Device) -> None:
    async def listed(name: str) -> list[Element]:
        return list((await ask(device, name)).body)

    assert [entry.text for entry in await listed("tmd:GetVideoSources")] == ["source_0", "source_1"]
    assert [entry.text for entry in await listed("tmd:GetAudioSources")] == ["source_0", "source_1"]


async def test_imaging_sets_nothing(device: Device) -> None:
    source = "<VideoSourceToken>source_0</VideoSourceToken>"
    brighter = f"{source}<ImagingSettings>{'<tt:Brightness>5</tt:Brightness>'}</ImagingSettings>"
    assert await fault(device, "timg:SetImagingSettings", brighter) == "SettingsInvalid"
    assert await fault(device, "timg:GetImagingSettings", source.replace("0", "9")) == "NoSource"


async def test_each_source_is_located(device: Device) -> None:
    answer = await ask(device, "tds:GetGeoLocation")
    found = [(entry.get("Token"), dict(entry[0].attrib)) for entry in answer.body]
    assert found == [
        ("source_0", {"lon": "-13.4000000", "lat": "52.5000000", "elevation": "34.0"}),
        ("source_1", {"lon": "103.0000000", "lat": "-1.2500000"}),
    ]


async def test_a_user_is_told_of_no_other(device: Device) -> None:
    answer = await ask(device, "tds:GetUsers")
    assert [text_of(user, "tt:Username") for user in answer.body] == ["op"]

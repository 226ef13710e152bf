"""The RecordingControl service (`trc`) of a served device: what is recorded, and whether it is being recorded.

Read-only: no NVR stops evidence. What would change something is refused.

Source: ONVIF Recording Control Specification, recording.wsdl.
"""

from __future__ import annotations

from typing import Final

from onvif_protocol.device import Call, Operation, Operations, invalid_argument, refusing
from onvif_protocol.duration import format_duration
from onvif_protocol.recordings_model import (
    PROFILE_SOURCE,
    Recording,
    RecordingsModel,
    RecordingTrack,
    job_state,
    job_state_information,
    source_information,
)
from onvif_protocol.search import asker, recording_of
from onvif_protocol.soap import NS, Element, element, qname, text_of

_REFUSED: Final = (
    "CreateRecording",
    "DeleteRecording",
    "SetRecordingConfiguration",
    "CreateTrack",
    "DeleteTrack",
    "SetTrackConfiguration",
    "CreateRecordingJob",
    "DeleteRecordingJob",
    "SetRecordingJobConfiguration",
    "SetRecordingJobMode",
    "ExportRecordedData",
    "StopExportRecordedData",
)


class RecordingControl:
    """The RecordingControl service of a device."""

    namespace = NS["trc"]
    path = "/onvif/recording_service"
    version = (2, 50)

    def __init__(self, model: RecordingsModel) -> None:
        self._model = model

    def operations(self) -> Operations:  # noqa: D102
        table = {
            "GetRecordings": Operation(self._get_recordings),
            "GetRecordingConfiguration": Operation(self._get_recording_configuration),
            "GetRecordingOptions": Operation(self._get_recording_options),
            "GetTrackConfiguration": Operation(self._get_track_configuration),
            "GetRecordingJobs": Operation(self._get_recording_jobs),
            "GetRecordingJobConfiguration": Operation(self._get_recording_job_configuration),
            "GetRecordingJobState": Operation(self._get_recording_job_state),
            "GetServiceCapabilities": Operation(self._get_service_capabilities, open=True),
        }
        return {qname(f"trc:{name}"): operation for name, operation in table.items()} | refusing("trc", _REFUSED)

    def capabilities(self) -> Element:  # noqa: D102
        return element(
            "trc:Capabilities",
            DynamicRecordings=False,
            DynamicTracks=False,
            Encoding="H264 H265 G711 AAC",
            Options=True,
            MetadataRecording=True,
        )

    def _get_service_capabilities(self, _: Call) -> Element:
        return element("trc:GetServiceCapabilitiesResponse", self.capabilities())

    # ---- recordings and their tracks

    async def _get_recordings(self, call: Call) -> Element:
        return element(
            "trc:GetRecordingsResponse",
            *(
                element(
                    "trc:RecordingItem",
                    element("tt:RecordingToken", recording.token),
                    _configuration("tt:Configuration", recording),
                    element(
                        "tt:Tracks",
                        *(
                            element(
                                "tt:Track",
                                element("tt:TrackToken", track.token),
                                _track_configuration("tt:Configuration", track),
                            )
                            for track in recording.tracks
                        ),
                    ),
                )
                for recording in await self._model.recordings(asker(call))
            ),
        )

    async def _get_recording_configuration(self, call: Call) -> Element:
        found = await recording_of(self._model, call, "trc:RecordingToken")
        configuration = _configuration("trc:RecordingConfiguration", found)
        return element("trc:GetRecordingConfigurationResponse", configuration)

    async def _get_recording_options(self, call: Call) -> Element:
        """Nothing can be added to any recording."""
        await recording_of(self._model, call, "trc:RecordingToken")
        spare = {f"Spare{kind}": 0 for kind in ("Total", "Video", "Audio", "Metadata")}
        options = element("trc:Options", element("trc:Job", Spare=0), element("trc:Track", **spare))
        return element("trc:GetRecordingOptionsResponse", options)

    async def _get_track_configuration(self, call: Call) -> Element:
        recording = await recording_of(self._model, call, "trc:RecordingToken")
        token = text_of(call.request, "trc:TrackToken")
        for track in recording.tracks:
            if track.token == token:
                configuration = _track_configuration("trc:TrackConfiguration", track)
                return element("trc:GetTrackConfigurationResponse", configuration)
        raise invalid_argument("there is no such track", "ter:NoTrack")

    # ---- jobs

    async def _get_recording_jobs(self, call: Call) -> Element:
        return element(
            "trc:GetRecordingJobsResponse",
            *(
                element(
                    "trc:JobItem",
                    element("tt:JobToken", recording.job),
                    _job_configuration("tt:JobConfiguration", recording),
                )
                for recording in await self._model.recordings(asker(call))
            ),
        )

    async def _get_recording_job_configuration(self, call: Call) -> Element:
        configuration = _job_configuration("trc:JobConfiguration", await self._job(call))
        return element("trc:GetRecordingJobConfigurationResponse", configuration)

    async def _get_recording_job_state(self, call: Call) -> Element:
        found = await self._job(call)
        tracks = [(track.token, track.type) for track in found.tracks]
        state = job_state_information("trc:State", found.token, found.profile, tracks, active=found.recording)
        return element("trc:GetRecordingJobStateResponse", state)

    async def _job(self, call: Call) -> Recording:
        token = text_of(call.request, "trc:JobToken")
        for recording in await self._model.recordings(asker(call)):
            if recording.job == token:
                return recording
        raise invalid_argument("there is no such recording job", "ter:NoRecordingJob")


def _configuration(name: str, recording: Recording) -> Element:
    return element(
        name,
        source_information("tt:Source", recording),
        element("tt:Content", recording.name),
        element("tt:MaximumRetentionTime", format_duration(recording.retention_seconds)),
    )


def _track_configuration(name: str, track: RecordingTrack) -> Element:
    return element(name, element("tt:TrackType", track.type), element("tt:Description", track.type))


def _job_configuration(name: str, recording: Recording) -> Element:
    return element(
        name,
        element("tt:RecordingToken", recording.token),
        element("tt:Mode", job_state(active=recording.recording)),
        element("tt:Priority", "1"),
        element(
            "tt:Source",
            element("tt:SourceToken", element("tt:Token", recording.profile), Type=PROFILE_SOURCE),
            *(
                element("tt:Tracks", element("tt:SourceTag", track.type), element("tt:Destination", track.token))
                for track in recording.tracks
            ),
        ),
    )

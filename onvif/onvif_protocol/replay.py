"""The Replay service (`trp`) of a served device: where recordings are played.

Playing itself is RTSP's (ONVIF Streaming 6), and belongs to whoever serves that.

Source: ONVIF Replay Control Specification, replay.wsdl.
"""

from __future__ import annotations

from typing import Final

from onvif_protocol.device import Call, Operation, Operations, invalid_argument, refusing
from onvif_protocol.device_model import Transport
from onvif_protocol.duration import format_duration
from onvif_protocol.recordings_model import RecordingsModel
from onvif_protocol.search import recording_of
from onvif_protocol.soap import NS, Element, element, qname, text_of

_TRANSPORTS: Final = {"UDP": Transport.UDP, "RTSP": Transport.RTSP, "HTTP": Transport.HTTP}


class ReplayService:
    """The Replay service of a device. `session_seconds`: how long an RTSP session lives without a sign of life."""

    namespace = NS["trp"]
    path = "/onvif/replay_service"
    version = (2, 21)

    def __init__(self, model: RecordingsModel, session_seconds: float) -> None:
        self._model = model
        self._session_seconds = session_seconds

    def operations(self) -> Operations:  # noqa: D102
        table = {
            "GetReplayUri": Operation(self._get_replay_uri),
            "GetReplayConfiguration": Operation(self._get_replay_configuration),
            "GetServiceCapabilities": Operation(self._get_service_capabilities, open=True),
        }
        refused = refusing("trp", ("SetReplayConfiguration",))
        return {qname(f"trp:{name}"): operation for name, operation in table.items()} | refused

    def capabilities(self) -> Element:  # noqa: D102
        seconds = f"{self._session_seconds:g}"
        return element(
            "trp:Capabilities", ReversePlayback=True, SessionTimeoutRange=f"{seconds} {seconds}", RTP_RTSP_TCP=True
        )

    def _get_service_capabilities(self, _: Call) -> Element:
        return element("trp:GetServiceCapabilitiesResponse", self.capabilities())

    async def _get_replay_uri(self, call: Call) -> Element:
        stream = text_of(call.request, "trp:StreamSetup/tt:Stream")
        transport = _TRANSPORTS.get(text_of(call.request, "trp:StreamSetup/tt:Transport/tt:Protocol"))
        recording = await recording_of(self._model, call, "trp:RecordingToken")
        uri = None
        if stream == "RTP-Unicast" and transport is not None:
            uri = self._model.replay_uri(recording.token, transport, call.base_url)
        if uri is None:
            raise invalid_argument("this stream type or transport is not offered", "ter:InvalidStreamSetup")
        return element("trp:GetReplayUriResponse", element("trp:Uri", uri))

    def _get_replay_configuration(self, _: Call) -> Element:
        timeout = element("tt:SessionTimeout", format_duration(self._session_seconds))
        return element("trp:GetReplayConfigurationResponse", element("trp:Configuration", timeout))

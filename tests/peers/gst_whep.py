#!/usr/bin/python3
"""A WHEP player that is not ours: GStreamer's webrtcbin. Run it with the system's own interpreter.

    gst_whep.py URL TOKEN PICTURES [udp|tcp [H264|H265]]

Does the exchange, decodes so many pictures, restarts nothing, ends the session, and prints one JSON object: `pictures`,
`width` and `height`, and the HTTP statuses as `statuses`. With `tcp` the answer's UDP candidates are dropped first.
"""

import json
import re
import sys
import urllib.request
from urllib.parse import urljoin

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

CAPS = "application/x-rtp,media=video,encoding-name={codec},payload=96,clock-rate=90000"
PARAMETERS = {"H264": ",packetization-mode=(string)1,profile-level-id=(string)42e01f", "H265": ""}
SECONDS = 30


class Player:
    def __init__(self, url, token, wanted, transport="udp", codec="H264"):
        self.url, self.token, self.wanted, self.transport, self.codec = url, token, int(wanted), transport, codec
        self.said = {"pictures": 0, "width": 0, "height": 0, "statuses": []}
        self.location = None
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline()
        self.webrtc = Gst.ElementFactory.make("webrtcbin")
        self.webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.webrtc)
        self.webrtc.connect("on-negotiation-needed", self.negotiate)
        self.webrtc.connect("pad-added", self.play)
        direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
        self.webrtc.emit(
            "add-transceiver", direction, Gst.Caps.from_string(CAPS.format(codec=codec) + PARAMETERS[codec])
        )

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        GLib.timeout_add_seconds(SECONDS, self.loop.quit)
        self.loop.run()
        if self.location is not None:
            self.call("DELETE", self.location)
        self.pipeline.set_state(Gst.State.NULL)
        print(json.dumps(self.said), flush=True)

    def call(self, method, url, body=None):
        headers = {"Authorization": "Bearer " + self.token, "Content-Type": "application/sdp"}
        request = urllib.request.Request(url, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            self.said["statuses"].append(response.status)
            return response.read().decode(), response.headers

    def negotiate(self, webrtc):
        webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered, None))

    def offered(self, promise, _):
        reply = promise.get_reply()  # owns the offer
        offer = reply.get_value("offer")
        self.webrtc.emit("set-local-description", offer, Gst.Promise.new())
        # Without candidates: the gateway waits to be asked.
        answer, headers = self.call("POST", self.url, offer.sdp.as_text().encode())
        self.location = urljoin(self.url, headers["Location"])
        if self.transport == "tcp":
            answer = re.sub(r"a=candidate:\S+ 1 udp [^\r\n]*\r\n", "", answer)
        _, message = GstSdp.SDPMessage.new_from_text(answer)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.webrtc.emit("set-remote-description", description, Gst.Promise.new())

    def play(self, _, pad):
        codec = self.codec.lower()
        decoder = Gst.parse_bin_from_description(
            f"rtp{codec}depay ! {codec}parse ! avdec_{codec} ! fakesink name=sink signal-handoffs=true sync=false", True
        )
        decoder.get_by_name("sink").connect("handoff", self.shown)
        self.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def shown(self, sink, _buffer, pad):
        self.said["pictures"] += 1
        if self.said["pictures"] == self.wanted:
            caps = pad.get_current_caps().get_structure(0)
            self.said |= {name: caps.get_value(name) for name in ("width", "height")}
            GLib.idle_add(self.loop.quit)


if __name__ == "__main__":
    Gst.init(None)
    Player(*sys.argv[1:]).run()

#!/usr/bin/python3
"""A camera that is not ours: GStreamer's RTSP server with test sources. Run it with the system's own interpreter.

Prints its two ports, then serves until its standard input ends. On the first:

    /stream  H.264, A-law audio and an ONVIF metadata track
    /sound   audio alone
    /big     H.264 in many slices and large keyframes

and on the second, behind Digest for the user `op` with the password `secret`, another `/stream`.
"""

import struct
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

VIDEO = (
    "videotestsrc is-live=true pattern={pattern} ! video/x-raw,width={width},height={height},framerate=25/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 bitrate={kbps} sliced-threads={sliced} "
    "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1"
)
AUDIO = (
    "audiotestsrc is-live=true samplesperbuffer=160 ! audio/x-raw,rate=8000,channels=1 "
    "! alawenc ! rtppcmapay name=pay{n} pt=8"
)
METADATA = (
    "appsrc name=metadata is-live=true format=time do-timestamp=true "
    'caps="application/x-rtp,media=application,payload=107,clock-rate=90000,encoding-name=VND.ONVIF.METADATA" '
    "! rtpjitterbuffer latency=0 name=pay2"
)
DOCUMENT = b'<?xml version="1.0"?><tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"/>'
DOCUMENTS_PER_SECOND = 5
CUT = 50
"""Bytes of a document in each packet, so that it takes several."""


class MetadataFactory(GstRtspServer.RTSPMediaFactory):
    """A factory whose media has an `appsrc` that is fed with RTP packets."""

    def do_configure(self, media):
        GstRtspServer.RTSPMediaFactory.do_configure(self, media)
        source = media.get_element().get_by_name_recurse_up("metadata")
        state = {"sequence": 65533, "ticks": 0}

        def send():
            for at in range(0, len(DOCUMENT), CUT):
                marker = 0x80 if at + CUT >= len(DOCUMENT) else 0
                head = struct.pack("!BBHII", 0x80, 107 | marker, state["sequence"], state["ticks"], 0x4D455441)
                state["sequence"] = (state["sequence"] + 1) & 0xFFFF
                packet = Gst.Buffer.new_wrapped(head + DOCUMENT[at : at + CUT])
                if source.emit("push-buffer", packet) != Gst.FlowReturn.OK:
                    return False
            state["ticks"] += 90000 // DOCUMENTS_PER_SECOND
            return True

        GLib.timeout_add(1000 // DOCUMENTS_PER_SECOND, send)


def factory(kind, *pipelines):
    made = kind()
    made.set_launch("( " + " ".join(pipelines) + " )")
    made.set_shared(True)
    return made


def serve(mounts, authentication=None):
    """A server on a port of its own; returns the port."""
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    server.set_auth(authentication)
    points = server.get_mount_points()
    for path, mounted in mounts.items():
        points.add_factory(path, mounted)
    server.attach(None)
    return server.get_bound_port()


def digest(mounted):
    """Admit `op` with the password `secret` to `mounted`, and no one else."""
    role = "operator,media.factory.access=(boolean)true,media.factory.construct=(boolean)true"
    mounted.add_role_from_structure(Gst.Structure.from_string(role)[0])
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "operator")
    authentication = GstRtspServer.RTSPAuth()
    authentication.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    authentication.add_digest("op", "secret", token)
    return authentication


def main():
    Gst.init(None)
    small = VIDEO.format(pattern="ball", width=320, height=240, kbps=500, sliced="false")
    large = VIDEO.format(pattern="snow", width=640, height=480, kbps=4000, sliced="true")
    private = factory(MetadataFactory, small, AUDIO.format(n=1), METADATA)
    open_port = serve(
        {
            "/stream": factory(MetadataFactory, small, AUDIO.format(n=1), METADATA),
            "/sound": factory(GstRtspServer.RTSPMediaFactory, AUDIO.format(n=0)),
            "/big": factory(GstRtspServer.RTSPMediaFactory, large),
        }
    )
    private_port = serve({"/stream": private}, digest(private))
    loop = GLib.MainLoop()
    print(open_port, private_port, flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), GLib.idle_add(loop.quit)), daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Cameras with a loudspeaker that are not ours: GStreamer's ONVIF server. Run it with the system's own interpreter.

    gst_talk.py FOLDER

Prints its port, then serves until its standard input ends:

    /mulaw  H.264, and a backchannel that takes mu-law
    /alaw   H.264, and a backchannel that takes A-law

What one of them hears is written to `mulaw.pcm` and `alaw.pcm` in the folder: 16 bits, 8000 a second, one channel.
"""

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

VIDEO = (
    "( videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=10/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 bitrate=200 "
    "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)
# GStreamer knows a backchannel by this name, and takes its media line from the capabilities.
BACKCHANNEL = (
    "( capsfilter name=depay_backchannel "
    'caps="application/x-rtp,media=audio,payload={payload},clock-rate=8000,encoding-name={name}" '
    "! {depay} ! {decode} ! audio/x-raw,format=S16LE,rate=8000,channels=1 "
    '! filesink location="{file}" buffer-mode=unbuffered sync=false async=false )'
)
LAWS = {"mulaw": (0, "PCMU", "rtppcmudepay", "mulawdec"), "alaw": (8, "PCMA", "rtppcmadepay", "alawdec")}


def camera(law, folder):
    payload, name, depay, decode = LAWS[law]
    made = GstRtspServer.RTSPOnvifMediaFactory()
    made.set_media_gtype(GstRtspServer.RTSPOnvifMedia.__gtype__)
    made.set_launch(VIDEO)
    file = f"{folder}/{law}.pcm"
    made.set_backchannel_launch(BACKCHANNEL.format(payload=payload, name=name, depay=depay, decode=decode, file=file))
    made.set_shared(False)
    return made


def main():
    Gst.init(None)
    server = GstRtspServer.RTSPOnvifServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    for law in LAWS:
        server.get_mount_points().add_factory(f"/{law}", camera(law, sys.argv[1]))
    server.attach(None)
    loop = GLib.MainLoop()
    print(server.get_bound_port(), flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), GLib.idle_add(loop.quit)), daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()

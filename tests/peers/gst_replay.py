#!/usr/bin/python3
"""A player of recordings that is not ours: GStreamer's rtspsrc and rtponvifparse. Run it with the system's interpreter.

    gst_replay.py URL USER PASSWORD

Plays as an ONVIF client, as fast as it is sent, until nothing more comes. Prints one JSON object: `pictures`, of each
the milliseconds since 1970 at which it was captured, as its RTP header extension says, whether it is a clean point and
whether it is a discontinuity, and `problems`.
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

SINCE_1900 = 2_208_988_800
QUIET_MS = 700
"""So long after the last picture nothing more comes."""


class Player:
    def __init__(self, url, user, password):
        self.said = {"pictures": [], "problems": []}
        self.loop = GLib.MainLoop()
        self.quiet = None
        self.pipeline = Gst.Pipeline()
        self.source = Gst.ElementFactory.make("rtspsrc")
        for name, value in {
            "location": url,
            "user-id": user,
            "user-pw": password,
            "protocols": 4,
            "onvif-mode": True,
            "onvif-rate-control": False,
        }.items():
            self.source.set_property(name, value)
        self.source.connect("pad-added", self.linked)
        self.pipeline.add(self.source)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.told)

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        GLib.timeout_add_seconds(30, self.loop.quit)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        print(json.dumps(self.said), flush=True)

    def linked(self, _, pad):
        parse, sink = Gst.ElementFactory.make("rtponvifparse"), Gst.ElementFactory.make("fakesink")
        sink.set_property("sync", False)
        sink.set_property("async", False)
        for element in (parse, sink):
            self.pipeline.add(element)
            element.sync_state_with_parent()
        parse.link(sink)
        pad.link(parse.get_static_pad("sink"))
        if pad.get_current_caps().get_structure(0).get_string("media") == "video":
            parse.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self.came)

    def came(self, _, info):
        buffer = info.get_buffer()
        if buffer.extract_dup(0, 1)[0] & 0x10:  # it has a header extension: the first packet of a picture
            captured = buffer.pts // 1_000_000 - SINCE_1900 * 1000
            clean = not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
            self.said["pictures"].append([captured, clean, buffer.has_flags(Gst.BufferFlags.DISCONT)])
            GLib.idle_add(self.wait)
        return Gst.PadProbeReturn.OK

    def wait(self):
        if self.quiet is not None:
            GLib.source_remove(self.quiet)
        self.quiet = GLib.timeout_add(QUIET_MS, self.loop.quit)

    def told(self, _, message):
        if message.type == Gst.MessageType.ERROR:
            self.said["problems"].append(str(message.parse_error()))
            self.loop.quit()
        elif message.type == Gst.MessageType.EOS:
            self.loop.quit()


Gst.init(None)
Player(*sys.argv[1:4]).run()

#!/usr/bin/python3
"""An HLS player that is not ours: GStreamer's playbin. Run it with the system's own interpreter.

    gst_hls.py playbin|playbin3 URL COOKIE

Plays and decodes all of a playlist as fast as it can, and prints one JSON object: `pictures`, the milliseconds at which
each is to be shown, `sound`, the number of frames, `demuxers`, the elements that read HLS, and `problems`.
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402


class Player:
    def __init__(self, kind, url, cookie):
        self.cookie = cookie
        self.said = {"pictures": [], "sound": 0, "demuxers": [], "problems": []}
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.ElementFactory.make(kind)
        self.pipeline.set_property("uri", url)
        self.pipeline.set_property("video-sink", self.sink(self.picture))
        self.pipeline.set_property("audio-sink", self.sink(self.sound))
        self.pipeline.connect("deep-element-added", self.added)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.told)

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        print(json.dumps(self.said), flush=True)

    def sink(self, take):
        made = Gst.ElementFactory.make("fakesink")
        made.set_property("sync", False)
        made.set_property("signal-handoffs", True)
        made.connect("handoff", take)
        return made

    def added(self, _pipeline, _parent, element):
        name = element.get_factory().get_name() if element.get_factory() else ""
        if name == "souphttpsrc":  # hlsdemux makes one of its own for what it fetches
            element.set_property("cookies", [self.cookie])
        elif name.startswith("hlsdemux"):
            self.said["demuxers"].append(name)

    def told(self, _bus, message):
        if message.type == Gst.MessageType.ERROR:
            error, detail = message.parse_error()
            self.said["problems"].append(f"{error.message}: {detail}")
        if message.type in (Gst.MessageType.ERROR, Gst.MessageType.EOS):
            self.loop.quit()

    def picture(self, _sink, buffer, pad):
        segment = pad.get_sticky_event(Gst.EventType.SEGMENT, 0).parse_segment()
        self.said["pictures"].append(segment.to_stream_time(Gst.Format.TIME, buffer.pts) / Gst.MSECOND)

    def sound(self, _sink, _buffer, _pad):
        self.said["sound"] += 1


Gst.init(None)
Player(*sys.argv[1:]).run()

"""The baseline of `viewers`, `start` and `latency`: the shortest honest relay with aiortc, as it is documented.

`python -m benchmarks.aiortc_relay URL` reads the camera once (MediaPlayer without decoding), shares it (MediaRelay) and
gives each WHEP offer a peer connection with a sender of its own. It prints where it listens and serves until its
standard input ends.
"""

from __future__ import annotations

import asyncio
import logging
import sys

import uvloop
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer, MediaRelay


async def main(url: str) -> None:
    player = MediaPlayer(url, format="rtsp", options={"rtsp_transport": "tcp"}, decode=False)
    relay = MediaRelay()
    connections: list[RTCPeerConnection] = []

    async def whep(request: web.Request) -> web.Response:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        connections.append(pc)
        await pc.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        assert player.video is not None
        pc.addTrack(relay.subscribe(player.video))
        transceiver = pc.getTransceivers()[0]
        # What is sent is H.264 as it comes. Preferences set after the offer change the answer, but not what it sends.
        transceiver._codecs = [
            codec
            for codec in transceiver._codecs
            if codec.mimeType == "video/H264" and codec.parameters.get("packetization-mode") == "1"
        ]
        await pc.setLocalDescription(await pc.createAnswer())
        return web.Response(status=201, text=pc.localDescription.sdp, content_type="application/sdp")

    app = web.Application()
    app.router.add_post("/whep", whep)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/whep", flush=True)
    try:
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await asyncio.gather(*(pc.close() for pc in connections))
        await runner.cleanup()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    uvloop.run(main(sys.argv[1]))

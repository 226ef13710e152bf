"""A player in Chromium that is not ours: the plain WHEP exchange, and what the browser itself says of the picture."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

_WATCH = """async ([url, token, seconds]) => {
  const video = document.createElement('video');
  video.muted = video.autoplay = true;
  document.body.replaceChildren(video);
  const pc = new RTCPeerConnection();
  pc.addTransceiver('video', {direction: 'recvonly'});
  pc.ontrack = event => { video.srcObject = new MediaStream([event.track]); };
  const began = performance.now(), shown = [];
  const frame = () => { shown.push(performance.now() - began); video.requestVideoFrameCallback(frame); };
  video.requestVideoFrameCallback(frame);
  await pc.setLocalDescription();
  const headers = {'Content-Type': 'application/sdp', Authorization: 'Bearer ' + token};
  const response = await fetch(url, {method: 'POST', headers, body: pc.localDescription.sdp});
  if (response.status != 201) throw new Error(response.status + ' ' + await response.text());
  const sdp = await window.through(await response.text());
  await pc.setRemoteDescription({type: 'answer', sdp});
  await new Promise(resolve => setTimeout(resolve, seconds * 1000));
  const ended = performance.now() - began;
  let inbound = {};
  (await pc.getStats()).forEach(r => { if (r.type == 'inbound-rtp' && r.kind == 'video') inbound = r; });
  await fetch(response.headers.get('Location'), {method: 'DELETE', headers});
  pc.close();
  return {shown, ended, inbound};
}"""
_TOLD = {
    "framesDecoded": "decoded",
    "framesDropped": "dropped",
    "keyFramesDecoded": "keyframes",
    "packetsReceived": "packets",
    "packetsLost": "lost",
    "retransmittedPacketsReceived": "retransmitted",
    "nackCount": "nacks",
    "pliCount": "plis",
    "freezeCount": "freezes",
    "totalFreezesDuration": "frozen_s",
    "frameWidth": "width",
}
STILL = 0.25
"""Seconds."""


async def play(page: Any, url: str, token: str, seconds: float, through: Callable[[str], str]) -> dict[str, Any]:
    """Watch `url` for some seconds from a page of the gateway's; the answer reaches the player `through` a function.

    Returns what getStats() says in the end, under shorter names; "first_s", from the click to the first picture; and
    "still", the times after it without a new picture, if longer than `STILL`: when they began and how long they were.
    """
    await page.expose_function("through", through)
    seen = await page.evaluate(_WATCH, [url, token, seconds])
    shown: list[float] = seen["shown"]
    assert shown, f"no picture in {seconds} s: {seen['inbound']}"
    moments = [*shown, seen["ended"]]
    told = {name: seen["inbound"].get(key) for key, name in _TOLD.items()}
    still = [
        (round(a / 1e3, 2), round((b - a) / 1e3, 2)) for a, b in itertools.pairwise(moments) if b - a > STILL * 1e3
    ]
    return {"first_s": round(shown[0] / 1e3, 3), "still": still, "shown": len(shown), **told}

"""How far the archive can be proved, over HTTP: chains, keys, where anchors went, and what was verified last."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from aiohttp import web

from gateway.ledger.anchor import CAMERA, Anchor
from gateway.ledger.anchors import Place, Standing
from gateway.ledger.chain import START, Head
from gateway.ledger.verified import Verified
from web.routes import Body, Route
from web.schemas import EVIDENCE
from web.services import services
from web.views import utc


async def standing(request: web.Request) -> web.Response:
    """`GET /api/evidence`: nothing is proved here, that takes `sightline verify`."""
    anchors = services(request).anchors
    now = await anchors.standing()
    return web.json_response(
        {
            "anchored_utc": utc(anchors.anchored_ns),
            "anchor_every": services(request).settings.evidence.anchor_every,
            "places": [_place_json(place) for place in anchors.places],
            "anchor": _anchor_json(anchors.last),
            "key": now.key,
            "keys": _keys_json(now),
            "audit": _chain_json("audit", now, anchors.outside),
            "cameras": [
                {"id": chain.removeprefix(CAMERA), **_chain_json(chain, now, anchors.outside)}
                for chain in sorted(now.heads)
                if chain.startswith(CAMERA)
            ],
            "verified": _verified_json(now.verified),
        }
    )


def _place_json(place: Place) -> dict[str, Any]:
    return {
        "kind": place.kind,
        "where": place.shown,
        "anchored_utc": utc(place.anchored_ns),
        "problem": place.problem,
    }


def _anchor_json(anchor: Anchor | None) -> dict[str, Any] | None:
    return None if anchor is None else {"utc": utc(anchor.utc_ns), "root": anchor.root.hex()}


def _keys_json(now: Standing) -> list[dict[str, Any]]:
    return [
        {"id": key.id, "public": b64encode(key.public).decode(), "since": key.utc, "previous": key.previous}
        for key in now.keys.keys.values()
    ]


def _chain_json(chain: str, now: Standing, anchor: Anchor | None) -> dict[str, Any]:
    head: Head = now.heads[chain]
    anchored = START if anchor is None else anchor.heads.get(chain, START)
    return {"rows": head.sequence, "head": str(head), "anchored_rows": anchored.sequence}


def _verified_json(verified: Verified | None) -> dict[str, Any] | None:
    if verified is None:
        return None
    return {
        "utc": utc(verified.utc_ns),
        "findings": verified.findings,
        "anchored_utc": utc(verified.anchored_ns),
    }


ROUTES = [
    Route(
        "GET",
        "/api/evidence",
        standing,
        "Show how far the archive can be proved, and where anchors of it went",
        "audit",
        answers={200: Body(schema=EVIDENCE)},
    )
]

"""`GET /api/evidence`: how far the archive can be proved, and where its anchors went."""

from __future__ import annotations

from base64 import b64decode

from gateway.base.clock import SystemClock
from gateway.ledger.anchor import parse
from gateway.ledger.journal import Journals
from gateway.ledger.keys import PublicKeys, key_id
from gateway.ledger.verified import Verified, note
from tests.running import running

CAMERA = "unit-12"


async def test_who_reads_the_audit_sees_how_far_the_archive_can_be_proved(tmp_path):
    second = tmp_path / "second.jsonl"
    data_dir = tmp_path / "data"
    other = Journals.open(data_dir, SystemClock())
    closed = {"kind": "closed", "at": "2023-11-14T22:13:20.000000000Z", "reason": None, "detail": ""}
    other.append(CAMERA, [closed])
    note(other.folder, Verified(1_700_000_000_000_000_000, 0, None))
    async with running(data_dir, evidence={"anchor_file": second}) as gateway:
        client = gateway.client()
        while not (found := (await client.call("GET", "/api/evidence"))[1])["anchored_utc"]:
            pass
        (camera,) = found["cameras"]
        head = str(other.head(CAMERA))
        assert camera == {"id": CAMERA, "rows": 1, "head": head, "anchored_rows": 1}
        assert found["audit"]["rows"] >= found["audit"]["anchored_rows"] > 0
        assert found["places"] == [
            {"kind": "file", "where": str(second), "anchored_utc": found["anchored_utc"], "problem": None}
        ]
        assert found["anchor"]["utc"] == found["anchored_utc"]
        (key,) = found["keys"]
        assert (key["id"], key["previous"]) == (found["key"], None)
        assert key_id(b64decode(key["public"])) == key["id"]
        assert found["verified"] == {"utc": "2023-11-14T22:13:20.000000Z", "findings": 0, "anchored_utc": None}
        other.append(CAMERA, [closed])
        _, found, _ = await client.call("GET", "/api/evidence")
        assert (found["cameras"][0]["rows"], found["cameras"][0]["anchored_rows"]) == (2, 1)
        assert b"sightline_anchored_timestamp_seconds 1" in (await client.call("GET", "/metrics"))[1]
    # Stopping makes one more, so that nothing of what was recorded stays outside.
    last = parse(second.read_bytes().splitlines()[-1])
    assert last.heads[f"camera/{CAMERA}"] == other.head(CAMERA)
    assert last.fault(PublicKeys.read(other.folder)) is None
    other.close()

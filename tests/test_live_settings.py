"""Settings are read again as a whole: applied as one, or not at all, and what waits for a restart is named."""

from __future__ import annotations

import pytest

from gateway.access.audit import Audit
from gateway.base.clock import ManualClock
from gateway.base.errors import SettingsError, StorageError
from gateway.base.metrics import REGISTRY
from gateway.base.settings import Settings
from gateway.live_settings import LiveSettings
from gateway.store.engine import open_catalog

WHO = {"actor": "shell", "address": "local"}


class Bench:
    """Live settings whose file a test writes, and what was done with them."""

    def __init__(self, database, data_dir):
        self.data_dir = data_dir
        self.audit = Audit(database, ManualClock())
        self.wanted = self.settings()
        self.done = []
        self.refuse = None
        self.live = LiveSettings(self.wanted, self.read, self.audit, ManualClock(), lambda secret: f"mark of {secret}")
        self.live.on("webrtc.max_sessions", prepare=self.prepare)
        self.live.on("http.public_url")
        self.live.on("cameras", "policy", prepare=self.prepare_later)

    def settings(self, **sections):
        return Settings.model_validate({"data_dir": self.data_dir, **sections})

    def read(self):
        if isinstance(self.wanted, Exception):
            raise self.wanted
        return self.wanted

    async def prepare(self, settings):
        return lambda: self.done.append(settings.webrtc.max_sessions)

    async def prepare_later(self, settings):
        if self.refuse is not None:
            raise self.refuse
        return lambda: self.done.append([camera.id for camera in settings.cameras])

    async def reload(self, **sections):
        self.wanted = self.settings(**sections)
        return await self.live.reload(**WHO)


@pytest.fixture
def bench(tmp_path):
    database = open_catalog(tmp_path)
    yield Bench(database, tmp_path)
    database.close()


def reads(outcome):
    return REGISTRY.get_sample_value("sightline_settings_read_total", {"outcome": outcome}) or 0.0


async def test_what_can_change_changes_and_what_cannot_waits_and_is_named(bench, caplog):
    camera = {"id": "a", "url": "rtsp://h/", "password": "hush"}
    applied = reads("applied")
    reading = await bench.reload(
        cameras=[camera], webrtc={"max_sessions": 7}, http={"public_url": "https://h", "listen": "127.0.0.1:1"}
    )
    assert bench.done == [7, ["a"]]
    assert [difference.key for difference in reading.applied] == [
        "cameras[a]",
        "http.public_url",
        "webrtc.max_sessions",
    ]
    assert [difference.key for difference in reading.pending] == ["http.listen"]
    running = bench.live.running
    assert (running.http.public_url, running.http.listen) == ("https://h", "127.0.0.1:8080"), "what holds, key by key"
    assert 'changes at the next start only: http.listen: "127.0.0.1:8080" → "127.0.0.1:1"' in caplog.text
    assert reads("applied") == applied + 1
    assert REGISTRY.get_sample_value("sightline_settings_pending") == 1
    again = await bench.reload()
    assert again.pending == ()
    assert "cameras[a]: removed" in [str(difference) for difference in again.applied]


async def test_every_change_is_in_the_audit_with_before_and_after_and_no_secret(bench):
    camera = {"id": "a", "url": "rtsp://h/", "password": "hush", "name": "A"}
    await bench.reload(cameras=[camera], webrtc={"max_sessions": 7}, rtsp={"listen": "127.0.0.1:1"})
    await bench.reload(cameras=[camera | {"password": "hush2", "name": "B"}], webrtc={"max_sessions": 7})
    await bench.reload(webrtc={"max_sessions": 7})
    rows = list(reversed(await bench.audit.entries()))
    assert [(row.action, row.camera) for row in rows] == [
        ("camera_add", "a"),
        ("settings", None),
        ("camera_change", "a"),
        ("camera_remove", "a"),
    ], "what changed, and nothing for what did not"
    assert rows[1].detail["applied"] == [{"key": "webrtc.max_sessions", "before": 2000, "after": 7}]
    assert [difference["key"] for difference in rows[1].detail["pending"]] == ["rtsp.listen"]
    assert (rows[2].detail["before"], rows[2].detail["after"]) == ({"name": "A"}, {"name": "B"})
    assert rows[2].detail["password_changed"] is True
    assert "hush" not in repr(rows)
    assert {(row.actor, row.address) for row in rows} == {("shell", "local")}


async def test_a_change_of_the_policy_is_a_row_of_its_own(bench):
    await bench.reload(policy={"watermark": True}, webrtc={"max_sessions": 7})
    settings, policy = await bench.audit.entries()
    assert (policy.action, policy.detail) == (
        "policy",
        {"applied": [{"key": "policy.watermark", "before": False, "after": True}]},
    )
    assert [change["key"] for change in settings.detail["applied"]] == ["webrtc.max_sessions"]


@pytest.mark.parametrize("where", ["read", "prepare"])
async def test_settings_that_do_not_hold_change_nothing_and_say_why(bench, caplog, where):
    before, refused = bench.live.running, reads("refused")
    error = SettingsError('the settings file: unknown key "colour"')
    if where == "read":
        bench.wanted = error
    else:
        bench.wanted, bench.refuse = bench.settings(webrtc={"max_sessions": 7}), error
    with pytest.raises(SettingsError, match="colour"):
        await bench.live.reload(**WHO)
    assert (bench.live.running, bench.done) == (before, [])
    assert 'the settings stay as they are: the settings file: unknown key "colour"' in caplog.text
    assert reads("refused") == refused + 1
    (row,) = await bench.audit.entries()
    assert (row.action, row.outcome, row.detail) == ("settings", "refused", {"problem": str(error)})
    assert bench.live.last.problem == str(error)
    bench.refuse = None
    assert (await bench.reload()).problem is None


async def test_what_cannot_be_audited_is_not_done(bench, caplog, monkeypatch):
    async def full(rows):
        raise StorageError("the disk is full")

    monkeypatch.setattr(bench.audit, "append_all", full)
    with pytest.raises(StorageError):
        await bench.reload(webrtc={"max_sessions": 7})
    assert bench.done == []
    assert bench.live.running.webrtc.max_sessions == 2000
    assert "the disk is full" in caplog.text


async def test_a_gateway_without_a_file_says_so(bench):
    live = LiveSettings(bench.settings(), None, bench.audit, ManualClock(), str)
    with pytest.raises(SettingsError, match="without settings that could be read again"):
        await live.reload(**WHO)

"""Which cameras there are, and whose they are."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from gateway.access.audit import Audit
from gateway.access.secrets import Vault
from gateway.base.clock import ManualClock
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, SettingsError
from gateway.base.settings import CameraSettings
from gateway.ingest.registry import Configured, Origin, Registry, camera_settings
from gateway.store.engine import open_catalog, revisions
from gateway.store.tables import cameras

WHO = {"actor": "test", "address": "local"}
NEW = {"id": "unit-1", "url": "rtsp://10.0.0.1/s", "username": "op", "password": "hush", "groups": ["south", "north"]}


@pytest.fixture
def catalog(tmp_path):
    database = open_catalog(tmp_path)
    yield database
    database.close()


@pytest.fixture
def registry(catalog, tmp_path):
    clock = ManualClock()
    file_cameras = [CameraSettings(id="fixed", url="rtsp://10.0.0.9/s")]
    return Registry(catalog, Vault.open(tmp_path), Audit(catalog, clock), clock, file_cameras)


async def test_a_camera_is_added_changed_and_removed(registry, catalog):
    settings = camera_settings(NEW)
    await registry.add(settings, **WHO)
    assert await registry.all() == [
        Configured(registry.file_cameras[0], Origin.FILE),
        Configured(settings, Origin.DATABASE),
    ]
    changed = await registry.change("unit-1", {"name": "Unit 1", "onvif": "http://10.0.0.1/onvif"}, **WHO)
    assert (changed.name, changed.url, changed.onvif) == ("Unit 1", None, "http://10.0.0.1/onvif")
    assert changed.password.get_secret_value() == "hush", "what was not named stays"
    assert changed.groups == ("north", "south")
    regrouped = await registry.change("unit-1", {"groups": ["east", "east"]}, **WHO)
    assert (regrouped.groups, (await registry.all())[1].settings) == (("east",), regrouped)
    await registry.remove("unit-1", **WHO)
    assert len(await registry.all()) == 1
    assert await catalog.read(revisions) == {"cameras": 4}


async def test_passwords_are_encrypted_at_rest_and_not_in_the_audit(registry, catalog, tmp_path):
    await registry.add(camera_settings(NEW), **WHO)
    await registry.change("unit-1", {"password": "hush2"}, **WHO)
    stored = await catalog.read(lambda c: c.execute(select(cameras.c.password_encrypted)).scalar_one())
    assert b"hush" not in stored
    entries = await Audit(catalog, ManualClock()).entries()
    assert [e.action for e in entries] == ["camera_change", "camera_add"]
    assert "hush" not in repr(entries)
    catalog.close()
    assert all(b"hush" not in path.read_bytes() for path in tmp_path.iterdir())


async def test_the_files_cameras_belong_to_the_file(registry):
    for refused in (
        registry.add(camera_settings(NEW | {"id": "Fixed"}), **WHO),
        registry.change("fixed", {"name": "x"}, **WHO),
        registry.remove("fixed", **WHO),
    ):
        with pytest.raises(ConflictError, match="settings file"):
            await refused


async def test_an_id_in_both_places_is_an_error_that_says_what_to_do(registry):
    await registry.add(camera_settings(NEW), **WHO)
    registry.file_cameras = (CameraSettings(id="UNIT-1", url="rtsp://10.0.0.9/s"),)
    with pytest.raises(SettingsError, match="sightline camera remove unit-1"):
        await registry.all()


async def test_what_cannot_be(registry):
    await registry.add(camera_settings(NEW), **WHO)
    with pytest.raises(ConflictError, match="already"):
        await registry.add(camera_settings(NEW | {"id": "UNIT-1"}), **WHO)
    with pytest.raises(NotFoundError):
        await registry.change("gone", {}, **WHO)
    with pytest.raises(NotFoundError):
        await registry.remove("gone", **WHO)
    with pytest.raises(BadRequestError, match="id of a camera stays"):
        await registry.change("unit-1", {"id": "unit-2"}, **WHO)
    with pytest.raises(BadRequestError, match='unknown member "speed"'):
        await registry.change("unit-1", {"speed": 1}, **WHO)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"id": "a"}, "either"),
        ({"id": "a", "url": "rtsp://h/", "onvif": "http://h/"}, "either"),
        ({"url": "rtsp://h/"}, "id"),
        ({"id": 7, "url": "rtsp://h/"}, "id"),
        ({"id": "a", "url": "rtsp://h/", "transport": "pigeon"}, "transport"),
        ({"id": "a", "url": "rtsp://h/", "password_file": "/etc/passwd"}, "settings file only"),
        ({"id": "a", "url": "rtsp://[h/"}, "url"),
        ({"id": "a", "url": "rtsp://h/", "groups": "north"}, "groups"),
        ({"id": "a", "url": "rtsp://h/", "groups": ["a b"]}, "name a group"),
    ],
)
def test_what_the_api_was_given_is_checked(values, said):
    with pytest.raises(BadRequestError, match=said):
        camera_settings(values)

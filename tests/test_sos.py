"""A unit calls for help: what makes a call, what makes none, and what follows from one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.access.audit import Action
from gateway.access.authority import Privacy
from gateway.base.alert_settings import Alerts as AlertSettings
from gateway.base.errors import BadRequestError, ConflictError, NotFoundError
from gateway.incidents.alert import Alert, Grade, Kind
from gateway.media.model import NS, Fix
from gateway.positions.formats import fix_json
from onvif_protocol.alarms import Alarm
from tests.desk_rig import Rig, unit

BUTTON = Alarm("tns1:Device/Trigger/DigitalInput|InputToken=1", "a digital input", True, emergency=True)
LET_GO = Alarm(BUTTON.key, BUTTON.what, False, emergency=True)
STILL = Alarm(BUTTON.key, BUTTON.what, True, emergency=True, news=False)
CALL = Alarm("tnsx:Body/SOS", "a call for help", None, emergency=True)


@pytest_asyncio.fixture
async def rig(tmp_path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    rig.apply(unit(record_on="event"), unit("unit-2"))
    yield rig
    await rig.close()


async def heard(rig: Rig, *alarms: Alarm, camera: str = "unit-1", at_ns: int | None = None) -> list[Alert]:
    """What is open after a camera has said this."""
    for alarm in alarms:
        rig.camera(camera).alarm_arrived(alarm, rig.clock.utc_ns() if at_ns is None else at_ns)
    await rig.sos.close()  # waits for what was set off
    await rig.alerts.flush()
    return rig.alerts.open()


@pytest.mark.parametrize(("alarm", "text"), [(BUTTON, "a digital input"), (CALL, "a call for help")])
async def test_an_event_of_the_camera_is_a_call(rig, alarm, text):
    now = rig.clock.utc_ns()
    (alert,) = await heard(rig, alarm)
    assert (alert.kind, alert.grade, alert.camera, alert.utc_ns) == (Kind.SOS, Grade.HIGH, "unit-1", now)
    assert alert.text == f"SOS: the camera reported {text}."
    assert alert.detail == {"through": "camera", "event": alarm.topic}
    assert rig.recorded == [("unit-1", "an SOS")]
    (bookmark,) = await rig.bookmarks.of("unit-1", None, None)
    assert (bookmark.utc_ns, bookmark.text, bookmark.created_by) == (now, "SOS", "an SOS")


async def test_other_events_and_a_button_that_is_let_go_are_none(rig):
    motion = Alarm("motion", "motion", True)
    assert await heard(rig, motion, LET_GO) == []
    assert rig.recorded == []


async def test_a_button_that_is_let_go_ends_nothing(rig):
    (alert,) = await heard(rig, BUTTON, LET_GO)
    assert (alert.ended_ns, alert.resolved_ns) == (None, None)


async def test_a_camera_that_comes_back_with_the_button_still_pressed_does_not_call_again(rig):
    (alert,) = await heard(rig, BUTTON)
    await rig.alerts.resolve(alert.id, by="ann", word="a drill", address="")
    assert await heard(rig, STILL) == []
    (another,) = await heard(rig, LET_GO, STILL)  # pressed while the camera was away
    assert another.id != alert.id


async def test_pressed_again_it_is_the_same_call_while_that_is_open_and_a_new_one_after(rig):
    (alert,) = await heard(rig, BUTTON, LET_GO, BUTTON)
    assert alert.detail["count"] == 2
    assert rig.recorded == [("unit-1", "an SOS")]
    await rig.alerts.resolve(alert.id, by="ann", word="a drill", address="")
    (another,) = await heard(rig, LET_GO, BUTTON)
    assert another.id != alert.id
    assert len(await rig.bookmarks.of("unit-1", None, None)) == 2


async def test_the_newest_position_goes_with_it_and_how_old_it_is(rig):
    fix = Fix(rig.clock.utc_ns(), 52.5, 13.4, received_ns=rig.clock.utc_ns())
    assert rig.camera().take_fix(fix) is None
    rig.clock.advance(7)
    (alert,) = await heard(rig, CALL)
    assert alert.detail["fix"] == fix_json(fix)
    assert alert.detail["fix_age_s"] == 7


async def test_no_position_is_kept_while_the_wearers_privacy_mode_hides_it(rig):
    rig.camera().take_fix(Fix(rig.clock.utc_ns(), 52.5, 13.4, received_ns=rig.clock.utc_ns()))
    rig.authority.update(private={"unit-1": Privacy(0, hides_position=True, hides_stream=False, recording=True)})
    (alert,) = await heard(rig, CALL)
    assert alert.detail.keys() == {"through", "event"}


async def test_the_last_words_of_a_camera_that_was_removed_are_no_call(rig):
    camera = rig.camera()
    rig.apply(unit("unit-2"))
    camera.alarm_arrived(BUTTON, rig.clock.utc_ns())
    await rig.alerts.flush()
    assert rig.alerts.open() == []


async def test_a_call_that_is_dated_wildly_is_dated_anew(rig):
    now = rig.clock.utc_ns()
    (alert,) = await heard(rig, CALL, at_ns=now - 3600 * NS)
    assert alert.utc_ns == now
    (other, _) = await heard(rig, CALL, camera="unit-2", at_ns=now - 20 * NS)
    assert other.utc_ns == now - 20 * NS


async def test_a_camera_that_is_always_recorded_needs_no_recording_set_off(rig):
    await heard(rig, CALL, camera="unit-2")
    assert rig.recorded == []
    assert len(await rig.bookmarks.of("unit-2", None, None)) == 1


async def test_somebody_calls_for_the_help_of_a_unit(rig):
    alert, new = await rig.sos.call("unit-1", by="ann", address="10.0.0.1", text=" shots  fired ")
    assert new
    assert (alert.text, alert.detail) == ("shots fired", {"through": "call", "by": "ann"})
    assert rig.told == [alert]
    assert rig.recorded == [("unit-1", "ann")]
    again, new = await rig.sos.call("unit-1", by="bob", address="10.0.0.2")
    assert (again.id, new) == (alert.id, False)
    await rig.sos.close()
    actions = [(row.action, row.actor, row.address) for row in await rig.audit.entries()]
    assert (Action.ALERT_RAISE, "ann", "10.0.0.1") in actions


async def test_calls_that_cannot_be_taken(rig):
    with pytest.raises(NotFoundError):
        await rig.sos.call("nobody", by="ann", address="")
    for text in ("x" * 201, "a\u0007b"):
        with pytest.raises(BadRequestError):
            await rig.sos.call("unit-1", by="ann", address="", text=text)
    rig.settings.append(AlertSettings(sos=Grade.OFF))
    with pytest.raises(ConflictError, match="are off"):
        await rig.sos.call("unit-1", by="ann", address="")
    assert await heard(rig, BUTTON) == []
    assert rig.recorded == []


async def test_a_flood_of_calls_is_one_alert_and_two_writes_a_second(rig):
    writes = 0
    write = rig.database.write

    async def counted(work):
        nonlocal writes
        writes += 1
        return await write(work)

    rig.database.write = counted
    running = asyncio.create_task(rig.alerts.run())
    camera = rig.camera()
    for number in range(3000):  # three seconds, with a thousand a second, from sources that are all different
        camera.alarm_arrived(Alarm(f"tnsx:Body/SOS|n={number}", "a call", True, emergency=True), rig.clock.utc_ns())
        rig.clock.advance(0.001)
        await asyncio.sleep(0)
    await rig.sos.close()
    running.cancel()
    await rig.alerts.flush()
    (alert,) = await rig.alerts.search()
    assert alert.detail["count"] == 3000
    assert len(rig.recorded) == 1
    assert writes <= 8  # the alert, its bookmark, and what was added once a second

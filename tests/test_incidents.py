"""Incidents and what they keep: one transaction with their holds, against every rule, until they let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert

from gateway.base.errors import BadRequestError, ConflictError, NotFoundError, StorageError
from gateway.base.rfc3339 import format_utc
from gateway.base.settings import Storage
from gateway.evidence.left_holds import release_left
from gateway.incidents.incident import Opening
from gateway.incidents.incident_steps import By
from gateway.incidents.incidents import Incidents
from gateway.media.model import NS
from gateway.recording.holds import Holds
from gateway.store.tables import alerts
from tests.archive_bench import HOUR_NS, SIZE, Bench, at, bench

ANN = By("ann", "local")
OPENING = Opening("Fight at the gate", ("a", "b"), at(-3), at(-2), None, (), {})
LIVE = replace(OPENING, end_ns=None)


@pytest_asyncio.fixture
async def archive(tmp_path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


async def filmed(archive: Bench, cameras: str = "ab") -> None:
    """Days of these cameras, with positions of the first."""
    for camera in cameras:
        await archive.record(camera, -3.5, -0.5)
    await archive.been(cameras[0], -3.4, -2.5, -1.5)


@pytest.fixture
def incidents(archive) -> Incidents:
    return Incidents(archive.database, archive.holds, archive.audit, archive.clock, lambda camera, by: None)


def held(archive: Bench, camera: str) -> list[tuple[int, int | None, str | None]]:
    return [(hold.start_ns, hold.end_ns, hold.category) for hold in archive.holds.active(camera)]


# ---- against every rule


async def test_what_it_needs_outlasts_age_bytes_and_a_full_disk(archive, incidents):
    await filmed(archive, "abc")
    await incidents.open(replace(OPENING, category="brief"), ANN)
    archive.says({"keep": "1h", "max_bytes": f"{SIZE} B"}, {"category": "brief", "keep": "1h"})
    await archive.look()
    archive.disk.total, archive.disk.free = 1000 * SIZE, 0
    archive.storage.append(Storage(keep_free="90 %", warn_free="95 %"))
    await archive.space.look()
    await archive.look()
    assert await archive.kept("a") == await archive.kept("b") == [(-3, -2)]
    assert await archive.places("a") == [-2.5]
    assert await archive.kept("c") == []


async def test_what_is_live_keeps_what_follows_too(archive, incidents):
    await filmed(archive)
    incident = await incidents.open(LIVE, ANN)
    archive.says({"keep": "1h"})
    await archive.look()
    assert await archive.kept("a") == [(-3, -0.5)]
    archive.clock.advance(HOUR_NS // NS)
    await incidents.close(incident.id, ANN)
    archive.clock.advance(24 * HOUR_NS // NS)
    await archive.record("a", 0.5, 1)
    await archive.look()
    assert (await archive.kept("a"))[0] == (-3, -0.5)


async def test_a_hold_that_it_needs_is_nobodys_to_release(archive, incidents, tmp_path):
    incident = await incidents.open(OPENING, By("export", "local"))  # somebody is called as exports call themselves
    for one in incident.cameras:
        with pytest.raises(ConflictError, match=f"incident {incident.id} needs this: take {one.camera} out"):
            await archive.holds.release(one.hold, by="ann", reason="a test")
    await release_left(archive.holds, tmp_path)
    assert held(archive, "a") == [(at(-3), at(-2), None)]
    other = Holds(archive.database, archive.audit, archive.clock)  # of another process
    with pytest.raises(ConflictError):
        await other.release(incident.cameras[0].hold, by="ann", reason="a test")


async def test_deleted_it_lets_go_and_what_has_a_category_goes_on_under_it(archive, incidents):
    await filmed(archive)
    archive.says({"keep": "1h"}, {"category": "arrest", "keep": "365d"})
    kept = await incidents.open(replace(OPENING, category="arrest", cameras=("a",)), ANN)
    lost = await incidents.open(replace(OPENING, cameras=("b",)), ANN)
    for incident in (kept, lost):
        await incidents.remove(incident.id, ANN, reason="a drill")
        with pytest.raises(NotFoundError):
            await incidents.find(incident.id)
    assert held(archive, "a") == [(at(-3), at(-2), "arrest")]
    await archive.look()
    assert await archive.kept("a") == [(-3, -2)]
    assert await archive.kept("b") == []
    (row,) = [row for row in await archive.audit.entries() if row.action == "incident_remove"][:1]
    assert (row.reason, row.detail["title"], list(row.detail["cameras"])) == ("a drill", "Fight at the gate", ["b"])


# ---- one transaction


async def test_without_all_of_its_holds_it_is_not_opened(archive, incidents, monkeypatch):
    place = archive.holds.place_within

    def fails_at_the_second(connection, camera, *arguments, **more):
        if camera == "b":
            raise StorageError("the disk is full")
        return place(connection, camera, *arguments, **more)

    monkeypatch.setattr(archive.holds, "place_within", fails_at_the_second)
    with pytest.raises(StorageError):
        await incidents.open(OPENING, ANN)
    assert await incidents.search() == []
    assert held(archive, "a") == held(archive, "b") == []
    incident = await incidents.open(replace(OPENING, cameras=("a",)), ANN)
    with pytest.raises(StorageError):
        await incidents.add_camera(incident.id, "b", ANN)
    assert [one.camera for one in (await incidents.find(incident.id)).cameras] == ["a"]
    assert archive.holds.active("b") == ()


async def test_a_new_hold_takes_the_place_of_the_old_one_without_a_moment_between(archive, incidents):
    incident = await incidents.open(LIVE, ANN)
    assert held(archive, "a") == [(at(-3), None, None)]
    seen = []
    archive.holds.on_changed.append(lambda: seen.append(held(archive, "a")))
    await incidents.change_camera(incident.id, "a", ANN, start_ns=at(-4))
    closed = await incidents.close(incident.id, ANN)
    reopened = await incidents.reopen(incident.id, ANN)
    assert seen == [[(at(-4), None, None)], [(at(-4), at(0), None)], [(at(-4), None, None)]]
    assert (closed.start_ns, closed.end_ns, reopened.end_ns) == (at(-4), at(0), None)
    assert held(archive, "b") == [(at(-3), None, None)]


async def test_what_ended_before_it_was_closed_does_not_grow_again(archive, incidents):
    incident = await incidents.open(OPENING, ANN)
    await incidents.close(incident.id, ANN)
    assert (await incidents.reopen(incident.id, ANN)).end_ns == at(-2)
    assert held(archive, "a") == [(at(-3), at(-2), None)]


async def test_of_several_who_do_the_same_one_does_it(archive, incidents):
    incident = await incidents.open(LIVE, ANN)
    for work in (
        lambda by: incidents.add_camera(incident.id, "c", by),
        lambda by: incidents.close(incident.id, by),
        lambda by: incidents.reopen(incident.id, by),
    ):
        done = await asyncio.gather(*(work(By(f"user {n}", "local")) for n in range(8)), return_exceptions=True)
        assert sum(not isinstance(one, Exception) for one in done) == 1
        assert all(isinstance(one, ConflictError) for one in done if isinstance(one, Exception))
    assert held(archive, "c") == [(at(-3), None, None)]


async def test_what_two_change_at_once_is_both(archive, incidents):
    incident = await incidents.open(LIVE, ANN)
    await asyncio.gather(
        incidents.change(incident.id, ANN, title="At the gate"),
        incidents.change(incident.id, By("bob", "local"), tags=["gate", "night"]),
        *(incidents.add_note(incident.id, None, f"note {n}", ANN) for n in range(20)),
    )
    after = await incidents.find(incident.id)
    assert (after.title, after.tags, after.notes) == ("At the gate", ("gate", "night"), 20)
    assert {note.text for note in await incidents.notes(incident.id)} == {f"note {n}" for n in range(20)}


# ---- its cameras


async def test_to_need_less_takes_a_reason_and_lets_go_of_the_rest(archive, incidents):
    await filmed(archive)
    archive.says({"keep": "1h"})
    incident = await incidents.open(OPENING, ANN)
    with pytest.raises(BadRequestError, match="say why"):
        await incidents.change_camera(incident.id, "a", ANN, end_ns=at(-2.5))
    await incidents.change_camera(incident.id, "a", ANN, end_ns=at(-2.5), reason="only the fight")
    await incidents.change_camera(incident.id, "b", ANN, end_ns=at(-1))
    await incidents.remove_camera(incident.id, "b", ANN, reason="another gate")
    with pytest.raises(ConflictError, match="delete the incident instead"):
        await incidents.remove_camera(incident.id, "a", ANN, reason="another gate")
    await archive.look()
    assert await archive.kept("a") == [(-3, -2.5)]
    assert await archive.kept("b") == []


async def test_a_camera_that_is_added_follows_the_incident_or_its_own_time(archive, incidents):
    incident = await incidents.open(replace(LIVE, cameras=("a",)), ANN)
    await incidents.add_camera(incident.id, "b", ANN, start_ns=at(-4), end_ns=at(-3))
    await incidents.add_camera(incident.id, "c", ANN)
    closed = await incidents.close(incident.id, ANN)
    assert [(one.start_ns, one.end_ns, one.follows) for one in closed.cameras] == [
        (at(-3), at(0), True), (at(-4), at(-3), False), (at(-4), at(0), True),
    ]  # fmt: skip
    assert closed.start_ns == at(-4)
    with pytest.raises(ConflictError, match="was closed by ann: reopen it first"):
        await incidents.add_camera(incident.id, "d", ANN)


async def test_what_grows_is_recorded_from_then_on(archive):
    asked: list[tuple[str, str]] = []

    def record(camera: str, by: str) -> None:
        if camera == "b":
            raise ConflictError("it is always recorded")
        asked.append((camera, by))

    incidents = Incidents(archive.database, archive.holds, archive.audit, archive.clock, record)
    await incidents.open(OPENING, ANN)
    assert asked == []  # it has ended
    incident = await incidents.open(LIVE, ANN)
    await incidents.add_camera(incident.id, "c", ANN)
    assert asked == [(camera, f"ann, by incident {incident.id},") for camera in "ac"]


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"title": " "}, "a title has"),
    ({"title": "x" * 201}, "a title has"),
    ({"title": "a\x1b[31mb"}, "a title has"),
    ({"tags": tuple(map(str, range(10_000)))}, "32 tags at most"),
    ({"tags": ("x" * 65,)}, "a tag has"),
    ({"tags": ("",)}, "a tag has"),
    ({"cameras": ()}, "1 to 64 cameras"),
    ({"cameras": ("a", "a")}, "1 to 64 cameras"),
    ({"cameras": tuple(map(str, range(65)))}, "1 to 64 cameras"),
    ({"start_ns": at(1)}, "cannot begin in the future"),
    ({"end_ns": at(-4)}, '"to" must lie after "from"'),
    ({"end_ns": at(1)}, "what has not ended yet"),
]


async def test_what_cannot_be_is_refused_and_nothing_is_held(archive, incidents):
    for change, said in IMPOSSIBLE:
        with pytest.raises(BadRequestError, match=said):
            await incidents.open(replace(OPENING, **change), ANN)
    assert held(archive, "a") == []


# ---- what belongs to it


async def test_notes_are_text_by_the_moment_they_are_about(archive, incidents):
    incident = await incidents.open(OPENING, ANN)
    await incidents.add_note(incident.id, at(-2.5), "<script>alert(1)</script>\r\n\tthen", ANN)
    await incidents.add_note(incident.id, at(-3), "he comes", ANN)
    texts = [note.text for note in await incidents.notes(incident.id)]
    assert texts == ["he comes", "<script>alert(1)</script>\n    then"]
    for wrong in ("", "\n \n", "x" * 8001, "a\x00b"):
        with pytest.raises(BadRequestError, match="a note has 1 to 8000"):
            await incidents.add_note(incident.id, None, wrong, ANN)


async def test_a_document_tells_of_some_cameras_nothing_of_others(archive, incidents):
    def raised(connection) -> None:
        for number, camera in ((1, "a"), (2, "b")):
            values = {
                "kind": "sos",
                "subject": camera,
                "grade": "high",
                "text": f"help at {camera}",
                "detail": {"fix": 1},
            }
            connection.execute(
                insert(alerts).values(id=number, camera=camera, utc_ns=at(-3), created_ns=at(-3), **values)
            )

    await archive.database.write(raised)
    incident = await incidents.open(replace(OPENING, origin={"alert": 2}), ANN)
    await incidents.link(incident.id, 1, ANN)
    assert [alert.id for alert in (await incidents.link(incident.id, 1, ANN)).alerts] == [1, 2]
    with pytest.raises(NotFoundError, match="there is no alert 7"):
        await incidents.link(incident.id, 7, ANN)
    await incidents.add_note(incident.id, at(-2.5), "he comes", ANN)
    told = await incidents.document(incident.id, ["a"], [])
    assert [one["id"] for one in told["cameras"]] == ["a"]
    assert [(one["number"], one["text"]) for one in told["alerts"]] == [(1, "help at a")]
    assert "fix" not in told["alerts"][0]
    assert told["notes"][0]["about"] == format_utc(at(-2.5))
    placed = await incidents.open(replace(OPENING, origin={"lat": 52.0, "lon": 13.0, "radius_m": 500.0}), ANN)
    assert (await incidents.document(placed.id, ["a"], []))["origin"] == {}
    assert (await incidents.document(placed.id, ["a"], ["a"]))["origin"]["lat"] == 52.0

"""What differs between two states of the settings, told without a secret."""

from __future__ import annotations

import json

from gateway.base.differences import HIDDEN, differences, flatten
from gateway.base.settings import CameraSettings, Settings


def flat(*cameras, **sections):
    return flatten(Settings.model_validate({"cameras": list(cameras), **sections}), lambda secret: f"mark of {secret}")


def camera(camera_id="a", **more):
    return CameraSettings.model_validate({"id": camera_id, "url": "rtsp://h/", **more})


def test_what_is_the_same_does_not_differ():
    assert differences(flat(camera()), flat(camera())) == []
    assert differences(flat(camera(groups=["a", "b"])), flat(camera(groups=["b", "a"]))) == []


def test_keys_and_cameras_are_named_one_by_one():
    before = flat(camera("a"), camera("b"), http={"listen": "127.0.0.1:1"})
    after = flat(camera("b", name="Bee"), camera("c"), http={"listen": "127.0.0.1:2"}, webrtc={"max_sessions": 7})
    found = differences(before, after)
    assert [str(difference) for difference in found] == [
        "cameras[a]: removed",
        'cameras[b].name: "" → "Bee"',
        "cameras[c]: added",
        'http.listen: "127.0.0.1:1" → "127.0.0.1:2"',
        "webrtc.max_sessions: 2000 → 7",
    ]
    assert found[2].after["url"] == "rtsp://h/"


def test_the_first_and_the_last_camera_come_and_go_like_any_other():
    assert [str(d) for d in differences(flat(), flat(camera()))] == ["cameras[a]: added"]
    assert [str(d) for d in differences(flat(camera()), flat())] == ["cameras[a]: removed"]


def test_the_policy_is_told_by_its_lists():
    after = flat(policy={"watermark": True, "allow": [{"role": "dispatcher", "rights": ["live"]}]})
    assert [str(difference) for difference in differences(flat(), after)] == [
        'policy.allow: [] → [{"role": "dispatcher", "groups": [], "rights": ["live"]}]',
        "policy.watermark: false → true",
    ]


def test_secrets_differ_without_being_shown():
    server = {"urls": ["turn:h"], "username": "u", "credential": "one"}
    before = flat(camera(password="one"), webrtc={"ice_servers": [server]}, database="postgresql://u:one@h/d")
    after = flat(
        camera(password="two"),
        webrtc={"ice_servers": [server | {"credential": "two"}]},
        database="postgresql://u:two@h/d",
    )
    found = differences(before, after)
    assert [str(difference) for difference in found] == [
        "cameras[a].password: another secret",
        "database: another secret",
        "webrtc.ice_servers: another secret",
    ]
    told = json.dumps([difference.json() for difference in found])
    assert "one" not in told
    assert "two" not in told
    assert found[1].before == f"postgresql://u:{HIDDEN}@h/d"
    (first,) = differences(flat(camera()), flat(camera(password="one")))
    assert (str(first), first.secret) == ("cameras[a].password: a secret", True)
    (last,) = differences(flat(camera(password="one")), flat(camera()))
    assert str(last) == "cameras[a].password: no secret"


def test_what_was_written_down_compares_as_well():
    state = flat(camera(password="one"), policy={"ask_reason": ["live"]})
    again = json.loads(json.dumps({key: getattr(shown, "value", None) for key, shown in state.items()}))
    assert again["policy.ask_reason"] == state["policy.ask_reason"].value, "lists, not tuples"

"""What holds: rights by role, group, policy and privacy, and that whoever depends on it is told of changes."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.authority import Authority, Privacy
from gateway.access.explain import explanation, ruling, statements, summary
from gateway.access.rights import RIGHTS
from gateway.base.policy import Policy
from gateway.base.roles import GRANTED, OF_ONE_CAMERA, Right, Role

CAMERAS = {"n1": ("north",), "s1": ("south",), "both": ("north", "south"), "none": ()}


@dataclass(frozen=True)
class Who:
    role: Role
    groups: tuple[str, ...] = ()
    name: str = "ann"
    cameras: tuple[str, ...] = ()


def authority(**policy: object) -> Authority:
    return Authority(Policy.model_validate(policy), CAMERAS)


def cameras(rights: Authority, who: Who, right: Right) -> set[str]:
    return {camera for camera in CAMERAS if rights.may(who, right, camera)}


def test_a_limit_by_group_leaves_the_cameras_of_the_group():
    rights = authority()
    assert cameras(rights, Who(Role.DISPATCHER), Right.LIVE) == set(CAMERAS)
    assert cameras(rights, Who(Role.DISPATCHER, ("north",)), Right.LIVE) == {"n1", "both"}
    assert rights.may(Who(Role.DISPATCHER), Right.LIVE)
    assert not rights.may(Who(Role.DISPATCHER, ("north",)), Right.LIVE)
    assert cameras(rights, Who(Role.NVR, ("north",), cameras=("s1", "n1")), Right.LIVE) == {"n1", "both", "s1"}
    assert cameras(rights, Who(Role.NVR, cameras=("s1",)), Right.LIVE) == {"s1"}
    assert not rights.may(Who(Role.ADMINISTRATOR, cameras=("s1",)), Right.LIVE)
    assert not rights.may(Who(Role.ADMINISTRATOR, cameras=("s1",)), Right.METRICS)
    assert rights.may_somewhere(Who(Role.DISPATCHER, ("north",)), Right.LIVE)


def test_rows_of_the_policy_replace_the_defaults_of_their_role_alone():
    rows = [
        {"role": "dispatcher", "rights": ["live"]},
        {"role": "dispatcher", "groups": ["north"], "rights": ["live", "position"]},
    ]
    rights = authority(allow=rows)
    assert cameras(rights, Who(Role.DISPATCHER), Right.LIVE) == set(CAMERAS)
    assert cameras(rights, Who(Role.DISPATCHER), Right.POSITION) == {"n1", "both"}
    assert cameras(rights, Who(Role.DISPATCHER), Right.RECORDED) == set()
    assert cameras(rights, Who(Role.DISPATCHER, ("south",)), Right.POSITION) == {"both"}
    assert cameras(rights, Who(Role.SUPERVISOR), Right.RECORDED) == set(CAMERAS)
    assert rights.may(Who(Role.DISPATCHER), Right.LOGGED_IN)


def test_what_is_about_the_whole_gateway_needs_no_limit():
    rights = authority()
    for right in set(GRANTED) - OF_ONE_CAMERA:
        assert rights.may(Who(Role.ADMINISTRATOR), right)
        assert not rights.may(Who(Role.ADMINISTRATOR, ("north",)), right)
        assert not rights.may(Who(Role.ADMINISTRATOR, ("north",)), right, "n1")


def test_a_camera_that_is_not_known_is_seen_by_who_has_no_limit_alone():
    rights = authority()
    assert rights.sees(Who(Role.DISPATCHER), "removed")
    assert not rights.sees(Who(Role.DISPATCHER, ("north",)), "removed")


def test_privacy_hides_but_the_camera_stays_in_the_lists():
    rights, who = authority(), Who(Role.DISPATCHER)
    rights.update(private={"n1": Privacy(0, hides_position=True, hides_stream=True, recording=False)})
    assert rights.rights(who, "n1") == {Right.RECORDED, Right.RESPOND}
    assert rights.lasting_rights(who, "n1") == rights.rights(who, "s1")
    assert rights.sees(who, "n1")
    assert rights.unrecorded("n1")
    rights.update(private={"n1": Privacy(0, hides_position=True, hides_stream=False, recording=True)})
    assert rights.rights(who, "n1") == {Right.LIVE, Right.RECORDED, Right.AUDIO, Right.RESPOND}
    assert not rights.unrecorded("n1")


def test_a_rule_for_a_camera_goes_before_one_for_its_group_and_the_strictest_group_holds():
    rules = [
        {"groups": ["north"], "ask_reason": [], "watermark": False},
        {"groups": ["south"], "ask_reason": ["live"], "watermark": True},
        {"cameras": ["n1"], "tell_wearer": True},
        {"cameras": ["s1"], "ask_reason": ["recorded"]},
    ]
    rights = authority(ask_reason=["recorded"], rule=rules)
    assert rights.asks("n1").reason == set()
    assert rights.asks("both").reason == {"live"}
    assert rights.asks("s1").reason == {"recorded"}
    assert rights.asks("none").reason == {"recorded"}
    assert [rights.asks(camera).watermark for camera in CAMERAS] == [False, True, True, False]
    assert [rights.asks(camera).tells_wearer for camera in CAMERAS] == [True, False, False, False]
    who = Who(Role.DISPATCHER)
    assert rights.reason_needed(who, Right.LIVE, "both")
    assert not rights.reason_needed(who, Right.LIVE, "n1")
    assert not rights.reason_needed(Who(Role.AUDITOR), Right.LIVE, "both")  # who may not at all is not asked why


def test_each_change_is_told_once_and_what_stays_is_not():
    rights, told = authority(), []
    rights.on_changed.append(lambda: told.append(rights.rights(Who(Role.DISPATCHER), "n1")))
    rights.update(policy=Policy(), cameras=CAMERAS)
    assert told == []
    rights.update(policy=Policy.model_validate({"allow": [{"role": "dispatcher", "rights": ["position"]}]}))
    rights.update(cameras={})
    assert told == [{Right.POSITION}] * 2
    assert rights.rights(Who(Role.DISPATCHER, ("north",)), "n1") == set()


_GROUPS = st.lists(st.sampled_from(["north", "south", "east"]), unique=True, max_size=2).map(tuple)
_NAMED = st.lists(st.sampled_from(sorted(CAMERAS)), unique=True, max_size=2).map(tuple)
_RIGHTS = st.lists(st.sampled_from(sorted(OF_ONE_CAMERA - {Right.AUDIO, Right.EXPORT})), unique=True).map(tuple)
_ROWS = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(sorted(Role)), "groups": _GROUPS, "rights": _RIGHTS}),
    max_size=4,
    unique_by=lambda row: row["role"],
)


@settings(max_examples=100)
@given(
    _ROWS,
    st.builds(Who, st.sampled_from(sorted(Role)), _GROUPS, cameras=_NAMED),
    st.sampled_from(sorted(CAMERAS)),
)
def test_a_limit_only_takes_away_and_the_explanation_says_what_holds(rows, who, camera):
    rights = authority(allow=rows)
    own = rights.rights(who, camera)
    assert own <= rights.rights(Who(who.role), camera)
    row = next((set(row["rights"]) for row in rows if row["role"] == who.role), RIGHTS[who.role])
    assert own <= row
    reached = camera in who.cameras or bool(set(who.groups) & set(CAMERAS[camera]))
    assert not own or reached or not (who.groups or who.cameras)
    for right in GRANTED:
        found = ruling(rights, who, right, camera)
        assert found.allowed == rights.may(who, right, camera), found
    assert all(sentence.endswith(".") for sentence in explanation(rights, who, camera))
    named = "".join(summary(rights, who, CAMERAS))
    named = named.replace("ann", "").partition(".")[2]  # the first sentence has the limit itself
    assert rights.sees(who, camera) or camera not in named
    assert len(statements(rights.policy)) == 4 + len(rows)

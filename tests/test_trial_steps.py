"""What the steps of a camera's test say, and that for each fault somebody is told what to do."""

from __future__ import annotations

import pytest

from gateway.base.clock import ManualClock
from gateway.base.errors import CameraError, Fault
from gateway.ingest.advice import ADVICE
from gateway.ingest.trial_steps import (
    Found,
    Step,
    StepName,
    Steps,
    StepState,
    clock_found,
    log_in_found,
    profiles_found,
)
from gateway.media.model import NS
from onvif_protocol.camera_media import DeviceInformation, StreamProfile


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_has_something_to_do(fault: Fault) -> None:
    assert ADVICE[fault].endswith(".")


@pytest.mark.parametrize(
    ("skew_ns", "said"),
    [(0, "is right"), (-4 * NS, "is right"), (61 * NS, "61 s ahead"), (-7200 * NS, "2 h behind")],
)
def test_a_clock_that_is_off_is_told_with_what_to_do(skew_ns: int, said: str) -> None:
    found = clock_found(skew_ns)
    assert said in found.says
    assert bool(found.advice) == ("right" not in said)


def test_a_device_that_says_little_leaves_no_holes() -> None:
    assert log_in_found(DeviceInformation(), "op").says == "op is logged in."
    assert log_in_found(None, "").says == "It asks for no password."
    told = log_in_found(DeviceInformation("Acme", "Cam 1", "2.0", "77"), "op").says
    assert told == "op is logged in. Acme Cam 1, firmware 2.0, serial number 77."


def test_profiles_say_what_they_are_used_for() -> None:
    main = StreamProfile("a", "Main", "H264", 1920, 1080)
    small = StreamProfile("b", "", "H264", 640, 360)
    assert profiles_found([main], main, None).says == "One profile: Main (H264 1920×1080) is used."
    both = profiles_found([main, small], main, small).says
    assert both == "2 profiles: Main (H264 1920×1080) is used, b (H264 640×360) for small pictures."


async def test_steps_are_told_when_they_begin_and_with_what_they_came_to() -> None:
    told: list[Step] = []
    steps = Steps(told.append, ManualClock())

    async def fine() -> Found:
        return Found("Port 80 is open.")

    async def refused() -> Found:
        raise CameraError(Fault.AUTHENTICATION, "It refuses the password.")

    await steps.take(StepName.PORT, fine(), 5)
    steps.note(StepName.POSITION, Found("There is no metadata track.", "Switch it on."))
    with pytest.raises(CameraError):
        await steps.take(StepName.LOG_IN, refused(), 5)
    assert [(step.name, step.state) for step in told] == [
        (StepName.PORT, StepState.RUNNING),
        (StepName.PORT, StepState.DONE),
        (StepName.POSITION, StepState.REMARK),
        (StepName.LOG_IN, StepState.RUNNING),
        (StepName.LOG_IN, StepState.FAILED),
    ]
    assert told[-1].advice == ADVICE[Fault.AUTHENTICATION]

"""A few simulated cameras together: what `sightline demo`, `sightline simulate` and the tests start.

Here belong who the cameras are and the one encoder they share. What a camera does belongs to `camera`.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from types import TracebackType
from typing import Self

from gateway.base.clock import Clock, SystemClock
from gateway.base.errors import CameraError, Fault
from gateway.base.supervise import TaskOwner
from gateway.media.model import Codec, UtcNs
from gateway.simulator.camera import CameraSettings, SimulatedCamera
from gateway.simulator.encoder import Encoder, EncoderSettings
from onvif_protocol.metadata import Carrier

NUMBERS = (12, 7, 3, 21)
"""Of the first units; the others follow from 31 on."""
USERNAME = "operator"
HEARS = ((Codec.PCMU, Codec.PCMA), (Codec.PCMA,), (Codec.PCMU,), ())
"""What loudspeakers of one unit after the other take; each fourth has none."""
START_SECONDS = 30.0
FLAKY_SECONDS = 40.0
"""Between two faults of a flaky camera."""


class Simulation:
    """`async with Simulation(count=4) as simulation:` runs `simulation.cameras` until its end.

    It is entered when every camera films. `interfaces` are those that discovery answers on; `password` is made up
    where none is given. With `flaky`, the last camera loses its link, comes back with a burst, or jumps in time, now
    and then.

    Raises (on entering):
        CameraError: the encoder does not work.
        OnvifError: one of `interfaces` does not exist.
    """

    def __init__(
        self,
        *,
        count: int = 4,
        interfaces: tuple[str, ...] | list[str] = ("lo",),
        host: str = "127.0.0.1",
        password: str | None = None,
        width: int = 640,
        height: int = 360,
        fps: int = 15,
        flaky: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._interfaces = tuple(interfaces)
        self._host = host
        self._flaky = flaky
        self._owner = TaskOwner("simulation")
        self._started = asyncio.Event()
        numbers = tuple(itertools.islice(itertools.chain(NUMBERS, itertools.count(31)), count))
        pictures = tuple(
            EncoderSettings(f"Unit {number:02d}", seed, width, height, fps) for seed, number in enumerate(numbers)
        )
        self.encoder = Encoder(pictures, self._on_picture, self._clock)
        self.cameras = tuple(
            SimulatedCamera(
                CameraSettings(
                    id=f"unit-{number:02d}",
                    name=pictures[seed].name,
                    seed=seed,
                    username=USERNAME,
                    password=secrets.token_urlsafe(9) if password is None else password,
                    # One of four speaks the standard's own form, which knows no speed.
                    carrier=Carrier.EVENT if seed % 4 == 3 else Carrier.MILESTONE,
                    hears=HEARS[seed % len(HEARS)],
                ),
                pictures[seed],
                self.encoder,
                seed,
                self._clock,
            )
            for seed, number in enumerate(numbers)
        )

    async def __aenter__(self) -> Self:
        try:
            self._owner.start(self.encoder.run(), name="encoder")
            for camera in self.cameras:
                await camera.start(self._host, self._interfaces)
            async with asyncio.timeout(START_SECONDS):
                await self._started.wait()
        except TimeoutError:
            await self._close()
            raise CameraError(Fault.STALLED, "the simulator's encoder made no picture") from None
        except BaseException:
            await self._close()
            raise
        if self._flaky:
            self._owner.start(self._trouble(self.cameras[-1]), name="trouble")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        await self._owner.close()
        await asyncio.gather(*(camera.close() for camera in self.cameras))

    def _on_picture(self, camera: int, utc_ns: UtcNs, unit: bytes) -> None:
        self.cameras[camera].on_picture(utc_ns, unit)
        if not self._started.is_set() and all(camera.is_filming for camera in self.cameras):
            self._started.set()

    async def _trouble(self, camera: SimulatedCamera) -> None:
        """What cellular cameras do: gone, back with a burst, back with another time."""
        while True:
            await self._clock.sleep(FLAKY_SECONDS)
            await camera.hold(6)
            await self._clock.sleep(FLAKY_SECONDS)
            await camera.vanish(8)
            await self._clock.sleep(FLAKY_SECONDS)
            camera.jump_clock(-5 if camera.clock_offset_ns else 5)

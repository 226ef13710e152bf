"""Asks a camera where it is, again and again: for those that do not tell by themselves. By GetGeoLocation; of one that
does not know this question, by a pull point for its events, which tell of the battery, too.

By a connection of its own, so that a position comes while the stream does not, and of a camera that connects on demand.
When it runs is `position_sources`' business.
"""

from __future__ import annotations

import logging
from typing import NoReturn

from gateway.base.clock import Clock
from gateway.base.supervise import Backoff
from gateway.ingest.fleet import Camera
from gateway.media.model import Fix
from gateway.positions.from_metadata import fixes, health
from onvif_protocol.base import ErrorKind, OnvifError
from onvif_protocol.camera import OnvifCamera, Wsdls

log = logging.getLogger(__name__)

CARRIER = "onvif-polled"
POLL_SECONDS = 2.0
PULL_PAUSE_SECONDS = 0.5
"""Between two pulls: not every camera holds an answer back until there is something to tell."""
UNSUPPORTED_SECONDS = 600.0
"""How often a camera is asked again that knows neither question: another firmware may."""
NOWHERE = "The camera knows no place of its own when asked: it may have no satellites in sight yet."
UNSUPPORTED = 'The camera does not say where it is when asked, nor in its events: set its "position" to another way.'


class GeoLocationPoller:
    """Takes the position of one camera from GetGeoLocation."""

    def __init__(self, camera: Camera, clock: Clock, wsdls: Wsdls) -> None:
        self._camera = camera
        self._clock = clock
        self._wsdls = wsdls
        self._backoff = Backoff(clock)

    async def run(self) -> None:
        """Ask until cancelled. What goes wrong is the camera's `position_problem`."""
        while True:
            try:
                await self._connected()
            except _UnsupportedError as error:
                self._tell(UNSUPPORTED, str(error))
                await self._clock.sleep(UNSUPPORTED_SECONDS)
            except OnvifError as error:
                self._tell(f"The camera cannot be asked where it is: {error.reason}.", error.reason)
                await self._clock.sleep(self._backoff.failed() or POLL_SECONDS)

    async def _connected(self) -> None:
        """Connect, and ask until that fails.

        Raises:
            OnvifError: always, unless
            _UnsupportedError: the camera knows neither question.
        """
        settings = self._camera.settings
        assert settings.onvif is not None, (
            'the settings refuse "onvif" as the way of a camera that has no ONVIF address'
        )
        async with await OnvifCamera.connect(
            settings.onvif,
            settings.username,
            settings.password.get_secret_value(),
            clock=self._clock,
            wsdls=self._wsdls,
            add_metadata=False,
        ) as onvif:
            while True:
                try:
                    place = await onvif.geo_location()
                except OnvifError as error:
                    if error.kind is not ErrorKind.REFUSED:
                        raise
                    await self._pulled(onvif)
                self._backoff.succeeded()
                if place is None:
                    self._tell(NOWHERE, "it knows no place")
                else:
                    # The answer has no time: it is of now, by the gateway's clock.
                    now_ns = self._clock.utc_ns()
                    self._camera.take_fix(
                        Fix(
                            now_ns,
                            place.lat,
                            place.lon,
                            altitude_m=place.elevation_m,
                            carrier=CARRIER,
                            received_ns=now_ns,
                        )
                    )
                await self._clock.sleep(POLL_SECONDS)

    async def _pulled(self, onvif: OnvifCamera) -> NoReturn:
        """Read the camera's events until that fails."""
        try:
            events = await onvif.pull_point()
        except OnvifError as error:
            if error.kind is ErrorKind.REFUSED:
                raise _UnsupportedError(error.reason) from None
            raise
        async with events:
            while True:
                document = await onvif.pull(events)
                self._backoff.succeeded()
                now_ns = self._clock.utc_ns()
                for fix in fixes(document, utc_ns=now_ns, received_ns=now_ns):
                    self._camera.take_fix(fix)
                if (told := health(document, utc_ns=now_ns)) is not None:
                    self._camera.health_arrived(told)
                if self._camera.fix is None and not document.positions:
                    self._tell(NOWHERE, "it tells of no place")
                await self._clock.sleep(PULL_PAUSE_SECONDS)

    def _tell(self, problem: str, reason: str) -> None:
        if self._camera.position_problem != problem:
            log.warning("camera %s: its position cannot be asked for: %s", self._camera.id, reason)
        self._camera.position_problem = problem


class _UnsupportedError(Exception):
    """The camera answers, but neither question."""

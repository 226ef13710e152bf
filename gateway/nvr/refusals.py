"""What an account is told that may not see a camera by RTSP, and what the audit is told of it."""

from __future__ import annotations

from typing import NoReturn

from gateway.access.audit import Action
from gateway.access.authority import Authority
from gateway.access.explain import ruling
from gateway.access.rights import Right
from gateway.access.tally import Tally
from gateway.access.users import Principal
from gateway.base.errors import RefusedError
from gateway.rtsp.presentation import Client

_ACTIONS = {Right.LIVE: Action.LIVE_VIEW, Right.RECORDED: Action.PLAYBACK}


async def refuse(
    who: Principal, right: Right, camera_id: str, client: Client, *, authority: Authority, tally: Tally
) -> NoReturn:
    """Have the audit say that `who` has not the `right`, LIVE or RECORDED, to a camera.

    Raises:
        RefusedError: always, and why.
    """
    why = ruling(authority, who, right, camera_id).why
    await tally.refused(
        _ACTIONS[right],
        "right",
        actor=who.name,
        principal=who.name,
        address=client.address,
        camera=camera_id,
        why=why,
        through="rtsp",
    )
    raise RefusedError(why)

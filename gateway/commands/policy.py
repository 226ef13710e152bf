"""What `sightline policy check` does: whether the policy holds together, and what follows from it for somebody."""

from __future__ import annotations

import argparse

from gateway.access.authority import Authority
from gateway.access.explain import explanation, statements, summary
from gateway.access.privacy import PrivacyModes
from gateway.base.errors import BadRequestError, NotFoundError
from gateway.commands.state import open_state
from gateway.ingest.registry import groups_of_cameras


async def check(arguments: argparse.Namespace) -> int:
    """`sightline policy check`. A policy that contradicts itself has been refused before this is called."""
    if arguments.camera and not arguments.user:
        raise BadRequestError("--camera explains what holds for a user: give --user, too")
    policy = arguments.settings.policy
    if not arguments.user:
        for statement in statements(policy):
            print(f"line {statement.line}: {statement.says}" if statement.line else statement.says)
        print("The policy does not contradict itself.")
        return 0
    async with open_state(arguments.settings) as state:
        who = await state.users.user(arguments.user)
        cameras = groups_of_cameras(await state.registry.all())
        authority = Authority(policy, cameras)
        await PrivacyModes(state.database, state.audit, state.clock, authority).load()
    if arguments.camera and arguments.camera not in cameras:
        raise NotFoundError(f'there is no camera "{arguments.camera}"')
    told = explanation(authority, who, arguments.camera) if arguments.camera else summary(authority, who, cameras)
    print("\n".join(told))
    return 0

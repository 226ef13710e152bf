"""What `sightline user`, `sightline token` and `sightline session` do, beside a running gateway and at once."""

from __future__ import annotations

import argparse
import getpass
import sys

from gateway.access.rights import Role
from gateway.access.secrets import new_password
from gateway.access.users import User, camera_ids, crosses
from gateway.base.duration import parse_duration
from gateway.base.errors import BadRequestError
from gateway.base.rfc3339 import format_utc
from gateway.commands.state import State, line_from_stdin, open_state, table, who


async def user_add(arguments: argparse.Namespace) -> int:
    """`sightline user add`."""
    password, made = _new_password(arguments)
    async with open_state(arguments.settings) as state:
        cameras = await _cameras(arguments, state)
        role = Role(arguments.role)
        await state.users.add(arguments.name, role, password, groups=arguments.group, cameras=cameras, **who())
    if made:
        print(password)
    print(f"Added {arguments.name} ({arguments.role}).", file=sys.stderr)
    return 0


async def user_set(arguments: argparse.Namespace) -> int:
    """`sightline user set`: what is not given stays. Who goes to or from the role nvr gets a new password."""
    if arguments.group and arguments.all_groups:
        raise BadRequestError("--group limits the user, --all-groups lifts the limit: give one of them")
    if arguments.cameras and arguments.all_cameras:
        raise BadRequestError("--cameras limits the user, --all-cameras lifts the limit: give one of them")
    groups = () if arguments.all_groups else arguments.group or None
    role = Role(arguments.role) if arguments.role else None
    if role is None and groups is None and not arguments.cameras and not arguments.all_cameras:
        raise BadRequestError("say what to change: --role, --group, --all-groups, --cameras or --all-cameras")
    async with open_state(arguments.settings) as state:
        cameras = () if arguments.all_cameras else await _cameras(arguments, state) or None
        password, made = None, False
        if role is not None and crosses((await state.users.user(arguments.name)).role, role):
            password, made = _new_password(arguments)
        user = await state.users.change(
            arguments.name, role=role, groups=groups, cameras=cameras, password=password, **who()
        )
    if made:
        print(password)
    limit = ", ".join((*user.groups, *user.cameras))
    told = f"{user.name} is now {user.role.value}, {f'limited to {limit}' if limit else 'all cameras'}."
    print(told, file=sys.stderr if made else sys.stdout)
    return 0


async def user_password(arguments: argparse.Namespace) -> int:
    """`sightline user password`: ends every session of theirs, and what an NVR has open."""
    password, made = _new_password(arguments)
    async with open_state(arguments.settings) as state:
        await state.users.change(arguments.name, password=password, **who())
    if made:
        print(password)
    print(f"{arguments.name} has a new password; their sessions have ended.", file=sys.stderr)
    return 0


async def user_list(arguments: argparse.Namespace) -> int:
    """`sightline user list`."""
    async with open_state(arguments.settings) as state:
        users = await state.users.list()
    if not users:
        print('No users yet: make one with "sightline user add NAME --role administrator".', file=sys.stderr)
        return 0
    rows = [[user.name, user.role.value, *_reach(user), user.issuer or ""] for user in users]
    table(["NAME", "ROLE", "GROUPS", "CAMERAS", "LOGS IN AT"], rows)
    for user in users:
        if not user.has_password:
            print(f'{user.name} needs a new password: run "sightline user password {user.name}".', file=sys.stderr)
    return 0


def _reach(user: User) -> tuple[str, str]:
    """The groups and the cameras that a user is limited to."""
    if not user.groups and not user.cameras:
        return "all", "all"
    return ",".join(user.groups) or "-", ",".join(user.cameras) or "-"


async def user_remove(arguments: argparse.Namespace) -> int:
    """`sightline user remove`."""
    async with open_state(arguments.settings) as state:
        await state.users.remove(arguments.name, **who())
    print(f"Removed {arguments.name}; every log-in and token of theirs has ended.")
    return 0


async def token_create(arguments: argparse.Namespace) -> int:
    """`sightline token create`: the token, nothing else, on standard output."""
    try:
        lifetime = parse_duration(arguments.expires) if arguments.expires else None
    except ValueError as error:
        raise BadRequestError(f"--expires: {error}") from None
    async with open_state(arguments.settings) as state:
        print(await state.log_ins.create_token(arguments.name, arguments.user, lifetime=lifetime, **who()))
    return 0


async def token_list(arguments: argparse.Namespace) -> int:
    """`sightline token list`."""
    async with open_state(arguments.settings) as state:
        tokens = await state.log_ins.tokens(arguments.user)
        now = state.clock.utc_ns()
    if not tokens:
        print('No tokens: make one with "sightline token create NAME --user USER".', file=sys.stderr)
        return 0
    rows = [
        [token.id, token.name, token.user, _time(token.created_ns), _time(token.seen_ns), _end(token.expires_ns, now)]
        for token in tokens
    ]
    table(["ID", "NAME", "USER", "CREATED", "LAST SEEN", "EXPIRES"], rows)
    return 0


async def token_revoke(arguments: argparse.Namespace) -> int:
    """`sightline token revoke`."""
    async with open_state(arguments.settings) as state:
        await state.log_ins.revoke_token(arguments.id, **who())
    print("Revoked; what it had open ends.")
    return 0


async def session_list(arguments: argparse.Namespace) -> int:
    """`sightline session list`."""
    async with open_state(arguments.settings) as state:
        sessions = await state.log_ins.sessions(arguments.user)
    if not sessions:
        print("Nobody is logged in to the page.", file=sys.stderr)
        return 0
    rows = [
        [session.id, session.user, session.method, session.address, _time(session.created_ns), _time(session.seen_ns)]
        for session in sessions
    ]
    table(["ID", "USER", "BY", "FROM", "SINCE", "LAST SEEN"], rows)
    return 0


async def session_revoke(arguments: argparse.Namespace) -> int:
    """`sightline session revoke`."""
    async with open_state(arguments.settings) as state:
        await state.log_ins.end_session(arguments.id, **who())
    print("Ended; what it had open ends.")
    return 0


def _new_password(arguments: argparse.Namespace) -> tuple[str, bool]:
    """From standard input, asked for, or made; and whether it was made."""
    if arguments.password_stdin:
        return line_from_stdin(), False
    if sys.stdin.isatty() and (password := getpass.getpass("Password (empty: one is made): ")):
        if getpass.getpass("Again: ") != password:
            raise BadRequestError("the two passwords differ")
        return password, False
    return new_password(), True


async def _cameras(arguments: argparse.Namespace, state: State) -> list[str]:
    """The cameras that were named.

    Raises:
        BadRequestError: there is none of that name.
    """
    named = camera_ids(filter(None, arguments.cameras.split(",")))
    known = {camera.settings.id for camera in await state.registry.all()}
    for camera in named:
        if camera not in known:
            raise BadRequestError(f'--cameras: there is no camera "{camera}"')
    return named


def _time(ns: int | None) -> str:
    """UTC, to the minute."""
    return "never" if ns is None else format_utc(ns)[:16] + "Z"


def _end(ns: int | None, now: int) -> str:
    return "never" if ns is None else f"{_time(ns)} (expired)" if ns <= now else _time(ns)

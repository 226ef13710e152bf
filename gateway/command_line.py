"""The `sightline` command: what it takes, and which function of `gateway.commands` does it.

Exit codes: 0 done, 1 the world refused (a camera, the disk, a check that found something), 2 usage or settings.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from gateway import __version__
from gateway.access.rights import Role, needed
from gateway.base.errors import BadRequestError, SettingsError, SightlineError
from gateway.base.settings import load
from gateway.commands import (
    accounts,
    archive,
    audit,
    cameras,
    care,
    evidence,
    export,
    importing,
    policy,
    position_keys,
    report,
    servers,
    settings,
    wearers,
)

Command: TypeAlias = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, run the command, exit with its code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", force=True)
    parsed = parser().parse_args(arguments)
    needed(parsed.command_name)
    try:
        parsed.settings = load(parsed.config)
        code = servers.run(parsed.command(parsed))
    except (SettingsError, BadRequestError) as error:
        print(f"sightline: {error}", file=sys.stderr)
        code = 2
    except SightlineError as error:
        print(f"sightline: {error}", file=sys.stderr)
        code = 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        code = 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone; nothing is left to say
        code = 1
    sys.exit(code)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="sightline", description="Live streaming, recording and positions of body-worn cameras."
    )
    top.add_argument("--version", action="version", version=f"sightline {__version__}")
    subcommands = top.add_subparsers(metavar="COMMAND", required=True)

    def add(group: Any, name: str, command: Command, text: str, *, prefix: str = "") -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = group.add_parser(name, help=text, description=text)
        sub.add_argument("--config", type=Path, metavar="F", help="the settings file (TOML)")
        sub.set_defaults(command=command, command_name=f"sightline {prefix}{name}")
        return sub

    def group(name: str, text: str) -> Any:
        return subcommands.add_parser(name, help=text, description=text).add_subparsers(metavar="WHAT", required=True)

    add(subcommands, "serve", servers.serve, "Run the gateway.")
    add(subcommands, "demo", servers.demo, "Run a gateway with simulated cameras; nothing is kept.")
    simulate = add(subcommands, "simulate", servers.simulate, "Run simulated cameras, to be found by ONVIF.")
    simulate.add_argument("--count", type=int, default=4, help="how many (default: 4)")
    discover = add(subcommands, "discover", cameras.discover, "List the ONVIF devices on the network.")
    discover.add_argument("--timeout", type=float, default=3.0, metavar="S", help="seconds to listen (default: 3)")
    discover.add_argument("--json", action="store_true", help="as JSON")
    check = add(subcommands, "check", archive.check, "Compare the recordings on disk with the catalog.")
    check.add_argument("--quick", action="store_true", help="sizes only: do not read the files again")
    check.add_argument("--repair", action="store_true", help="put right what loses nothing; while no gateway runs")
    check.add_argument("--dry-run", action="store_true", help="say what the repair would do")
    check.add_argument("--missing-for-good", action="store_true", help="most files are missing, and stay so")
    text = "Prove that the archive, an evidence package or a file is as it was written; names what is not."
    proof = add(subcommands, "verify", evidence.verify, text)
    proof.add_argument("path", nargs="?", type=Path, help="a package, or a file (default: the whole archive)")
    proof.add_argument("--camera", action="append", default=[], metavar="C", help="only this one; may be repeated")
    proof.add_argument("--json", action="store_true", help="as JSON")

    _import(add, subcommands)
    _export(add, subcommands)
    _care(add, group, subcommands)
    files = group("settings", "Check the settings file.")
    text = "Say whether the settings hold, and what a SIGHUP would change in the running gateway."
    add(files, "check", settings.settings_check, text, prefix="settings ")

    policies = group("policy", "Say what the policy means, and what it did.")
    text = "Say whether the policy holds together, and explain what holds for a user and a camera."
    means = add(policies, "check", policy.check, text, prefix="policy ")
    means.add_argument("--user", metavar="U", help="explain what this user may do")
    means.add_argument("--camera", metavar="C", help="and why, with this camera")
    text = "Write the report for citizens: what was recorded, who looked how often and why, what was deleted."
    written = add(policies, "report", report.policy_report, text, prefix="policy ")
    _interval(written)
    written.add_argument("--out", type=Path, metavar="DIR", help="where to (default: report-FROM-to-TO)")

    units = group("camera", "Add, list, remove and test cameras.")
    new = add(units, "add", cameras.camera_add, "Add a camera; a running gateway connects it.", prefix="camera ")
    new.add_argument("id", help="stable and url-safe, as in unit-12")
    new.add_argument("url", help="rtsp://…, rtsps://…, or http://…/onvif/device_service")
    new.add_argument("--name", default="", help="what people see (default: the id)")
    new.add_argument("--transport", choices=["tcp", "udp"], default="tcp")
    new.add_argument("--no-record", action="store_true", help="do not keep its media")
    new.add_argument("--group", action="append", default=[], metavar="G", help="a group it is in; may be repeated")
    new.add_argument("--on-demand", action="store_true", help="connect only while somebody watches")
    ways = "metadata, onvif, http, udp://0.0.0.0:PORT or tcp://HOST:PORT (default: metadata)"
    new.add_argument("--position", default="metadata", metavar="WAY", help=f"where its position comes from: {ways}")
    new.add_argument("--position-from", action="append", default=[], metavar="NET", help="who may send it by udp://")
    _credentials(new)
    listing = add(units, "list", cameras.camera_list, "List the configured cameras.", prefix="camera ")
    listing.add_argument("--json", action="store_true", help="as JSON")
    old = add(units, "remove", cameras.camera_remove, "Remove a camera; recordings stay.", prefix="camera ")
    old.add_argument("id")
    text = "Say who wears or wore a camera; who did before stops then."
    worn = add(units, "assign", wearers.camera_assign, text, prefix="camera ")
    worn.add_argument("id")
    worn.add_argument("wearer", nargs="?", help="name or number; without one the camera is nobody's from then on")
    _interval(worn)
    text = "List who wore which camera, and what is recorded of that time."
    sought = add(units, "wearers", wearers.camera_wearers, text, prefix="camera ")
    sought.add_argument("name", nargs="?", default="", help="part of a name (default: everybody)")
    sought.add_argument("--json", action="store_true", help="as JSON")
    text = "Make the key with which a phone reports where the unit is; the one before holds no more."
    phone = add(units, "position-key", position_keys.camera_position_key, text, prefix="camera ")
    phone.add_argument("id")
    phone.add_argument("--revoke", action="store_true", help="end the key, and make none")
    test = add(units, "test", cameras.camera_test, "Connect once and say what comes.", prefix="camera ")
    test.add_argument("camera", help="the id of a configured camera, or a URL")
    _credentials(test)

    _accounts(add, group)
    _audit(add, group)
    return top


def _import(add: Callable[..., argparse.ArgumentParser], subcommands: Any) -> None:
    """Recordings from a dock or a card."""
    text = "Take files from a dock or a card into the archive: they fill what is missing, and nothing is changed."
    sub = add(subcommands, "import", importing.import_files, text)
    sub.add_argument("file", nargs="+", type=Path, help="MP4, MOV, MKV, MPEG-TS or AVI with H.264 or H.265")
    sub.add_argument("--camera", required=True, metavar="ID", help="which camera filmed it")
    sub.add_argument("--start", metavar="TIME", help="when it begins (UTC; default: as the file says)")
    sub.add_argument("--wearer", metavar="NAME", help="who wore the camera then")


def _export(add: Callable[..., argparse.ArgumentParser], subcommands: Any) -> None:
    """Recordings into a folder."""
    text = "Copy recordings into a folder: an MP4 for each camera with GPX and GeoJSON, or an evidence package."
    sub = add(subcommands, "export", export.export, text)
    sub.add_argument(
        "--camera",
        action="extend",
        nargs="+",
        metavar="ID",
        help="of these cameras; also of removed ones",
    )
    _interval(sub)
    sub.add_argument("--incident", type=int, metavar="NUMBER", help="an evidence package of this incident")
    sub.add_argument("--burn-in", action="store_true", help="draw unit, UTC, position and trail into the pictures")
    sub.add_argument("--package", action="store_true", help="an evidence package, which proves what is in it")
    sub.add_argument("--reason", metavar="WHY", help="for the audit")
    sub.add_argument("--out", type=Path, metavar="DIR", help="a folder that is not there yet (default: export_ID_FROM)")


def _accounts(add: Callable[..., argparse.ArgumentParser], group: Callable[[str, str], Any]) -> None:
    """Users, and the tokens and sessions they log in with."""
    roles = [role.value for role in Role]
    users = group("user", "Add, change, list and remove users.")
    new = add(users, "add", accounts.user_add, "Add a user.", prefix="user ")
    new.add_argument("name")
    new.add_argument("--role", choices=roles, required=True)
    _limits(new)
    _new_password(new)
    change = add(users, "set", accounts.user_set, "Change a user's role or limits.", prefix="user ")
    change.add_argument("name")
    change.add_argument("--role", choices=roles)
    _limits(change)
    change.add_argument("--all-groups", action="store_true", help="lift the limit by group")
    change.add_argument("--all-cameras", action="store_true", help="lift the limit by camera")
    _new_password(change)
    password = add(users, "password", accounts.user_password, "Give a user a new password.", prefix="user ")
    password.add_argument("name")
    _new_password(password)
    add(users, "list", accounts.user_list, "List the users.", prefix="user ")
    gone = add(users, "remove", accounts.user_remove, "Remove a user with all log-ins.", prefix="user ")
    gone.add_argument("name")

    tokens = group("token", "Make, list and revoke tokens for programs.")
    token = add(tokens, "create", accounts.token_create, "Make a token and print it.", prefix="token ")
    token.add_argument("name", help="what it is for")
    token.add_argument("--user", required=True, help="whose rights it has")
    token.add_argument("--expires", default="", metavar="SPAN", help="after how long, as in 30d (default: never)")
    listed = add(tokens, "list", accounts.token_list, "List the tokens.", prefix="token ")
    listed.add_argument("--user", help="only this user's")
    revoked = add(tokens, "revoke", accounts.token_revoke, "End a token.", prefix="token ")
    revoked.add_argument("id", help='as "sightline token list" prints it')

    sessions = group("session", "List and end log-ins to the page.")
    open_ones = add(sessions, "list", accounts.session_list, "List the open sessions.", prefix="session ")
    open_ones.add_argument("--user", help="only this user's")
    ended = add(sessions, "revoke", accounts.session_revoke, "End a session.", prefix="session ")
    ended.add_argument("id", help='as "sightline session list" prints it')


def _audit(add: Callable[..., argparse.ArgumentParser], group: Callable[[str, str], Any]) -> None:
    """Who did what."""
    audits = group("audit", "Search the audit, and prove that nobody changed it.")
    search = add(audits, "search", audit.audit_search, "Print rows, the newest first.", prefix="audit ")
    _interval(search)
    search.add_argument("--actor", help="who did it; shell:NAME for a command")
    search.add_argument("--camera", help="a camera's id")
    search.add_argument("--action", help="what was done, as in live_view")
    search.add_argument("--outcome", help="done, refused or ended")
    search.add_argument("--limit", type=int, default=100, help="rows at most (default: 100)")
    search.add_argument("--json", action="store_true", help="a JSON object a line")
    proof = add(audits, "verify", audit.audit_verify, "Prove that no row was touched.", prefix="audit ")
    _interval(proof)
    proof.add_argument("--head", default="", help="what an earlier proof said to keep: it must still be in the chain")


def _care(add: Callable[..., argparse.ArgumentParser], group: Callable[[str, str], Any], subcommands: Any) -> None:
    """Backups and keys."""
    text = "Copy everything into a folder, while the gateway runs; again into the same one: what is new."
    copy = add(subcommands, "backup", care.backup, text)
    copy.add_argument("dir", type=Path, help="the backup's folder, best on another machine's disk")
    copy.add_argument("--without-media", action="store_true", help="copy recordings/ by other means, as by rsync")
    copy.add_argument("--without-keys", action="store_true", help="keep the keys elsewhere")
    text = "Bring a backup back into the data directory, which must be empty."
    back = add(subcommands, "restore", care.restore_backup, text)
    back.add_argument("dir", type=Path, help="the backup's folder")
    keys = group("keys", "List and change the keys that sign and encrypt.")
    add(keys, "list", care.keys_list, "List the keys.", prefix="keys ")
    text = "Make new keys, beside a running gateway: both, or the one that is named."
    fresh = add(keys, "rotate", care.keys_rotate, text, prefix="keys ")
    fresh.add_argument("--passwords", action="store_true", help="what encrypts the passwords of cameras and NVRs")
    fresh.add_argument("--signing", action="store_true", help="what signs the ledgers")


def _interval(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--from", dest="from_", metavar="TIME", help="from this day or time on (UTC)")
    sub.add_argument("--to", dest="to_", metavar="TIME", help="up to this day, with it, or before this time (UTC)")


def _limits(sub: argparse.ArgumentParser) -> None:
    """The cameras that a user may have to do with."""
    text = "limit to this group of cameras; may be repeated"
    sub.add_argument("--group", action="append", default=[], metavar="G", help=text)
    text = "limit to these cameras, beside those of the groups: ids with commas between them"
    sub.add_argument("--cameras", default="", metavar="A,B", help=text)


def _new_password(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password from standard input (else it is asked for, or one is made and printed)",
    )


def _credentials(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--username", default="", help="the camera's user")
    sub.add_argument("--password-stdin", action="store_true", help="read the camera's password from standard input")

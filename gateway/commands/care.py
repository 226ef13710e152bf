"""What `sightline backup`, `sightline restore` and `sightline keys` do."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import sys

from gateway import __version__
from gateway.access.audit import Action
from gateway.access.rotation import rotate_key
from gateway.access.secrets import KEY_FILE, Vault
from gateway.base.clock import Clock
from gateway.base.errors import StorageError
from gateway.care.backup import Progress, copy_media, copy_state, restore, seal
from gateway.commands.state import open_state, table, who
from gateway.ledger.journal import Journals
from gateway.ledger.keys import LEDGER_FOLDER, SIGNING_FOLDER, PublicKeys
from gateway.recording.catalog import Catalog
from gateway.store.engine import open_positions

KEYS_WARNING = (
    "It holds the keys: who has it reads the passwords of cameras and NVRs and signs in this gateway's name. Keep it "
    "as safe as the gateway itself, or use --without-keys and keep {keys} elsewhere."
)
NO_KEYS = (
    "It holds no keys: keep {keys} elsewhere. Without them no password of a camera or an NVR can be read after a "
    "restore."
)
POSTGRESQL = "The tables are in PostgreSQL: dump them now with pg_dump, as docs/operations.md says."


async def backup(arguments: argparse.Namespace) -> int:
    """`sightline backup`: 1 when a recording is not as the catalog has it; the backup is made all the same."""
    settings, target = arguments.settings, arguments.dir
    sqlite = not settings.database or settings.database.startswith("sqlite")
    async with open_state(settings) as state:
        await asyncio.to_thread(_make_what_may_be_missing, arguments, state.clock)
        utc_ns, catalog = state.clock.utc_ns(), Catalog(state.database)
        await state.audit.record(Action.BACKUP, **who(), to=str(target), keys=not arguments.without_keys)
        media = not arguments.without_media
        faults: tuple[str, ...] = ()
        files = size = 0
        rows = await catalog.all_segments()
        if media:
            first = await asyncio.to_thread(copy_media, settings.data_dir, target, rows, _progress())
            files, size = first.files, first.bytes
        made = await asyncio.to_thread(
            copy_state, settings.data_dir, target, utc_ns,
            config=arguments.config, sqlite=sqlite, keys=not arguments.without_keys,
        )  # fmt: skip
        rows = await catalog.all_segments()
        if media:
            second = await asyncio.to_thread(copy_media, settings.data_dir, target, rows, _progress())
            files, size, faults = files + second.files, size + second.bytes, second.faults
    folder = await asyncio.to_thread(seal, target, made, utc_ns, __version__, rows if media else None)
    for fault in faults:
        print(fault)
    print(f"Wrote {folder}; {files} recordings ({size >> 20} MiB) were new, {len(rows)} are in the catalog.")
    keys = f"{KEY_FILE} and {SIGNING_FOLDER}/"
    print((NO_KEYS if arguments.without_keys else KEYS_WARNING).format(keys=keys), file=sys.stderr)
    if not sqlite:
        print(POSTGRESQL, file=sys.stderr)
    return 1 if faults else 0


async def restore_backup(arguments: argparse.Namespace) -> int:
    """`sightline restore`: into the data directory of the settings, which must be empty."""
    data_dir = arguments.settings.data_dir
    utc = await asyncio.to_thread(restore, arguments.dir, data_dir, _progress())
    async with open_state(arguments.settings) as state:
        await state.audit.record(Action.RESTORE, **who(), source=str(arguments.dir), made=utc)
    print(f"Restored {data_dir} as it was at {utc}. Look it through: sightline check, sightline verify.")
    if not (data_dir / SIGNING_FOLDER).exists():
        print(f"The backup held no keys: put {KEY_FILE} and {SIGNING_FOLDER}/ back first.", file=sys.stderr)
    return 0


async def keys_list(arguments: argparse.Namespace) -> int:
    """`sightline keys list`: what signs, what signed, and since when passwords are encrypted with their key."""
    data_dir = arguments.settings.data_dir
    async with open_state(arguments.settings) as state:
        journals = await asyncio.to_thread(Journals.open, data_dir, state.clock)
        current = await asyncio.to_thread(lambda: journals.signer.current)
        journals.close()
        since = dt.datetime.fromtimestamp(Vault.open(data_dir).since, dt.UTC)
    known = await asyncio.to_thread(PublicKeys.read, data_dir / LEDGER_FOLDER)
    rows = [["passwords", "-", f"{since:%Y-%m-%dT%H:%M:%SZ}", "encrypts the passwords of cameras and NVRs"]]
    for key in known.keys.values():
        rows.append(["signing", key.id, key.utc[:19] + "Z", "signs" if key.id == current else "signed until the next"])
    table(["KIND", "ID", "SINCE", "USE"], rows)
    for fault in known.faults:
        print(fault, file=sys.stderr)
    return 1 if known.faults else 0


async def keys_rotate(arguments: argparse.Namespace) -> int:
    """`sightline keys rotate`: works beside a running gateway, which takes the new keys at once."""
    both = not arguments.passwords and not arguments.signing
    me = who()
    async with open_state(arguments.settings) as state:
        if both or arguments.passwords:
            vault = Vault.open(arguments.settings.data_dir)
            rotated = await rotate_key(state.database, vault, state.audit, **me)
            nvrs = f" and {rotated.users} NVR accounts" if rotated.users else ""
            print(f"The passwords of {rotated.cameras} cameras{nvrs} are encrypted with a new key.")
        if both or arguments.signing:
            journals = await asyncio.to_thread(Journals.open, arguments.settings.data_dir, state.clock)
            try:
                await state.audit.record(Action.KEY_ROTATE, **me, key="signing", old=journals.signer.current)
                old, new = await asyncio.to_thread(journals.rotate)
            except OSError as error:
                raise StorageError(f"the signing key cannot be changed: {error.strerror or error}") from error
            finally:
                journals.close()
            print(f"Key {new} signs from now on; {old} vouched for it and is deleted.")
    print("A backup from before holds the old keys: make a new one.", file=sys.stderr)
    return 0


def _make_what_may_be_missing(arguments: argparse.Namespace, clock: Clock) -> None:
    """Keys and databases that a gateway makes at its first start."""
    Journals.open(arguments.settings.data_dir, clock).close()
    open_positions(arguments.settings.data_dir, arguments.settings.database).close()


def _progress() -> Progress:
    """Shown where somebody looks."""
    if not sys.stderr.isatty():
        return lambda _done, _of: None
    return lambda done, of: print(f"\r{done} of {of} files", end="", file=sys.stderr, flush=True)

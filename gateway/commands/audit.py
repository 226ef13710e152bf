"""What `sightline audit` does, beside a running gateway: search the audit, and prove that it is as it was written."""

from __future__ import annotations

import argparse
import json
import sys

from gateway.access.audit import Action, Entry
from gateway.access.audit_chain import verify
from gateway.access.audit_search import MAX_PAGE, Query, entry_json, pages
from gateway.base.errors import BadRequestError
from gateway.base.rfc3339 import format_utc, parse_day, parse_utc
from gateway.commands.state import open_state, who
from gateway.ledger.chain import Head


async def audit_search(arguments: argparse.Namespace) -> int:
    """`sightline audit search`: newest first, a row a line; that somebody looked is a row of its own."""
    if arguments.limit < 1:
        raise BadRequestError("--limit takes 1 and more")
    from_ns, to_ns = interval(arguments)
    query = Query(
        from_ns,
        to_ns,
        arguments.actor,
        arguments.camera,
        arguments.action,
        arguments.outcome,
        limit=min(arguments.limit, MAX_PAGE),
    )
    left = arguments.limit
    async with open_state(arguments.settings) as state:
        await state.audit.record(Action.AUDIT_SEARCH, **who(), asked=_asked(arguments))
        async for page in pages(state.audit.database, query):
            for entry in page[:left]:
                print(json.dumps(entry_json(entry)) if arguments.json else _line(entry))
            left -= len(page)
            if left <= 0:
                break
    if left == arguments.limit:
        print("No row fits.", file=sys.stderr)
    return 0


async def audit_verify(arguments: argparse.Namespace) -> int:
    """`sightline audit verify`: whether every row is as it was written; 1 when one is not, and which."""
    from_ns, to_ns = interval(arguments)
    try:
        kept = Head.parse(arguments.head) if arguments.head else None
    except ValueError:
        raise BadRequestError('--head takes what "sightline audit verify" printed, as in 17:9f86d0…') from None
    quiet = not sys.stderr.isatty()

    def progress(done: int, of: int) -> None:
        if not quiet:
            print(f"\r{done} of {of} rows", end="", file=sys.stderr, flush=True)

    async with open_state(arguments.settings) as state:
        await state.audit.record(Action.AUDIT_VERIFY, **who(), asked=_asked(arguments))
        verdict = await verify(state.audit.database, from_ns, to_ns, kept=kept, progress=progress)
    if not quiet:
        print(file=sys.stderr)
    if verdict.broken is not None:
        print(f"The audit does not hold: {verdict.broken}.")
        return 1
    print(f"Rows {verdict.first} to {verdict.last} hold." if verdict.last else "There are no rows.")
    print(f"Keep this where nobody who can write the database can: --head {verdict.head}")
    return 0


def interval(arguments: argparse.Namespace) -> tuple[int | None, int | None]:
    """`--from` and `--to` in nanoseconds: times, or days, of which the last is included.

    Raises:
        BadRequestError: one is neither, or they are in the wrong order.
    """
    from_ns, to_ns = _moment(arguments, "from", end=False), _moment(arguments, "to", end=True)
    if from_ns is not None and to_ns is not None and from_ns >= to_ns:
        raise BadRequestError("--from must lie before --to")
    return from_ns, to_ns


def _moment(arguments: argparse.Namespace, name: str, *, end: bool) -> int | None:
    text = getattr(arguments, f"{name}_")
    if text is None:
        return None
    try:
        return parse_utc(text) if "T" in text else parse_day(text)[end]
    except ValueError:
        raise BadRequestError(f"--{name} takes a day or a time, as in 2026-01-31 or 2026-01-31T12:00:00Z") from None


def _asked(arguments: argparse.Namespace) -> dict[str, str]:
    names = ("from_", "to_", "actor", "camera", "action", "outcome", "head")
    given = {name.rstrip("_"): getattr(arguments, name, None) for name in names}
    return {name: value for name, value in given.items() if value}


def _line(entry: Entry) -> str:
    """Cells that hold what anybody wrote are quoted as JSON, so that none can look like another or move the cursor."""
    of_camera = "" if entry.camera is None else f" {_plain(entry.camera)}"
    why = "" if entry.reason is None else f" because {json.dumps(entry.reason)}"
    detail = f" {json.dumps(entry.detail)}" if entry.detail else ""
    return (
        f"{entry.id} {format_utc(entry.utc_ns)} {_plain(entry.actor)} ({_plain(entry.address)}) "
        f"{entry.action} {entry.outcome}{of_camera}{why}{detail}"
    )


def _plain(text: str) -> str:
    return text if text.isascii() and text.isprintable() and " " not in text else json.dumps(text)

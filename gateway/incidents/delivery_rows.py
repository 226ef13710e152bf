"""The rows of `deliveries`: what is to be told of alerts, to whom, and how far that got. In the caller's transaction.

When something is sent is `lane`'s to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select, update

from gateway.incidents.delivery import Delivery
from gateway.media.model import NS, UtcNs
from gateway.store.tables import deliveries as _deliveries

MOST_ASKED_FOR = 3600.0
"""Seconds that a receiver may ask to be left alone."""
GIVE_UP_NS = 3 * 86_400 * NS
"""For so long a message is tried."""
MAX_ERROR = 300


def insert(connection: Connection, alert: int, channel: str, message: dict[str, Any], now_ns: UtcNs) -> None:
    """Note in the caller's transaction that `channel` is to be told this of an alert."""
    values = {"alert": alert, "channel": channel, "message": message, "created_ns": now_ns, "next_ns": now_ns}
    connection.execute(_deliveries.insert().values(**values))


def of_alert(connection: Connection, alert: int) -> list[Delivery]:
    """Who is told of an alert, in the order in which it was written."""
    query = select(_deliveries).where(_deliveries.c.alert == alert).order_by(_deliveries.c.id)
    return [_delivery(row) for row in connection.execute(query)]


def newest(connection: Connection, channel: str, limit: int) -> list[Delivery]:
    """What a channel was, or is to be, told last, the newest first."""
    query = select(_deliveries).where(_deliveries.c.channel == channel).order_by(_deliveries.c.id.desc()).limit(limit)
    return [_delivery(row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class Count:
    """What the database knows of a channel."""

    waiting: int
    delivered: int
    given_up: int
    delivered_ns: UtcNs | None
    """When the last message was."""


def counts(connection: Connection) -> dict[str, Count]:
    """By channel, also by those that are in the settings no more."""
    table = _deliveries.c
    query = select(
        table.channel,
        func.count(table.next_ns).label("waiting"),
        func.count(table.delivered_ns).label("delivered"),
        func.count().label("written"),
        func.max(table.delivered_ns).label("delivered_ns"),
    ).group_by(table.channel)
    return {
        row.channel: Count(row.waiting, row.delivered, row.written - row.waiting - row.delivered, row.delivered_ns)
        for row in connection.execute(query)
    }


def give_up_others(connection: Connection, channels: Sequence[str], now_ns: UtcNs) -> int:
    """Give up what waits for three days for channels that are not among these; returns how many."""
    table = _deliveries.c
    left = update(_deliveries).where(_waits(), table.created_ns < now_ns - GIVE_UP_NS, table.channel.not_in(channels))
    return connection.execute(left.values(next_ns=None, error="given up: it is not in the settings any more")).rowcount


def due(connection: Connection, channel: str, now_ns: UtcNs, limit: int, *, fresh: bool) -> list[Delivery]:
    """What is to be sent now, oldest first; `fresh`: only what was never tried."""
    table = _deliveries.c
    # A time further ahead than any pause was written before the clock was set back.
    now = or_(table.next_ns <= now_ns, table.next_ns > now_ns + round(1.1 * MOST_ASKED_FOR * NS))
    query = select(_deliveries).where(table.channel == channel, _waits(), now)
    if fresh:
        query = query.where(table.attempts == 0)
    # Sorted by an expression: in the order of the key itself, SQLite would read all that is over to find what is not.
    return [_delivery(row) for row in connection.execute(query.order_by(table.id + 0).limit(limit))]


def next_due(connection: Connection, channel: str) -> UtcNs | None:
    """When something is to be sent next; None: nothing waits."""
    query = select(func.min(_deliveries.c.next_ns)).where(_deliveries.c.channel == channel, _waits())
    found: UtcNs | None = connection.execute(query).scalar_one()
    return found


def failed(connection: Connection, delivery: Delivery, *, error: str, next_ns: UtcNs | None) -> None:
    """One more attempt has failed. `next_ns` None: it is given up."""
    values = {"attempts": delivery.attempts + 1, "next_ns": next_ns, "error": error[:MAX_ERROR]}
    connection.execute(update(_deliveries).where(_deliveries.c.id == delivery.id).values(**values))


def delivered(connection: Connection, deliveries: Sequence[Delivery], now_ns: UtcNs, remark: str | None) -> None:
    """These were taken; `remark`: what went wrong all the same."""
    table = _deliveries.c
    values = {"attempts": table.attempts + 1, "next_ns": None, "delivered_ns": now_ns}
    done = update(_deliveries).where(table.id.in_([delivery.id for delivery in deliveries]))
    connection.execute(done.values(error=None if remark is None else remark[:MAX_ERROR], **values))


def hurry(connection: Connection, channel: str, now_ns: UtcNs) -> None:
    """Whatever waits for a channel is due now."""
    table = _deliveries.c
    later = update(_deliveries).where(table.channel == channel, table.next_ns > now_ns)
    connection.execute(later.values(next_ns=now_ns))


def _waits() -> ColumnElement[bool]:
    """Of what is over `next_ns` is null, and in no range: so the index finds what waits among all that ever was."""
    return _deliveries.c.next_ns > 0


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        row.id, row.alert, row.channel, row.message, row.created_ns, row.attempts, row.next_ns, row.delivered_ns,
        row.error,
    )  # fmt: skip

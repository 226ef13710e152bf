"""Sends a recorded NMEA 0183 log to a UDP port as if it were told now: `replay_nmea.py LOG HOST:PORT [--pace N]`.

A gateway refuses positions that are more than a day off its clock, and those of a log are. Here every time and date in
it is moved, by the same amount, so that the last moment is that in which it is sent, and the checksums are made anew.
Nothing else is changed; what is damaged stays damaged. Needs Python only.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import socket
import sys
import time
from collections.abc import Iterator
from functools import reduce
from operator import xor
from pathlib import Path

SENTENCE = re.compile(r"\$([^*$]*)\*([0-9A-Fa-f]{2})")
TIME_AT = {"GGA": 1, "GNS": 1, "RMC": 1, "GST": 1, "GBS": 1, "GRS": 1, "ZDA": 1, "GLL": 5}
TIME = re.compile(r"(\d\d)(\d\d)(\d\d)(?:\.(\d+))?")
DAY = dt.timedelta(days=1)


def checksum(body: str) -> str:
    """Of what lies between "$" and "*"."""
    return f"{reduce(xor, body.encode(), 0):02X}"


def dated(lines: list[str]) -> list[tuple[dt.datetime | None, list[str] | None, str]]:
    """Each line with the moment it speaks of and its fields; without both where it is no whole sentence."""
    date = first_date(lines)
    moment: dt.datetime | None = None
    found: list[tuple[dt.datetime | None, list[str] | None, str]] = []
    for line in lines:
        match = SENTENCE.fullmatch(line)
        if match is None or checksum(match[1]) != match[2].upper():
            found.append((moment, None, line))
            continue
        fields = match[1].split(",")
        at = TIME_AT.get(fields[0][2:])
        told = TIME.fullmatch(fields[at]) if at is not None and at < len(fields) else None
        if told is not None:
            seconds = int(told[1]) * 3600 + int(told[2]) * 60 + int(told[3]) + float(f"0.{told[4] or 0}")
            at_midnight = dt.datetime.combine(moment.date() if moment else date, dt.time())
            new = at_midnight + dt.timedelta(seconds=seconds)
            if moment is not None and moment - new > DAY / 2:
                new += DAY
            moment = new
        found.append((moment, fields, line))
    return found


def first_date(lines: list[str]) -> dt.date:
    """The first that RMC or ZDA tells; today where none does."""
    for line in lines:
        fields = line.split("*")[0].split(",")
        try:
            if fields[0][3:] == "RMC":
                return dt.datetime.strptime(fields[9], "%d%m%y").date()
            if fields[0][3:] == "ZDA":
                return dt.date(int(fields[4]), int(fields[3]), int(fields[2]))
        except (ValueError, IndexError):
            continue
    return dt.datetime.now(dt.UTC).date()


def moved(lines: list[str], now: dt.datetime) -> Iterator[tuple[dt.datetime | None, str]]:
    """Each line as it would be told if the log ended at `now`, and the moment it then speaks of."""
    found = dated(lines)
    last = max((moment for moment, _, _ in found if moment is not None), default=now)
    # By whole hundredths: that many digits every receiver writes.
    shift = dt.timedelta(milliseconds=round((now - last) / dt.timedelta(milliseconds=10)) * 10)
    for moment, fields, line in found:
        if moment is None or fields is None:
            yield moment and moment + shift, line
            continue
        new = moment + shift
        kind = fields[0][2:]
        at = TIME_AT.get(kind)
        if at is not None and at < len(fields) and fields[at]:
            digits = len(fields[at].partition(".")[2])
            fields[at] = new.strftime("%H%M%S.%f")[: 7 + digits].rstrip(".")
            if kind == "RMC" and len(fields) > 9 and fields[9]:
                fields[9] = new.strftime("%d%m%y")
            elif kind == "ZDA" and len(fields) > 4 and fields[4]:
                fields[2:5] = new.strftime("%d %m %Y").split()
        body = ",".join(fields)
        yield new, f"${body}*{checksum(body)}"


def beginning(moments: list[tuple[dt.datetime | None, str]]) -> dt.datetime | None:
    """The first moment that a log speaks of."""
    return next((moment for moment, _ in moments if moment is not None), None)


def main() -> None:
    """Read the arguments and send."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("log", type=Path)
    parser.add_argument("to", metavar="HOST:PORT")
    parser.add_argument("--pace", type=float, default=1.0, help="how many times faster than it was; 0: at once")
    arguments = parser.parse_args()
    host, _, port = arguments.to.removeprefix("udp://").rpartition(":")
    text = arguments.log.read_text("ascii", errors="replace")
    lines = [line for line in text.splitlines() if line.startswith("$")]
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    moments = list(moved(lines, now))
    if arguments.pace and (first := beginning(moments)) is not None:
        moments = list(moved(lines, now + (now - first) / arguments.pace))
    first = beginning(moments) or now
    began = time.monotonic()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        for moment, line in moments:
            if arguments.pace and moment is not None:
                wait = (moment - first).total_seconds() / arguments.pace - (time.monotonic() - began)
                time.sleep(max(0.0, wait))
            sock.sendto(f"{line}\r\n".encode(), (host.strip("[]"), int(port)))
            if not arguments.pace:
                time.sleep(0.0005)  # what a socket has room for is soon sent
    print(f"{len(moments)} sentences sent to {arguments.to}", file=sys.stderr)


if __name__ == "__main__":
    main()

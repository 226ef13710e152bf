"""`python -m benchmarks [PART …] [--markdown FILE]`: run the benchmarks and print a table for each.

A claim of speed is a ratio against a named baseline in the same run; nothing here passes or fails on a time.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from pathlib import Path

from benchmarks.measure import BenchmarkError, Table, machine

PARTS = (
    *("ingest", "viewers", "start", "latency", "positions", "units", "page", "slow_link", "audit", "archive", "export"),
    *("restream", "restream_recording", "replay", "go_servers"),
)
"""Each a module with `run() -> Table`."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed, as ratios against baselines.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without one")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there, too")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    # As an exception, so that every child process is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    described = machine()
    print(described, flush=True)
    tables: list[Table] = []
    failed = False
    for part in arguments.parts or PARTS:
        try:
            table = importlib.import_module(f"benchmarks.{part}").run()
        except BenchmarkError as error:
            failed = True
            print(f"\n{part} could not be measured: {error}", file=sys.stderr)
            continue
        tables.append(table)
        print(f"\n{table.text()}", flush=True)
    if arguments.markdown is not None:
        arguments.markdown.write_text("\n\n".join([described, *(table.markdown() for table in tables)]) + "\n")
    return int(failed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

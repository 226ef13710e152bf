"""How many files and sockets this process may have open. Service managers grant many and begin with 1024."""

from __future__ import annotations

import resource

ENOUGH = 65_536


def raise_limit() -> None:
    """Take what is granted, as far as anybody here needs it."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if most == resource.RLIM_INFINITY else min(most, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def limit() -> int:
    """How many there may be now."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ENOUGH if soft == resource.RLIM_INFINITY else soft

"""Which checks a run has. This module needs no other package."""

from collections.abc import Collection
from dataclasses import dataclass

# Without the wait for the idle cut, the whole run ends within this many seconds.
RUN_SECONDS = 38.0

FIRST, IDLE = "connection", "idle"
# What the first check says beside the connection itself.
ARRIVAL = ("tls", "path", "host", "origin", "compression")
TRAFFIC = ("round-trip", "integrity", "message-size", "close-codes", "several")
NAMES = (FIRST, *ARRIVAL, *TRAFFIC, IDLE)


@dataclass(frozen=True)
class Plan:
    """What to run.

    :ivar only: names of checks; empty for all. The connection is always checked.
    :ivar idle_seconds: how long to wait for an idle cut; 0 for no wait.
    """

    only: Collection[str] = ()
    idle_seconds: float = 0.0

    def has(self, name: str) -> bool:
        """Return whether a check is wanted."""
        return not self.only or name in self.only

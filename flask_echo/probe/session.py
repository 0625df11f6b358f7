"""What all checks of one run share: the target, its traces, and the time that is left."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import sleep
from typing import Any

from websockets.sync.client import ClientConnection

from flask_echo.diagnosis.evidence import Answer, Seen
from flask_echo.diagnosis.facts import by
from flask_echo.probe.network import Network, Steps
from flask_echo.probe.opening import Opener
from flask_echo.probe.target import Target

# How often a trace is asked for: several machines behind one address answer in turn.
_READINGS = 4
_PAUSE_SECONDS = 0.1

_OTHER_STORE = "several servers answer at this address, and do not share their traces"
_DROPPED = "this server had to drop traces for others"
_UNREADABLE = "the traces of this server cannot be read here"
NOT_OURS = "this is another server, which keeps no traces"


class OutOfTime(Exception):
    """The run has no time left for this check."""


@dataclass
class Session:
    """One run.

    :ivar ours: whether the server is one of this project: the checks that need it ask.
    :ivar progress: takes the share of the current check that is done.
    :ivar product: the proxy, as far as it is known.
    :ivar unknown: why nobody can know what arrived at the server; empty if somebody can.
    """

    target: Target
    network: Network
    opener: Opener
    ours: bool = False
    progress: Callable[[float], None] = lambda share: None
    product: str = ""
    unknown: str = ""
    steps: Steps = field(default_factory=Steps)

    @property
    def timeout(self) -> float:
        """Seconds to wait for one answer.

        :raises OutOfTime: if there is no time at all.
        """
        if self.network.limit.left() <= 0:
            raise OutOfTime
        return self.network.limit.seconds()

    def seconds(self, wanted: float) -> float:
        """Return how long something may take that would like to take ``wanted`` seconds."""
        return max(0.0, min(wanted, self.network.limit.left()))

    @contextmanager
    def open(
        self, query: str = "", trace: str = "", compression: bool = True
    ) -> Iterator[ClientConnection]:
        """Yield a WebSocket at the target.

        :param query: faults to simulate; only for a server of this project.
        :param trace: an ID; the same.
        """
        parts = [self.target.query, query, f"trace={trace}" if trace and self.ours else ""]
        joined = "&".join(filter(None, parts))
        timeout = self.timeout
        path = self.target.path
        with self.opener.open(path, joined, compression=compression, timeout=timeout) as ws:
            yield ws

    def control(self, trace: str) -> Answer | None:
        """Send a plain GET to the address of the WebSocket."""
        query = "&".join(filter(None, [self.target.query, f"trace={trace}"]))
        return self.network.get(f"{self.target.path}?{query}")

    def health(self) -> Answer | None:
        """Ask for ``/healthz`` beside the target."""
        return self.network.get(self.target.beside("healthz"))

    def seen(self, trace: str) -> Seen:
        """Return what the server knows under the ID of a trace."""
        if not self.ours:
            return _unknown(NOT_OURS)
        stores: set[str] = set()
        for reading in range(_READINGS):
            if reading:
                sleep(_PAUSE_SECONDS)
            answer = _members(self.network.get(self.target.beside(f"traces/{trace}")))
            if answer is None or not {"attempts", "store"} <= answer.keys():
                return _unknown(_UNREADABLE)
            if answer.get("attempts"):
                return Seen(state="found", attempts=answer["attempts"], reason="")
            if answer.get("status") != "on":
                return _unknown(f"traces are off: {answer.get('reason')}")
            stores.add(str(answer.get("store")))
            if answer.get("dropped_at"):
                return _unknown(_DROPPED)
        if len(stores) > 1:
            return _unknown(_OTHER_STORE)
        return Seen(state="none", attempts=[], reason="")


def new_trace() -> str:
    """Return the ID of a trace."""
    return secrets.token_hex(16)


def _unknown(reason: str) -> Seen:
    return Seen(state="unknown", attempts=[], reason=reason)


def _members(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None or by(answer) != "service":
        return None
    try:
        members = json.loads(answer["body"])
    except ValueError:
        return None
    return members if isinstance(members, dict) else None

"""What all checks of one run share: the target, its traces, and the time that is left."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import sleep
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from flask_echo.diagnosis.evidence import Answer, Seen
from flask_echo.diagnosis.facts import by, parsed
from flask_echo.probe.network import Network, Steps
from flask_echo.probe.opening import Opener
from flask_echo.probe.target import Target

# How often a trace is asked for: several machines behind one address answer in turn.
_READINGS = 4
_PAUSE_SECONDS = 0.1
# A server that greets does it at once.
_GREETING_SECONDS = 0.3

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
    :ivar echoes: whether the WebSocket returns what it gets.
    :ivar greets: whether the server sends something before it is asked.
    """

    target: Target
    network: Network
    opener: Opener
    ours: bool = False
    progress: Callable[[float], None] = lambda share: None
    product: str = ""
    greets: bool = False
    echoes: bool = True
    steps: Steps = field(default_factory=Steps)

    @property
    def simulates(self) -> bool:
        """Whether the WebSocket simulates the faults in its query (docs/simulation.md)."""
        return self.ours and self.target.path.endswith("/echo")

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
            if self.greets:
                drain(ws)
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
            if answer is None or not _is_trace(answer):
                return _unknown(_UNREADABLE)
            if answer["attempts"]:
                return Seen(state="found", attempts=answer["attempts"], reason="")
            if answer.get("status") != "on":
                return _unknown(f"traces are off: {answer.get('reason')}")
            stores.add(str(answer.get("store")))
            if answer.get("dropped_at"):
                return _unknown(_DROPPED)
        if len(stores) > 1:
            return _unknown(_OTHER_STORE)
        return Seen(state="none", attempts=[], reason="")


def drain(ws: ClientConnection) -> bool:
    """Drop what a server sends before it is asked. Return whether there was something."""
    greeted = False
    with suppress(TimeoutError, ConnectionClosed):
        while True:
            ws.recv(timeout=_GREETING_SECONDS)
            greeted = True
    return greeted


def new_trace() -> str:
    """Return the ID of a trace."""
    return secrets.token_hex(16)


def _unknown(reason: str) -> Seen:
    return Seen(state="unknown", attempts=[], reason=reason)


def _members(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None or by(answer) != "service":
        return None
    members = parsed(answer["body"])
    return members if isinstance(members, dict) else None


def _is_trace(members: dict[str, Any]) -> bool:
    """Return whether an answer has the shape of a trace. Anybody may have written it."""
    attempts = members.get("attempts")
    return "store" in members and isinstance(attempts, list) and all(map(_is_attempt, attempts))


def _is_attempt(attempt: Any) -> bool:
    try:
        line, headers = attempt["request"]["line"], attempt["request"]["headers"]
        pairs = all(isinstance(part, str) for name, value in headers for part in (name, value))
        refusal = attempt["refusal"] if attempt["outcome"] == "refused" else {}
        return len(line.split(" ")) > 2 and pairs and isinstance(refusal, dict)
    except (TypeError, KeyError, ValueError, AttributeError):
        return False

"""What is said on a connection: loops over receive and send, without Flask or sockets."""

import json
from collections.abc import Callable
from random import random
from time import monotonic, time
from typing import Any, Protocol

# RFC 6455, section 7.4.1: all is said; a type of data that cannot be accepted.
NORMAL_CLOSURE = 1000
UNSUPPORTED_DATA = 1003

# How long a mute server keeps silent at most.
MUTE_SECONDS = 600.0


class Peer(Protocol):
    """The other side, as a conversation sees it."""

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """Return the next message, or None when ``timeout`` seconds are over."""

    def send(self, data: Any) -> None:
        """Send one message, binary for bytes and text otherwise."""

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """End the conversation with a status code and words."""


class PatientPeer(Peer, Protocol):
    """A peer that has asked to be treated badly."""

    def pause(self, seconds: float) -> bool:
        """Let time pass while pings are answered; False if there is no time for that."""

    def ignore(self, seconds: float) -> None:
        """Answer nothing, for so long at most; that is the end of the conversation."""

    def abort(self) -> None:
        """End the connection with a reset, without a word."""


class Plan(Protocol):
    """What a rehearsed conversation should be like; all times in seconds."""

    @property
    def delay(self) -> float:
        """Before each reply."""

    @property
    def jitter(self) -> float:
        """Up to so much more, at random."""

    @property
    def close(self) -> int | None:
        """The code to close with, if that is to happen."""

    @property
    def reason(self) -> str:
        """The words to close with."""

    @property
    def after(self) -> int:
        """How many messages to answer before that."""

    @property
    def drop(self) -> int | None:
        """How many messages to answer before a reset, if that is to happen."""

    @property
    def mute(self) -> bool:
        """Whether to answer nothing at all."""

    @property
    def push(self) -> float | None:
        """Between two ticks, if there are to be any."""


def hello(peer: Peer) -> None:
    """The conversation of the article: a greeting, then each text comes back in JSON."""
    peer.send(_json("hello from server"))
    while isinstance(text := peer.receive(), str):
        peer.send(_json(f"{text} back"))
    peer.close(UNSUPPORTED_DATA, "this route takes text; /echo returns binary messages too")


def echo(peer: Peer) -> None:
    """Every message comes back as it came, until the other side has enough."""
    while True:
        peer.send(peer.receive())


def tell(peer: Peer, what: Any) -> None:
    """Say one thing, in JSON, and that is all."""
    peer.send(_json(what))
    peer.close(NORMAL_CLOSURE)


def rehearse(peer: PatientPeer, plan: Plan, clock: Callable[[], float] = monotonic) -> None:
    """Every message comes back, in the way that ``plan`` says.

    :param clock: seconds that only go forward.
    """
    if plan.mute:
        return peer.ignore(MUTE_SECONDS)
    ticks = _Ticks(peer, plan.push, clock)
    closes_after = plan.after if plan.close is not None else None
    answered = 0
    while answered not in (plan.drop, closes_after):
        message = _next_message(peer, ticks)
        _hold_back(peer, ticks, plan.delay + plan.jitter * random(), clock)
        peer.send(message)
        ticks.send_due()
        answered += 1
    if answered == plan.drop:
        peer.abort()
    else:
        peer.close(plan.close, plan.reason or None)
    return None


def _next_message(peer: Peer, ticks: "_Ticks") -> str | bytes:
    while (message := peer.receive(ticks.left())) is None:
        ticks.send_due()
    return message


def _hold_back(
    peer: PatientPeer, ticks: "_Ticks", seconds: float, clock: Callable[[], float]
) -> None:
    """Wait before a reply, and see to the ticks meanwhile."""
    due = clock() + seconds
    while (left := due - clock()) > 0:
        tick = ticks.left()
        if not peer.pause(left if tick is None else min(left, tick)):
            return
        ticks.send_due()


class _Ticks:
    """What the server says of its own accord, at regular times.

    :param seconds: between two ticks; None is for none.
    """

    def __init__(self, peer: Peer, seconds: float | None, clock: Callable[[], float]) -> None:
        self._peer = peer
        self._seconds = seconds
        self._clock = clock
        self._sent = 0
        self._due = clock() + (seconds or 0.0)

    def left(self) -> float | None:
        """The seconds until the next one, None if there is none."""
        return None if self._seconds is None else max(0.0, self._due - self._clock())

    def send_due(self) -> None:
        """Send the next one if it is time; those that were missed meanwhile are left out."""
        now = self._clock()
        if self._seconds is None or now < self._due:
            return
        self._sent += 1
        self._peer.send(json.dumps({"tick": self._sent, "time": time()}))
        missed = int((now - self._due) / self._seconds)
        self._due += (missed + 1) * self._seconds


def _json(what: Any) -> str:
    # As people wrote it, not as escapes: the page's readers look at the frames.
    return json.dumps(what, ensure_ascii=False)

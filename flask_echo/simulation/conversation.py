"""The echo with simulated faults, without Flask or sockets."""

import json
from collections.abc import Callable
from random import random
from time import monotonic, time
from typing import Protocol

from flask_echo.conversation import WebSocket
from flask_echo.simulation.faults import Faults

# How long a mute server stays silent.
MUTE_SECONDS = 600.0


class FaultyWebSocket(WebSocket, Protocol):
    """A connection that can misbehave."""

    def pause(self, seconds: float) -> bool:
        """Let time pass while pings are answered. Return False if the connection is ending."""

    def ignore(self, seconds: float) -> None:
        """Answer nothing for that long, then end the connection."""

    def abort(self) -> None:
        """Reset the connection, without a Close frame."""


def echo(ws: FaultyWebSocket, faults: Faults, clock: Callable[[], float] = monotonic) -> None:
    """Return every message unchanged, with ``faults``.

    :param clock: a monotonic clock, in seconds.
    """
    if faults.mute:
        return ws.ignore(MUTE_SECONDS)
    ticks = _Ticks(ws, faults.push, clock)
    replies_before_close = faults.after if faults.close is not None else None
    replies = 0
    while replies not in (faults.drop, replies_before_close):
        _answer(ws, _next_message(ws, ticks), faults, ticks, clock)
        replies += 1
    if replies == faults.drop:
        ws.abort()
    else:
        ws.close(faults.close, faults.reason or None)
    return None


def _next_message(ws: WebSocket, ticks: "_Ticks") -> str | bytes:
    while (message := ws.receive(ticks.wait())) is None:
        ticks.send_due()
    return message


def _answer(
    ws: FaultyWebSocket,
    message: str | bytes,
    faults: Faults,
    ticks: "_Ticks",
    clock: Callable[[], float],
) -> None:
    """Return a message after its delay. It must not stay in memory until the next one comes."""
    _delay(ws, ticks, faults.delay + faults.jitter * random(), clock)
    ws.send(message)
    ticks.send_due()


def _delay(
    ws: FaultyWebSocket, ticks: "_Ticks", seconds: float, clock: Callable[[], float]
) -> None:
    """Wait before a reply. Meanwhile periodic messages go on."""
    end = clock() + seconds
    while (left := end - clock()) > 0:
        tick = ticks.wait()
        if not ws.pause(left if tick is None else min(left, tick)):
            return
        ticks.send_due()


class _Ticks:
    """The periodic messages of the server.

    :param seconds: the interval; None sends none.
    """

    def __init__(self, ws: WebSocket, seconds: float | None, clock: Callable[[], float]) -> None:
        self._ws = ws
        self._seconds = seconds
        self._clock = clock
        self._sent = 0
        self._next = clock() + (seconds or 0.0)

    def wait(self) -> float | None:
        """Return the seconds until the next one; None if there is none."""
        return None if self._seconds is None else max(0.0, self._next - self._clock())

    def send_due(self) -> None:
        """Send the next one if it is time. Those that were missed meanwhile are left out."""
        now = self._clock()
        if self._seconds is None or now < self._next:
            return
        self._sent += 1
        self._ws.send(json.dumps({"tick": self._sent, "time": time()}))
        missed = int((now - self._next) / self._seconds)
        self._next += (missed + 1) * self._seconds

"""Follow a stream event by event, over server-sent events or a WebSocket."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import sleep, thread_time
from typing import Any, Protocol

from wsproto.frame_protocol import CloseReason

from flask_echo.events.query import Query
from flask_echo.events.stream import NANOSECONDS, Stream
from flask_echo.events.waiting import Waiter

# Proxies cut a silent response after 60 s by default (nginx, proxy_read_timeout).
ALIVE_SECONDS = 15.0

# A stream that catches up takes this share of a core. A cursor may be of 1970.
_SHARE_OF_A_CORE = 0.05
# It pauses after so many events, and not for longer than this.
_EVENTS_IN_A_ROW = 100
_LONGEST_PAUSE_SECONDS = 0.5

# The kernel may end a wait late by an eighth of its time-out: its timers are coarser, the further
# away they are (Linux, kernel/time/timer.c). So a wait ends early, and another one follows. The
# last part is slept, because a timer of the kernel also has ticks of 1 to 10 ms.
_EARLY = 7 / 8
_TICK_SECONDS = 0.012

_WRONG_MESSAGE = "the only message that this address takes is the text: cost"

Now = Callable[[], int]


class WebSocket(Protocol):
    """A connection, as this module needs it."""

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """Return the next message, or None after ``timeout`` seconds."""

    def send(self, data: Any) -> None:
        """Send one message: the text of ``data``."""

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """Close the connection with a status code and a reason."""


def described(stream: Stream, event: int) -> dict[str, Any]:
    """Return an event as clients see it: its cursor, and its time in seconds (Unix)."""
    return {"id": stream.cursor(event), "at": round(event / NANOSECONDS, 6)}


def compact(value: Any) -> str:
    """Return ``value`` in JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


def event_stream(query: Query, now: Now, waiter: Waiter, cost: Callable[[], str]) -> Iterator[str]:
    """Yield server-sent events (HTML Standard, section 9.2), each one when it is due.

    :param now: the time in nanoseconds (Unix).
    :param cost: what has been counted so far, in JSON.
    """
    # The head goes out with the first bytes of the body. An id alone is no event, and the browser
    # comes back with it: otherwise it would lose what happens until its first event.
    yield f": open\nid: {query.stream.cursor(query.since)}\n\n"
    for event in _paced(query, now):
        while (left := (event - now()) / NANOSECONDS) > 0:
            if not waiter.wait(min(left, ALIVE_SECONDS)):
                return
            if left > ALIVE_SECONDS:
                yield ": alive\n\n"
        if not waiter.wait(0):
            return
        waiter.note_event()
        yield f"id: {query.stream.cursor(event)}\ndata: {_event_json(query, event, cost())}\n\n"


def converse(ws: WebSocket, query: Query, now: Now, cost: Callable[[], str]) -> None:
    """Send each event when it is due, and what it has cost when the client asks for it."""
    for event in _paced(query, now):
        if event <= now() and not _answer(ws, ws.receive(0), cost):
            return
        while (left := (event - now()) / NANOSECONDS) > 0:
            if left < _TICK_SECONDS:
                sleep(left)
            elif not _answer(ws, ws.receive(min(left, ALIVE_SECONDS) * _EARLY), cost):
                return  # The clock may be set meanwhile, so no wait is longer.
        ws.send(_Message(query, event, cost))


@dataclass(frozen=True)
class _Message:
    """The message of an event. Its text is made when the connection writes it.

    A connection may answer a ping first, and that belongs to the cost.
    """

    query: Query
    event: int
    cost: Callable[[], str]

    def __str__(self) -> str:
        return _event_json(self.query, self.event, self.cost())


def _answer(ws: WebSocket, message: str | bytes | None, cost: Callable[[], str]) -> bool:
    """Answer a message, if there is one. Return False if it ends the conversation."""
    if message == "cost":
        ws.send(f'{{"cost":{cost()}}}')
    elif message is not None:
        ws.close(CloseReason.UNSUPPORTED_DATA, _WRONG_MESSAGE)
        return False
    return True


def _paced(query: Query, now: Now) -> Iterator[int]:
    """Yield the events. Pause between those that are late."""
    began, in_a_row = thread_time(), 0
    for event in query.stream.after(query.since):
        in_a_row = in_a_row + 1 if event < now() else 0
        if in_a_row == _EVENTS_IN_A_ROW:
            pause = (thread_time() - began) * (1 / _SHARE_OF_A_CORE - 1)
            sleep(min(pause, _LONGEST_PAUSE_SECONDS))
            began, in_a_row = thread_time(), 0
        elif in_a_row <= 1:
            began = thread_time()
        yield event


def _event_json(query: Query, event: int, cost: str) -> str:
    return f'{compact(described(query.stream, event))[:-1]},"cost":{cost}}}'

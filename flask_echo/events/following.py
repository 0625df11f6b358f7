"""Follow a stream event by event, over server-sent events or a WebSocket."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import sleep
from typing import Any, Protocol

from wsproto.frame_protocol import CloseReason

from flask_echo.events.query import Query
from flask_echo.events.stream import NANOSECONDS, Stream
from flask_echo.events.waiting import Waiter

# Proxies cut a silent response after 60 s by default (nginx, proxy_read_timeout).
ALIVE_SECONDS = 15.0

# A client that comes back after a long time gets so many events in a row, and then this pause. It
# would keep a core busy otherwise.
_EVENTS_IN_A_ROW = 1000
_PAUSE_SECONDS = 0.1

# The kernel rounds the time-out of a read up to a tick of its clock, which has 1 to 10 ms. The
# rest of the time is slept.
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
    yield ": open\n\n"  # The head goes out with the first bytes of the body.
    for event in _paced(query):
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
    for event in _paced(query):
        while (left := (event - now()) / NANOSECONDS) > 0:
            if left < _TICK_SECONDS:
                sleep(left)
            elif not _answer(ws, ws.receive(left - _TICK_SECONDS), cost):
                return
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


def _paced(query: Query) -> Iterator[int]:
    for number, event in enumerate(query.stream.after(query.since)):
        if number and number % _EVENTS_IN_A_ROW == 0:
            sleep(_PAUSE_SECONDS)
        yield event


def _event_json(query: Query, event: int, cost: str) -> str:
    return f'{compact(described(query.stream, event))[:-1]},"cost":{cost}}}'

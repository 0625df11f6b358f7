"""Clients that follow a stream of events, in each of the five ways.

Each way yields the events after a cursor, until it is closed or the server goes away. So a test can
interrupt it anywhere, and go on with the last cursor::

    events = take(way, port, query, cursor, 20)
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import islice
from time import sleep, time_ns
from typing import Any, NamedTuple

from simple_websocket import Client, ConnectionClosed

from flask_echo.events.stream import NANOSECONDS, Stream
from tests.support.clients import TIMEOUT

# Between two polls. The clients of these tests would take a core each otherwise.
INTERVAL_SECONDS = 0.02

# One of many long polls that end without an event, or with one. In whole seconds.
WAIT_SECONDS = 1

Event = dict[str, Any]
Way = Callable[[int, str, str], Iterator[Event]]


class Followed(NamedTuple):
    """A stream to follow.

    :ivar stream: its events.
    :ivar query: the part of a query that names it.
    """

    stream: Stream
    query: str

    @property
    def path(self) -> str:
        """The address that starts now."""
        return f"/events?{self.query}"

    def since(self, position: int) -> str:
        """The address that starts after ``position``."""
        return f"{self.path}&since={self.stream.cursor(position)}"

    def cursors(self, position: int, count: int) -> list[str]:
        """The cursors of the first ``count`` events after ``position``."""
        return [self.stream.cursor(at) for at in islice(self.stream.after(position), count)]


def stream_of(name: str, mean: str) -> Followed:
    """The stream with this name and mean interval in seconds."""
    return Followed(Stream(name, mean), f"stream={name}&mean={mean}")


def with_next_event(mean: str, low: float, high: float) -> Followed:
    """A stream whose next event is due in ``low`` to ``high`` seconds from now."""
    now = time_ns()
    for number in range(100_000):
        followed = stream_of(f"next-{number}", mean)
        ahead = (next(followed.stream.after(now)) - now) / NANOSECONDS
        if low <= ahead <= high:
            return followed
    raise AssertionError(f"no stream has its next event in {low} to {high} s")


def quiet() -> Followed:
    """A stream that has no event for ten minutes, so that something else ends a wait for one."""
    return with_next_event("3600", 600, 10**6)


def poll(port: int, query: str, cursor: str) -> Iterator[Event]:
    """Poll on a new connection each time, so that every worker has its turn."""
    with suppress(OSError, HTTPException):
        while True:
            with closing(_http(port)) as connection:
                answer = _answer(_get(connection, query, cursor))
            cursor = answer["next"]
            yield from answer["events"]
            sleep(INTERVAL_SECONDS)


def conditional_poll(port: int, query: str, cursor: str) -> Iterator[Event]:
    """Poll with the ETag of the last answer, on one connection for as long as it lasts."""
    headers: dict[str, str] = {}
    with suppress(OSError, HTTPException), closing(_http(port)) as connection:
        while True:
            response = _get(connection, query, cursor, headers)
            if response.status == 304:
                assert response.read() == b""
                sleep(INTERVAL_SECONDS)
                continue
            headers = {"If-None-Match": response.headers["ETag"]}
            answer = _answer(response)
            cursor = answer["next"]
            yield from answer["events"]


def long_poll(port: int, query: str, cursor: str) -> Iterator[Event]:
    """Poll, and let the server wait for an event."""
    with suppress(OSError, HTTPException), closing(_http(port)) as connection:
        while True:
            response = _get(connection, f"{query}&wait={WAIT_SECONDS}", cursor)
            answer = _answer(response)
            cursor = answer["next"]
            yield from answer["events"]


def event_stream(port: int, query: str, cursor: str) -> Iterator[Event]:
    """Read server-sent events."""
    headers = {"Accept": "text/event-stream"}
    with suppress(OSError, HTTPException), closing(_http(port)) as connection:
        response = _get(connection, query, cursor, headers)
        assert response.headers["Content-Type"].startswith("text/event-stream")
        cursor = ""
        for line in response:
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "id":
                cursor = value
            elif field == "data":
                event = json.loads(value)
                assert event["id"] == cursor
                yield event


def websocket(port: int, query: str, cursor: str) -> Iterator[Event]:
    """Receive messages."""
    address = f"ws://127.0.0.1:{port}/events?{query}&since={cursor}"
    with suppress(OSError, ConnectionClosed):
        ws = Client.connect(address)
        try:
            while True:
                message = ws.receive(TIMEOUT)
                assert message is not None, "no event came"
                yield json.loads(message)
        finally:
            with suppress(ConnectionClosed):
                ws.close()


WAYS: list[Way] = [poll, conditional_poll, long_poll, event_stream, websocket]


def take(way: Way, port: int, query: str, cursor: str, count: int) -> list[Event]:
    """Follow for ``count`` events, and hang up."""
    following = way(port, query, cursor)
    events = list(islice(following, count))
    following.close()  # type: ignore[attr-defined]
    return events


def _http(port: int) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)


def _get(
    connection: HTTPConnection, query: str, cursor: str, headers: dict[str, str] | None = None
) -> HTTPResponse:
    connection.request("GET", f"/events?{query}&since={cursor}", headers=headers or {})
    response = connection.getresponse()
    if response.status == 503:  # It is about to stop. Clients come back later, with their cursor.
        raise ConnectionRefusedError(response.read())
    assert response.status in (200, 304), response.read()
    return response


def _answer(response: HTTPResponse) -> dict[str, Any]:
    assert response.status == 200, response.status
    return dict(json.load(response))

"""Plain numbers that count what happens to the WebSockets of this process.

Events only add to these numbers, which is cheap. :meth:`Figures.take` collects them now and then.
"""

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import NamedTuple

from flask_echo.metrics.labels import close_labels, status_label
from flask_echo.websocket import Connection, Watch
from flask_echo.websocket.message_count import MessageCount


class NoFigures(Exception):
    """The figures of all workers cannot be known. The text says why."""


class Traffic(NamedTuple):
    """Messages, and the bytes of their payload."""

    received_text: int = 0
    received_binary: int = 0
    received_bytes: int = 0
    sent_text: int = 0
    sent_binary: int = 0
    sent_bytes: int = 0


_NOTHING = Traffic()


class End(NamedTuple):
    """The end of a connection.

    :ivar labels: code and initiator.
    :ivar seconds: how long the connection has lasted.
    """

    labels: tuple[str, str]
    seconds: float


@dataclass
class News:
    """What has happened since the last time.

    :ivar opened: how many connections have opened.
    :ivar ends: those that have ended.
    :ivar refused: requests for a WebSocket that got an error, by label.
    :ivar traffic: messages of all connections, also of open ones.
    :ivar open: how many connections are open now.
    """

    opened: int = 0
    ends: list[End] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    traffic: Counter[str] = field(default_factory=Counter)
    open: int = 0


class Figures:
    """The numbers of this process. Any thread may add to them, and one at a time may take them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._news = News()
        self._open: set[ConnectionFigures] = set()
        self._ended: list[ConnectionFigures] = []

    def refuse(self, status: int) -> None:
        """Count an error response."""
        with self._lock:
            self._news.refused[status_label(status)] += 1

    def open(self, connection: "ConnectionFigures") -> None:
        """Count a connection that opens."""
        with self._lock:
            self._news.opened += 1
            self._open.add(connection)

    def end(self, connection: "ConnectionFigures", end: End) -> None:
        """Count the end of a connection."""
        with self._lock:
            if connection not in self._open:
                return  # It has never opened.
            self._open.remove(connection)
            self._ended.append(connection)
            self._news.ends.append(end)

    def take(self) -> News:
        """Return what has happened since the last call."""
        with self._lock:
            news, self._news = self._news, News()
            ended, self._ended = self._ended, []
            open_now = list(self._open)
        news.open = len(open_now)
        for connection in (*ended, *open_now):
            connection.add_traffic(news.traffic)
        return news


class ConnectionFigures(Watch):
    """Watches one connection.

    :param figures: those of the process.
    """

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._began = monotonic()
        self._count: MessageCount | None = None
        self._seen_messages = 0
        self._seen = _NOTHING

    def opening(self, connection: Connection) -> None:
        """Note the beginning."""
        self._count = connection.count_messages()
        self._figures.open(self)

    def closed(self, connection: Connection) -> None:
        """Note the end."""
        seconds = monotonic() - self._began
        self._figures.end(self, End(close_labels(connection.first_close), seconds))

    def add_traffic(self, total: Counter[str]) -> None:
        """Add the messages since the last call. This is quick for a connection without any."""
        count = self._count
        if count is None:
            return
        messages = count.received + count.sent
        if messages == self._seen_messages:
            return
        self._seen_messages = messages
        now = Traffic(*(getattr(count, name) for name in Traffic._fields))
        # A figure may be too low for a moment, and a counter must not go back.
        before, self._seen = self._seen, Traffic(*map(max, now, self._seen))
        for name, value, old in zip(Traffic._fields, self._seen, before, strict=True):
            total[name] += value - old

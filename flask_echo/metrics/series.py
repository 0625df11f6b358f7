"""The series that Prometheus gets: names, labels and buckets."""

from collections.abc import Iterable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from flask_echo import __version__
from flask_echo.metrics.figures import News
from flask_echo.metrics.labels import DIRECTIONS, STATUSES, TYPES, possible_ends

# In seconds. A proxy's time-outs are between 30 s and an hour.
_BUCKETS = (0.1, 0.3, 1, 3, 10, 30, 60, 300, 900, 3600, 10_800, 43_200, 86_400)

# How prometheus_client combines the gauges of several processes that exist. A sum, or the highest.
_Mode = Literal["livesum", "livemax"]
_SUM: _Mode = "livesum"
_HIGHEST: _Mode = "livemax"

# prometheus_client has a file for each of these, and for each process.
FILE_KINDS = ("counter", "histogram", f"gauge_{_SUM}", f"gauge_{_HIGHEST}")


class Series:
    """The series of this process. One thread at a time may change them.

    All combinations of labels are there from the beginning, with 0: a rate needs a value before the
    first event.

    :param registry: collects them, or None if the files of all processes are collected.
    """

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self._registry = registry
        self._opened = self._counter(
            "websocket_connections_opened_total", "WebSockets that were opened."
        )
        self._refused = self._counters(
            "websocket_connections_refused_total",
            "Requests for a WebSocket that got an HTTP error, by its status.",
            ("status",),
            [(status,) for status in STATUSES],
        )
        self._closed = self._counters(
            "websocket_connections_closed_total",
            "WebSockets that have ended, by the code and the sender of the first Close frame.",
            ("code", "initiator"),
            possible_ends(),
        )
        self._messages = self._counters(
            "websocket_messages_total",
            "Messages that were delivered to a handler (in), or sent (out).",
            ("direction", "type"),
            [(direction, kind) for direction in DIRECTIONS for kind in TYPES],
        )
        self._bytes = self._counters(
            "websocket_bytes_total",
            "Bytes of the payload of these messages, before compression.",
            ("direction",),
            [(direction,) for direction in DIRECTIONS],
        )
        self._dropped = self._counter("log_lines_dropped_total", "Lines that the log has dropped.")
        self._durations = Histogram(
            "websocket_connection_duration_seconds",
            "How long WebSockets have lasted that have ended.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._open = self._gauge("websocket_connections_open", "WebSockets that are open.")
        self._seats = self._gauge("websocket_seats", "Seats of all workers.")
        self._taken = self._gauge(
            "websocket_seats_taken", "Seats taken by WebSockets, long polls and event streams."
        )
        self._buffered = self._gauge(
            "websocket_buffered_bytes",
            "Memory in use for messages, of FLASK_ECHO_MAX_BUFFERED_BYTES.",
        )
        self._buffered_limit = self._gauge(
            "websocket_buffered_bytes_limit",
            "FLASK_ECHO_MAX_BUFFERED_BYTES, or its default, of all workers.",
        )
        self._draining = self._gauge(
            "websocket_draining", "1 while any worker drains its WebSockets.", _HIGHEST
        )
        Gauge(
            "flask_echo_info", "The version of flask-echo.", ["version"],
            registry=registry, multiprocess_mode=_HIGHEST,
        ).labels(__version__).set(1)  # fmt: skip

    def _counter(self, name: str, about: str) -> Counter:
        return Counter(name, about, registry=self._registry)

    def _counters(
        self, name: str, about: str, labels: tuple[str, ...], values: Iterable[tuple[str, ...]]
    ) -> dict[tuple[str, ...], Counter]:
        """Return a counter for each combination of values that the labels may have."""
        parent = Counter(name, about, labels, registry=self._registry)
        return {value: parent.labels(*value) for value in values}

    def _gauge(self, name: str, about: str, mode: _Mode = _SUM) -> Gauge:
        return Gauge(name, about, registry=self._registry, multiprocess_mode=mode)

    def add(self, news: News) -> None:
        """Add what has happened."""
        self._opened.inc(news.opened)
        self._open.set(news.open)
        for status, count in news.refused.items():
            self._refused[(status,)].inc(count)
        for end in news.ends:
            self._closed[end.labels].inc()
            self._durations.observe(end.seconds)
        traffic = news.traffic
        for direction, verb in zip(DIRECTIONS, ("received", "sent"), strict=True):
            for kind in TYPES:
                self._messages[direction, kind].inc(traffic[f"{verb}_{kind}"])
            self._bytes[(direction,)].inc(traffic[f"{verb}_bytes"])

    def add_dropped_lines(self, count: int) -> None:
        """Add lines that the log has dropped."""
        self._dropped.inc(count)

    def show_seats(self, seats: int, taken: int, draining: bool) -> None:
        """Show the seats of this process, and whether it drains."""
        self._seats.set(seats)
        self._taken.set(taken)
        self._draining.set(draining)

    def show_buffered(self, count: int, limit: int) -> None:
        """Show how many bytes of the budget are in use, and its size in bytes."""
        self._buffered.set(count)
        self._buffered_limit.set(limit)

"""Connections that a pool thread serves, and their deadlines: first the header, then the response.

A WebSocket has no deadline. gunicorn's master imports this module; see :mod:`flask_echo.worker`.
"""

import socket
import struct
import threading
from contextlib import suppress
from time import monotonic

from gunicorn.workers.gthread import TConn

from flask_echo import arrivals

# A header that has been on its way for this long is cut if a complete request needs its thread.
# Most headers arrive in one packet; with others, a second one takes a round trip.
UNDISTURBED_SECONDS = 0.5

# struct linger: on, with a time-out of zero.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Deadlines:
    """The connections in the pool threads of a worker. All methods are safe in all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: set[TConn] = set()
        # When the thread began to wait for a header, the oldest one first.
        self._headers: dict[TConn, float] = {}
        # When a response is late.
        self._responses: dict[TConn, float] = {}
        self._exempt: set[TConn] = set()
        # Cut to free their threads, and not yet gone.
        self._leaving: set[TConn] = set()

    def begin(self, conn: TConn) -> None:
        """Start the deadline of a header."""
        with self._lock:
            self._all.add(conn)
            self._headers[conn] = monotonic()

    def respond(self, conn: TConn) -> None:
        """Replace the deadline of the header by the one of the response."""
        with self._lock:
            self._headers.pop(conn, None)
            self._responses[conn] = monotonic() + arrivals.RESPONSE_TIMEOUT_SECONDS

    def exempt(self, conn: TConn | None) -> None:
        """Lift the deadline of a connection that becomes a WebSocket."""
        with self._lock:
            if self._responses.pop(conn, None) is not None:  # type: ignore[arg-type]
                self._exempt.add(conn)  # type: ignore[arg-type]

    def extend(self, conn: TConn, seconds: float) -> None:
        """Allow a response ``seconds`` more than a response usually has, from now on."""
        with self._lock:
            if conn in self._responses:
                late_at = monotonic() + seconds + arrivals.RESPONSE_TIMEOUT_SECONDS
                self._responses[conn] = late_at

    def end(self, conn: TConn) -> None:
        """Forget a connection."""
        with self._lock:
            self._headers.pop(conn, None)
            self._responses.pop(conn, None)
            for group in (self._all, self._exempt, self._leaving):
                group.discard(conn)

    def count(self) -> int:
        """Return how many connections have a thread."""
        return len(self._all)

    def count_websockets(self) -> int:
        """Return how many of them have no deadline."""
        return len(self._exempt)

    def cut_late(self) -> None:
        """Cut each connection whose deadline has passed."""
        now = monotonic()
        with self._lock:
            for conn, began_at in self._headers.items():
                if began_at + arrivals.HEADER_TIMEOUT_SECONDS > now:
                    break
                _cut(conn)
            for conn, deadline in self._responses.items():
                if deadline <= now:
                    _cut(conn)
            for conn in self._leaving:
                _cut(conn)

    def cut_all(self) -> None:
        """Cut every connection."""
        with self._lock:
            for conn in self._all:
                _cut(conn)

    def free_threads(self, count: int) -> None:
        """Cut up to ``count`` connections that have waited longest for the rest of a header."""
        latest = monotonic() - UNDISTURBED_SECONDS
        with self._lock:
            while len(self._leaving) < count:
                conn = next(iter(self._headers), None)
                if conn is None or self._headers[conn] > latest:
                    return
                self._leaving.add(conn)
                del self._headers[conn]
                _cut(conn)


def _cut(conn: TConn) -> None:
    """Shut a connection down both ways, while a pool thread serves it.

    The thread wakes up at the end of the stream, and closes the socket. The close is a reset, which
    drops the data that the peer has not read. The method of an SSLSocket would take the TLS state
    away from that thread, so this calls the one of :class:`socket.socket`.
    """
    with suppress(OSError):
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        socket.socket.shutdown(conn.sock, socket.SHUT_RDWR)

"""The contract of the transports, their deadlines, and the time limits for sending.

One thread owns a transport, and only the owner reads. One thread at a time sends: the connection
sees to that. Any thread may call :meth:`Transport.wake` and :meth:`Transport.cut`.
"""

import fcntl
import os
import select
import socket
import struct
import sys
import termios
from abc import ABC, abstractmethod
from contextlib import suppress
from time import monotonic, sleep

from flask_echo.websocket.pace import MIN_RATE

# SO_SNDTIMEO is the send time-out divided by this. One slice is the error of that time-out.
SEND_SLICES = 8

# From this size on, a copy of a payload behind its header costs more than a second write.
GATHER_FROM = 16 * 1024

# Interval of looking where no event can be awaited.
_LOOK_SECONDS = 0.01

# Read size while discarding input. A thread that waits in a read holds a buffer of that size.
DISCARD_BYTES = 16 * 1024

# struct linger: on, with zero seconds.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

# System calls refuse longer waits at some point: poll() above 24 days.
_DAY = 86_400.0

# The peer's end of the stream, reported even while input before it is unread. Only Linux has it.
POLL_END = getattr(select, "POLLRDHUP", 0)


class Woken(Exception):
    """Another thread has woken the owner, and all input that had arrived is read."""


class SendTimeout(Exception):
    """The peer has stopped reading."""


class Deadline:
    """One point on the monotonic clock, shared by the steps of one timeout."""

    def __init__(self, seconds: float) -> None:
        self._at = monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; 0 when time is up, and never more than a day."""
        return min(max(0.0, self._at - monotonic()), _DAY)

    def check(self) -> None:
        """Raise :class:`TimeoutError` when time is up, even if the peer never pauses."""
        if not self.left():
            raise TimeoutError


class Transport(ABC):
    """A connected stream socket and its clocks.

    :param sock: the socket, as the HTTP server has left it.
    :param send_timeout: seconds after which a peer that does not read is given up.
    :param wake_grace: seconds during which input is still read after :meth:`wake`.
    """

    def __init__(self, sock: socket.socket, send_timeout: float, wake_grace: float) -> None:
        self._sock = sock
        self._send_timeout = send_timeout
        self._wake_grace = wake_grace
        self._wake_asked = False
        self._wake_heeded = False
        self._grace: Deadline | None = None
        with suppress(OSError):  # A Unix socket has no Nagle algorithm to turn off.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @abstractmethod
    def recv(self, size: int, wait: float | None) -> bytes:
        """Return one to ``size`` bytes; ``b""`` at the end of the stream.

        :param wait: seconds to wait; None waits without limit.
        :raises TimeoutError: if nothing arrived in that time.
        :raises Woken: after :meth:`wake`, when there is nothing more to read. It is raised each
            time until :meth:`heed_wake`.
        :raises OSError: if the connection is broken.
        """

    def wake(self, grace: float | None = None) -> None:
        """Make the owner's next :meth:`recv` without data raise :class:`Woken`.

        Any thread may call this. It does not block and does not write to the peer.

        :param grace: seconds after which :class:`Woken` is raised although there is data.
        """
        if grace is not None:
            self._wake_grace = min(self._wake_grace, grace)
        self._wake_asked = True

    @property
    def woken(self) -> bool:
        """Whether :meth:`wake` was called, and not heeded yet."""
        return self._wake_asked and not self._wake_heeded

    def can_send(self) -> bool:
        """Return whether a small frame can be sent without waiting."""
        return self._await_event(select.POLLOUT, Deadline(0))

    @abstractmethod
    def shut_write(self) -> None:
        """End our side of the stream."""

    @abstractmethod
    def discard(self, deadline: Deadline) -> None:
        """Read and drop input until the end of the stream.

        :raises TimeoutError: if ``deadline`` comes first.
        :raises OSError: if the connection is broken.
        """

    def discard_after_close(self, deadline: Deadline) -> None:
        """Do the same after the peer's Close frame, which should be the end of its input.

        :raises TimeoutError: if ``deadline`` comes first.
        :raises OSError: if the connection is broken.
        """
        self.discard(deadline)

    @abstractmethod
    def await_end(self, deadline: Deadline) -> bool:
        """Wait without reading. Return True after :meth:`wake` or the end of the stream, and
        False if ``deadline`` comes first."""

    @abstractmethod
    def _send_now(self, data: bytes | memoryview) -> int:
        """Send as much as the kernel takes at once; return the number of bytes."""

    @abstractmethod
    def _send_some(self, data: bytes | memoryview) -> int:
        """Send as much as the kernel takes within a slice of the time-out; return the number of
        bytes."""

    def send(self, data: bytes) -> None:
        """Send all of ``data``.

        :raises SendTimeout: if the peer takes nothing for the send time-out, or takes less than
            :data:`MIN_RATE` on average over a message that has lasted that long.
        :raises OSError: if the connection is broken.
        """
        sent = self._send_some(data)
        if sent != len(data):
            self._send_rest(memoryview(data)[sent:])

    def send_frame(self, header: bytes, payload: bytes) -> None:
        """Send ``header`` and ``payload`` as :meth:`send` does."""
        if len(payload) < GATHER_FROM:
            self.send(header + payload)
        else:
            self.send(header)
            self.send(payload)

    def send_frame_by(self, header: bytes, payload: bytes, deadline: Deadline) -> None:
        """Send ``header`` and ``payload`` as :meth:`send_by` does."""
        if len(payload) < GATHER_FROM:
            self.send_by(header + payload, deadline)
        else:
            self.send_by(header, deadline)
            self.send_by(payload, deadline)

    def _send_rest(self, rest: memoryview) -> None:
        began = progressed = monotonic()
        total = 0
        while rest:
            sent = self._send_some(rest)
            rest = rest[sent:]
            total += sent
            now = monotonic()
            if sent:
                progressed = now
            too_slow = total < MIN_RATE * (now - began)
            if now - progressed >= self._send_timeout or (
                too_slow and now - began >= self._send_timeout
            ):
                raise SendTimeout

    def send_by(self, data: bytes, deadline: Deadline) -> None:
        """Send all of ``data`` before ``deadline``, to a peer that may have stopped reading.

        :raises SendTimeout: if the kernel has not taken all of it by then.
        :raises OSError: if the connection is broken.
        """
        rest = memoryview(data)
        while rest := rest[self._send_now(rest) :]:
            if not self._await_event(select.POLLOUT, deadline):
                raise SendTimeout

    def _await_event(self, event: int, deadline: Deadline) -> bool:
        poller = select.poll()
        try:
            poller.register(self._sock, event)
        except ValueError:  # Another thread has closed the socket.
            raise ConnectionAbortedError("the socket is closed") from None
        return bool(poller.poll(deadline.left() * 1000))

    def abort(self) -> None:
        """Make the end of this connection a reset. Data that the peer has not taken is lost."""
        with suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    def await_delivery(self, deadline: Deadline) -> None:
        """Wait until the peer has acknowledged everything that was sent.

        There is no event for that. Linux counts the bytes that are not acknowledged
        (``SIOCOUTQ``, see tcp(7)). Elsewhere, and if the connection is broken, this returns at
        once.
        """
        with suppress(OSError):
            while sys.platform == "linux" and deadline.left():
                count = fcntl.ioctl(self._sock, termios.TIOCOUTQ, bytes(4))
                if not int.from_bytes(count, sys.byteorder) or self._is_broken():
                    return
                sleep(min(_LOOK_SECONDS, deadline.left()))

    def _is_broken(self) -> bool:
        poller = select.poll()
        poller.register(self._sock, 0)  # POLLERR and POLLHUP are always reported.
        return bool(poller.poll(0))

    def reset(self) -> None:
        """Reset the connection now, and keep the descriptor open."""
        self.abort()
        # The kernel resets a connection when its last descriptor is closed. The descriptor now
        # refers to a stream without a peer, so nothing that the HTTP server writes is sent.
        with suppress(OSError):
            stand_in, other_end = socket.socketpair()
            with stand_in, other_end:
                os.dup2(stand_in.fileno(), self._sock.fileno(), inheritable=False)

    def cut(self) -> None:
        """Reset the connection. Any thread may: reads and writes under way end with an error.

        An SSLSocket's own method would take the TLS state away from the owner.
        """
        self.abort()
        with suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def finish(self) -> None:
        """End both directions. Nothing that the HTTP server writes after this is sent.

        An SSLSocket's own method would first drop the TLS state: a thread that is sending could
        then send plain text.
        """
        with suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def heed_wake(self) -> None:
        """Note that the connection is closing. :class:`Woken` is not raised any more."""
        self._wake_heeded = True

    def _check_grace(self) -> None:
        """Before a read, raise :class:`Woken` if a peer that never pauses had its grace."""
        if self._wake_asked and not self._wake_heeded:
            self._grace = self._grace or Deadline(self._wake_grace)
            if not self._grace.left():
                raise Woken

"""What the transports have in common: deadlines, the contract, and patience when sending.

A transport belongs to one thread, the one that serves its connection. The one exception is
:meth:`Transport.wake`, by which another thread tells the owner that the server is going away.
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

# A peer that takes less than this on average over a message has stopped reading. For
# comparison: nginx renews its send_timeout with every byte, so one byte a minute will do.
MIN_SEND_RATE = 4096  # bytes per second

# How finely SO_SNDTIMEO slices the send timeout; a slice is the error of that timeout.
SEND_SLICES = 8

# How often to look where there is nothing to wait for.
_LOOK_AGAIN_SECONDS = 0.01

# How much of what nobody will look at is read at once.
DISCARD_BYTES = 256 * 1024

# struct linger: on, and no time at all.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

# The peer's end of the stream, also while input before it is unread; Linux has it.
POLL_END = getattr(select, "POLLRDHUP", 0)


class Woken(Exception):
    """The server is going away, and all that had arrived before is read."""


class SendTimeout(Exception):
    """The peer has stopped reading."""


class Deadline:
    """One point on the monotonic clock, shared by the steps of one timeout."""

    def __init__(self, seconds: float) -> None:
        self._at = monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, 0 when time is up."""
        return max(0.0, self._at - monotonic())

    def check(self) -> None:
        """Raise :class:`TimeoutError` when time is up: a peer that sends without a pause does
        not put it off."""
        if not self.left():
            raise TimeoutError


class Transport(ABC):
    """A connected stream socket and its clocks.

    :param sock: the socket, in the state in which the HTTP server has left it.
    :param send_timeout: seconds after which a peer that does not read is given up.
    :param wake_grace: seconds at most during which input goes on being read after :meth:`wake`.
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
        """Return at least one byte and at most ``size``; ``b""`` is the end of the stream.

        :param wait: seconds to wait; None waits for ever.
        :raises TimeoutError: when nothing came in that time.
        :raises Woken: after :meth:`wake`, when there is nothing more to read, each time until
            :meth:`heed_wake`.
        :raises OSError: when the connection is broken.
        """

    def wake(self, grace: float | None = None) -> None:
        """Make the owner's next :meth:`recv` without data raise :class:`Woken`.

        For any thread; it does not block and does not write to the peer.

        :param grace: seconds after which it is raised though there is data.
        """
        if grace is not None:
            self._wake_grace = min(self._wake_grace, grace)
        self._wake_asked = True

    @abstractmethod
    def shut_write(self) -> None:
        """Tell the peer that nothing more will be sent."""

    @abstractmethod
    def discard(self, deadline: Deadline) -> None:
        """Read and drop what comes until the end of the stream.

        :raises TimeoutError: when ``deadline`` came first.
        :raises OSError: when the connection is broken.
        """

    @abstractmethod
    def await_end(self, deadline: Deadline) -> bool:
        """Wait without reading; whether :meth:`wake` or the end of the stream came first."""

    @abstractmethod
    def _send_now(self, data: bytes | memoryview) -> int:
        """Send what the peer takes at once; return how many bytes."""

    @abstractmethod
    def _send_some(self, data: bytes | memoryview) -> int:
        """Send what the peer takes within a slice of the timeout; return how many bytes."""

    def send(self, data: bytes) -> None:
        """Send all of ``data``.

        :raises SendTimeout: when the peer takes nothing for the send timeout, or less than
            :data:`MIN_SEND_RATE` on average over a message that has taken that long.
        :raises OSError: when the connection is broken.
        """
        sent = self._send_some(data)
        if sent != len(data):
            self._send_rest(memoryview(data)[sent:])

    def send_frame(self, header: bytes, payload: bytes) -> None:
        """Send ``header`` and ``payload`` as :meth:`send` does."""
        self.send(header + payload)

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
            too_slow = total < MIN_SEND_RATE * (now - began)
            if now - progressed >= self._send_timeout or (
                too_slow and now - began >= self._send_timeout
            ):
                raise SendTimeout

    def send_last(self, data: bytes, deadline: Deadline) -> None:
        """Send a small frame to a peer that may have stopped reading.

        :raises SendTimeout: when the peer has not taken it by ``deadline``.
        :raises OSError: when the connection is broken.
        """
        rest = memoryview(data)
        while rest := rest[self._send_now(rest) :]:
            if not self._await_event(select.POLLOUT, deadline):
                raise SendTimeout

    def _await_event(self, event: int, deadline: Deadline) -> bool:
        poller = select.poll()
        poller.register(self._sock, event)
        return bool(poller.poll(deadline.left() * 1000))

    def abort(self) -> None:
        """Make the end of this connection a reset, and drop what the peer has not taken."""
        with suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    def await_delivery(self, deadline: Deadline) -> None:
        """Wait until the peer's side has taken all that was sent. A reset would drop the rest.

        There is no event for that, but a count of bytes that are not acknowledged (Linux:
        ``SIOCOUTQ``, see tcp(7)); elsewhere, and for a connection that is broken, nothing is done.
        """
        with suppress(OSError):
            while sys.platform == "linux" and deadline.left():
                count = fcntl.ioctl(self._sock, termios.TIOCOUTQ, bytes(4))
                if not int.from_bytes(count, sys.byteorder) or self._is_broken():
                    return
                sleep(min(_LOOK_AGAIN_SECONDS, deadline.left()))

    def _is_broken(self) -> bool:
        poller = select.poll()
        poller.register(self._sock, 0)  # POLLERR and POLLHUP come unasked.
        return bool(poller.poll(0))

    def reset(self) -> None:
        """Reset the connection now, while the descriptor stays taken for who made the socket."""
        self.abort()
        # The kernel resets a connection when its last descriptor goes. This one becomes that of
        # a stream without another end, so that whatever the HTTP server still writes is lost.
        with suppress(OSError):
            stand_in, other_end = socket.socketpair()
            with stand_in, other_end:
                os.dup2(stand_in.fileno(), self._sock.fileno(), inheritable=False)

    def finish(self) -> None:
        """End both directions; the HTTP server's own last words go nowhere after this.

        The descriptor stays open: who made the socket closes it, so that nobody is left with
        the number of a descriptor that is somebody else's by now.
        """
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def heed_wake(self) -> None:
        """Note that the connection is ending: from here on :class:`Woken` is not raised."""
        self._wake_heeded = True

    def _check_grace(self) -> None:
        """Before a read: a sender that never pauses does not put the end off for ever."""
        if self._wake_asked and not self._wake_heeded:
            self._grace = self._grace or Deadline(self._wake_grace)
            if not self._grace.left():
                raise Woken

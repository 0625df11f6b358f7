"""The socket with clocks: reads that end in time, writes that notice a peer gone deaf.

A transport belongs to one thread, the one that serves its connection. The one exception is
:meth:`Transport.wake`, by which another thread tells the owner that the server is going away.

There are two, with one contract. :class:`TimeoutTransport` blocks in the kernel and lets
``SO_RCVTIMEO`` and ``SO_SNDTIMEO`` keep the time, which costs nothing per message
(``settimeout`` costs a ``poll`` each, about a tenth of the throughput). Those options do
nothing through ``ssl`` and are Linux's in their details, so everything else is served by
:class:`PollTransport`, which asks ``poll`` first.
"""

import select
import socket
import ssl
import struct
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep

# A peer that takes less than this on average over a message has stopped reading. For
# comparison: nginx renews its send_timeout with every byte, so one byte a minute will do.
MIN_SEND_RATE = 4096  # bytes per second

# How finely SO_SNDTIMEO slices the send timeout; a slice is the error of that timeout.
_SEND_SLICES = 8

# From this payload on, a copy to put a header before it costs more than a gathering write.
_GATHER_FROM = 16 * 1024

_NOW = getattr(socket, "MSG_DONTWAIT", 0)

# Where no descriptor is left to wait with.
_LOOK_AGAIN_SECONDS = 0.1

# How much of what nobody will look at is read at once.
_DISCARD_BYTES = 256 * 1024

# States of tcp(7) in which the peer has not ended its side: ESTABLISHED, FIN_WAIT1, FIN_WAIT2.
_TCP_PEER_OPEN = (1, 4, 5)

# struct linger: on, and no time at all.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Woken(Exception):
    """The server is going away, and all that had arrived before is read. Raised once."""


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
    :param wake_grace: seconds during which input goes on being read after :meth:`wake`.
    """

    def __init__(self, sock: socket.socket, send_timeout: float, wake_grace: float) -> None:
        self._sock = sock
        self._send_timeout = send_timeout
        self._wake_grace = wake_grace
        self._wake_asked = False
        self._wake_raised = False
        self._grace: Deadline | None = None
        with suppress(OSError):  # A Unix socket has no Nagle algorithm to turn off.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @abstractmethod
    def recv(self, size: int, wait: float | None) -> bytes:
        """Return at least one byte and at most ``size``; ``b""`` is the end of the stream.

        :param wait: seconds to wait; None waits for ever.
        :raises TimeoutError: when nothing came in that time.
        :raises Woken: once after :meth:`wake`, when there is nothing more to read.
        :raises OSError: when the connection is broken.
        """

    @abstractmethod
    def wake(self) -> None:
        """Make the owner's next :meth:`recv` without data raise :class:`Woken`.

        For any thread; it does not block and does not write to the peer.
        """

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
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    def finish(self) -> None:
        """End both directions; the HTTP server's own last words go nowhere after this.

        The descriptor stays open: who made the socket closes it, so that nobody is left with
        the number of a descriptor that is somebody else's by now.
        """
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _check_grace(self) -> None:
        """Before a read: a sender that never pauses does not put the end off for ever."""
        if self._wake_asked and not self._wake_raised:
            self._grace = self._grace or Deadline(self._wake_grace)
            if not self._grace.left():
                self._raise_woken()

    def _raise_woken(self) -> None:
        """Nothing is left to read: say so, if it is because of :meth:`wake` and not said yet."""
        if self._wake_asked and not self._wake_raised:
            self._wake_raised = True
            raise Woken


class TimeoutTransport(Transport):
    """Plain TCP on Linux: blocking calls, timed by the kernel, woken by ``SHUT_RD``."""

    def __init__(self, sock: socket.socket, send_timeout: float, wake_grace: float) -> None:
        super().__init__(sock, send_timeout, wake_grace)
        if sock.gettimeout() is not None:  # Each system call is a chance to lose the interpreter.
            sock.setblocking(True)
        self._set_timeout(socket.SO_SNDTIMEO, send_timeout / _SEND_SLICES)
        self._wait: float | None = None
        self._edges: select.epoll | None = None

    def _set_timeout(self, option: int, seconds: float | None) -> None:
        # struct timeval; all zero means no timeout, and a short one must not become that.
        micros = 0 if seconds is None else max(1, int(seconds * 1_000_000))
        timeval = struct.pack("ll", *divmod(micros, 1_000_000))
        self._sock.setsockopt(socket.SOL_SOCKET, option, timeval)

    def recv(self, size: int, wait: float | None) -> bytes:
        if self._wake_asked:
            return self._recv_woken(size, wait)
        if wait != self._wait:
            self._set_timeout(socket.SO_RCVTIMEO, wait)
            self._wait = wait
        try:
            # The kernel rounds a timeout up to a tick of its clock; no wait at all is a flag.
            data = self._sock.recv(size) if wait != 0 else self._sock.recv(size, _NOW)
        except BlockingIOError:
            raise TimeoutError from None
        return data if data or not self._wake_asked else self._recv_woken(size, wait)

    def _send_some(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    def _send_now(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data, _NOW)
        except BlockingIOError:
            return 0

    def send_frame(self, header: bytes, payload: bytes) -> None:
        if len(payload) >= _GATHER_FROM:
            return self._gather(header, payload)
        frame = header + payload
        try:
            sent = self._sock.send(frame)
        except BlockingIOError:
            sent = 0
        if sent != len(frame):
            self._send_rest(memoryview(frame)[sent:])
        return None

    def _gather(self, header: bytes, payload: bytes) -> None:
        try:
            sent = self._sock.sendmsg((header, payload))
        except BlockingIOError:
            sent = 0
        if sent < len(header):
            self.send(header[sent:] + payload)
        else:
            self._send_rest(memoryview(payload)[sent - len(header) :])

    def wake(self) -> None:
        self._wake_asked = True
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RD)

    def _recv_woken(self, size: int, wait: float | None) -> bytes:
        """After ``SHUT_RD`` no read blocks, and end of input is not the end of the stream."""
        self._check_grace()
        data = self._recv_now(size)
        if not data:
            self._raise_woken()
            # From here on the connection is closing, and every wait has an end.
            data = self._recv_late(size, Deadline(wait or 0.0))
        return data

    def _recv_now(self, size: int) -> bytes:
        try:
            return self._sock.recv(size, _NOW)
        except BlockingIOError:
            return b""

    def _recv_late(self, size: int, deadline: Deadline) -> bytes:
        while True:
            ended = self._is_over()  # Asked before the read: data may precede the end.
            data = self._recv_now(size)
            if data or ended:
                return data
            if not deadline.left():
                raise TimeoutError
            self._await_edge(deadline)

    def _await_edge(self, deadline: Deadline) -> None:
        """Wait until something new may have happened: data, or the peer's end of stream.

        ``poll`` finds a socket after ``SHUT_RD`` readable for ever; an edge-triggered epoll
        speaks only of news. That takes a descriptor, for each of many connections at once, and
        where there is none left, looking again now and then has to do.
        """
        try:
            if self._edges is None:
                self._edges = select.epoll(1)
                news = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
                self._edges.register(self._sock, news)
            self._edges.poll(deadline.left())
        except OSError:
            sleep(min(_LOOK_AGAIN_SECONDS, deadline.left()))

    def _is_over(self) -> bool:
        """Whether the peer has ended its side, or the connection was cut by the worker.

        A cut is seen by its mark: the close will be a reset. Our own end looks like any other.
        """
        state = self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        linger = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET_ON_CLOSE))
        return state not in _TCP_PEER_OPEN or linger == _RESET_ON_CLOSE

    def shut_write(self) -> None:
        self._sock.shutdown(socket.SHUT_WR)

    def discard(self, deadline: Deadline) -> None:
        while True:
            try:
                if not self.recv(_DISCARD_BYTES, deadline.left()):
                    return
            except Woken:
                continue  # The end is under way already.
            deadline.check()

    def finish(self) -> None:
        super().finish()
        if self._edges is not None:
            self._edges.close()


class PollTransport(Transport):
    """TLS, and whatever is not plain TCP on Linux: ``poll`` first, woken through a pipe.

    :param wake_fd: a descriptor that is readable for good once :meth:`wake` was called; many
        transports may share it.
    """

    def __init__(
        self, sock: socket.socket, send_timeout: float, wake_grace: float, wake_fd: int
    ) -> None:
        super().__init__(sock, send_timeout, wake_grace)
        sock.setblocking(False)
        self._wake_fd = wake_fd
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        self._readable.register(wake_fd, select.POLLIN)

    def recv(self, size: int, wait: float | None) -> bytes:
        self._check_grace()
        deadline = None if wait is None else Deadline(wait)
        while True:
            if not self._has_decrypted():
                self._await_input(deadline)
            try:
                return self._sock.recv(size)
            except (BlockingIOError, ssl.SSLWantReadError):
                pass  # Part of a TLS record, or a message of the TLS layer itself.
            except ssl.SSLWantWriteError:
                # TLS must answer such a message first, and the peer does not read.
                if not self._await_event(select.POLLOUT, Deadline(self._send_timeout)):
                    raise ConnectionAbortedError("peer has stopped reading") from None
            if deadline is not None:
                deadline.check()

    def _has_decrypted(self) -> bool:
        """TLS decrypts whole records: what a read left behind, ``poll`` cannot see."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def _await_input(self, deadline: Deadline | None) -> None:
        ready = self._readable.poll(None if deadline is None else deadline.left() * 1000)
        if not ready:
            raise TimeoutError
        if [fd for fd, _ in ready] == [self._wake_fd]:
            self._readable.unregister(self._wake_fd)
            self._raise_woken()

    def _send_now(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            return 0

    def _send_some(self, data: bytes | memoryview) -> int:
        sent = self._send_now(data)
        deadline = Deadline(self._send_timeout / _SEND_SLICES)
        while not sent and self._await_event(select.POLLOUT, deadline):
            sent = self._send_now(data)
        return sent

    def wake(self) -> None:
        self._wake_asked = True

    def shut_write(self) -> None:
        # TLS says the end in its own words first (close_notify, RFC 8446, section 6.1), without
        # waiting for the peer's. The base class's shutdown leaves the TLS state alone.
        if isinstance(self._sock, ssl.SSLSocket):
            with suppress(OSError):
                self._sock.unwrap()
        socket.socket.shutdown(self._sock, socket.SHUT_WR)

    def discard(self, deadline: Deadline) -> None:
        while self._await_event(select.POLLIN, deadline):
            with suppress(BlockingIOError):
                if not socket.socket.recv(self._sock, _DISCARD_BYTES):
                    return
            deadline.check()
        raise TimeoutError


def open_transport(
    sock: socket.socket, send_timeout: float, wake_grace: float, wake_fd: Callable[[], int]
) -> Transport:
    """Choose the transport for ``sock``; see the classes for the arguments.

    :param wake_fd: gives the descriptor, asked for only where it is needed.
    """
    is_tcp = sock.family in (socket.AF_INET, socket.AF_INET6)
    if sys.platform == "linux" and is_tcp and not isinstance(sock, ssl.SSLSocket):
        return TimeoutTransport(sock, send_timeout, wake_grace)
    return PollTransport(sock, send_timeout, wake_grace, wake_fd())

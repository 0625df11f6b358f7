"""Plain TCP on Linux: the kernel keeps the time, which costs nothing per message."""

import select
import socket
import struct
from contextlib import suppress
from time import sleep

from flask_echo.websocket.transport.base import (
    DISCARD_BYTES,
    GATHER_FROM,
    POLL_END,
    RESET_ON_CLOSE,
    SEND_SLICES,
    Deadline,
    Transport,
    Woken,
)

_NOW = getattr(socket, "MSG_DONTWAIT", 0)

# Interval of looking where no descriptor is left to wait with.
_RETRY_SECONDS = 0.1

# TCP states in which the peer has not ended its side: ESTABLISHED, FIN_WAIT1, FIN_WAIT2.
_TCP_PEER_OPEN = (1, 4, 5)


class KernelTimedTransport(Transport):
    """Blocking calls, timed by ``SO_RCVTIMEO`` and ``SO_SNDTIMEO``, woken by ``SHUT_RD``."""

    def __init__(self, sock: socket.socket, send_timeout: float, wake_grace: float) -> None:
        super().__init__(sock, send_timeout, wake_grace)
        if sock.gettimeout() is not None:  # Each system call may release the GIL.
            sock.setblocking(True)
        self._set_timeout(socket.SO_SNDTIMEO, send_timeout / SEND_SLICES)
        self._wait: float | None = None
        self._edges: select.epoll | None = None

    def _set_timeout(self, option: int, seconds: float | None) -> None:
        # struct timeval. All zero means no time-out, so a short one is rounded up.
        micros = 0 if seconds is None else max(1, int(seconds * 1_000_000))
        timeval = struct.pack("ll", *divmod(micros, 1_000_000))
        self._sock.setsockopt(socket.SOL_SOCKET, option, timeval)

    def recv(self, size: int, wait: float | None) -> bytes:
        if self._wake_asked:
            return self._recv_woken(size, wait)
        if wait != self._wait:
            return self._recv_otherwise(size, wait)
        try:
            data = self._sock.recv(size)
        except BlockingIOError:
            raise TimeoutError from None
        return data if data or not self._wake_asked else self._recv_woken(size, wait)

    def _recv_otherwise(self, size: int, wait: float | None) -> bytes:
        """Read with another time-out than before. It is set only if there is nothing to read yet.

        The time for a part of a large message is different for each part. To set it each time took
        a third of the CPU for a message of 1 MiB.
        """
        try:
            data = self._sock.recv(size, _NOW)
            return data if data or not self._wake_asked else self._recv_woken(size, wait)
        except BlockingIOError:
            if wait == 0:  # The kernel would round it up to a tick of its clock.
                raise TimeoutError from None
        self._set_timeout(socket.SO_RCVTIMEO, wait)
        self._wait = wait
        return self.recv(size, wait)

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
        if len(payload) >= GATHER_FROM:
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
            self.send(header[sent:])
            sent = len(header)
        self._send_rest(memoryview(payload)[sent - len(header) :])

    def wake(self, grace: float | None = None) -> None:
        super().wake(grace)
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RD)

    def _recv_woken(self, size: int, wait: float | None) -> bytes:
        """Read after ``SHUT_RD``: no read blocks, and no input does not mean the end."""
        self._check_grace()
        data = self._recv_now(size)
        if data:
            return data
        if not self._wake_heeded:
            raise Woken
        # The connection is closing, so every wait has a limit.
        return self._recv_late(size, Deadline(wait or 0.0))

    def _recv_now(self, size: int) -> bytes:
        try:
            return self._sock.recv(size, _NOW)
        except BlockingIOError:
            return b""

    def _recv_late(self, size: int, deadline: Deadline) -> bytes:
        while True:
            ended = self._is_over()  # Before the read, because data may precede the end.
            data = self._recv_now(size)
            if data or ended:
                return data
            if not deadline.left():
                raise TimeoutError
            self._await_edge(deadline)

    def _await_edge(self, deadline: Deadline) -> None:
        """Wait until something new may have happened: data, or the peer's end of stream.

        After ``SHUT_RD`` ``poll`` always reports the socket readable. An edge-triggered epoll
        reports only news, but takes a descriptor for each of many connections at once. If none is
        left, this looks again at intervals.
        """
        try:
            if self._edges is None:
                self._edges = select.epoll(1)
                news = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
                self._edges.register(self._sock, news)
            self._edges.poll(deadline.left())
        except OSError:
            sleep(min(_RETRY_SECONDS, deadline.left()))

    def _is_over(self) -> bool:
        """Return whether the peer has ended its side, or the worker has cut the connection.

        A cut has set SO_LINGER. Without that mark it would look like our own end.
        """
        state = self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        linger = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET_ON_CLOSE))
        return state not in _TCP_PEER_OPEN or linger == RESET_ON_CLOSE

    def shut_write(self) -> None:
        self._sock.shutdown(socket.SHUT_WR)

    def discard(self, deadline: Deadline) -> None:
        while self.recv(DISCARD_BYTES, deadline.left()):
            deadline.check()

    def discard_after_close(self, deadline: Deadline) -> None:
        # The kernel awaits the peer's end of the stream. TLS may have a last record to read.
        self.discard(Deadline(0))

    def await_end(self, deadline: Deadline) -> bool:
        return self._await_event(POLL_END, deadline)  # SHUT_RD is reported like the peer's end.

    def finish(self) -> None:
        super().finish()
        if self._edges is not None:
            self._edges.close()

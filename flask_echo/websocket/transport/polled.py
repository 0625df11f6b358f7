"""TLS, and everything that is not plain TCP on Linux: ``poll`` before calls that do not block."""

import os
import select
import socket
import ssl
import sys
from contextlib import suppress
from threading import Lock

from flask_echo.websocket.transport.base import (
    DISCARD_BYTES,
    POLL_END,
    SEND_SLICES,
    Deadline,
    Transport,
    Woken,
)

# What an eventfd counts; a pipe takes it, too.
_ONE = (1).to_bytes(8, sys.byteorder)


def _wake_descriptors() -> tuple[int, int]:
    """Return a descriptor that becomes readable when the other one is written to."""
    if sys.platform == "linux":
        event = os.eventfd(0)  # One descriptor for each connection, where a pipe takes two.
        return event, event
    return os.pipe()


class PolledTransport(Transport):
    """Calls that do not block, each after a ``poll`` where it must wait.

    A descriptor wakes the owner, because ``SHUT_RD`` would end a TLS session. The session admits
    one thread at a time: OpenSSL objects must not be used by two threads at once.
    """

    def __init__(self, sock: socket.socket, send_timeout: float, wake_grace: float) -> None:
        super().__init__(sock, send_timeout, wake_grace)
        sock.setblocking(False)
        self._session = Lock()
        self._wake_lock = Lock()
        self._wake_fd, self._wake_write_fd = _wake_descriptors()
        self._wake_fds = {self._wake_fd, self._wake_write_fd}
        self._can_wake = True
        self._readable = select.poll()
        self._readable.register(sock, select.POLLIN)
        self._readable.register(self._wake_fd, select.POLLIN)

    def recv(self, size: int, wait: float | None) -> bytes:
        self._check_grace()
        deadline = None if wait is None else Deadline(wait)
        while True:
            if not self._has_decrypted():
                self._await_input(deadline)
            try:
                with self._session:
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
        """TLS decrypts whole records, and ``poll`` does not see the rest of one."""
        if not isinstance(self._sock, ssl.SSLSocket):
            return False
        with self._session:
            return self._sock.pending() > 0

    def _await_input(self, deadline: Deadline | None) -> None:
        ready = self._readable.poll(None if deadline is None else deadline.left() * 1000)
        if not ready:
            raise TimeoutError
        if [fd for fd, _ in ready] == [self._wake_fd]:
            raise Woken

    def wake(self, grace: float | None = None) -> None:
        super().wake(grace)
        with self._wake_lock:
            if self._can_wake:
                self._can_wake = False  # Once is enough, and a full pipe would block.
                os.write(self._wake_write_fd, _ONE)

    def _send_now(self, data: bytes | memoryview) -> int:
        try:
            with self._session:
                return self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            return 0

    def _send_some(self, data: bytes | memoryview) -> int:
        sent = self._send_now(data)
        deadline = Deadline(self._send_timeout / SEND_SLICES)
        while not sent and self._await_event(select.POLLOUT, deadline):
            sent = self._send_now(data)
        return sent

    def shut_write(self) -> None:
        # TLS first announces the end itself (close_notify, RFC 8446, section 6.1). This does not
        # wait for the peer's. The method of the base class leaves the TLS state alone.
        if isinstance(self._sock, ssl.SSLSocket):
            with suppress(OSError), self._session:
                self._sock.unwrap()
        socket.socket.shutdown(self._sock, socket.SHUT_WR)

    def discard(self, deadline: Deadline) -> None:
        while self._await_event(select.POLLIN, deadline):
            with suppress(BlockingIOError):
                if not socket.socket.recv(self._sock, DISCARD_BYTES):
                    return
            deadline.check()
        raise TimeoutError

    def heed_wake(self) -> None:
        if not self._wake_heeded:
            self._readable.unregister(self._wake_fd)
        super().heed_wake()

    def await_end(self, deadline: Deadline) -> bool:
        ends = select.poll()
        ends.register(self._sock, POLL_END)
        ends.register(self._wake_fd, select.POLLIN)
        return bool(ends.poll(deadline.left() * 1000))

    def finish(self) -> None:
        super().finish()
        # Drop the TLS state, now that nothing can be sent: the HTTP server's last write then fails
        # as on any closed socket, and not with an error of TLS that it does not know.
        with suppress(OSError), self._session:
            self._sock.shutdown(socket.SHUT_RDWR)
        with self._wake_lock:
            self._can_wake = False
            for fd in self._wake_fds:
                os.close(fd)
            self._wake_fds.clear()

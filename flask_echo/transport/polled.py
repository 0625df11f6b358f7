"""TLS, and whatever is not plain TCP on Linux: ``poll`` first, woken through a pipe."""

import select
import socket
import ssl
from contextlib import suppress

from flask_echo.transport.base import (
    DISCARD_BYTES,
    POLL_END,
    SEND_SLICES,
    Deadline,
    Transport,
    Woken,
)


class PollTransport(Transport):
    """Calls that do not block, each after a ``poll`` where it must wait.

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
            raise Woken

    def _send_now(self, data: bytes | memoryview) -> int:
        try:
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
        # TLS says the end in its own words first (close_notify, RFC 8446, section 6.1), without
        # waiting for the peer's. The base class's shutdown leaves the TLS state alone.
        if isinstance(self._sock, ssl.SSLSocket):
            with suppress(OSError):
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

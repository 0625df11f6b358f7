"""A TLS connection that one thread reads while another one sends.

The package websockets does that. OpenSSL does not allow it
(https://github.com/openssl/openssl/issues/20446), and not every version of Python prevents it. Then
a message of the TLS layer, such as a session ticket, may meet a message that is being sent: the
connection breaks or stalls, and the probe would accuse the network.
"""

import select
import socket
import ssl
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

_T = TypeVar("_T")


class TurnTakingSocket(ssl.SSLSocket):
    """An SSLSocket whose TLS session admits one thread at a time, after :meth:`take_turns`.

    Threads wait for the network outside their turn, so neither holds up the other.
    """

    _turn: "threading.Lock | None" = None
    _seconds: float | None = None

    def take_turns(self) -> None:
        """Begin with turns, after the handshake."""
        super().settimeout(0)
        self._turn = threading.Lock()

    def settimeout(self, value: float | None) -> None:
        """Set how many seconds a call may wait; None waits without end."""
        if self._turn is None:
            super().settimeout(value)
        else:
            self._seconds = value

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive as a socket that blocks does."""
        receive = super().recv
        return self._when_ready(lambda: receive(buflen, flags))

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive as a socket that blocks does."""
        receive = super().recv_into
        return self._when_ready(lambda: receive(buffer, nbytes, flags))

    def send(self, data: Any, flags: int = 0) -> int:
        """Send as a socket that blocks does; ``sendall`` calls this."""
        send = super().send
        return self._when_ready(lambda: send(data, flags))

    def shutdown(self, how: int) -> None:
        """Shut down, and keep the TLS session: a reader may have some of a record to decrypt."""
        socket.socket.shutdown(self, how)

    def _when_ready(self, call: Callable[[], _T]) -> _T:
        """Return the result of ``call`` once it need not wait.

        :raises TimeoutError: if it has to wait for too long.
        """
        if self._turn is None:
            return call()
        deadline = None if self._seconds is None else monotonic() + self._seconds
        while True:
            try:
                with self._turn:
                    return call()
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, deadline)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, deadline)

    def _wait(self, event: int, deadline: float | None) -> None:
        poll = select.poll()
        poll.register(self, event)
        left = None if deadline is None else max(0.0, deadline - monotonic()) * 1000
        if not poll.poll(left):
            raise TimeoutError("timed out")

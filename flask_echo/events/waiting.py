"""How a thread waits for the next event while its client waits for a response."""

import math
import random
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep

from flask_echo.websocket.limits import Limits
from flask_echo.websocket.transport.base import POLL_END, RESET_ON_CLOSE

# Takes seconds, and whether the response is about to begin to wait. Then the answer may be False:
# there is no thread to spare.
Extend = Callable[[float, bool], bool]

# poll() counts in milliseconds, and may end late by a thousandth of a long wait (Linux,
# fs/select.c: select_estimate_accuracy). So a wait ends early, and a short one follows.
_TICK_SECONDS = 0.001
_EARLY = 0.99


class Waiter:
    """Waits on the socket of a request. It occupies a seat; see :class:`Occupant`.

    The thread of the request waits, and any thread may end that.

    :param sock: the socket of the request.
    :param extend: allows the response more seconds, beside the usual ones, from now on.
    :param limits: end the response when it is too old, or had nothing to say for too long.
    :ivar last_message_at: when the response last had something to say, on the monotonic clock.
    :ivar ended: whether the server wants the response to end.
    """

    def __init__(self, sock: socket.socket, extend: Extend, limits: Limits) -> None:
        self._sock = sock
        self._extend = extend
        self._poller = select.poll()
        self._poller.register(sock, POLL_END)
        self.last_message_at = monotonic()
        self._idle = limits.idle_timeout_seconds or math.inf
        # At random, as a WebSocket does it, so that not all clients come back at once.
        lifetime = limits.max_lifetime_seconds * random.uniform(0.8, 1.0)
        self._too_old_at = self.last_message_at + lifetime if lifetime else math.inf
        self.ended = False
        if limits.ping_interval_seconds:
            _give_up_after(sock, limits.ping_interval_seconds + limits.ping_timeout_seconds)

    def wait(self, seconds: float) -> bool:
        """Wait for ``seconds``; return False at once if the response must end: the client has gone,
        the server calls, or a limit is reached."""
        left = min(self._too_old_at, self.last_message_at + self._idle) - monotonic()
        if left <= 0:
            return False
        seconds = min(seconds, left)
        self._extend(seconds, False)
        deadline = monotonic() + seconds
        if self._poller.poll(seconds * _EARLY // _TICK_SECONDS):
            return False
        if self._poller.poll(max(0.0, deadline - monotonic()) // _TICK_SECONDS):
            return False
        sleep(max(0.0, deadline - monotonic()))
        return not self.ended

    def note_event(self) -> None:
        """Note that the response has something to say."""
        self.last_message_at = monotonic()

    def wake(self, grace: float | None = None) -> None:
        """End the wait: the server is going away. The response can still be sent.

        ``SHUT_RD`` wakes the thread, without a descriptor of its own for each of many waits.
        """
        self.ended = True
        with suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RD)

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """End the wait: another client needs the seat."""
        self.wake()

    def cut(self) -> None:
        """Reset the connection: the client does not take the response."""
        with suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


def _give_up_after(sock: socket.socket, seconds: float) -> None:
    """Let the kernel end a connection whose peer has not acknowledged what was sent for so long.

    A WebSocket that gets no pong ends after the same time. Without this, TCP tries for 15 minutes.
    """
    with suppress(AttributeError, OSError):  # Another system, or a Unix socket.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))

"""Waiting for input: for how long, how much at once, and what happens to a peer that is silent or
slow."""

import os
from time import monotonic

from flask_echo.websocket import control
from flask_echo.websocket.endings import (
    GOING_AWAY,
    LOST,
    SILENT,
    TOO_OLD,
    TOO_SLOW,
    MustEnd,
    idle_for,
)
from flask_echo.websocket.incoming import Incoming
from flask_echo.websocket.keepalive import Due, Keepalive
from flask_echo.websocket.outgoing import Outgoing
from flask_echo.websocket.pace import Pace
from flask_echo.websocket.transport import Deadline, Transport, Woken

# One read takes many small frames, or a piece of a large one.
_READ_BYTES = 4 * 1024
# A thread that waits in a read holds the buffer for it. So a peer that has been silent, or has sent
# little at a time so far, gets one that CPython keeps in a block of 512 bytes, its largest. That
# of 4 KiB would cost an idle connection so much more.
_READ_LITTLE_BYTES = 448
# Read size for a large message.
READ_LARGE_BYTES = 64 * 1024

# After this many messages, other threads run, if any are ready. To ask takes 0.8 µs.
_MESSAGES_IN_A_ROW = 16
_sched_yield = getattr(os, "sched_yield", lambda: None)


class Reader:
    """Reads the socket of one connection. Only the owner may use it.

    :param transport: is read.
    :param incoming: gets what was read.
    :param outgoing: sends the pings.
    :param keepalive: knows when to ping the peer, and when to give it up.
    :param pace: judges a peer that sends a large message.
    """

    __slots__ = (
        "_in_a_row",
        "_incoming",
        "_keepalive",
        "_outgoing",
        "_pace",
        "_read_after",
        "_read_bytes",
        "_transport",
    )

    def __init__(
        self,
        transport: Transport,
        incoming: Incoming,
        outgoing: Outgoing,
        keepalive: Keepalive,
        pace: Pace,
    ) -> None:
        self._transport = transport
        self._incoming = incoming
        self._outgoing = outgoing
        self._keepalive = keepalive
        self._pace = pace
        self._read_after = self._in_a_row = 0
        self._read_bytes = _READ_LITTLE_BYTES

    def read(self, deadline: Deadline | None) -> bool:
        """Wait for more input; return False if ``deadline`` comes first.

        :raises MustEnd: if the stream or a limit of time is over, or the server is going away.
        """
        incoming = self._incoming
        messages = incoming.messages
        if messages > self._read_after + 1:
            self._let_others_run(messages - self._read_after)
        self._read_after = messages
        keepalive = self._keepalive
        slowly = incoming.holds_much
        if (
            deadline is None
            and keepalive.since is None
            and not slowly
            and keepalive.last_message_at < keepalive.exact_from
        ):
            wait = keepalive.first_wait
        else:
            wait = self._wait(deadline)
        try:
            if slowly:
                data = self._recv_in_time(wait)
            elif incoming.arriving is not None and incoming.arriving.left and wait != 0:
                data = self._transport.recv(READ_LARGE_BYTES, wait)
            else:
                data = self._transport.recv(self._read_bytes, wait)
                if len(data) == self._read_bytes:
                    self._read_bytes = _READ_BYTES
        except TimeoutError:
            self._on_silence()
            return deadline is None or deadline.left() > 0
        except Woken:
            raise MustEnd(GOING_AWAY) from None
        except OSError:
            raise MustEnd(LOST) from None
        if not data:
            raise MustEnd(LOST)
        if keepalive.since is not None:
            keepalive.on_data()
        incoming.add(data)
        return True

    def _let_others_run(self, count: int) -> None:
        """Let the threads that are ready have their turn, after enough reads of several messages.

        A thread gives the GIL up at each system call, but usually has it back before another one
        has woken up. A peer that always has its next messages under way would keep the GIL for a
        whole switch interval.
        """
        self._in_a_row += count
        if self._in_a_row >= _MESSAGES_IN_A_ROW:
            self._in_a_row = 0
            _sched_yield()

    def _recv_in_time(self, wait: float | None) -> bytes:
        """Read a part of a message that holds much memory, from a peer that must not be slow."""
        began, data = monotonic(), b""
        left = self._pace.left()
        try:
            data = self._transport.recv(READ_LARGE_BYTES, left if wait is None else min(wait, left))
        finally:
            if not self._pace.add(monotonic() - began, len(data)):
                raise MustEnd(TOO_SLOW)
        return data

    def _wait(self, deadline: Deadline | None) -> float | None:
        """Return the seconds until the deadline or the keepalive needs attention."""
        now = monotonic()
        self.heed_limits(now)
        waits = (self._keepalive.wait(now), deadline.left() if deadline else None)
        return min((wait for wait in waits if wait is not None), default=None)

    def _on_silence(self) -> None:
        """Ping the peer, or give it up, if that is due."""
        due = self._keepalive.due(monotonic())
        if due is Due.PING:
            self._read_bytes = _READ_LITTLE_BYTES
            self._outgoing.send_control(control.PING)
        elif due is Due.TIMEOUT:
            raise MustEnd(SILENT)
        else:
            self._end_over(due)

    def heed_limits(self, now: float) -> None:
        """Look at the limits of time, also for a peer that never pauses.

        :raises MustEnd: if the connection is idle or too old.
        """
        if self._keepalive.limited:
            self._end_over(self._keepalive.over(now))

    def _end_over(self, due: Due) -> None:
        if due is Due.LIFETIME:
            raise MustEnd(TOO_OLD)
        if due is Due.IDLE:
            assert self._keepalive.idle is not None
            raise MustEnd(idle_for(self._keepalive.idle))
